"""Quantities are decimals outside and integer thousandths inside; money is integer micro-units of a currency."""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from maillage.kernel.errors import Invalid

QUANTITY_MAX = (1 << 53) // 1_000
"""Largest quantity in units: its thousandths still fit the 53 bits that every JSON reader keeps exact."""
MICRO = 1_000_000
MONEY_MAX = 1_000_000_000
"""Largest price in whole units of the currency."""
_DECIMAL = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?")


def to_thousandths(value: int | float | str, field: str, minimum: int = 1) -> int:
    """Thousandths of a quantity given as a JSON number or a decimal text.

    ``minimum`` is in thousandths: 1 for what is asked, 0 for a size. Finer than a thousandth, below the minimum,
    above QUANTITY_MAX or not finite is refused.
    """
    number = _from_text(value, field) if isinstance(value, str) else value
    if not -QUANTITY_MAX <= number <= QUANTITY_MAX:  # also false for NaN
        raise Invalid(field, f"is out of range; at most {QUANTITY_MAX} can be counted")
    if isinstance(number, float):  # 0.1 + 0.2 means 0.3: the noise of a float's last places is forgiven
        scaled = Decimal(repr(number)) * 1_000
        thousandths = round(scaled)
        exact = abs(scaled - thousandths) <= max(1e-6, 1e-12 * abs(number))
    else:
        thousandths = round(number * 1_000)
        exact = isinstance(number, int) or number == Decimal(thousandths) / 1_000
    if not exact:
        nearest = from_thousandths(max(thousandths, minimum))
        raise Invalid(field, f"{value} is finer than a thousandth; {nearest} would work")
    if thousandths < minimum:
        least = "0" if minimum == 0 else f"{minimum / 1_000:g}"
        raise Invalid(field, f"{value} is too small; the least is {least}")
    return thousandths


def from_thousandths(thousandths: int) -> int | float:
    """The quantity in units, as the shortest JSON number that is exact."""
    whole, rest = divmod(thousandths, 1_000)
    return thousandths / 1_000 if rest else whole


def to_micro(value: int | float | str, field: str) -> int:
    """Micro-units of an amount of money given as a decimal text (or a JSON number), zero or more."""
    if isinstance(value, str):
        amount = _from_text(value, field)
    else:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            raise Invalid(field, f"{value!r} is not an amount of money, such as 12.50") from None
    if amount.is_nan() or not 0 <= amount <= MONEY_MAX:
        raise Invalid(field, f"{value} is out of range; amounts go from 0 to {MONEY_MAX}")
    micro = amount * MICRO
    if micro != int(micro):
        raise Invalid(field, f"{value} has more than six decimals")
    return int(micro)


@lru_cache(maxsize=1 << 16)
def from_micro(micro: int) -> str:
    """Decimal text with at least two decimals and no needless zeros: ``12.50``, ``0.0375``. Prices recur, so kept."""
    sign = "-" if micro < 0 else ""
    whole, rest = divmod(abs(micro), MICRO)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def _from_text(text: str, field: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r} is not a decimal number, such as 12.50")
    return Decimal(text)
