"""3GPP TR 38.901, section 7.4, a scenario a file: numpy without checks (``validity.py`` says where they hold).

Distances and heights are in metres, frequencies in GHz, losses in dB. Arguments are numbers or arrays of floats that
broadcast together.
"""
