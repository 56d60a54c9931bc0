"""The runtimes that are there, by the kind of code that they run."""

from collections.abc import Sequence

from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.follow.state import TrackedValues
from maillage.services.compute.model import CodeKind
from maillage.services.compute.ports import Runtime


class Runtimes:
    """Of two that run the same kind the first one does."""

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._runtimes = list(runtimes)
        self._of = {kind: runtime for runtime in reversed(self._runtimes) for kind in runtime.kinds}

    @property
    def kinds(self) -> list[CodeKind]:
        """What can run here, in order of name."""
        return sorted(self._of)

    def of(self, kind: CodeKind) -> Runtime:
        """CodeRefused where nothing here runs that kind."""
        runtime = self._of.get(kind)
        if runtime is None:
            here = f"what runs is {', '.join(self.kinds)}" if self._of else "no code runs here at all"
            raise CodeRefused(f"nothing here runs code of the kind {kind}; {here}", fault="no-runtime")
        return runtime

    @property
    def values(self) -> TrackedValues | None:
        """Where code of sessions keeps its state; None where no runtime here gives it such a place."""
        every = (runtime.values for runtime in self._runtimes)
        return next((values for values in every if isinstance(values, TrackedValues)), None)

    async def close(self) -> None:
        """End all that runs, without grace, even where one of them fails at it."""
        failed: list[Exception] = []
        for runtime in self._runtimes:
            try:
                await runtime.close()
            except Exception as fault:
                failed.append(fault)
        if failed:
            raise failed[0]
