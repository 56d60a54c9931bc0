"""What travels over the bus. Asks and events as the kernel has them; docs/reference/bus.md lists the subjects."""

from typing import Any

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import CapacityPlanDocument
from maillage.kernel.errors import Refusal, all_refusals
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import PriceBook
from maillage.kernel.sites import Site

PARCEL_BYTES = 512 << 10
"""Most bytes of events in one message: half of what servers take, and what many thousands of events pack into."""


class GrantAsk(msgspec.Struct, frozen=True, tag="grant"):
    """Grant this at the site of the subject. ``key`` is never empty: a repeat must give the same lease."""

    tenant: str
    ask: Ask
    key: str
    digest: str


class VoidKey(msgspec.Struct, frozen=True, tag="void"):
    tenant: str
    key: str


class ConfirmLease(msgspec.Struct, frozen=True, tag="confirm"):
    lease: str
    tenant: str | None


class ExtendLease(msgspec.Struct, frozen=True, tag="extend"):
    lease: str
    end: int
    tenant: str | None


class ReleaseLease(msgspec.Struct, frozen=True, tag="release"):
    lease: str
    tenant: str | None


class MeasureLease(msgspec.Struct, frozen=True, tag="measure"):
    lease: str
    meters: dict[str, int]


class PutSite(msgspec.Struct, frozen=True, tag="site"):
    site: Site


class PutCapacity(msgspec.Struct, frozen=True, tag="capacity"):
    kind: str
    plan: CapacityPlanDocument


SiteRequest = (
    GrantAsk | VoidKey | ConfirmLease | ExtendLease | ReleaseLease | MeasureLease | PutSite | PutCapacity
)  # what ``site.<id>.lease`` takes


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The answer, as a document; all that it rests on lies before ``end`` in the owner's journal."""

    document: msgspec.Raw
    end: int


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """A refusal of the kernel, to be raised again by whoever asked."""

    slug: str
    detail: str
    extra: dict[str, Any] = {}

    def refusal(self) -> Refusal:
        """The refusal it was; ValueError for a kind that is not known here."""
        kind = _KINDS.get(self.slug)
        if kind is None:
            raise ValueError(f"a refusal of an unknown kind, {self.slug[:64]!r}")
        refusal = kind.__new__(kind)
        Refusal.__init__(refusal, self.detail, **self.extra)
        return refusal


_KINDS = {kind.slug: kind for kind in all_refusals()}


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A commit batch of a node on its way, or a part of one that is too large for a message.

    ``pos`` and ``count`` are the batch's place in the node's journal; ``body`` is what lies from ``offset`` on of the
    ``total`` bytes of its events, deflated.
    """

    pos: int
    count: int
    offset: int
    total: int
    body: bytes


class Alive(msgspec.Struct, frozen=True):
    """A node's sign of life: where its journal ends, and what its clock shows (seconds UTC)."""

    end: int
    now: int
    version: str


class EventsWanted(msgspec.Struct, frozen=True):
    """Asks a node for its events from ``pos`` on, and of the first batch from byte ``offset`` on."""

    pos: int
    offset: int = 0


class EventsGiven(msgspec.Struct, frozen=True):
    """Parcels in order; none where the journal ends."""

    parcels: list[Parcel]


class PolicyWanted(msgspec.Struct, frozen=True, tag="policy"):
    """Asks a hub for what the operator has decided for the whole chain."""


class PolicyGiven(msgspec.Struct, frozen=True):
    kinds: list[Kind]
    book: PriceBook


class CredentialsWanted(msgspec.Struct, frozen=True, tag="credentials"):
    """Asks a hub for new credentials for the same key, before the old ones run out."""

    public_key: str


class CredentialsGiven(msgspec.Struct, frozen=True):
    """``token`` None where the bus admits everybody, or where the key is not the node's."""

    token: str | None


class HistoryWanted(msgspec.Struct, frozen=True, tag="history"):
    """Asks a hub for what it knows of the sender's sites, from ``pos`` of its own journal on."""

    pos: int


class HistoryGiven(msgspec.Struct, frozen=True):
    """``bodies`` are JSON arrays of events, deflated together; ``next`` is where to ask on, None at the end. ``sites``
    are the records of all sites that the node owns."""

    bodies: bytes
    next: int | None
    sites: list[Site]


HubRequest = PolicyWanted | CredentialsWanted | HistoryWanted


def lease_subject(site: str) -> str:
    """Where the owner of a site is asked."""
    return f"site.{site}.lease"


def events_subject(node: str) -> str:
    """Where a node's commits are carried."""
    return f"events.{node}"


def alive_subject(node: str) -> str:
    """Where a node gives its signs of life."""
    return f"node.{node}.alive"


def resend_subject(node: str) -> str:
    """Where a node is asked for events that did not arrive."""
    return f"node.{node}.events"


def hub_subject(node: str) -> str:
    """Where a node asks the hubs."""
    return f"hub.ask.{node}"


CHANGED_SUBJECT = "hub.changed"
"""Sent by a hub whenever the operator changed something that others keep in memory."""
