"""Requests under way: counted from when they are admitted until their answers were read or given up."""

from collections import Counter
from collections.abc import AsyncIterator, Callable

from maillage.services.compute.errors import Busy
from maillage.services.compute.model import Limits


class UnderWay:
    """A request of an instance or a session that is under way."""

    def __init__(self, counts: Counter[str], name: str) -> None:
        self._counts = counts
        self._name = name
        self._ended = False
        counts[name] += 1

    def end(self) -> None:
        """It is no more. Once is enough."""
        if not self._ended:
            self._ended = True
            self._counts[self._name] -= 1
            if not self._counts[self._name]:
                del self._counts[self._name]


def admitted(counts: Counter[str], name: str, limits: Limits) -> UnderWay:
    """One more request; Busy where there are as many as there may be."""
    most = limits.concurrency + limits.waiting
    if counts[name] >= most:
        told = f"{most} requests are under way at the instance, answers that are still being read among them"
        raise Busy(told, instance=name)
    return UnderWay(counts, name)


class Given:
    """An answer's body that says when it is through, by calling ``ended``, perhaps more than once."""

    def __init__(self, body: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        self._body = body
        self._ended = ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except BaseException:
            self._ended()
            raise

    async def aclose(self) -> None:
        self._ended()
        close = getattr(self._body, "aclose", None)  # an iterator need not have one
        if close is not None:
            await close()
