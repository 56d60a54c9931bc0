"""The simulated disk: what a crash, a power cut and an error leave of a journal and its snapshots."""

from collections.abc import Callable
from random import Random

import pytest

from maillage.kernel.ports import Batch
from maillage.simulation.disk import OWN, InjectedFault, SimDisk, SimJournal, SimSnapshots
from maillage.simulation.life import Life, ProcessGone


class Machine:
    """A disk and the process that uses it."""

    def __init__(self, seed: int = 1) -> None:
        self.disk = SimDisk(Random(seed), self.crash)
        self.life = self.born()

    def born(self) -> Life:
        self.life = Life("a", lambda name, fault: None)
        return self.life

    def crash(self) -> None:
        self.life.end()

    def journal(self, syncs: bool = True) -> SimJournal:
        return SimJournal(self.disk, self.life, OWN, syncs)


def batch(pos: int) -> Batch:
    return Batch(pos, 1, b"[]")


def crash_at_each_step(act: Callable[[Machine], None], steps: int) -> list[Machine]:
    """The machines that come of crashing at the first step, the second and so on."""
    machines = []
    for step in range(1, steps + 1):
        machine = Machine()
        machine.journal().append(batch(0))
        machine.disk.crash_after(step)
        with pytest.raises(ProcessGone):
            act(machine)
        machines.append(machine)
    return machines


def test_what_append_returned_from_survives_a_power_cut() -> None:
    machine = Machine()
    journal = machine.journal()
    for pos in range(5):
        journal.append(batch(pos))
    machine.disk.lose_power()
    machine.born()
    assert machine.journal().end() == 5


def test_what_was_not_synced_may_be_gone_after_a_power_cut_but_only_from_the_end() -> None:
    ends = set()
    for seed in range(30):
        machine = Machine(seed)
        journal = machine.journal(syncs=False)
        for pos in range(5):
            journal.append(batch(pos))
        machine.disk.lose_power()
        machine.born()
        reopened = machine.journal()
        assert [each.pos for each in reopened.read()] == list(range(reopened.end()))
        ends.add(reopened.end())
    assert ends == {0, 1, 2, 3, 4, 5}


def test_a_process_that_dies_between_writing_and_syncing_leaves_the_batch_whole_or_not_at_all() -> None:
    def append(machine: Machine) -> None:
        journal = machine.journal()
        journal.append(batch(1), batch(2))

    ends = []
    for machine in crash_at_each_step(append, 4):
        machine.born()
        ends.append(machine.journal().end())
    assert ends == [1, 1, 3, 3]  # on opening, before writing, before the sync, before the answer


def test_a_journal_syncs_on_opening_what_a_dead_process_only_wrote() -> None:
    machine = Machine()
    machine.journal(syncs=False).append(batch(0))
    machine.crash()
    machine.born()
    assert machine.journal().end() == 1
    machine.disk.lose_power()
    machine.born()
    assert machine.journal().end() == 1


@pytest.mark.parametrize("trouble", ["full", "broken"])
def test_an_error_keeps_nothing(trouble: str) -> None:
    machine = Machine()
    journal = machine.journal()
    setattr(machine.disk, trouble, True)
    with pytest.raises(InjectedFault):
        journal.append(batch(0))
    setattr(machine.disk, trouble, False)
    assert journal.end() == 0
    journal.append(batch(0))
    assert journal.end() == 1


def test_a_dead_process_can_do_nothing() -> None:
    machine = Machine()
    journal = machine.journal()
    machine.crash()
    for act in (lambda: journal.append(batch(0)), journal.read, journal.sources):
        with pytest.raises(ProcessGone):
            act()


def test_reading_begins_with_the_batch_that_holds_an_event() -> None:
    journal = Machine().journal()
    journal.append(Batch(0, 3, b"[1,2,3]"), Batch(3, 2, b"[4,5]"))
    assert [each.pos for each in journal.read(2)] == [0, 3]
    assert [each.pos for each in journal.read(3)] == [3]
    assert list(journal.read(5)) == []


def test_a_snapshot_that_a_power_cut_tore_is_passed_over() -> None:
    for seed in range(20):
        machine = Machine(seed)
        snapshots = SimSnapshots(machine.disk, machine.life)
        snapshots.save(1, b"the first")
        machine.disk.crash_after(2)  # written, not yet synced
        with pytest.raises(ProcessGone):
            snapshots.save(2, b"the second")
        machine.disk.lose_power()
        assert SimSnapshots(machine.disk, machine.born()).newest(at_most=9) == b"the first"
