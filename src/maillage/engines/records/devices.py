"""Who may connect to the stores' brokers, in a database."""

from typing import Any

import msgspec
import sqlalchemy as sa

from maillage.devices.clients import DeviceClient
from maillage.engines.records.database import Database
from maillage.engines.records.device_tables import device_clients
from maillage.engines.records.inserts import insert_if_new
from maillage.kernel.errors import AlreadyExists

_ALL = sa.select(device_clients.c.body)


class SqlClientRecords:
    """``devices.clients.ClientRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def clients(self) -> list[DeviceClient]:
        with self._database.reading() as connection:
            bodies = list(connection.execute(_ALL).scalars())
        # Sorted here: databases differ in how they order letters.
        return sorted((msgspec.json.decode(body, type=DeviceClient) for body in bodies), key=lambda client: client.id)

    def add_client(self, client: DeviceClient) -> None:
        with self._database.statement() as connection:
            entered = connection.execute(insert_if_new(connection, device_clients), _row(client))
        if not entered.rowcount:
            raise AlreadyExists(f"a client of the broker is called {client.id} already")

    def put_client(self, client: DeviceClient) -> bool:
        with self._database.statement() as connection:
            same = sa.update(device_clients).where(device_clients.c.id == client.id)
            return connection.execute(same.values(_row(client))).rowcount == 1

    def drop_client(self, client_id: str) -> bool:
        with self._database.statement() as connection:
            gone = connection.execute(sa.delete(device_clients).where(device_clients.c.id == client_id))
            return gone.rowcount == 1


def _row(client: DeviceClient) -> dict[str, Any]:
    return {"id": client.id, "site": client.site, "body": msgspec.json.encode(client)}
