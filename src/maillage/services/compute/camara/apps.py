"""Apps of Edge Application Management: a manifest, and the version in our catalogue that it stands for."""

import asyncio
from typing import Any

import msgspec

from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.kernel.ports import Clock
from maillage.services.compute.camara.faults import Fault, invalid, missing
from maillage.services.compute.camara.manifest import Manifest, Source, require_runnable, source_of
from maillage.services.compute.camara.names import new_id, provider_of
from maillage.services.compute.camara.ports import CamaraRecords, Entry
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.model import Version

LIST_MAX = 100


class KnownApp(msgspec.Struct, frozen=True):
    """``fetched`` says that the version came with the manifest, and goes with it."""

    manifest: Manifest
    version: Version
    fetched: bool


class Apps:
    """``sees`` None is somebody who may see those of all tenants."""

    def __init__(self, records: CamaraRecords, catalogue: Catalogue, clock: Clock) -> None:
        self._records = records
        self._catalogue = catalogue
        self._clock = clock

    async def submit(self, tenant: str, manifest: Manifest) -> str:
        """The new app's id."""
        if manifest.app_provider != provider_of(tenant):
            raise Fault(403, "PERMISSION_DENIED", f"appProvider: you are {provider_of(tenant)}.")
        require_runnable(manifest)
        source = source_of(manifest.app_repo)
        unique = f"app {tenant} {manifest.name} {manifest.version}"
        known = await asyncio.to_thread(self._records.entries, "app", tenant)
        if any(entry.unique == unique for entry in known):
            raise _exists()
        version = await self._version(tenant, manifest.name, source)
        app = KnownApp(manifest, version, bool(source.reference))
        entry = Entry(new_id(), "app", tenant, unique, self._clock.now(), msgspec.json.encode(app))
        if not await asyncio.to_thread(self._records.add, entry):
            raise _exists()
        return entry.id

    async def list(self, sees: str | None) -> list[dict[str, Any]]:
        """The oldest hundred: CAMARA has no pages for them."""
        entries = await asyncio.to_thread(self._records.entries, "app", sees)
        return [_document(entry) for entry in entries[:LIST_MAX]]

    async def get(self, app_id: str, sees: str | None) -> dict[str, Any]:
        return _document(await self._entry(app_id, sees))

    async def find(self, app_id: str, sees: str | None) -> KnownApp | None:
        """None where there is no such app, or not one that may be seen."""
        entry = await asyncio.to_thread(self._records.entry, "app", app_id)
        return None if entry is None or sees not in (None, entry.tenant) else known_app(entry)

    async def delete(self, app_id: str, sees: str | None) -> None:
        """With its code, where that came with the manifest and no other app has it."""
        entry = await self._entry(app_id, sees)
        for kind in ("instance", "deployment"):
            if await asyncio.to_thread(self._records.entries, kind, None, entry.id):
                raise Fault(409, "INCOMPATIBLE_STATE", f"The app has a running {kind}; delete that first.")
        app = known_app(entry)
        if app.fetched and not await self._shared(entry, app.version):
            await self._drop_code(app.version)
        await asyncio.to_thread(self._records.drop, "app", entry.id)

    async def _version(self, tenant: str, name: str, source: Source) -> Version:
        if source.app:
            try:
                return await self._catalogue.version(f"{tenant}.{source.app}", tenant, source.version)
            except NotFound as refusal:
                raise invalid("appRepo.imagePath", refusal.detail) from None
        try:
            app = await self._catalogue.create_app(tenant, name)
        except AlreadyExists:
            app = await self._catalogue.app(f"{tenant}.{name}", tenant)
        return await self._catalogue.upload(app.id, tenant, "image", None, source.reference)

    async def _shared(self, entry: Entry, version: Version) -> bool:
        others = await asyncio.to_thread(self._records.entries, "app", entry.tenant)
        return any(other.id != entry.id and known_app(other).version == version for other in others)

    async def _drop_code(self, version: Version) -> None:
        try:
            await self._catalogue.drop_version(version.app, None, version.digest)
            if not await self._catalogue.versions(version.app, None):
                await self._catalogue.drop_app(version.app, None)
        except NotFound:  # dropped by its owner, beside us
            return

    async def _entry(self, app_id: str, sees: str | None) -> Entry:
        entry = await asyncio.to_thread(self._records.entry, "app", app_id)
        if entry is None or sees not in (None, entry.tenant):
            raise missing("app")
        return entry


def known_app(entry: Entry) -> KnownApp:
    return msgspec.json.decode(entry.body, type=KnownApp)


def _exists() -> Fault:
    return Fault(409, "ALREADY_EXISTS", "An app of this name and version was submitted before.")


def _document(entry: Entry) -> dict[str, Any]:
    manifest: dict[str, Any] = msgspec.to_builtins(known_app(entry).manifest)
    return {**manifest, "appId": entry.id}
