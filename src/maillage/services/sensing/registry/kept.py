"""Profiles and devices in memory, over records that keep them: one process has them all, and reads without waiting."""

from collections.abc import Iterable, Mapping, Sequence

from maillage.kernel.errors import AlreadyExists
from maillage.services.sensing.model import Device, Profile
from maillage.services.sensing.registry.ports import RegistryRecords
from maillage.services.sensing.registry.shipped import shipped_profiles
from maillage.services.sensing.registry.topics import topics_of


class KeptRegistry:
    """``services.sensing.ports.Registry``, for any thread. What changes it comes from one at a time, and blocks.
    ``load`` first."""

    def __init__(self, records: RegistryRecords) -> None:
        self._records = records
        self._own: dict[str, Profile] = {}
        self._all: dict[str, Device] = {}
        self._live: dict[str, Device] = {}
        self._at: dict[str, str] = {}
        self._revision = 0

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        return self._revision

    def device(self, device_id: str) -> Device | None:
        """Also one that is retired."""
        return self._all.get(device_id)

    def profile(self, profile_id: str) -> Profile | None:
        return self._own.get(profile_id) or shipped_profiles().get(profile_id)

    def devices(self) -> Mapping[str, Device]:
        return self._live

    def all_devices(self) -> Mapping[str, Device]:
        """Retired ones too, in the order in which they were entered."""
        return self._all

    def profiles(self) -> dict[str, Profile]:
        """By id: those that are shipped first, as they are now."""
        return {**shipped_profiles(), **self._own}

    def is_shipped(self, profile_id: str) -> bool:
        """Whether a profile is as it came with Maillage."""
        return profile_id not in self._own and profile_id in shipped_profiles()

    def with_profile(self, profile_id: str) -> list[Device]:
        """The devices in service that have a profile."""
        return [device for device in self._live.values() if device.profile == profile_id]

    def at_topic(self, topic: str) -> Device | None:
        """The device in service that publishes to a topic."""
        device_id = self._at.get(topic)
        return None if device_id is None else self._live.get(device_id)

    # -- changing ----------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Take up what the records have; also what another process changed in them."""
        own = {profile.id: profile for profile in self._records.profiles()}
        every = {device.id: device for device in self._records.devices()}
        self._own, self._all = own, every
        self._settle()

    def put_profile(self, profile: Profile) -> None:
        """AlreadyExists where devices would publish to the same topic then."""
        self._require_topics({profile.id: profile})
        self._records.put_profile(profile)
        self._own = {**self._own, profile.id: profile}
        self._settle()

    def drop_profile(self, profile_id: str) -> None:
        """One that is shipped is as it was shipped again."""
        shipped = shipped_profiles().get(profile_id)
        if shipped is not None:
            self._require_topics({profile_id: shipped})
        self._records.drop_profile(profile_id)
        self._own = {name: profile for name, profile in self._own.items() if name != profile_id}
        self._settle()

    def put_devices(self, devices: Sequence[Device]) -> None:
        """Enter or change devices whose topics are free, see ``require_topics``."""
        self._records.put_devices(devices)
        self._all = {**self._all, **{device.id: device for device in devices}}
        self._settle()

    def require_topics(self, device: Device, taken: Mapping[str, str]) -> dict[str, str]:
        """The topics of a device, each with its id; AlreadyExists where another has one of them, in service or in
        ``taken``."""
        profile = self.profile(device.profile)
        topics = {} if profile is None else dict.fromkeys(topics_of(profile, device), device.id)
        for topic in topics:
            other = taken.get(topic) or self._at.get(topic)
            if other not in (None, device.id):
                raise AlreadyExists(f"{other} publishes to {topic} already; {device.id} would, too", device=other)
        return topics

    def _require_topics(self, changed: Mapping[str, Profile]) -> None:
        """Look whether all devices have topics of their own with these profiles."""
        profiles = {**self.profiles(), **changed}
        at: dict[str, str] = {}
        for device in self._live.values():
            for topic in self._topics(device, profiles):
                other = at.setdefault(topic, device.id)
                if other != device.id:
                    raise AlreadyExists(f"{other} and {device.id} would both publish to {topic}", device=other)

    def _settle(self) -> None:
        """Each of these is replaced and never changed, so that other threads see one state or the next."""
        profiles = self.profiles()
        self._live = {device.id: device for device in self._all.values() if device.retired_at is None}
        self._at = {topic: each.id for each in self._live.values() for topic in self._topics(each, profiles)}
        self._revision += 1

    @staticmethod
    def _topics(device: Device, profiles: Mapping[str, Profile]) -> Iterable[str]:
        profile = profiles.get(device.profile)
        return () if profile is None else topics_of(profile, device)
