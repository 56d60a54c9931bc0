"""The exposure clock: for how long a product was warmer than it may be.

A handler who looks every four hours can only discard, one who looks every two still has time to save the food; so the
alarm itself shows the minutes.
"""


def exposed_ms(from_ms: int, from_value: float, to_ms: int, to_value: float, limit: float, gap_ms: int) -> float:
    """Milliseconds above ``limit`` between two readings, on the straight line between them. Over a gap of more than
    ``gap_ms``, where nobody knows, all of it counts if it was too warm at either end."""
    span = to_ms - from_ms
    if span <= 0:
        return 0.0
    above_from, above_to = from_value > limit, to_value > limit
    if not (above_from or above_to):
        return 0.0
    if span > gap_ms or (above_from and above_to):
        return float(span)
    high, low = max(from_value, to_value), min(from_value, to_value)
    return span * (high - limit) / (high - low)
