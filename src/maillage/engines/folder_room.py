"""Whether a data folder can still take what happens."""

import shutil
import tempfile
from pathlib import Path

from maillage.kernel.errors import NotReady

ROOM_MIN = 64 << 20
"""Bytes: some hundred thousand events, time enough for somebody to make room."""


def require_room(folder: Path) -> None:
    """NotReady where the disk is nearly full, OSError where nothing can be written."""
    free = shutil.disk_usage(folder).free
    if free < ROOM_MIN:
        raise NotReady(f"{free >> 20} MiB are free, {ROOM_MIN >> 20} are needed")
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"?")
