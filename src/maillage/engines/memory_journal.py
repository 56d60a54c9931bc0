"""A journal in memory: for tests and for chains that need not outlive the process."""

from collections.abc import Iterator

from maillage.kernel.ports import Batch, require_contiguous


class MemoryJournal:
    """Keeps batches in a list; nothing survives the process."""

    def __init__(self) -> None:
        self._batches: list[Batch] = []

    def append(self, *batches: Batch) -> None:
        require_contiguous(self.end(), batches)
        self._batches += batches

    def end(self) -> int:
        return self._batches[-1].pos + self._batches[-1].count if self._batches else 0

    def read(self, pos: int = 0) -> Iterator[Batch]:
        return (batch for batch in list(self._batches) if batch.pos + batch.count > pos)

    def sources(self) -> dict[str, int]:
        return {batch.source: batch.source_end for batch in self._batches if batch.source}

    def close(self) -> None:
        return
