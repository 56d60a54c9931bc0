"""The network between simulated processes: what they send is late, lost, doubled or overtaken, by the seed."""

from collections.abc import Callable
from typing import TypeVar

from maillage.simulation.world import World

K = TypeVar("K")
CARRIER = "carrier"
"""The name of the broker, as a place on the network."""


class SimNetwork:
    """Links are one-way: a cut from a to b leaves the way from b to a open.

    What one sends to another arrives in order, but for the ``late_share`` of messages that others overtake;
    ``drop_share`` of them get lost, ``double_share`` come twice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._random = world.random("network")
        self._cut: dict[tuple[str, str], int] = {}
        self._down: dict[str, int] = {}
        self._last: dict[tuple[str, str], float] = {}
        self.lose_nothing()

    def cut(self, sender: str, receiver: str) -> Callable[[], None]:
        """Cut the way from one to the other; returns what mends it."""
        link = (sender, receiver)
        self._cut[link] = self._cut.get(link, 0) + 1
        return lambda: _less(self._cut, link)

    def isolate(self, name: str) -> Callable[[], None]:
        """Cut one off from everybody, in both directions; returns what mends it."""
        self._down[name] = self._down.get(name, 0) + 1
        return lambda: _less(self._down, name)

    def calm(self) -> None:
        """Mend all, and lose nothing any more."""
        self._cut.clear()
        self._down.clear()
        self.lose_nothing()

    def lose_nothing(self) -> None:
        """Have what is sent arrive, once and in order, where links are open."""
        self.drop_share = self.double_share = self.late_share = 0.0

    def is_open(self, sender: str, receiver: str) -> bool:
        """Whether anything can get from one to the other."""
        return sender not in self._down and receiver not in self._down and (sender, receiver) not in self._cut

    def carry(self, sender: str, receiver: str, arrive: Callable[[], None], *, twice: bool = True) -> None:
        """Send something on its way: ``arrive`` is called when it arrives, if it does, and perhaps once more."""
        if not self.is_open(sender, receiver):
            return
        random = self._random
        if self.drop_share and random.random() < self.drop_share:
            self.world.counts["dropped"] += 1
            return
        self._later(sender, receiver, arrive)
        if twice and self.double_share and random.random() < self.double_share:
            self.world.counts["doubled"] += 1
            self._later(sender, receiver, arrive)

    def delay_s(self) -> float:
        """How long one message is on its way."""
        return 0.001 + self._random.expovariate(400.0)

    def _later(self, sender: str, receiver: str, arrive: Callable[[], None]) -> None:
        def arrived() -> None:
            if self.is_open(sender, receiver):  # else it was under way when the link was cut
                arrive()

        at, link = self.world.loop.time() + self.delay_s(), (sender, receiver)
        if self.late_share and self._random.random() < self.late_share:
            self.world.counts["late"] += 1
            at += self._random.expovariate(1.0)
        else:
            at = self._last[link] = max(at, self._last.get(link, 0.0) + 1e-6)
        self.world.loop.call_at(at, arrived, context=self.world.outside())


def _less(cuts: dict[K, int], of: K) -> None:
    left = cuts.get(of, 0) - 1
    if left > 0:
        cuts[of] = left
    else:
        cuts.pop(of, None)
