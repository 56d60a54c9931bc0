"""The hub's directory: which node owns which site, and whether it can be reached."""

import asyncio
from collections.abc import Callable

import msgspec

from maillage.kernel.ports import Clock
from maillage.kernel.sites import HOLDING, Site
from maillage.mesh.messages import Alive
from maillage.mesh.ports import MeshRecords, NodeRecord, SiteEntry

OUT_OF_REACH_AFTER_S = 6.0
"""Silence after which a node counts as out of reach: three signs of life in a row that did not come."""
REFRESH_S = 1.0
"""Strangers have the directory read again no more often than this."""


class NodeStatus(msgspec.Struct, frozen=True):
    """A node as the hub sees it. ``behind`` is how many of its events the hub has not applied, ``skew_s`` how far its
    clock is ahead of the hub's, ``set_aside`` why it is no longer heard."""

    id: str
    sites: int
    reachable: bool
    revoked: bool
    silent_s: float | None
    events: int
    behind: int
    skew_s: int | None
    version: str | None
    set_aside: str | None


class _Heard:
    def __init__(self) -> None:
        self.at: float | None = None
        self.alive: Alive | None = None
        self.skew_s: int | None = None


class Directory:
    """Read from the records at ``load``, and again whenever they changed; after the first it may be asked from any
    thread."""

    def __init__(self, records: MeshRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self.entries: dict[str, SiteEntry] = {}
        self.nodes: dict[str, NodeRecord] = {}
        self._sites_of: dict[str, list[str]] = {}
        self._heard: dict[str, _Heard] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loading = asyncio.Lock()
        self._loaded_at = 0.0

    async def load(self) -> None:
        """Take over what the records say now."""
        async with self._loading:  # else one that read before a change could come to its end after one that read it
            self._loop = asyncio.get_running_loop()
            self._loaded_at = self._time()
            await self._load()

    async def refresh(self) -> None:
        """The same, unless that was done a moment ago."""
        if self._time() - self._loaded_at > REFRESH_S:
            await self.load()

    async def _load(self) -> None:
        entries = await asyncio.to_thread(self._records.sites)
        nodes = await asyncio.to_thread(self._records.nodes)
        self.entries = {entry.site.id: entry for entry in entries}
        self.nodes = {node.id: node for node in nodes}
        sites_of: dict[str, list[str]] = {}
        for entry in entries:
            if entry.node is not None:
                sites_of.setdefault(entry.node, []).append(entry.site.id)
        self._sites_of = sites_of

    async def put_sites(self, sites: list[Site]) -> int:
        """Enter sites or change their records; how many that changed."""
        async with self._loading:
            changed = [site for site in sites if site.id not in self.entries or self.entries[site.id].site != site]
            if changed:
                await asyncio.to_thread(self._records.put_sites, changed)
                for site in changed:
                    known = self.entries.get(site.id)
                    self.entries[site.id] = SiteEntry(site, None if known is None else known.node)
        return len(changed)

    def owner(self, site: str) -> str | None:
        """The node that owns a site's ledger, if it has one; for a hub's holding at a site of the chain, that hub."""
        store, sign, hub = site.partition(HOLDING)
        if sign:
            return f"{HOLDING}{hub}" if store in self.entries else None
        entry = self.entries.get(site)
        return None if entry is None else entry.node

    def owns(self, node: str, site: str) -> bool:
        """Whether a node may speak for a site."""
        return self.owner(site) == node and not self.is_revoked(node)

    def is_revoked(self, node: str) -> bool:
        """Also of one that there never was; hubs are not revoked."""
        if node.startswith(HOLDING):
            return False
        record = self.nodes.get(node)
        return record is None or record.revoked_at is not None

    def sites_of(self, node: str) -> list[str]:
        return self._sites_of.get(node, [])

    def heard(self, node: str, alive: Alive) -> None:
        """A sign of life came."""
        heard = self._heard.setdefault(node, _Heard())
        heard.at = self._time()
        heard.alive = alive
        heard.skew_s = alive.now - self._clock.now()

    def lost(self, node: str) -> None:
        """An ask went unanswered: out of reach until the next sign of life."""
        heard = self._heard.get(node)
        if heard is not None:
            heard.at = None

    def reaches(self, site: str) -> bool:
        """Whether the owner of a site gave a sign of life lately."""
        node = self.owner(site)
        return node is not None and self.is_reachable(node)

    def is_reachable(self, node: str) -> bool:
        heard = self._heard.get(node)
        if heard is None or heard.at is None or self.is_revoked(node):
            return False
        return self._time() - heard.at < OUT_OF_REACH_AFTER_S

    def hubs(self) -> list[str]:
        """Names of the hubs that gave a sign of life lately."""
        return [node.removeprefix(HOLDING) for node in self._heard if node[:1] == HOLDING and self.is_reachable(node)]

    def end_of(self, node: str) -> int:
        """Where the node said that its journal ends, when last heard."""
        heard = self._heard.get(node)
        return 0 if heard is None or heard.alive is None else heard.alive.end

    def _time(self) -> float:
        return (self._loop or asyncio.get_running_loop()).time()

    def status(self, node: str, position: Callable[[str], int], set_aside: dict[str, str]) -> NodeStatus:
        """All that is known of a node; ``position`` tells how far its events were applied."""
        heard = self._heard.get(node) or _Heard()
        alive = heard.alive
        silent_s = None if heard.at is None else round(self._time() - heard.at, 1)
        return NodeStatus(
            node,
            len(self.sites_of(node)),
            self.is_reachable(node),
            self.is_revoked(node),
            silent_s,
            position(node),
            max(self.end_of(node) - position(node), 0),
            heard.skew_s,
            None if alive is None else alive.version,
            set_aside.get(node),
        )
