"""Sparkplug's data types: which are numbers, and how whole ones with a sign are sent."""

from maillage.services.sensing.model import Fault
from maillage.services.sensing.payloads.samples import number_of
from maillage.services.sensing.payloads.sparkplug.wire import Metric

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_NUMBERS = frozenset(range(1, 12))
"""Int8 to Int64, UInt8 to UInt64, Float, Double, Boolean."""


def number_of_metric(metric: Metric, datatype: int | None) -> float | Fault:
    """A metric's value, by the type that it or its birth said. Those with a sign come as two's complement."""
    if metric.null or metric.value is None:
        return Fault.MISSING
    if datatype and datatype not in _NUMBERS:
        return Fault.NOT_A_NUMBER
    value = metric.value
    bits = _SIGNED_BITS.get(datatype or 0)
    if bits is not None and isinstance(value, int) and not isinstance(value, bool):
        # Some send a sign over all 32 or 64 bits of the field, some over those of the type only.
        value &= (1 << bits) - 1
        value -= (value >> (bits - 1)) << bits
    return number_of(value)
