"""What travels over the bus. Asks and events as the kernel has them; docs/reference/bus.md lists the subjects."""

from collections.abc import Mapping
from typing import Any

import msgspec

from maillage.kernel.asks import Ask
from maillage.kernel.documents import CapacityPlanDocument, LeaseDocument
from maillage.kernel.errors import Category, JournalUnavailable, Refusal, all_refusals
from maillage.kernel.kinds import Kind
from maillage.kernel.prices import PriceBook
from maillage.kernel.sites import Site

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises for bytes that are no message of ours: not only what msgspec calls its own."""
PARCEL_BYTES = 512 << 10
"""Most bytes of events in one message: half of what servers take, and what many thousands of events pack into."""


class GrantAsk(msgspec.Struct, frozen=True, tag="grant"):
    """Grant this at the site of the subject. ``key`` is never empty: a repeat must give the same lease."""

    tenant: str
    ask: Ask
    key: str
    digest: str


class RecallKey(msgspec.Struct, frozen=True, tag="recall"):
    """What was this key granted? Grants nothing."""

    tenant: str
    key: str


class Recalled(msgspec.Struct, frozen=True):
    """None where the key was granted nothing, so far or within a day."""

    lease: LeaseDocument | None


class VoidKey(msgspec.Struct, frozen=True, tag="void"):
    """``at`` (seconds UTC) is when the key may first have been granted: where that is long ago, the owner has to look
    into its journal for what it was."""

    tenant: str
    key: str
    at: int


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


class ChargeLease(msgspec.Struct, frozen=True, tag="charge"):
    lease: str
    line: str
    amount: int


class TellNotice(msgspec.Struct, frozen=True, tag="note"):
    topic: str
    about: str
    data: dict[str, Any]


class PutSite(msgspec.Struct, frozen=True, tag="site"):
    site: Site


class PutCapacity(msgspec.Struct, frozen=True, tag="capacity"):
    kind: str
    plan: CapacityPlanDocument


SiteRequest = (
    GrantAsk
    | RecallKey
    | VoidKey
    | ConfirmLease
    | ExtendLease
    | ReleaseLease
    | MeasureLease
    | ChargeLease
    | TellNotice
    | PutSite
    | PutCapacity
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

    def refusal(self, kinds: Mapping[str, type[Refusal]] | None = None) -> Refusal:
        """The refusal it was: one of ``kinds`` by slug, or those of owners of ledgers. ValueError for any other."""
        kind = (_KINDS if kinds is None else kinds).get(self.slug)
        if kind is None:
            raise ValueError(f"an owner does not refuse with {self.slug[:64]!r}")
        refusal = kind.__new__(kind)
        Refusal.__init__(refusal, self.detail)
        refusal.extra = {name: value for name, value in self.extra.items() if name not in _NOT_AN_OWNERS}
        return refusal


_OWNERS = (Category.INVALID, Category.MISSING, Category.REFUSED)
_KINDS = {kind.slug: kind for kind in all_refusals() if kind.category in _OWNERS or kind is JournalUnavailable}
_NOT_AN_OWNERS = frozenset({"asked", "type", "title", "status", "detail", "instance"})
"""Data that says what the asker knows, or that a face writes itself."""


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
    """A node's sign of life: where its journal ends, and what its clock shows (seconds UTC). ``notes`` are a word of
    each of its services that has something to say, another one whenever there is more."""

    end: int
    now: int
    version: str
    notes: dict[str, str] = {}


class EventsWanted(msgspec.Struct, frozen=True):
    """Asks a node for its events from ``pos`` on, and of the first batch from byte ``offset`` on."""

    pos: int
    offset: int = 0


class EventsGiven(msgspec.Struct, frozen=True):
    """Parcels in order; none where the journal ends. ``end`` is where that is."""

    parcels: list[Parcel]
    end: int


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
    """Asks whichever hub answers for what it knows of the sender's sites. Each hub has a journal of its own: ``pos``
    says for each that has answered before where to go on in it."""

    pos: dict[str, int]


class HistoryGiven(msgspec.Struct, frozen=True):
    """A page of what ``hub`` knows: ``body`` is a JSON array of events, deflated, ``next`` where to go on in the hub's
    journal, None at its end. ``hubs`` are those that are up now, itself among them: any may know what this does not."""

    hub: str
    body: bytes
    next: int | None
    hubs: list[str]


class SitesWanted(msgspec.Struct, frozen=True, tag="sites"):
    """Asks a hub for the records of the sender's sites, those whose ids come after this one."""

    after: str


class SitesGiven(msgspec.Struct, frozen=True):
    """Records in order of id; ``more`` says that there are others after these."""

    sites: list[Site]
    more: bool


class ServiceWanted(msgspec.Struct, frozen=True, tag="service"):
    """Asks what a service at the hub answers, in words of its own: the mesh only carries them."""

    service: str
    body: bytes


HubRequest = PolicyWanted | CredentialsWanted | HistoryWanted | SitesWanted | ServiceWanted


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
