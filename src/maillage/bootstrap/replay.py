"""A ledger for replays: in memory, by a clock that is set by hand."""

from maillage.engines.clocks import ManualClock
from maillage.engines.memory_journal import MemoryJournal
from maillage.engines.memory_snapshots import MemorySnapshots
from maillage.kernel.announcer import Announcer
from maillage.kernel.keeper import Keeper


def replay_ledger() -> tuple[Keeper, ManualClock]:
    """An empty ledger with the kernel's own writer of it; nothing survives the process."""
    clock = ManualClock(0)
    return Keeper(MemoryJournal(), MemorySnapshots(), clock, Announcer()), clock
