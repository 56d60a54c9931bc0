"""Limits are part of the record: the log says which held, from when on. They are entered when a profile is first used
at a site, and when it changes."""

import hashlib

import msgspec

from maillage.services.sensing.coldchain.alarms.book import Book
from maillage.services.sensing.coldchain.alarms.signals import Remembered
from maillage.services.sensing.coldchain.haccp import drafts
from maillage.services.sensing.model import Profile
from maillage.services.sensing.ports import Registry

_NAME = "limits "


class LimitsLog:
    """Remembers, for each site, what it has entered of which profile."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._revision: int | None = None
        self._entered: dict[str, dict[str, str]] = {}
        self._changed: set[str] = set()

    def restore(self, states: dict[str, bytes]) -> None:
        """What was entered before a restart."""
        for name, body in states.items():
            if name.startswith(_NAME):
                self._entered[name.removeprefix(_NAME)] = msgspec.json.decode(body, type=dict[str, str])

    def look(self, book: Book, now: int) -> None:
        """Enter what is new, if the registry changed."""
        if self._registry.revision == self._revision:
            return
        self._revision = self._registry.revision
        used = sorted({(device.site, device.profile) for device in self._registry.devices().values()})
        for site, profile_id in used:
            profile = self._registry.profile(profile_id)
            if profile is None or not profile.rules:
                continue
            digest, known = _digest(profile), self._entered.setdefault(site, {})
            if known.get(profile_id) == digest:
                continue
            known[profile_id] = digest
            self._changed.add(site)
            for rule in profile.rules:
                book.enter_for(site, drafts.limits(profile, rule, now))
            book.enter_for(site, drafts.context(profile, now))

    def take(self) -> list[Remembered]:
        """What has to be remembered since the last call."""
        changed, self._changed = self._changed, set()
        return [Remembered(_NAME + site, site, msgspec.json.encode(self._entered[site])) for site in sorted(changed)]


def _digest(profile: Profile) -> str:
    what = (profile.rules, profile.context, profile.silent_after, profile.interval_s)
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:16]
