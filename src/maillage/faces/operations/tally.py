"""What a server counts while it answers: plain numbers, so that a request pays for two look-ups and no more."""

from collections import Counter

from maillage.kernel.histogram import SECONDS, Histogram

UNAUTHENTICATED, RATE_LIMITED = 401, 429


class Tally:
    """Filled by one event loop, read by whoever exports it. Asks are counted by class where they were granted, by the
    slug of the refusal where not."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._answers: dict[tuple[str, str, int], Histogram] = {}
        self.granted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request is over; its answer began after so long."""
        histogram = self._answers.get((method, route, status))
        if histogram is None:
            histogram = self._answers[method, route, status] = Histogram(SECONDS)
        histogram.observe(seconds)

    def requests(self) -> list[tuple[tuple[str, str, int], int]]:
        """How many were answered, by method, route and status."""
        return [(key, sum(histogram.counts)) for key, histogram in list(self._answers.items())]

    def seconds(self) -> dict[tuple[str, str], Histogram]:
        """The waits until an answer began, by method and route."""
        merged: dict[tuple[str, str], Histogram] = {}
        for (method, route, _), histogram in list(self._answers.items()):
            merged.setdefault((method, route), Histogram(SECONDS)).add(histogram)
        return merged

    def with_status(self, status: int) -> int:
        """Requests that were answered with this status."""
        return sum(count for (_, _, found), count in self.requests() if found == status)
