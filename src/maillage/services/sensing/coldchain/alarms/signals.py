"""What the guard has to say: that something went wrong, that it is right again, and what it must remember."""

from typing import NamedTuple

from maillage.services.sensing.coldchain.model import AlarmKind, Level
from maillage.services.sensing.model import Side


class Raised(NamedTuple):
    """Something is wrong since ``began_ms``, and for so long that it is alarming at ``at_ms``."""

    site: str
    unit: str
    key: str
    kind: AlarmKind
    level: Level
    text: str
    began_ms: int
    at_ms: int
    device: str = ""
    measure: str = ""
    rule: str = ""
    side: Side | None = None
    limit: float | None = None
    extreme: float | None = None
    exposure_ms: int | None = None


class Recovered(NamedTuple):
    """It is right again, at ``at_ms``, or nobody looks any more; ``text`` says which."""

    site: str
    unit: str
    key: str
    text: str
    at_ms: int
    extreme: float | None = None
    exposure_ms: int | None = None


Signal = Raised | Recovered


class Remembered(NamedTuple):
    """What of the guard must outlive a restart, under a name; ``body`` None to forget it."""

    name: str
    site: str
    body: bytes | None
