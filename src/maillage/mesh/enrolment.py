"""Enrolment: how a computer in a store becomes the node of its sites, with a token that works once."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.ports import Clock
from maillage.kernel.sites import Site
from maillage.mesh.directory import Directory
from maillage.mesh.errors import EnrolmentRefused
from maillage.mesh.ports import Enrolment, MeshRecords

NODE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Ids of nodes go into message subjects: no dots, no blanks."""
PUBLIC_KEY = re.compile(r"U[A-Z2-7]{55}")
"""A user's public nkey, as NATS writes it."""
SITES_MAX = 20_000
EXPIRES_MAX_S = 30 * 86_400
EXPIRES_S = 86_400


class Joined(msgspec.Struct, frozen=True):
    """What a node gets for its token: its name, where and as whom it reaches the bus, and the records of its sites."""

    node: str
    servers: list[str]
    credentials: str | None
    sites: list[Site]


Credentials = Callable[[str, str, list[str]], str | None]
"""(node, public key, sites) -> what admits it to the bus; None where the bus admits everybody."""


class Enrolments:
    """``changed`` is awaited after every change, so that whoever else keeps the directory in memory hears of it."""

    def __init__(
        self,
        records: MeshRecords,
        directory: Directory,
        clock: Clock,
        servers: list[str],
        credentials: Credentials,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._records = records
        self._directory = directory
        self._clock = clock
        self._servers = servers
        self._credentials = credentials
        self._changed = changed

    async def invite(self, node: str, sites: list[str], expires_s: int = EXPIRES_S) -> tuple[Enrolment, str]:
        """A token for one node to join with some sites: its record, and the token itself, which is not kept."""
        if not NODE_ID.fullmatch(node):
            raise Invalid("node", f"{node[:40]!r}: a node's id is 1 to 64 of A-Z, a-z, 0-9, _ and -")
        if not 1 <= len(sites) <= SITES_MAX or len(set(sites)) < len(sites):
            raise Invalid("sites", f"name 1 to {SITES_MAX} sites, each once")
        unknown = [site for site in sites if site not in self._directory.entries]
        if unknown:
            raise Invalid("sites", f"the chain has no site {unknown[0][:64]!r}; enter its record first")
        if not 60 <= expires_s <= EXPIRES_MAX_S:
            raise Invalid("expires_s", f"from 60 to {EXPIRES_MAX_S} seconds")
        known = self._directory.nodes.get(node)
        if known is not None:
            raise Invalid("node", f"there has been a node {node!r}; give the new one a name of its own")
        torn = self._torn(sites)
        if torn is not None:
            raise Invalid(
                "sites",
                f"{torn} owns others besides, and a node is replaced whole: name all of its sites, or revoke it first",
            )
        token = f"mle_{node}_{secrets.token_urlsafe(32)}"
        now = self._clock.now()
        enrolment = Enrolment(secrets.token_hex(8), _digest(token), node, sites, now, now + expires_s)
        await asyncio.to_thread(self._records.add_enrolment, enrolment)
        return enrolment, token

    async def join(self, token: str, public_key: str, sites: list[str]) -> Joined:
        """Use a token up. EnrolmentRefused, in the same words whatever is wrong with it."""
        if not PUBLIC_KEY.fullmatch(public_key):
            raise Invalid("public_key", "is not a user's public nkey (U and 55 more of A-Z and 2-7)")
        if not 1 <= len(sites) <= SITES_MAX or len(set(sites)) < len(sites):
            raise Invalid("sites", f"name 1 to {SITES_MAX} sites, each once")
        await self._directory.load()
        digest, node = _digest(token), None
        if self._torn(sites) is None and not await self._is_of_a_former(digest):
            node = await asyncio.to_thread(self._records.redeem, digest, public_key, sites, self._clock.now())
        if node is None:
            raise EnrolmentRefused(
                "the token is unknown, was used, has expired, or is not for these sites; ask the operator for a new one"
            )
        await self._changed()
        records = [self._directory.entries[site].site for site in self._directory.sites_of(node.id)]
        return Joined(node.id, self._servers, self._credentials(node.id, public_key, sites), records)

    async def revoke(self, node: str) -> None:
        """The node speaks for nothing any more."""
        known = self._directory.nodes.get(node)
        if known is None:
            raise NotFound(f"there is no node {node[:64]!r}")
        if known.revoked_at is None:
            await asyncio.to_thread(self._records.revoke_node, node, self._clock.now())
            await self._changed()

    async def _is_of_a_former(self, digest: str) -> bool:
        """Whether the token is for a name that a node has had already, by another token: hubs know its events, and
        whether it was revoked, by that name."""
        made = await asyncio.to_thread(self._records.enrolments)
        return any(each.digest == digest and each.node in self._directory.nodes for each in made)

    def _torn(self, sites: list[str]) -> str | None:
        """A node that would lose some of its sites and keep others. It would go on speaking for all of them, since its
        ledger holds them all."""
        taken = set(sites)
        for node in {self._directory.owner(site) for site in sites}:
            if node is not None and not taken.issuperset(self._directory.sites_of(node)):
                return node
        return None

    async def all(self) -> list[Enrolment]:
        """All that were made, without their tokens."""
        return await asyncio.to_thread(self._records.enrolments)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
