"""Where a device publishes: a template of its profile, with the device's own names in it."""

import re

from maillage.devices.topics import topic_problem
from maillage.kernel.errors import Invalid
from maillage.services.sensing.model import Device, Profile

DEFAULT_TOPIC = "maillage/{site}/{device}"
"""For devices that publish one JSON document with all they measure."""
TEMPLATE_MAX = 256
EACH_MEASURE = "/{measure}"
_PLACE = re.compile(r"\{([^{}]*)\}")
_NAMES = ("site", "device", "measure")


def check_template(template: str) -> None:
    """Invalid where it is no template of topics: ``{device}`` is needed, ``{site}`` may be there, ``{measure}`` may be
    the last level, and there are no wildcards."""
    if len(template) > TEMPLATE_MAX:
        raise Invalid("topic", f"has {len(template)} characters, at most {TEMPLATE_MAX} are taken")
    names = _PLACE.findall(template)
    strange = [name for name in names if name not in _NAMES]
    if strange or set("{}") & set(_PLACE.sub("", template)):
        told = f"{{{strange[0][:40]}}} is none of them" if strange else "a brace is not closed"
        raise Invalid("topic", f"takes {{site}}, {{device}} and, as its last level, {{measure}}; {told}")
    if "device" not in names:
        raise Invalid("topic", f"has no {{device}}, so all devices would share it; {DEFAULT_TOPIC!r} would work")
    if "measure" in names and (not template.endswith(EACH_MEASURE) or names.count("measure") > 1):
        raise Invalid("topic", "{measure} can only be the whole last level, as in 'plant/{device}/{measure}'")
    problem = topic_problem(_PLACE.sub("x", template))
    if problem:
        raise Invalid("topic", problem)
    if template.startswith("$"):
        raise Invalid("topic", f"{template[:40]!r}: topics that begin with $ are the broker's own")


def has_topic_for_each_measure(template: str) -> bool:
    """Whether each measure of a device has a topic of its own."""
    return template.endswith(EACH_MEASURE)


def topics_of(profile: Profile, device: Device) -> dict[str, str | None]:
    """The topics that a device publishes to, each with the measure that it is of; None where it is of all."""
    names = {"site": device.site, "device": device.id}
    if not has_topic_for_each_measure(profile.topic):
        return {_filled(profile.topic, names): None}
    return {_filled(profile.topic, {**names, "measure": each.name}): each.name for each in profile.measures}


def _filled(template: str, names: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: names[place[1]], template)
