"""A request's body that can be read again from its start, as long as it is small."""

from collections.abc import AsyncIterator, Callable

from maillage.services.compute.errors import BodyTooLarge

KEPT_MAX = 64 << 10
"""Bytes that are kept for another try. What is longer passes through, and can be read once."""


class Replayed:
    """``ended`` is called when the last of the body has come."""

    def __init__(self, body: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        self._rest = body
        self._ended = ended
        self._kept: list[bytes] = []
        self._size = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that was read so far can be read again."""
        return self._size <= KEPT_MAX

    async def read(self, most: int) -> AsyncIterator[bytes]:
        """From the start, where it is whole. BodyTooLarge once there are more than ``most`` bytes. One at a time."""
        came = 0
        for chunk in list(self._kept):
            came += len(chunk)
            _require(came, most)
            yield chunk
        while True:
            try:
                chunk = await anext(self._rest)
            except StopAsyncIteration:
                self._ended()
                return
            self._keep(chunk)
            came += len(chunk)
            _require(came, most)
            yield chunk

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self.is_whole:
            self._kept.append(chunk)
        else:
            self._kept.clear()


def _require(came: int, most: int) -> None:
    if came > most:
        raise BodyTooLarge(f"the body has more than the {most} bytes that this app takes", most=most)
