"""What travels between a hub and a node about instances, as MessagePack; docs/reference/bus.md lists the subjects."""

from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from maillage.kernel.errors import Invalid, JournalUnavailable, LeaseState, NotFound, NotReady, Refusal
from maillage.mesh.messages import Refused
from maillage.services.compute.errors import BodyTooLarge, Busy, CodeFault, CodeRefused, InUse, NoInstance
from maillage.services.compute.logs import LogPage
from maillage.services.compute.model import Instance, InstanceStatus, LogLine
from maillage.services.compute.ports import HeaderList

SERVICE = "compute"
"""The name by which a node's sign of life, and what it asks of hubs, are compute's."""
BODY_BYTES_MAX = 700 << 10
"""Most bytes of a request's or an answer's body in one message: with address and headers, bounded by 40 KiB, that is
well within what the bus takes."""
STATE_BYTES = 700 << 10
"""Most bytes of sessions' state in one message, with keys and what goes with each."""
CHUNK_BYTES = 512 << 10
"""Of code in one message."""
PAGE_ITEMS = 250
"""Instances that one answer tells of: each is less than 3 KiB."""
DETAIL_MAX = 1_000
"""Characters of a status's detail that travel."""

T = TypeVar("T")


class PutInstance(msgspec.Struct, frozen=True, tag="put"):
    """Have this run at the site of the subject, or run like this from now on."""

    instance: Instance


class DropInstance(msgspec.Struct, frozen=True, tag="drop"):
    instance: str


class ReadLog(msgspec.Struct, frozen=True, tag="log"):
    """As ``Logs.read`` has it."""

    instance: str
    after: int | None
    limit: int


class NoteLine(msgspec.Struct, frozen=True, tag="note"):
    """A line for an instance's log."""

    instance: str
    line: LogLine


class ReadState(msgspec.Struct, frozen=True, tag="read-state"):
    """What a lease keeps, to be copied to ``following``: all of it without ``mark``, else what changed after a number
    of that account. Of the value that changed by the number ``within``, ``offset`` bytes are there already."""

    lease: str
    following: str
    mark: str
    after: int
    within: int = 0
    offset: int = 0


class Piece(msgspec.Struct, frozen=True):
    """Of a value of ``total`` bytes those from ``offset`` on; ``body`` None: the key is gone."""

    key: str
    body: bytes | None
    offset: int
    total: int


class WriteState(msgspec.Struct, frozen=True, tag="write-state"):
    """Keep this for a lease, in this order."""

    lease: str
    pieces: list[Piece]
    bytes_max: int


class DropState(msgspec.Struct, frozen=True, tag="drop-state"):
    """Throw away what a lease keeps."""

    lease: str


StateRequest = ReadState | WriteState | DropState
SiteRequest = PutInstance | DropInstance | ReadLog | NoteLine | StateRequest  # what ``site.<id>.compute`` takes


class RunRequest(msgspec.Struct, frozen=True, tag="run"):
    """A request to an instance, whole: what ``site.<id>.run`` takes."""

    instance: str
    method: str
    path: str
    query: str
    headers: HeaderList
    body: bytes


class Told(msgspec.Struct, frozen=True):
    """What a node says of an instance. ``number`` grows with each change at the node; ``mark`` stands for all that it
    was last told to run as (``mark_of``). ``status`` None: there is no such instance any more."""

    id: str
    number: int
    deployment: str
    mark: str
    status: InstanceStatus | None


class InstancePut(msgspec.Struct, frozen=True, tag="put"):
    """The node keeps it from now on. ``boot`` is the node's start since which its changes are numbered."""

    boot: str
    told: Told


class InstanceDropped(msgspec.Struct, frozen=True, tag="dropped"):
    """Not ``gone``: it still has its grace; ask again."""

    gone: bool


class LogGiven(msgspec.Struct, frozen=True, tag="log"):
    page: LogPage


class LineNoted(msgspec.Struct, frozen=True, tag="noted"):
    """It is in the log, or will be."""


class StateGiven(msgspec.Struct, frozen=True, tag="state"):
    """What changed up to the number ``upto``, and of the change ``within`` the first ``offset`` bytes; ``newest`` is
    the last there is. ``more`` says that there is more than this."""

    mark: str
    newest: int
    upto: int
    within: int
    offset: int
    pieces: list[Piece]
    more: bool


class StateKept(msgspec.Struct, frozen=True, tag="state-kept"):
    """Not ``fits``: it is more than the lease may keep."""

    fits: bool


class StateDropped(msgspec.Struct, frozen=True, tag="state-dropped"):
    """Nothing of it is left."""


class RunGiven(msgspec.Struct, frozen=True, tag="answer"):
    """An instance's answer, whole."""

    status: int
    headers: HeaderList
    body: bytes


class InstancesWanted(msgspec.Struct, frozen=True):
    """Asks a node (``node.<id>.compute``) what changed after a number of one of its starts."""

    boot: str
    after: int


class InstancesGiven(msgspec.Struct, frozen=True):
    """Instances whose last change lies after ``since`` and up to ``upto``, in the order of change; ``more`` says that
    there are others after that. ``since`` 0 begins anew: what is not told until there is no more does not exist."""

    boot: str
    since: int
    upto: int
    items: list[Told]
    more: bool


class CodeWanted(msgspec.Struct, frozen=True):
    """Asks whichever hub answers for the bytes of a version from ``offset`` on."""

    digest: str
    offset: int


class CodeGiven(msgspec.Struct, frozen=True):
    """``total`` is the size of all of it; None where this ``hub`` does not have it, or not for this node. ``hubs`` are
    those that are up now, itself among them: another may have it."""

    hub: str
    hubs: list[str]
    total: int | None
    body: bytes


StateAnswer = StateGiven | StateKept | StateDropped
Answer = InstancePut | InstanceDropped | LogGiven | LineNoted | StateAnswer | RunGiven | Refused  # of a site

_REFUSALS = {
    kind.slug: kind
    for kind in (
        *(Invalid, NotFound, LeaseState, NotReady, JournalUnavailable),
        *(InUse, CodeRefused, CodeFault, Busy, NoInstance, BodyTooLarge),
    )
}
"""With what a node refuses; anything else is no answer."""
_encoder = msgspec.msgpack.Encoder()
_answers = msgspec.msgpack.Decoder(Answer)


def packed(message: Any) -> bytes:
    return _encoder.encode(message)


def answer_of(body: bytes, wanted: type[T]) -> T:
    """The answer of that type. A refusal is raised; one of ``UNREADABLE`` for what is no such answer."""
    answer: Answer = _answers.decode(body)
    if isinstance(answer, Refused):
        raise answer.refusal(_REFUSALS)
    if not isinstance(answer, wanted):
        raise ValueError(f"an answer of another kind: {type(answer).__name__}")
    return answer


def refused(refusal: Refusal) -> bytes:
    return _encoder.encode(Refused(refusal.slug, refusal.detail, refusal.extra))


def mark_of(instance: Instance) -> str:
    """Stands for an instance with everything that it is told to run as."""
    return sha256(msgspec.json.encode(instance, order="deterministic")).hexdigest()[:32]


def word_of(boot: str, number: int) -> str:
    """What a node's sign of life says of its instances: it changes with each of them."""
    return f"{boot}.{number}"


def compute_subject(site: str) -> str:
    """Where the owner of a site is asked about instances."""
    return f"site.{site}.compute"


def run_subject(site: str) -> str:
    """Where the owner of a site is handed requests to instances."""
    return f"site.{site}.run"


def instances_subject(node: str) -> str:
    """Where a node is asked what changed."""
    return f"node.{node}.compute"
