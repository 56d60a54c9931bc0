"""A journal in memory: for tests and for chains that need not outlive the process."""

from collections.abc import Iterator

from maillage.kernel.ports import Batch


class MemoryJournal:
    """Keeps batches in a list; nothing survives the process."""

    def __init__(self) -> None:
        self._batches: list[Batch] = []

    def append(self, batch: Batch) -> None:
        if batch.pos != self.end():
            raise ValueError(f"the batch starts at event {batch.pos}, the journal ends at {self.end()}")
        self._batches.append(batch)

    def end(self) -> int:
        return self._batches[-1].pos + self._batches[-1].count if self._batches else 0

    def read(self, pos: int = 0) -> Iterator[Batch]:
        return (batch for batch in list(self._batches) if batch.pos + batch.count > pos)

    def close(self) -> None:
        return
