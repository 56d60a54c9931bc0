"""What a server counts while it answers: plain numbers, so that a request pays for two look-ups and no more."""

from collections import Counter

from maillage.kernel.histogram import SECONDS, Histogram

UNAUTHENTICATED, RATE_LIMITED = 401, 429


class Tally:
    """Filled by one event loop, read by whoever exports it. ``requests`` counts by method, route and status;
    ``seconds`` holds the waits until an answer began, by method and route; asks are counted by class where they were
    granted, by the slug of the refusal where not."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.seconds: dict[tuple[str, str], Histogram] = {}
        self.granted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request is over; its answer began after so long."""
        self.requests[method, route, status] += 1
        histogram = self.seconds.get((method, route))
        if histogram is None:
            histogram = self.seconds[method, route] = Histogram(SECONDS)
        histogram.observe(seconds)

    def with_status(self, status: int) -> int:
        """Requests that were answered with this status."""
        return sum(count for (_, _, found), count in list(self.requests.items()) if found == status)
