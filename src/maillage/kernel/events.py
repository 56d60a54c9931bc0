"""Events: everything that happens to a ledger, in one sequence per site. The journal is made of them and nothing else.

Times are seconds UTC, quantities thousandths, money micro-units. An event states its outcome in full (new end, charge,
credit), so that replay never decides anything. docs/reference/journal.md describes the format for other readers.
"""

from typing import Any, ClassVar

import msgspec

from maillage.kernel.calendars import CalendarDocument
from maillage.kernel.leases import LeaseClass
from maillage.kernel.sites import Site


class _Event(msgspec.Struct, tag_field="type", gc=False, omit_defaults=True):
    site: str
    seq: int
    at: int


class SiteSet(_Event, tag="site"):
    """The site came into being, or its record changed."""

    topic: ClassVar[str] = "site.set"
    record: Site


class Resized(_Event, tag="resized"):
    """From ``since`` on the pool of a kind has this size; notice and calendar hold at once."""

    topic: ClassVar[str] = "pool.resized"
    kind: str
    size: int
    since: int
    notice_s: int = 0
    calendar: CalendarDocument | None = None


class Leased(_Event, tag="leased"):
    """A lease was granted: held where ``hold_until`` is set, confirmed otherwise."""

    topic: ClassVar[str] = "lease.granted"
    lease: str
    tenant: str
    needs: dict[str, int]
    start: int
    end: int
    cls: LeaseClass = msgspec.field(name="class")
    per_hour: int
    hold_until: int | None = None
    key: str | None = None
    digest: str | None = None
    kept_by: str = ""


class Confirmed(_Event, tag="confirmed"):
    """A held lease was confirmed."""

    topic: ClassVar[str] = "lease.confirmed"
    lease: str


class Extended(_Event, tag="extended"):
    """A lease got a later end, at the price it was granted for."""

    topic: ClassVar[str] = "lease.extended"
    lease: str
    end: int


class Released(_Event, tag="released"):
    """The tenant gave a lease back; it stopped at ``end``."""

    topic: ClassVar[str] = "lease.released"
    lease: str
    end: int
    charge: int = 0


class Expired(_Event, tag="expired"):
    """A hold ran out before it was confirmed; nothing is charged."""

    topic: ClassVar[str] = "lease.expired"
    lease: str
    end: int


class Reclaimed(_Event, tag="reclaimed"):
    """A spot lease must make room at ``end``, for the lease ``by`` (or a resize); ``credit`` is for ``credit_s``."""

    topic: ClassVar[str] = "lease.reclaimed"
    lease: str
    end: int
    by: str
    charge: int = 0
    credit: int = 0
    credit_s: int = 0


class Ended(_Event, tag="ended"):
    """A confirmed lease came to its end."""

    topic: ClassVar[str] = "lease.ended"
    lease: str
    charge: int = 0


class Voided(_Event, tag="voided"):
    """A tenant's idempotency key was made void: whoever asked never heard the answer and went elsewhere. A lease that
    it had been granted stopped at ``end``, or had run until then, and costs nothing; the key is granted nothing for the
    rest of its day."""

    topic: ClassVar[str] = "lease.voided"
    tenant: str
    key: str
    lease: str | None = None
    end: int = 0


class Measured(_Event, tag="measured"):
    """What a lease really used since the last report, per meter, in thousandths of the meter's unit."""

    topic: ClassVar[str] = "lease.measured"
    lease: str
    meters: dict[str, int]


class Charged(_Event, tag="charged"):
    """A lease costs something once, beside its price: rent for a month, a fee. ``line`` says what for, in words for the
    invoice of the month of ``at``, and never comes twice for a lease."""

    topic: ClassVar[str] = "lease.charged"
    lease: str
    line: str
    amount: int


class Noted(_Event, tag="noted"):
    """Something that a service of the store saw or did, for whoever follows along; it changes no lease and no pool.

    ``topic`` says what it is (``sensing.alarm.raised``), ``about`` what it is about, ``data`` the rest.
    """

    topic: str
    about: str
    data: dict[str, Any]


Event = (
    SiteSet
    | Resized
    | Leased
    | Confirmed
    | Extended
    | Released
    | Expired
    | Reclaimed
    | Ended
    | Voided
    | Measured
    | Charged
    | Noted
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Event])


def encode_events(events: list[Event]) -> bytes:
    """A JSON array, as the journal stores a batch."""
    return _encoder.encode(events)


def decode_events(body: bytes) -> list[Event]:
    """The events of a batch; msgspec.DecodeError or ValidationError when they are damaged."""
    return _decoder.decode(body)
