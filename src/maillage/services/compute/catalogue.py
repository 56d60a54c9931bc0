"""The catalogue of code: apps, and the versions that were accepted of each.

A version is recorded last, when its bytes are kept and a runtime has looked at them; whatever goes wrong before,
nothing is left. Bytes are kept once, however many versions they are, and go with the last of these. For that whoever
keeps or drops bytes does it alone among those who touch the same digest. What a crash leaves is swept at the next
start.
"""

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from weakref import WeakValueDictionary

from maillage.kernel.errors import AlreadyExists, Invalid, NotFound, Refusal, TooManyRequests
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.services.compute.errors import CatalogueFull, CodeRefused, CodeTooLarge, InUse
from maillage.services.compute.model import App, CodeKind, Version
from maillage.services.compute.names import app_id, checked_reference, named_version
from maillage.services.compute.ports import Blobs, CatalogueRecords
from maillage.services.compute.runtimes import Runtimes
from maillage.services.compute.uploads import Claimed, begin, kind_of

WASM_MAX = 64 << 20
"""Bytes of a module: three times the largest that is known to come out of a toolchain (Python's, 18 MiB), and as much
as can be compiled within bounds."""
IMAGE_MAX = 2 << 30
"""Bytes of an image's archive."""
APPS_MAX = 100
"""Apps of a tenant."""
VERSIONS_MAX = 50
"""Versions of an app: some weeks of a busy team, and few enough to be listed at once."""
BYTES_MAX = 16 << 30
"""Bytes that a tenant's versions have together: eight of the largest images, a fraction of a small server's disk."""
UPLOADS_AT_ONCE = 4
"""Of one tenant: each takes room on the disk before it is known what it is."""
RETRY_AFTER_S = 5


class Catalogue:
    """``sees`` is the tenant whose apps the caller may see, None for somebody who may see those of all; another's app
    is NotFound."""

    def __init__(
        self,
        records: CatalogueRecords,
        blobs: Blobs,
        runtimes: Runtimes,
        clock: Clock,
        wasm_max: int = WASM_MAX,
        image_max: int = IMAGE_MAX,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._runtimes = runtimes
        self._clock = clock
        self._wasm_max = wasm_max
        self._image_max = image_max
        self._creating = asyncio.Lock()
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._under_way: Counter[str] = Counter()

    async def sweep(self) -> None:
        """Drop bytes that are no version's: what was being uploaded when the process ended. To be done at a start."""
        for digest in await self._blobs.digests():
            async with self._alone("digest", digest):
                await self._drop_unused(digest)

    # -- apps ----------------------------------------------------------------------------------------------------

    async def create_app(self, tenant: str, name: str) -> App:
        """AlreadyExists where the tenant has one of that name, Invalid for a name that can't be one."""
        app = App(app_id(tenant, name), tenant, name, self._clock.now())
        async with self._creating:
            apps = await asyncio.to_thread(self._records.apps, tenant)
            if any(known.id == app.id for known in apps):
                raise AlreadyExists(f"{tenant} has an app {name!r} already", app=app.id)
            if len(apps) >= APPS_MAX:
                raise CatalogueFull(
                    f"{tenant} has {APPS_MAX} apps, the most; delete one first", of="apps", most=APPS_MAX
                )
            await to_the_end(self._records.add_app, app)
        return app

    async def app(self, app_id: str, sees: str | None) -> App:
        app = await asyncio.to_thread(self._records.app, app_id)
        if app is None or sees not in (None, app.tenant):
            raise NotFound(f"there is no app {app_id[:140]!r}")
        return app

    async def apps(self, sees: str | None) -> list[App]:
        """By id."""
        return await asyncio.to_thread(self._records.apps, sees)

    async def drop_app(self, app_id: str, sees: str | None) -> None:
        """With its versions. InUse while there are deployments of it."""
        app = await self.app(app_id, sees)
        await self._require_unused(app.id, None)
        versions = await asyncio.to_thread(self._records.versions, app.id)
        await to_the_end(self._records.drop_app, app.id)
        for version in versions:
            async with self._alone("digest", version.digest):
                await self._drop_unused(version.digest)

    # -- versions ------------------------------------------------------------------------------------------------

    async def versions(self, app_id: str, sees: str | None) -> list[Version]:
        """Oldest first."""
        app = await self.app(app_id, sees)
        return await asyncio.to_thread(self._records.versions, app.id)

    async def version(self, app_id: str, sees: str | None, wanted: str) -> Version:
        """One by its digest, 6 or more digits of it, or ``latest``: the one that was first uploaded last."""
        return named_version(app_id, await self.versions(app_id, sees), wanted)

    async def drop_version(self, app_id: str, sees: str | None, wanted: str) -> Version:
        """The one that was dropped. InUse while a deployment is of it or may go back to it."""
        version = await self.version(app_id, sees, wanted)
        async with self._alone("digest", version.digest):
            await self._require_unused(version.app, version.digest)
            await to_the_end(self._records.drop_version, version.app, version.digest)
            await self._drop_unused(version.digest)
        return version

    async def upload(
        self,
        app_id: str,
        sees: str | None,
        kind: Claimed | None,
        body: AsyncIterator[bytes] | None,
        reference: str = "",
        announced: int = 0,
    ) -> Version:
        """Accept code: the bytes of ``body``, or without these the image that ``reference`` names.

        The same bytes again are the same version, as it was. ``kind`` is told from the bytes unless given;
        ``announced`` is how many the sender says will come, 0 where it says nothing.

        Raises: CodeRefused for what can't run here, CodeTooLarge while it comes, CatalogueFull where the tenant keeps
        enough, TooManyRequests where it sends as much at once as it may, Malformed where the sender falls silent.
        """
        app = await self.app(app_id, sees)
        if body is None:
            return await self._take_reference(app, kind, checked_reference(reference))
        if reference:
            raise Invalid("reference", "goes without bytes: an archive says itself what is in it")
        with self._one_more(app.tenant):
            return await self._take_bytes(app, kind, body, announced)

    async def _take_bytes(
        self, app: App, claimed: Claimed | None, body: AsyncIterator[bytes], announced: int
    ) -> Version:
        head, whole = await begin(body)
        kind = kind_of(head, claimed)
        self._runtimes.of(kind)
        size_max = self._image_max if kind == "image" else self._wasm_max
        if announced > size_max:
            raise CodeTooLarge(f"it has {announced:,} bytes; {size_max:,} are the most of its kind", most=size_max)
        async with AsyncExitStack() as claims:

            async def claim(digest: str) -> None:
                await claims.enter_async_context(self._alone("digest", digest))

            digest, size = await self._blobs.put(whole, size_max, claim)
            try:
                code = await self._blobs.path(digest)
                return await self._accept(app, kind, digest, size, code, "")
            except BaseException:
                with suppress(Refusal):  # what could not be dropped now is swept at the next start
                    await self._drop_unused(digest)
                raise

    async def _take_reference(self, app: App, claimed: Claimed | None, reference: str) -> Version:
        if claimed not in (None, "image"):
            raise CodeRefused(f"a reference names an image, not a {claimed}; send its bytes", fault="kind")
        digest = f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
        async with self._alone("digest", digest):
            return await self._accept(app, "image", digest, 0, Path(os.devnull), reference)

    async def _accept(self, app: App, kind: CodeKind, digest: str, size: int, code: Path, reference: str) -> Version:
        """One at a time of each tenant: to look at code is work, and nobody is to have all processors at it."""
        runtime = self._runtimes.of(kind)
        async with self._alone("tenant", app.tenant):
            versions = await asyncio.to_thread(self._records.versions, app.id)
            known = next((version for version in versions if version.digest == digest), None)
            if known is not None:
                return known
            if len(versions) >= VERSIONS_MAX:
                told = f"{app.id} has {VERSIONS_MAX} versions, the most; delete one first"
                raise CatalogueFull(told, of="versions", most=VERSIONS_MAX)
            await asyncio.to_thread(self._require_room, app.tenant, digest, size)
            inspected = await runtime.inspect(code, kind, digest, reference)
            memory = inspected.needs_memory_bytes
            version = Version(app.id, digest, inspected.kind, size, self._clock.now(), reference, memory)
            await to_the_end(self._records.put_version, version)
        return version

    # -- what there is room for, and what is in use --------------------------------------------------------------

    @contextmanager
    def _one_more(self, tenant: str) -> Iterator[None]:
        if self._under_way[tenant] >= UPLOADS_AT_ONCE:
            raise TooManyRequests(f"{tenant} has {UPLOADS_AT_ONCE} uploads under way, the most", RETRY_AFTER_S)
        self._under_way[tenant] += 1
        try:
            yield
        finally:
            self._under_way[tenant] -= 1
            self._under_way += Counter()  # forgets those that have none

    def _require_room(self, tenant: str, digest: str, size: int) -> None:
        """Exact for one process; several that share the records may go beyond by what they accept at once."""
        apps = self._records.apps(tenant)
        kept = {version.digest: version.size for app in apps for version in self._records.versions(app.id)}
        if sum({**kept, digest: size}.values()) > BYTES_MAX:
            raise CatalogueFull(
                f"{tenant} keeps {sum(kept.values()):,} bytes, and {BYTES_MAX:,} are the most; delete versions first",
                of="bytes",
                most=BYTES_MAX,
            )

    async def _require_unused(self, app: str, digest: str | None) -> None:
        """Of a digest, or of any: deployments of it, those that may go back to it, and what still runs of it."""
        deployments = await asyncio.to_thread(self._records.deployments, None, app)
        instances = await asyncio.to_thread(self._records.instances, None, app)
        using = {each.id for each in deployments if digest in (None, each.digest, each.former)}
        using |= {each.deployment for each in instances if digest in (None, each.digest)}
        if using:
            what = app if digest is None else f"{digest} of {app}"
            raise InUse(
                f"{what} is what {', '.join(sorted(using)[:5])} is made of, or may go back to; change or remove that"
                " first",
                deployments=sorted(using),
            )

    async def _drop_unused(self, digest: str) -> None:
        """To be called by whoever is alone with the digest."""
        if await asyncio.to_thread(self._records.uses_of, digest) == 0:
            await self._blobs.drop(digest)

    def _alone(self, what: str, name: str) -> asyncio.Lock:
        """A lock that is there for as long as somebody has or awaits it."""
        return self._locks.setdefault((what, name), asyncio.Lock())
