"""Where live sessions are kept, and by whom."""

from typing import NamedTuple, Protocol

from maillage.services.compute.follow.ports import Session
from maillage.services.compute.live.model import Plan


class Kept(NamedTuple):
    """``session`` is None where none was put yet; ``keeper`` the process that moves it and lets its requests through:
    a hub's id, "" for a chain of one process."""

    plan: Plan
    session: Session | None
    keeper: str


class LiveRecords(Protocol):
    """Sessions of tenants. Calls block, and are durable when they return; what raises was not kept. What a process
    adds it keeps; it changes no session that another keeps."""

    def add(self, plan: Plan) -> None:
        """AlreadyExists where there is a session of this app for this device, NotFound where there is no such version
        of the app (any more)."""
        ...

    def put(self, session: Session) -> bool:
        """Where a session is now; ``session.device`` is its plan's id. False where there is no such plan, or another
        keeps it."""
        ...

    def drop(self, plan_id: str) -> None:
        """Forget both; does nothing where another keeps it."""
        ...

    def all(self) -> list[Kept]:
        """The oldest first, whoever keeps them."""
        ...

    def find(self, plan_id: str) -> Kept | None: ...

    def take_over(self, plan_id: str, former: str) -> bool:
        """Keep a session from now on that another kept; False where that one does not keep it any more."""
        ...
