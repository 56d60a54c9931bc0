"""What was learnt, in one file that is replaced whole."""

from pathlib import Path


class LearntFile:
    """``services.sensing.warning.keeping.Learnt``: losing it costs days of learning, never data."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes | None:
        return self._path.read_bytes() if self._path.exists() else None

    def save(self, body: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}")
        fresh.write_bytes(body)
        fresh.replace(self._path)
