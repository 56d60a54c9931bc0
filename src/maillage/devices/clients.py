"""Who may connect to a store's broker, and with which topics."""

import re
from typing import Protocol

import msgspec

from maillage.devices.topics import filter_problem
from maillage.kernel.errors import Invalid

CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A user name of MQTT as well, and a name in the files of any broker."""
HOUSE = "maillage"
"""Our own line's name, which no device can have."""
FILTERS_MAX = 64


class DeviceClient(msgspec.Struct, frozen=True, kw_only=True):
    """One client of the broker at a site: a device, a gateway for many, a robot.

    ``id`` is its user name, and its client id whatever it says for one. ``publish`` and ``subscribe`` are the filters
    of the topics to which it may publish and which it may receive. ``password`` is a hash (see ``passwords``);
    ``made_at`` seconds UTC.
    """

    id: str
    site: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    password: str
    made_at: int


class ClientRecords(Protocol):
    """Where clients are kept. Each call is durable when it returns."""

    def clients(self) -> list[DeviceClient]:
        """In order of id."""
        ...

    def add_client(self, client: DeviceClient) -> None:
        """AlreadyExists where the id is taken."""
        ...

    def put_client(self, client: DeviceClient) -> bool:
        """In the place of the one with the same id; False where there is none."""
        ...

    def drop_client(self, client_id: str) -> bool: ...


def require_client(client_id: str, publish: tuple[str, ...], subscribe: tuple[str, ...]) -> None:
    """Invalid where a client can't be called this, or where these are no filters it can have."""
    if not CLIENT_ID.fullmatch(client_id):
        raise Invalid("id", f"{client_id[:40]!r}: a client's id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
    if client_id.lower() == HOUSE:
        raise Invalid("id", f"{client_id!r} is what this program calls itself at the broker; take another")
    for name, filters in (("publish", publish), ("subscribe", subscribe)):
        if len(filters) > FILTERS_MAX:
            raise Invalid(name, f"takes at most {FILTERS_MAX} filters; this has {len(filters)}")
        for one in filters:
            if problem := filter_problem(one):
                raise Invalid(name, problem)
            if one.startswith("$"):
                raise Invalid(name, f"{one[:60]!r}: topics that begin with '$' are the broker's own")
