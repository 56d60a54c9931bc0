"""What positions need of sessions."""

from typing import Protocol

from maillage.services.compute.live.documents import PositionsDocument, SessionDocument


class Followed(Protocol):
    """``live.service.LiveSessions``, as far as it is needed. With ``sees`` None all sessions are seen; both are
    NotFound for one that there is not."""

    def here(self, session_id: str, sees: str | None) -> SessionDocument: ...

    async def report(self, session_id: str, document: PositionsDocument, sees: str | None) -> SessionDocument: ...
