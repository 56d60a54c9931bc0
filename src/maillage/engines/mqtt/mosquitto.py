"""Files by which Mosquitto lets in the same clients, with the same rights, as the embedded broker."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from maillage.devices.clients import CLIENT_ID, HOUSE, DeviceClient
from maillage.devices.passwords import hash_of, new_password
from maillage.kernel.errors import Invalid

CONFIG, PASSWORDS, RIGHTS = "mosquitto.conf", "passwords", "rights"
PACKET_BYTES_MAX = 320 * 1024
QUEUED_MAX = 100_000
"""Messages that the server keeps for one that reads slowly, as our line does while the store's disk is busy. Its own
default, 1,000, drops what comes after."""


class MosquittoTls(NamedTuple):
    """The server's certificate and its key, in PEM."""

    certificate: Path
    private_key: Path


class MosquittoFiles(NamedTuple):
    """What is to be written, by name of file; ``house`` are the new passwords of our own lines."""

    files: dict[str, str]
    house: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Put the files in place, each whole, readable by their owner only; the configuration's path."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (self.files | {house_file(one): word for one, word in self.house.items()}).items():
            fresh = folder / f".{name}"
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            fresh.replace(folder / name)
        return folder / CONFIG


def mosquitto_files(
    clients: Iterable[DeviceClient],
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 1883,
    tls: MosquittoTls | None = None,
    house: Sequence[str] = (HOUSE,),
) -> MosquittoFiles:
    """The configuration, the password file and the rights.

    ``folder`` is where they will lie. A client id is the user name here too, so each process that has a line of its own
    needs a name of its own in ``house``; whose password already lies in the folder keeps it.
    """
    words: dict[str, str] = {}
    new: dict[str, str] = {}
    for name in house:
        if not CLIENT_ID.fullmatch(name):
            raise Invalid("house", f"{name[:40]!r}: a user's name is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
        kept = folder / house_file(name)
        words[name] = kept.read_text("utf-8").strip() if kept.exists() else new.setdefault(name, new_password())
    clients = list(clients)
    if taken := {client.id for client in clients} & set(house):
        raise Invalid("house", f"{', '.join(sorted(taken))}: a device has this name; take another")
    passwords = [f"{name}:{hash_of(word)}" for name, word in words.items()]
    passwords += [f"{client.id}:{client.password}" for client in clients]
    rights = [line for name in house for line in (f"user {name}", "topic readwrite #", "")]
    for client in clients:
        rights.append(f"user {client.id}")
        rights += [f"topic write {one}" for one in client.publish]
        rights += [f"topic read {one}" for one in client.subscribe]
        rights.append("")
    files = {
        CONFIG: _config(folder.resolve(), host, port, tls),
        PASSWORDS: "\n".join([*passwords, ""]),
        RIGHTS: "\n".join([*rights, ""]),
    }
    return MosquittoFiles(files, new)


def house_file(name: str) -> str:
    """The file with the password of one of our own lines, for MAILLAGE_MQTT_PASSWORD_FILE."""
    return f"{name}.password"


def _config(folder: Path, host: str, port: int, tls: MosquittoTls | None) -> str:
    lines = [
        f"listener {port} {host}",
        *_user(),
        *([] if tls is None else [f"certfile {tls.certificate.resolve()}", f"keyfile {tls.private_key.resolve()}"]),
        "allow_anonymous false",
        f"password_file {folder / PASSWORDS}",
        f"acl_file {folder / RIGHTS}",
        "use_username_as_clientid true",
        "persistence false",
        f"max_packet_size {PACKET_BYTES_MAX}",
        f"max_queued_messages {QUEUED_MAX}",
        "max_inflight_messages 100",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    return "\n".join(lines) + "\n"


def _user() -> list[str]:
    """A server that root starts goes on as another user, who could not read these files: as their owner it can."""
    if os.name != "posix":
        return []
    import pwd

    try:
        return [f"user {pwd.getpwuid(os.geteuid()).pw_name}"]
    except KeyError:  # a user without a name, as in some containers
        return []
