"""Where readings of devices are kept: compactly in a file of their own, or in memory for tests and simulation.

Heavy to import (numpy): whoever does not open readings should not import it.
"""
