"""The profiles that come with Maillage, in ``profiles.json``.

Their limits and times are engineering defaults, not law: a chiller above 5 °C for 30 minutes (5 °C is the FDA Food
Code's limit for what is held cold, 3-501.16), a freezer above -15 °C for 45 minutes, above -12 °C for 15, above -9 °C
at once. The bounds of a chiller end below 35.6, which 2 °C is in °F: a sensor that is set to the wrong scale is
refused, and told of, rather than alarmed on.
"""

from functools import cache
from pathlib import Path

import msgspec

from maillage.services.sensing.model import Profile
from maillage.services.sensing.registry.checks import checked_profile
from maillage.services.sensing.registry.documents import ProfileFields, profile_of


class _Shipped(ProfileFields, frozen=True, kw_only=True):
    id: str


@cache
def shipped_profiles() -> dict[str, Profile]:
    """By id, in the order in which they are shown."""
    text = Path(__file__).with_name("profiles.json").read_bytes()
    found = msgspec.json.decode(text, type=list[_Shipped])
    return {each.id: checked_profile(profile_of(each.id, each)) for each in found}
