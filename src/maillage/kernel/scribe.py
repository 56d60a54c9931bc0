"""What questions and decisions are given: a ledger as of an instant, and for decisions the pen to change it."""

from collections.abc import Sequence

from maillage.kernel.events import Event
from maillage.kernel.ledger import Ledger
from maillage.kernel.policy import Policy


class View:
    """A ledger to read, as of ``now`` (seconds UTC)."""

    def __init__(self, ledger: Ledger, policy: Policy, now: int) -> None:
        self.ledger = ledger
        self.policy = policy
        self.now = now


class Scribe(View):
    """One batch of decisions at one instant. Each event recorded is applied at once, so that the next decision of the
    batch sees it. ``now`` never lies before the ledger's last event: a clock that jumps back makes time stand still,
    not run backwards."""

    def __init__(self, ledger: Ledger, policy: Policy, clock_now: int) -> None:
        super().__init__(ledger, policy, max(clock_now, ledger.now))
        self.first_pos = ledger.pos
        self.events: list[Event] = []
        self.adopted: list[tuple[int, int, str]] = []
        self.records = 0

    def record(self, event: Event) -> None:
        self.records += 1  # before it is applied: an event that fails half-way has touched the ledger
        self.ledger.apply(event)
        self.events.append(event)

    def adopt(self, source: str, events: Sequence[Event]) -> None:
        """Take over a site's whole past from whoever owned it before; the journal keeps it apart, by its source."""
        self.adopted.append((len(self.events), len(events), source))
        for event in events:
            self.records += 1
            self.ledger.apply_foreign(event)
            self.events.append(event)
