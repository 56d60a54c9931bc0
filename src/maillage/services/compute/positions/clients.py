"""The client of the broker by which a session's device says where it is. It may publish to the session's topic, and
nothing else; it ends with the session."""

import asyncio
from contextlib import suppress

from maillage.devices.admission import Admission
from maillage.devices.clients import DeviceClient
from maillage.kernel.errors import AlreadyExists, NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.compute.live.model import SESSION
from maillage.services.compute.positions.ports import Followed
from maillage.services.compute.positions.topics import topic_of

NO_SITE = ""
"""A session is of no store in particular."""


class SessionClients:
    """A session's client has the id of the session, so that there is one at most."""

    def __init__(self, admission: Admission, sessions: Followed) -> None:
        self._admission = admission
        self._sessions = sessions
        self._changing = asyncio.Lock()

    async def give(self, session_id: str, sees: str | None) -> tuple[DeviceClient, str]:
        """The client and a new password for it, which is not kept; one that was given before ends at once, and the
        connection with it. NotFound where there is no such session, or it is not the asker's."""
        self._sessions.here(session_id, sees)
        async with self._changing:
            try:
                _, password = await to_the_end(self._admission.add, session_id, NO_SITE, (topic_of(session_id),))
            except AlreadyExists:
                password = await to_the_end(self._admission.rotate, session_id)
        try:
            self._sessions.here(session_id, sees)
        except NotFound:  # it ended meanwhile
            await self.end(session_id)
            raise
        return self._admission.client(session_id), password

    def of(self, session_id: str, sees: str | None) -> DeviceClient:
        """NotFound where there is no such session, or it was given none."""
        self._sessions.here(session_id, sees)
        client = self._admission.client(session_id)
        if not _is_sessions(client):
            raise NotFound(f"no client of the broker is session {session_id[:64]}'s")
        return client

    def is_there(self, session_id: str) -> bool:
        """Whether there is such a session."""
        try:
            self._sessions.here(session_id, None)
        except NotFound:
            return False
        return True

    def every(self) -> list[str]:
        """Sessions that were given a client, also those that ended since."""
        return [client.id for client in self._admission.clients() if _is_sessions(client)]

    async def end(self, session_id: str) -> None:
        """Nobody connects as the session's device any more. Does nothing where it has no client."""
        async with self._changing:
            with suppress(NotFound):
                if _is_sessions(self._admission.client(session_id)):
                    await to_the_end(self._admission.revoke, session_id)


def is_for_sessions(client_id: str) -> bool:
    """Whether only a session's client can have this id."""
    return client_id.startswith(SESSION)


def _is_sessions(client: DeviceClient) -> bool:
    return is_for_sessions(client.id) and client.publish == (topic_of(client.id),)
