"""What the faces may ask of the registry, in documents."""

import asyncio
from collections.abc import Callable

import msgspec

from maillage.kernel.errors import AlreadyExists, Invalid, NotFound, Refusal
from maillage.kernel.paging import Page, page
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.services.sensing.model import Device
from maillage.services.sensing.registry.checks import checked_device, checked_profile
from maillage.services.sensing.registry.csv_rows import read_devices
from maillage.services.sensing.registry.documents import (
    DeviceChange,
    DeviceDocument,
    DeviceRejection,
    DeviceReport,
    NewDevice,
    ProfileDocument,
    ProfileFields,
    device_document,
    profile_document,
    profile_of,
)
from maillage.services.sensing.registry.errors import ProfileInUse
from maillage.services.sensing.registry.kept import KeptRegistry
from maillage.services.sensing.registry.shipped import shipped_profiles
from maillage.services.sensing.registry.topics import topics_of

REJECTIONS_SHOWN = 1_000
_NAMED = 20
"""Devices that are named where many stand in the way."""


class RegistryDesk:
    """``has_site`` says whether the chain has a site. Changes are made one after the other, each durable when it
    returns; looking never waits."""

    def __init__(self, kept: KeptRegistry, has_site: Callable[[str], bool], clock: Clock) -> None:
        self.kept = kept
        self._has_site = has_site
        self._clock = clock
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Take up what processes before this one entered."""
        await to_the_end(self.kept.load)

    # -- profiles ----------------------------------------------------------------------------------------------------

    def profiles(self) -> list[ProfileDocument]:
        """All, those that are shipped first."""
        return [self.profile(profile_id) for profile_id in self.kept.profiles()]

    def profile(self, profile_id: str) -> ProfileDocument:
        """NotFound where there is none."""
        profile = self.kept.profile(profile_id)
        if profile is None:
            raise NotFound(f"there is no profile {profile_id[:64]!r}")
        return profile_document(profile, self.kept.is_shipped(profile_id), len(self.kept.with_profile(profile_id)))

    async def put_profile(self, profile_id: str, document: ProfileFields) -> ProfileDocument:
        """Enter a profile, or have one otherwise from now on, also one that was shipped. Invalid where it can't be,
        AlreadyExists where two devices would share a topic."""
        profile = checked_profile(profile_of(profile_id, document))
        async with self._turn:
            await to_the_end(self.kept.put_profile, profile)
        return self.profile(profile_id)

    async def drop_profile(self, profile_id: str) -> None:
        """Forget a profile; one that was shipped is as it was. ProfileInUse where devices would have none."""
        async with self._turn:
            shown = self.profile(profile_id)
            if shown.shipped:
                raise Invalid("profile", f"{profile_id} came with Maillage and stays; it can be changed")
            users = self.kept.with_profile(profile_id)
            if users and profile_id not in shipped_profiles():
                named = [device.id for device in users[:_NAMED]]
                told = f"{len(users)} devices have the profile {profile_id}; give them another, or retire them"
                raise ProfileInUse(told, devices=named)
            await to_the_end(self.kept.drop_profile, profile_id)

    # -- devices -----------------------------------------------------------------------------------------------------

    def device(self, device_id: str) -> Device:
        """NotFound where there is none; one that is retired is there."""
        device = self.kept.device(device_id)
        if device is None:
            raise NotFound(f"there is no device {device_id[:64]!r}")
        return device

    def get(self, device_id: str) -> DeviceDocument:
        return self._document(self.device(device_id))

    def some(
        self, site: str | None, unit: str | None, retired: bool, cursor: str | None, limit: int
    ) -> Page[DeviceDocument]:
        """In the order in which they were entered; those that are retired only where they are asked for."""

        def matches(device: Device) -> bool:
            return (
                (site is None or device.site == site)
                and (unit is None or device.unit == unit)
                and (retired or device.retired_at is None)
            )

        found = page(self.kept.all_devices().values(), matches, (site, unit, retired), cursor, limit)
        return Page([self._document(device) for device in found.items], found.next)

    async def create(self, document: NewDevice) -> DeviceDocument:
        """Enter a device. AlreadyExists where its id or one of its topics is taken, Invalid where it can't be."""
        async with self._turn:
            known = self.kept.device(document.id)
            if known is not None:
                state = "retired; PUT it to have it in service again" if known.retired_at is not None else "in service"
                raise AlreadyExists(f"there is a device {document.id} at {known.site}, {state}", device=known.id)
            device = self._entered(document)
            self.kept.require_topics(device, {})
            await to_the_end(self.kept.put_devices, [device])
        return self._document(device)

    async def change(self, device_id: str, document: DeviceChange) -> DeviceDocument:
        """Have a device otherwise, and in service."""
        async with self._turn:
            former = self.device(device_id)
            wanted = NewDevice(
                id=former.id, site=former.site, profile=document.profile, name=document.name, unit=document.unit
            )
            device = self._entered(wanted, former.created_at)
            self.kept.require_topics(device, {})
            if device != former:
                await to_the_end(self.kept.put_devices, [device])
        return self._document(device)

    async def retire(self, device_id: str) -> DeviceDocument:
        """Take a device out of service: it has no topic any more, and its readings stay. One that is retired stays
        so."""
        async with self._turn:
            device = self.device(device_id)
            if device.retired_at is None:
                device = msgspec.structs.replace(device, retired_at=self._clock.now())
                await to_the_end(self.kept.put_devices, [device])
        return self._document(device)

    async def import_csv(self, content: bytes) -> DeviceReport:
        """Enter or change the devices of a file. A row that can't be is rejected with its line, and the others are
        entered, all at once. Malformed where it is no such file."""
        async with self._turn:
            return await to_the_end(self._import, content)

    def _import(self, content: bytes) -> DeviceReport:
        good: list[Device] = []
        rejections: list[DeviceRejection] = []
        taken: dict[str, str] = {}
        lines: dict[str, int] = {}
        unchanged = 0
        for row in read_devices(content):
            if isinstance(row, DeviceRejection):
                rejections.append(row)
                continue
            line, wanted = row
            try:
                device = self._imported(wanted, lines)
                topics = self.kept.require_topics(device, taken)
            except Refusal as refusal:
                rejections.append(DeviceRejection(line, wanted.id[:80] or None, refusal.detail))
                continue
            taken |= topics
            lines[device.id] = line
            if device == self.kept.device(device.id):
                unchanged += 1
            else:
                good.append(device)
        if good:
            self.kept.put_devices(good)
        return DeviceReport(len(good), unchanged, len(rejections), rejections[:REJECTIONS_SHOWN])

    def _imported(self, wanted: NewDevice, lines: dict[str, int]) -> Device:
        if wanted.id in lines:
            raise Invalid("id", f"{wanted.id!r} is used before, at line {lines[wanted.id]}; each device needs its own")
        former = self.kept.device(wanted.id)
        if former is None:
            return self._entered(wanted)
        if former.site != wanted.site:
            raise Invalid("site", f"{wanted.id} is at {former.site}; a device that moves is entered by another id")
        if former.retired_at is not None:
            raise Invalid("id", f"{wanted.id} is retired; PUT it to have it in service again")
        return self._entered(wanted, former.created_at)

    # -- how ---------------------------------------------------------------------------------------------------------

    def _entered(self, wanted: NewDevice, created_at: int | None = None) -> Device:
        """The device that a document means, in service; Invalid where it can't be."""
        device = Device(
            id=wanted.id,
            site=wanted.site,
            profile=wanted.profile,
            name=wanted.name or wanted.id,
            unit=wanted.unit or wanted.id,
            created_at=self._clock.now() if created_at is None else created_at,
        )
        checked_device(device)
        if not self._has_site(device.site):
            raise Invalid("site", f"the chain has no site {device.site[:64]!r} here")
        if self.kept.profile(device.profile) is None:
            known = ", ".join(self.kept.profiles())
            raise Invalid("profile", f"there is no profile {device.profile[:64]!r}; there are {known[:500]}")
        return device

    def _document(self, device: Device) -> DeviceDocument:
        profile = self.kept.profile(device.profile)
        if profile is None or device.retired_at is not None:
            return device_document(device, [])
        return device_document(device, list(topics_of(profile, device)))
