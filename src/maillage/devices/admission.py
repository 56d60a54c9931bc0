"""Who is let in at the store's broker, and what each may say and hear: the records, held in memory."""

import threading
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from maillage.devices.clients import HOUSE, ClientRecords, DeviceClient, require_client
from maillage.devices.passwords import fits, hash_of, new_password
from maillage.devices.topics import Filters
from maillage.kernel.errors import NotFound
from maillage.kernel.ports import Clock

Gone = Callable[[str], None]
"""Is told the id of a client whose connection has to end, in whatever thread the change was made."""


class Admitted(NamedTuple):
    """A client that has proved who it is. ``house`` is our own line, which is waited for and not bounded."""

    id: str
    publish: Filters
    subscribe: Filters
    house: bool = False

    def may_publish(self, topic: str) -> bool:
        """Never to what begins with ``$``: that is the broker's own."""
        return not topic.startswith("$") and self.publish.take(topic)

    def may_receive(self, topic: str) -> bool:
        return self.subscribe.take(topic)

    def may_subscribe(self, topic_filter: str) -> bool:
        """Only to what one of its filters covers: it would be given nothing else anyway."""
        return self.subscribe.cover(topic_filter)


class Admission:
    """Asking takes no lock and waits for nothing. What changes something waits for the records (from async code call
    it in a thread), which come first: a change that they refuse is not made here either."""

    def __init__(self, records: ClientRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._changing = threading.Lock()
        self._gone: list[Gone] = []
        self._entries: dict[str, tuple[DeviceClient, Admitted]] = {}
        self._house_password = new_password()
        self._house_hash = hash_of(self._house_password)
        self.refresh()

    # -- what a broker asks --------------------------------------------------------------------------------------

    def admit(self, username: str | None, password: str | None) -> Admitted | None:
        """Whose user name and password these are, or None. Whoever names nobody is nobody."""
        if username is None or password is None:
            return None
        if username == HOUSE:
            return _HOUSE if fits(password, self._house_hash) else None
        client, admitted = self._entries.get(username, (None, None))
        return admitted if client is not None and fits(password, client.password) else None

    def is_current(self, admitted: Admitted) -> bool:
        """Whether nothing changed for a client since it was admitted."""
        return admitted is _HOUSE or self._entries.get(admitted.id, (None, None))[1] is admitted

    def on_gone(self, tell: Gone) -> Callable[[], None]:
        """From now on ``tell`` hears of clients whose connection has to end; returns what ends that."""
        self._gone.append(tell)
        return lambda: self._gone.remove(tell)

    def house_login(self) -> tuple[str, str]:
        """User name and password of our own line at the embedded broker; they live in this process only."""
        return HOUSE, self._house_password

    # -- what an operator does -----------------------------------------------------------------------------------

    def clients(self, site: str | None = None) -> list[DeviceClient]:
        """All, or those of a site, in order of id."""
        return [client for client in self._all() if site in (None, client.site)]

    def client(self, client_id: str) -> DeviceClient:
        entry = self._entries.get(client_id)
        if entry is None:
            raise NotFound(f"no client of the broker is called {client_id[:64]!r}")
        return entry[0]

    def add(
        self, client_id: str, site: str, publish: tuple[str, ...], subscribe: tuple[str, ...] = ()
    ) -> tuple[DeviceClient, str]:
        """A new client and its password, which is not kept. Invalid for what is no id or no filter, AlreadyExists where
        the id is taken. That there is such a site is for the caller to know."""
        require_client(client_id, publish, subscribe)
        password = new_password()
        client = DeviceClient(
            id=client_id,
            site=site,
            publish=publish,
            subscribe=subscribe,
            password=hash_of(password),
            made_at=self._clock.now(),
        )
        with self._changing:
            self._records.add_client(client)
            self._take([*self._all(), client])
        return client, password

    def allow(self, client_id: str, publish: tuple[str, ...], subscribe: tuple[str, ...]) -> DeviceClient:
        """Other filters than before. Its connection ends, and counts by the new ones when it comes back."""
        require_client(client_id, publish, subscribe)
        with self._changing:
            return self._replace(msgspec.structs.replace(self.client(client_id), publish=publish, subscribe=subscribe))

    def rotate(self, client_id: str) -> str:
        """A new password in the place of the old one, which ends at once, and with it the connection."""
        password = new_password()
        with self._changing:
            self._replace(msgspec.structs.replace(self.client(client_id), password=hash_of(password)))
        return password

    def revoke(self, client_id: str) -> DeviceClient:
        """Nobody connects by this name any more, and who is connected by it is not."""
        with self._changing:
            client = self.client(client_id)
            self._records.drop_client(client_id)
            self._take([other for other in self._all() if other.id != client_id])
        self._tell([client_id])
        return client

    def refresh(self) -> None:
        """Read the records again; connections of clients that are others now, or are no more, end."""
        with self._changing:
            before = self._all()
            self._take(self._records.clients())
            after = set(self._all())
            self._tell([client.id for client in before if client not in after])

    # -- shared --------------------------------------------------------------------------------------------------

    def _replace(self, client: DeviceClient) -> DeviceClient:
        if not self._records.put_client(client):
            raise NotFound(f"no client of the broker is called {client.id!r}")
        self._take([client if other.id == client.id else other for other in self._all()])
        self._tell([client.id])
        return client

    def _all(self) -> list[DeviceClient]:
        return [client for client, _ in self._entries.values()]

    def _take(self, clients: list[DeviceClient]) -> None:
        """Put a new table in place whole: whoever looks meanwhile sees the old one or the new one."""
        clients = sorted(clients, key=lambda client: client.id)
        self._entries = {
            client.id: (client, Admitted(client.id, Filters(client.publish), Filters(client.subscribe)))
            for client in clients
        }

    def _tell(self, client_ids: list[str]) -> None:
        for client_id in client_ids:
            for tell in list(self._gone):
                tell(client_id)


_HOUSE = Admitted(HOUSE, Filters(["#"]), Filters(["#"]), house=True)
