"""A step function of time, kept as two plain lists: the levels of a pool's commitments.

Lists and bisect beat slot arrays at the load of a store (tens of breakpoints a pool) and need neither a horizon nor
a slot width; docs/explanation/performance.md has the figures.
"""

from bisect import bisect_left, bisect_right


class StepFunction:
    """``levels[i]`` holds from ``times[i]`` until ``times[i + 1]``; the first level holds since ever.

    No level lies above ``top``, which may lie too high: it costs nothing to keep, and whoever finds room under it is
    done. Whoever does not has it tightened.
    """

    __slots__ = ("levels", "times", "top")

    def __init__(self, times: list[int] | None = None, levels: list[int] | None = None) -> None:
        self.times = times if times is not None else [0]
        self.levels = levels if levels is not None else [0]
        self.top = max(self.levels)

    def copy(self) -> "StepFunction":
        return StepFunction(self.times.copy(), self.levels.copy())

    def peak(self, start: int, end: int) -> int:
        """Highest level in ``[start, end)``, with ``start < end``."""
        first = bisect_right(self.times, start) - 1
        beyond = bisect_left(self.times, end, first + 1)
        return max(self.levels[first:beyond]) if beyond - first > 1 else self.levels[first]

    def tighten(self) -> None:
        """Bring ``top`` down to the highest level."""
        self.top = max(self.levels)

    def trough(self, start: int, end: int) -> int:
        """Lowest level in ``[start, end)``, with ``start < end``."""
        first = bisect_right(self.times, start) - 1
        return min(self.levels[first : bisect_left(self.times, end, first + 1)])

    def add(self, start: int, end: int, quantity: int) -> None:
        """Raise the levels in ``[start, end)`` by a quantity (lower them by a negative one).

        Neighbours of one level are joined again, so equal functions are equal lists whatever their history.
        """
        times, levels = self.times, self.levels
        first = bisect_right(times, start) - 1
        if times[first] != start:
            first += 1
            times.insert(first, start)
            levels.insert(first, levels[first - 1])
        beyond = bisect_left(times, end, first)
        if beyond == len(times) or times[beyond] != end:
            times.insert(beyond, end)
            levels.insert(beyond, levels[beyond - 1])
        if beyond - first == 1:
            levels[first] += quantity
        else:
            levels[first:beyond] = [level + quantity for level in levels[first:beyond]]
        if quantity > 0:
            self.top += quantity
        if levels[beyond] == levels[beyond - 1]:
            del times[beyond], levels[beyond]
        if first and levels[first] == levels[first - 1]:
            del times[first], levels[first]

    def trim(self, before: int) -> None:
        """Forget the breakpoints before an instant; the level there then holds since ever."""
        first = bisect_right(self.times, before) - 1
        if first > 0:
            del self.times[:first], self.levels[:first]
            self.times[0] = 0
            self.tighten()

    def segments(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """(from, to, level) pieces that cover ``[start, end)``."""
        first = bisect_right(self.times, start) - 1
        beyond = bisect_left(self.times, end, first + 1)
        edges = [start, *self.times[first + 1 : beyond], end]
        return list(zip(edges[:-1], edges[1:], self.levels[first:beyond], strict=True))
