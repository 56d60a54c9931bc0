"""Records of follow-me sessions in memory: for tests and replays."""

from collections.abc import Iterable

from maillage.services.compute.follow.ports import Session


class MemorySessions:
    """Sessions by device; nothing survives the process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    async def put(self, session: Session) -> None:
        self._sessions[session.device] = session

    def get(self, device: str) -> Session | None:
        return self._sessions.get(device)

    async def drop(self, device: str) -> None:
        self._sessions.pop(device, None)

    def all(self) -> Iterable[Session]:
        return list(self._sessions.values())
