"""Whose topic is whose: from the registry's profiles to the filters that are subscribed to, and from a topic back."""

import logging
import re
from collections.abc import Iterable
from typing import NamedTuple

from maillage.devices.topics import widest
from maillage.services.sensing.model import Device, Measure, PayloadFormat, Profile
from maillage.services.sensing.payloads.sparkplug.nodes import NAMESPACE, Source, source_of
from maillage.services.sensing.ports import Registry
from maillage.services.sensing.registry.topics import topics_of

_log = logging.getLogger(__name__)
SPARKPLUG_TOPIC = f"{NAMESPACE}/{{site}}/DDATA/gateway/{{device}}"
SITES_MAX = 20
"""Up to so many sites have filters of their own; more are heard by one for all."""
_FIELD = re.compile(r"\{(site|device|measure)\}")
_TYPE_LEVEL = 2


class Route(NamedTuple):
    """What comes on a topic: a device's measures."""

    device: Device
    profile: Profile
    measures: tuple[Measure, ...]


class Routes:
    """Made from the registry as it was at ``revision``. Finding a topic is one look into a table. ``nodes`` are
    Sparkplug's edge nodes, by group and name, behind which somebody is known."""

    def __init__(self, registry: Registry) -> None:
        self.revision = registry.revision
        self.by_topic: dict[str, Route] = {}
        self.by_source: dict[Source, Route] = {}
        self.by_device: dict[str, Route] = {}
        patterns: dict[tuple[PayloadFormat, str], set[str]] = {}
        for device in registry.devices().values():
            profile = registry.profile(device.profile)
            if profile is not None:
                patterns.setdefault((profile.format, profile.topic), set()).add(device.site)
                self._add(device, profile)
        self.filters = widest(one for (form, topic), sites in patterns.items() for one in _filters(form, topic, sites))
        self.nodes = {(source.group, source.node) for source in self.by_source}
        self._patterns = [_pattern(topic) for form, topic in patterns if form != "sparkplug_b"]

    def named_on(self, topic: str) -> Route | None:
        """Of a topic that is nobody's: the device that some level of it names all the same."""
        for pattern in self._patterns:
            if (found := pattern.fullmatch(topic)) and "device" in found.re.groupindex:
                return self.by_device.get(found["device"])
        return None

    def _add(self, device: Device, profile: Profile) -> None:
        route = self.by_device[device.id] = Route(device, profile, profile.measures)
        for topic, name in topics_of(profile, device).items():
            if profile.format != "sparkplug_b":
                of_topic = tuple(measure for measure in profile.measures if name in (None, measure.name))
                self.by_topic[topic] = route._replace(measures=of_topic)
            elif (spoken := source_of(topic)) is not None:
                self.by_source[spoken[0]] = route
            else:
                _log.warning("%s: %s is no topic such as %s", profile.id, topic, SPARKPLUG_TOPIC)


def _filters(form: PayloadFormat, topic: str, sites: Iterable[str]) -> list[str]:
    levels = topic.split("/")
    if form == "sparkplug_b":
        if source_of(_FIELD.sub("x", topic)) is None:
            return []
        # Births and deaths of the node are needed as well as data, so all types, and all devices behind the node.
        levels = [*levels[:_TYPE_LEVEL], "+", levels[_TYPE_LEVEL + 1], "#"]
    sites = sorted(sites)
    if len(sites) > SITES_MAX or "{site}" not in topic:
        sites = ["{site}"]
    return ["/".join(_wild(level.replace("{site}", site)) for level in levels) for site in sites]


def _wild(level: str) -> str:
    return "+" if _FIELD.search(level) else level


def _pattern(topic: str) -> re.Pattern[str]:
    """The first time that a name stands in it counts: a name that stands twice is one name."""
    parts, seen = [], set()
    at = 0
    for field in _FIELD.finditer(topic):
        name = field[1]
        parts += [re.escape(topic[at : field.start()]), "[^/]+" if name in seen else f"(?P<{name}>[^/]+)"]
        seen.add(name)
        at = field.end()
    return re.compile("".join([*parts, re.escape(topic[at:])]))
