"""Seeds of the simulated chain: some with every run of the tests, some hundreds in CI."""

import json
import os
import subprocess
import sys

import pytest

from maillage.simulation.chain import AloneChain
from maillage.simulation.mesh_chain import MeshChain
from maillage.simulation.run import ALONE_EVERY, Report, simulate

STEPS = 300
AT_ONCE = 25
"""Seeds of one test, so that workers can share them."""
LONG = 300


def play(seed: int, steps: int = STEPS) -> Report:
    report = simulate(seed, steps)
    assert report.ok, f"replay it with 'maillage simulate --seed {seed} --steps {steps}': {report.faults[:5]}"
    return report


@pytest.mark.parametrize("seed", range(1, 21))
def test_all_that_must_hold_holds(seed: int) -> None:
    play(seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 1_000 + LONG, AT_ONCE))
def test_it_holds_for_hundreds_of_seeds(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        play(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 4, 7])
def test_it_holds_over_a_long_life(seed: int) -> None:
    play(seed, 5_000)


@pytest.mark.parametrize("seed", [3, 8])
def test_the_same_seed_is_the_same_history(seed: int) -> None:
    assert play(seed) == play(seed)


@pytest.mark.long
def test_other_seeds_and_other_steps_are_other_histories() -> None:
    digests = [simulate(seed, steps).digest for seed, steps in ((3, 200), (5, 200), (3, 201))]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("seed", [pytest.param(3, marks=pytest.mark.long), 8])
def test_another_process_with_other_hashes_plays_the_same_history(seed: int) -> None:
    said = [_said_by_the_command(seed, hash_seed) for hash_seed in ("1", "2")]
    assert said[0] == said[1]
    assert said[0]["digest"] == simulate(seed, 200).digest


@pytest.mark.long
def test_a_storm_comes_over_every_part_of_the_chain() -> None:
    """What is never hit is never tested: over some seeds everything happens that can."""
    happened: dict[str, int] = {}
    for seed in range(1, 9):
        for what, times in play(seed).counts.items():
            happened[what] = happened.get(what, 0) + times
    assert {
        "bad_networks",
        "broken_disks",
        "carrier_crashes",
        "clock_jumps",
        "confirms",
        "crashes",
        "cuts",
        "doubled",
        "dropped",
        "extends",
        "full_disks",
        "granted",
        "late",
        "leaps",
        "looks",
        "lost",
        "measured",
        "one_way_cuts",
        "power_cuts",
        "records_away",
        "refused",
        "releases",
        "resizes",
        "retries",
        "snapshots",
        "spoilt_disks",
        "spoilt_records",
        "starts",
        "unavailable",
    } <= happened.keys()


def test_one_seed_in_four_plays_a_chain_in_one_process() -> None:
    assert set(simulate(ALONE_EVERY, 10).chain) == {"processes", "stores"}
    assert set(simulate(ALONE_EVERY + 1, 10).chain) == {"hubs", "nodes", "stores"}


def test_a_fault_is_told_with_the_command_that_replays_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from maillage.faces.cli.main import app
    from maillage.simulation.alone import AloneProcess

    monkeypatch.setattr(AloneProcess, "journal_syncs", False)
    answer = CliRunner().invoke(app, ["simulate", "--seed", "4", "--steps", "200", "--json"])
    document = json.loads(answer.stdout)
    assert answer.exit_code == 1
    assert document["ok"] is False
    assert document["faults"]
    assert document["replay"] == "maillage simulate --seed 4 --steps 200"
    shown = CliRunner().invoke(app, ["simulate", "--seed", "4", "--steps", "200"])
    assert shown.exit_code == 1
    assert "maillage simulate --seed 4 --steps 200" in shown.stdout


@pytest.mark.parametrize("make", [AloneChain, MeshChain])
def test_a_chain_of_no_steps_comes_to_rest(make: type[AloneChain | MeshChain]) -> None:
    report = simulate(1, 0, make)
    assert report.faults == []
    assert "asks" not in report.counts


def _said_by_the_command(seed: int, hash_seed: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "maillage", "simulate", "--seed", str(seed), "--steps", "200", "--json"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said: dict[str, object] = json.loads(done.stdout)
    del said["elapsed_s"]
    return said
