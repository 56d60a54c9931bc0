"""Amounts as CAMARA writes them, in thousandths of our kinds' units.

Mega, giga and tera count by 1,024, as memory does; what is no whole thousandth is rounded up, so that nobody gets less
than was asked.
"""

from decimal import ROUND_CEILING, Decimal

_GIB = {"Kb": Decimal(1) / (1 << 20), "Mb": Decimal(1) / (1 << 10), "Gb": Decimal(1), "Tb": Decimal(1 << 10)}


def cpu(text: str) -> int:
    """Of a vCPU, from ``1``, ``0.5`` or ``500m``."""
    return int(text[:-1]) if text.endswith("m") else _thousandths(Decimal(text))


def size(amount: int, unit: str) -> int:
    """Of a GiB, from an amount of ``Kb``, ``Mb``, ``Gb`` or ``Tb``."""
    return _thousandths(amount * _GIB[unit])


def storage(text: str) -> int:
    """Of a GiB, from ``80GB`` or ``512MB``."""
    return size(int(text[:-2]), text[-2:].capitalize())


def _thousandths(number: Decimal) -> int:
    return int((number * 1_000).to_integral_value(ROUND_CEILING))
