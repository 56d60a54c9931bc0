"""The master secret: given to the server, or kept in a file of the data folder that only its owner can read."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from maillage.kernel.errors import NoMasterSecret

NAME = "MAILLAGE_SECRET"
FILE_NAME = "secret"
LENGTH_MIN = 32


def master_secret(given: Callable[[], str | None], folder: Path | None) -> bytes:
    """What was given, else what the folder's file holds, which is made where it is missing.

    ``folder`` is None where several servers share the records: then all must be given the same secret. NoMasterSecret
    where there is none, or it is too short to be one.
    """
    text = given()
    if text is not None:
        return _checked(text, NAME)
    if folder is None:
        raise NoMasterSecret(
            f"webhooks are signed with secrets that follow from one of the server's own; set {NAME} (or {NAME}_FILE) to"
            f" {LENGTH_MIN} or more random characters, the same for all servers that share the records"
        )
    file = folder / FILE_NAME
    if not file.exists():
        _make(file)
    return _checked(file.read_text("utf-8"), str(file))


def _checked(text: str, where: str) -> bytes:
    text = text.strip()
    if len(text) < LENGTH_MIN:
        raise NoMasterSecret(f"{where} holds {len(text)} characters; a secret has {LENGTH_MIN} or more random ones")
    return text.encode()


def _make(file: Path) -> None:
    """Whole or not at all: half a secret would sign, and be another after the next start."""
    beside = file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(48) + "\n")
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
