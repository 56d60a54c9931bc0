"""The speed of light as TR 38.901 has it: 3.0e8 m/s, note 1 of Table 7.4.1-1."""

LIGHT_M_PER_NS = 0.3
"""In metres a nanosecond, which goes with GHz."""
