"""Where live sessions are kept."""

from typing import Protocol

from maillage.services.compute.follow.ports import Session
from maillage.services.compute.live.model import Plan


class LiveRecords(Protocol):
    """Sessions of tenants. Calls block, and are durable when they return; what raises was not kept."""

    def add(self, plan: Plan) -> None:
        """AlreadyExists where there is a session of this app for this device, NotFound where there is no such version
        of the app (any more)."""
        ...

    def put(self, session: Session) -> bool:
        """Where a session is now; ``session.device`` is its plan's id. False where there is no such plan."""
        ...

    def drop(self, plan_id: str) -> None:
        """Forget both."""
        ...

    def all(self) -> list[tuple[Plan, Session | None]]:
        """The oldest first; without a session where none was put yet."""
        ...
