"""Looking at what is asked of an owner before it decides: the bus is no face, so nobody has looked at it yet."""

from maillage.kernel.asks import HOLD_MAX_S, NEEDS_MAX, Ask
from maillage.kernel.errors import Invalid
from maillage.kernel.moves import METERS_MAX
from maillage.kernel.quantities import MICRO, MONEY_MAX, QUANTITY_MAX
from maillage.kernel.times import FOREVER

TEXT_MAX = 1_000
"""Of a key: the caller's own, with the names of the attempt and of the site."""
LAST_S = 253_402_300_799
"""The end of the year 9999: no later instant can be written down for people."""


def check_ask(ask: Ask, site: str) -> None:
    """Invalid where this is not a whole ask at this one site."""
    if ask.site != site or ask.near is not None or ask.asks_for_several:
        raise Invalid("ask.site", "is not of the site that was asked, or not of that site alone")
    if not 1 <= len(ask.needs) <= NEEDS_MAX:
        raise Invalid("ask.needs", f"an ask has 1 to {NEEDS_MAX} kinds, not {len(ask.needs)}")
    if not all(1 <= quantity <= QUANTITY_MAX * 1_000 for quantity in ask.needs.values()):
        raise Invalid("ask.needs", f"quantities go from 1 thousandth to {QUANTITY_MAX}")
    if ask.hold_s is not None and not 1 <= ask.hold_s <= HOLD_MAX_S:
        raise Invalid("ask.hold_s", f"a hold lasts 1 to {HOLD_MAX_S} seconds")
    if ask.max_price is not None and not 0 <= ask.max_price <= MONEY_MAX * MICRO:
        raise Invalid("ask.max_price", f"goes from 0 to {MONEY_MAX}")
    if ask.agreed_per_hour is not None and not 0 <= ask.agreed_per_hour <= MONEY_MAX * MICRO:
        raise Invalid("ask.agreed_per_hour", f"goes from 0 to {MONEY_MAX}")
    if len(ask.kept_by) > TEXT_MAX or "\n" in ask.kept_by:
        raise Invalid("ask.kept_by", f"has at most {TEXT_MAX} characters on one line")
    if ask.start is not None and not 0 <= ask.start <= LAST_S:
        raise Invalid("ask.start", "lies outside the years 1970 to 9999")
    check_end(ask.end, "ask.end")


def check_end(end: int, field: str) -> None:
    """Invalid for what is no end."""
    if not (0 <= end <= LAST_S or end == FOREVER):
        raise Invalid(field, "lies outside the years 1970 to 9999")


def check_names(**texts: str) -> None:
    """Invalid for an empty text, one that is too long, or one with line breaks: they end names in a ledger."""
    for field, text in texts.items():
        if not 1 <= len(text) <= TEXT_MAX or "\n" in text:
            raise Invalid(field, f"has 1 to {TEXT_MAX} characters on one line")


def check_meters(meters: dict[str, int]) -> None:
    """Invalid where a report of use has a name or an amount that no meter has."""
    if not 1 <= len(meters) <= METERS_MAX or not all(1 <= len(name) <= 64 for name in meters):
        raise Invalid("meters", f"1 to {METERS_MAX} meters, with names of 1 to 64 characters")
    if not all(0 <= amount <= QUANTITY_MAX * 1_000 for amount in meters.values()):
        raise Invalid("meters", f"amounts go from 0 to {QUANTITY_MAX}")
