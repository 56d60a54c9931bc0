"""What a profile and a device have to be like."""

import math
import re
from collections import Counter
from decimal import Decimal

from maillage.kernel.errors import Invalid
from maillage.services.sensing.model import Device, Measure, Profile, Rule
from maillage.services.sensing.registry.topics import check_template, has_topic_for_each_measure

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""As ids of sites: they go into addresses, topics and subjects of messages."""
_MEASURE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_UNIT = re.compile(r"[!-z|~]{1,32}")
"""Of what a unit of UCUM consists: printable ASCII. Braces hold annotations there, which would add nothing here."""
_MOST = 1e12
_FINEST = 1e-9
_CELSIUS_FORGOTTEN = "°C is Cel in UCUM; of a sensor in °F, with scale 0.5555555556 and offset -17.7777777778"


def checked_profile(profile: Profile) -> Profile:
    """The profile itself, or Invalid naming the field that is wrong."""
    check_id("id", profile.id, "a profile's id")
    check_template(profile.topic)
    _check_once("measures", [measure.name for measure in profile.measures])
    _check_once("rules", [rule.id for rule in profile.rules])
    for number, measure in enumerate(profile.measures):
        _check_measure(f"measures[{number}]", measure)
        _check_path(f"measures[{number}].path", profile, measure)
    if profile.time_path is not None and profile.format != "json":
        raise Invalid("time_path", f"goes with format json; a payload of {profile.format} has no such place")
    if profile.time_path is not None:
        _check_members("time_path", profile.time_path)
    measures = {measure.name: measure for measure in profile.measures}
    for number, rule in enumerate(profile.rules):
        _check_rule(f"rules[{number}]", rule, measures)
    _check_number("context.exposure_limit", profile.context.exposure_limit or 0.0)
    return profile


def checked_device(device: Device) -> Device:
    """The device itself, or Invalid naming the field that is wrong."""
    check_id("id", device.id, "a device's id")
    check_id("unit", device.unit, "a unit")
    if not 1 <= len(device.name) <= 200 or not device.name.isprintable():
        raise Invalid("name", "a device's name has 1 to 200 printable characters")
    return device


def check_id(field: str, text: str, what: str) -> None:
    """Invalid for what can't be an id."""
    if not ID.fullmatch(text):
        raise Invalid(field, f"{text[:40]!r}: {what} is 1 to 64 of A-Z, a-z, 0-9, _ and -, no dots or blanks")


def _check_once(field: str, names: list[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise Invalid(field, f"{twice[0][:64]!r} is there twice; each needs a name of its own")


def _check_measure(field: str, measure: Measure) -> None:
    if not _MEASURE.fullmatch(measure.name):
        raise Invalid(f"{field}.name", f"{measure.name[:40]!r} is not 1 to 64 letters, digits, _ and -, a letter first")
    if not _UNIT.fullmatch(measure.unit):
        told = _CELSIUS_FORGOTTEN if "°" in measure.unit else "units are UCUM's, such as Cel, %, W or 1"
        raise Invalid(f"{field}.unit", f"{measure.unit[:40]!r} is no unit; {told}")
    for name in ("scale", "offset", "minimum", "maximum", "resolution"):
        _check_number(f"{field}.{name}", getattr(measure, name))
    if measure.scale == 0:
        raise Invalid(f"{field}.scale", "0 would make all readings the same; 1 leaves them as they are")
    if measure.minimum >= measure.maximum:
        raise Invalid(f"{field}.maximum", f"{measure.maximum:g} is not above the minimum, {measure.minimum:g}")
    if not _FINEST <= measure.resolution <= measure.maximum - measure.minimum:
        span = measure.maximum - measure.minimum
        raise Invalid(
            f"{field}.resolution", f"{measure.resolution:g} is not from {_FINEST:g} to all there is, {span:g}"
        )
    if len(Decimal(repr(measure.resolution)).as_tuple().digits) > 6:
        raise Invalid(
            f"{field}.resolution", f"{measure.resolution!r} has more than six digits; 0.01 or 0.05 would work"
        )
    if measure.role == "temperature" and measure.unit != "Cel":
        raise Invalid(f"{field}.unit", f"a temperature is in Cel, not {measure.unit}; {_CELSIUS_FORGOTTEN}")
    if measure.role in ("door", "defrost") and (measure.unit, measure.minimum, measure.maximum) != ("1", 0, 1):
        raise Invalid(f"{field}.role", f"a {measure.role} is 0 or 1: unit '1', minimum 0 and maximum 1")


def _check_path(field: str, profile: Profile, measure: Measure) -> None:
    apart = has_topic_for_each_measure(profile.topic)
    if profile.format == "plain":
        if measure.path is not None:
            raise Invalid(field, "a plain payload is the number itself; leave the path out, or say format json")
        if not apart and len(profile.measures) > 1:
            raise Invalid("measures", "one plain number can't be several; end the topic in /{measure}, or say json")
    elif measure.path is None:
        raise Invalid(field, f"is needed in a payload of {profile.format}")
    elif profile.format == "json":
        _check_members(field, measure.path)


def _check_members(field: str, path: str) -> None:
    if not path.isprintable() or any(not member for member in path.split(".")):
        raise Invalid(field, f"{path[:40]!r} is not members with dots between them, such as air.t or probes.0.value")


def _check_rule(field: str, rule: Rule, measures: dict[str, Measure]) -> None:
    check_id(f"{field}.id", rule.id, "a rule's id")
    measure = measures.get(rule.measure)
    if measure is None:
        raise Invalid(f"{field}.measure", f"there is no measure {rule.measure[:64]!r}; there are {', '.join(measures)}")
    _check_number(f"{field}.limit", rule.limit)
    if not measure.minimum <= rule.limit <= measure.maximum:
        raise Invalid(
            f"{field}.limit",
            f"{rule.limit:g} is outside what {measure.name} can be, {measure.minimum:g} to {measure.maximum:g}",
        )
    _check_number(f"{field}.dead_band", rule.dead_band)
    room = rule.limit - measure.minimum if rule.side == "above" else measure.maximum - rule.limit
    if not 0 <= rule.dead_band <= room:
        raise Invalid(
            f"{field}.dead_band",
            f"{rule.dead_band:g} is not from 0 to {room:g}; beyond that {measure.name} could never be well again",
        )


def _check_number(field: str, number: float) -> None:
    if not (math.isfinite(number) and abs(number) <= _MOST):
        raise Invalid(field, f"{number} is not a number within {_MOST:g} of zero")
