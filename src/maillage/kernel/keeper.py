"""The keeper: one ledger, its journal, and the only way in which the two change. Decide, commit, then answer."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from maillage.kernel.announcer import Announcer
from maillage.kernel.errors import Refusal
from maillage.kernel.events import encode_events
from maillage.kernel.moves import end_leases, expire_holds
from maillage.kernel.policy import Policy
from maillage.kernel.ports import Batch, Clock, Committed, Journal, SnapshotStore
from maillage.kernel.recovery import recover
from maillage.kernel.scribe import Scribe

Decision = Callable[[Scribe], Any]
"""Reads the scribe's ledger, may record events, returns the answer (a value, not a live object) or raises Refusal."""


class Decided(NamedTuple):
    """A batch in memory, not yet durable: answers in the order of the decisions, each a value or an exception."""

    answers: list[Any]
    committed: Committed
    adopted: list[tuple[int, int, str]]


class Keeper:
    """``decide`` changes memory, ``commit`` makes it durable; nobody may be answered between the two."""

    def __init__(
        self,
        journal: Journal,
        snapshots: SnapshotStore,
        clock: Clock,
        announcer: Announcer,
        policy: Policy | None = None,
    ) -> None:
        self.journal = journal
        self.snapshots = snapshots
        self.clock = clock
        self.announcer = announcer
        self.policy = policy or Policy()
        self.ledger = recover(journal, snapshots)

    def decide(self, decisions: Sequence[Decision]) -> Decided:
        """Let holds expire, then take the decisions one by one, each seeing what the former recorded.

        What a decision raises is its answer, be it a Refusal or a fault of ours. But a fault after it recorded
        something leaves here as it is: the ledger may be half changed, and the caller must ``rebuild``.
        """
        scribe = Scribe(self.ledger, self.policy, self.clock.now())
        expire_holds(scribe)
        end_leases(scribe)
        answers: list[Any] = []
        for decision in decisions:
            before = scribe.records
            try:
                answers.append(decision(scribe))
            except Exception as fault:
                if scribe.records != before and not isinstance(fault, Refusal):
                    raise
                answers.append(fault)
        return Decided(answers, Committed(scribe.first_pos, scribe.events), scribe.adopted)

    def commit(self, decided: Decided) -> None:
        """Make a batch durable; whatever the journal raises means that it is not, and the caller must ``rebuild``."""
        pos, events = decided.committed
        if not events:
            return
        if not decided.adopted:
            self.journal.append(Batch(pos, len(events), encode_events(events)))
            return
        rows: list[Batch] = []
        done = 0
        for start, count, source in [*decided.adopted, (len(events), 0, "")]:
            for first, last, origin in ((done, start, ""), (start, start + count, source)):
                if last > first:
                    end = last - first if origin else 0
                    rows.append(Batch(pos + first, last - first, encode_events(events[first:last]), origin, end))
            done = start + count
        self.journal.append(*rows)

    def publish(self, decided: Decided) -> None:
        """Tell whoever listens what is durable now."""
        if decided.committed.events:
            self.announcer.publish(decided.committed)

    def rebuild(self) -> None:
        """Drop the ledger in memory and bring it back from what is durable."""
        self.ledger = recover(self.journal, self.snapshots)

    def run(self, *decisions: Decision) -> list[Any]:
        """Decide, commit and publish in one go, for callers without an event loop. Refusals are among the answers,
        faults are raised."""
        try:
            decided = self.decide(decisions)
            self.commit(decided)
        except BaseException:
            self.rebuild()
            raise
        self.publish(decided)
        for answer in decided.answers:
            if isinstance(answer, Exception) and not isinstance(answer, Refusal):
                raise answer
        return decided.answers

    def timer_due(self) -> bool:
        """Whether a hold is to expire or a lease to end by now."""
        at = self.ledger.next_timer_at()
        return at is not None and at <= self.clock.now()
