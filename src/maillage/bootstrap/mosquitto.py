"""Files for a Mosquitto that lets in whom a data folder knows, whether or not a process owns the folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from maillage.bootstrap import DATABASE_URL, IN_THE_FOLDER
from maillage.devices.clients import HOUSE
from maillage.engines.mqtt.mosquitto import PASSWORDS, RIGHTS, MosquittoTls, house_file, mosquitto_files
from maillage.engines.records.devices import SqlClientRecords
from maillage.engines.records.opening import open_database
from maillage.tenancy.secrets import secret


class Written(NamedTuple):
    """Where the files are: the configuration, which names the others; the passwords, the rights, and those of our own
    lines."""

    config: Path
    passwords: Path
    rights: Path
    house: list[Path]
    clients: int


def write_mosquitto_files(
    folder: Path,
    into: Path,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None = None,
    house: Sequence[str] = (HOUSE,),
) -> Written:
    """Write them into a folder; ``tls`` are the certificate and the key of the listener. The records are where
    MAILLAGE_DATABASE_URL says, or in the data folder. Invalid for names in ``house`` that can't be a line's."""
    database = open_database(secret(DATABASE_URL) or IN_THE_FOLDER, folder)
    try:
        clients = SqlClientRecords(database).clients()
    finally:
        database.close()
    files = mosquitto_files(clients, into, host, port, None if tls is None else MosquittoTls(*tls), house)
    config = files.write(into)
    return Written(config, into / PASSWORDS, into / RIGHTS, [into / house_file(name) for name in house], len(clients))
