"""Sites: the stores of a chain, each with a place on earth, a time zone and whatever attributes it is known by."""

import math
import re
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from maillage.kernel.errors import Invalid

SITE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Ids go into addresses, lease ids and message subjects, where dots, slashes and blanks mean something else."""
NAME_MAX = 200
ATTRIBUTES_MAX = 64

HOLDING = "~"
"""Between a site's id and the name of the hub that sells there out of escrow. The same sign, before the hub's name
alone, is the tenant that holds the escrow, and the node that the hub itself is for it; nobody's own id has it."""

AttributeValue = str | int | float | bool
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,14})", re.ASCII)
_FRACTION = re.compile(r"-?(0|[1-9]\d{0,14})\.\d{1,15}", re.ASCII)


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One store. ``lat`` and ``lon`` are WGS84 degrees, ``tz`` an IANA zone, ``country`` ISO 3166-1 alpha-2."""

    id: str
    name: str
    lat: float
    lon: float
    tz: str
    country: str = ""
    region: str = ""
    attributes: dict[str, AttributeValue] = {}


def checked_site(site: Site) -> Site:
    """The site itself, or Invalid naming the field that is wrong."""
    if not SITE_ID.fullmatch(site.id):
        raise Invalid("id", f"{site.id[:40]!r}: a site's id is 1 to 64 of A-Z, a-z, 0-9, _ and -, no dots or blanks")
    if not 1 <= len(site.name) <= NAME_MAX:
        raise Invalid("name", f"a site's name has 1 to {NAME_MAX} characters")
    check_position(site.lat, site.lon)
    if site.tz not in _zones():
        raise Invalid("tz", f"{site.tz[:40]!r} is not an IANA time zone such as America/Chicago")
    if len(site.country) > 2 or len(site.region) > 64:
        raise Invalid("country", "a country is an ISO 3166-1 alpha-2 code, a region at most 64 characters")
    if len(site.attributes) > ATTRIBUTES_MAX:
        raise Invalid("attributes", f"at most {ATTRIBUTES_MAX} attributes")
    for name, value in site.attributes.items():
        if not 1 <= len(name) <= 64 or (isinstance(value, str) and len(value) > NAME_MAX):
            raise Invalid(f"attributes.{name[:64]}", f"names have 1 to 64 and texts at most {NAME_MAX} characters")
    return site


def check_position(lat: float, lon: float) -> None:
    """Refuse what is not a place on earth (NaN and infinities included)."""
    if not (math.isfinite(lat) and -90 <= lat <= 90):
        raise Invalid("lat", f"{lat} is not a latitude; it goes from -90 to 90 degrees")
    if not (math.isfinite(lon) and -180 <= lon <= 180):
        raise Invalid("lon", f"{lon} is not a longitude; it goes from -180 to 180 degrees")


def attribute_value(text: str) -> AttributeValue:
    """A number or a truth where the text is plainly one. ``007`` is a code, ``1e5`` may be a name: both stay text.

    One rule for whoever writes attributes and whoever asks for them, or the two would not meet.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text


def store_of(site_id: str) -> str:
    """The store's own id, also where a hub sells there out of its own holding (``<site>~<hub>``)."""
    return site_id.partition(HOLDING)[0]


def lacking(site: Site, wanted: dict[str, AttributeValue]) -> list[str]:
    """The attributes of which a site does not have the wanted value."""
    return [name for name, value in wanted.items() if site.attributes.get(name) != value]


def zone_at(lat: float, lon: float) -> str:
    """IANA zone of a place, from tzfpy's borders; at sea the nautical zone."""
    import tzfpy  # loads border data: only imports of stores without a zone pay for it

    return tzfpy.get_tz(lon, lat) or "Etc/UTC"


def zone_info(tz: str) -> ZoneInfo:
    """The zone itself; zoneinfo keeps a cache of its own."""
    return ZoneInfo(tz)


_known_zones: frozenset[str] = frozenset()


def _zones() -> frozenset[str]:
    global _known_zones
    if not _known_zones:  # walks a directory: once, and only where sites are written
        _known_zones = frozenset(available_timezones())
    return _known_zones
