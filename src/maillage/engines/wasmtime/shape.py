"""What has to be known of compiled code besides the code: how its memories share what the lease has."""

from collections.abc import Sequence

import msgspec

from maillage.engines.wasmtime.binary import PAGE_BYTES, Memory


class Shape(msgspec.Struct, frozen=True):
    """``fixed_bytes`` is in memories that can't grow, ``growing`` counts those that can and ``largest_bytes`` is the
    least size of the largest of these."""

    memories: int
    fixed_bytes: int
    growing: int
    largest_bytes: int

    def memory_size_max(self, memory_bytes: int) -> int:
        """What each memory may come to, so that all of them together stay within the lease's: the library knows one
        limit for all memories only."""
        return max((memory_bytes - self.fixed_bytes) // max(self.growing, 1), self.fixed_bytes)

    def least_bytes(self) -> int:
        """The smallest lease on which each memory has room for its first pages."""
        return self.fixed_bytes + self.largest_bytes * self.growing


def shape_of(memories: Sequence[Memory]) -> Shape:
    """A memory whose most is its least can't grow."""
    growing = [memory.pages_min for memory in memories if memory.pages_max != memory.pages_min]
    fixed = [memory.pages_min for memory in memories if memory.pages_max == memory.pages_min]
    return Shape(
        memories=len(memories),
        fixed_bytes=PAGE_BYTES * sum(fixed),
        growing=len(growing),
        largest_bytes=PAGE_BYTES * max(growing, default=0),
    )
