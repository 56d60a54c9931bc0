"""Replays: tracks with known answers, and the cabs of San Francisco."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from maillage.faces.cli.compute_follow import follow
from maillage.faces.cli.main import Root
from maillage.services.compute.follow.journey import share_above
from maillage.services.compute.follow.report import Interruption
from tests.shared_data import shared_file
from tests.unit.services.compute.follow.follow_world import along, store

cli = typer.Typer(cls=Root, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
cli.command()(follow)


@cli.callback()
def root() -> None:
    """A group, as the command's own is."""


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    rows = [f"{site.id},{site.name},{site.lat},{site.lon}" for site in map(store, range(4))]
    path = tmp_path / "stores.csv"
    path.write_text("\n".join(["id,name,lat,lon", *rows, "x,No place,95,0"]) + "\n")
    return path


def tracks(folder: Path, kms: list[float], step_s: int = 60, start: int = 1_700_000_000) -> Path:
    path = folder / "tracks.csv"
    rows = [f"cab,{start + step_s * number},{along(km)[0]},{along(km)[1]}" for number, km in enumerate(kms)]
    path.write_text("\n".join(["track_id,t,lat,lon", *rows]) + "\n")
    return path


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["follow", *(str(word) for word in words)])


def replayed(track_file: Path, store_file: Path, *more: str) -> dict[str, Any]:
    result = call("--tracks", track_file, "--stores", store_file, "--state-kib", "16", "--json", *more)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_a_way_back_and_forth_between_two_stores_moves_only_the_baseline(tmp_path: Path, stores: Path) -> None:
    report = replayed(tracks(tmp_path, [4.8, 5.2, 4.8, 5.2, 4.8, 5.2]), stores)
    baseline, ours = report["outcomes"]
    assert (baseline["migrations"], baseline["returns_within_120_s"]) == (5, 4)
    assert (ours["migrations"], ours["returns_within_120_s"]) == (0, 0)
    assert ours["interruption"] is None
    assert report["goals"]["returns_at_most_a_tenth"] is True
    assert report["goals"]["no_more_migrations"] is True


def test_a_way_along_the_stores_is_followed_without_losing_a_write(tmp_path: Path, stores: Path) -> None:
    report = replayed(tracks(tmp_path, [0, 4, 8, 12, 16, 20, 24, 28], 300), stores)
    assert (report["devices"], report["pieces"], report["stores"], report["stores_rejected"]) == (1, 1, 4, 1)
    for outcome in report["outcomes"]:
        assert outcome["migrations"] == 3
        assert outcome["interruption"]["measured"] == 3
        assert 0 < outcome["interruption"]["p50_ms"] <= outcome["interruption"]["max_ms"]
        assert outcome["bytes_moved"] >= 3 * 16 * 1024
        assert (outcome["writes_lost"], outcome["leases_left_over"]) == (0, 0)
    baseline, ours = report["outcomes"]
    assert baseline["share_without_lease"] > 0
    assert ours["share_without_lease"] == 0


def test_time_beyond_the_bound_is_counted_between_reports(tmp_path: Path, stores: Path) -> None:
    """From 30 to 40 km, the last store being at 30: half the way is more than 5 km from it, and from any."""
    report = replayed(tracks(tmp_path, [30, 40], 600), stores, "--bound-km", "5")
    assert report["nobody_within"] == pytest.approx(0.5, abs=1e-3)
    assert [outcome["share_beyond_bound"] for outcome in report["outcomes"]] == [pytest.approx(0.5, abs=1e-3)] * 2


def test_no_move_is_counted_across_a_break(tmp_path: Path, stores: Path) -> None:
    path = tracks(tmp_path, [0, 1], 60)
    later = tracks(tmp_path, [10, 11], 60, 1_700_000_060 + 601).read_text().partition("\n")[2]
    path.write_text(f"track_id,t,lat,lon\ncab,1700000000,0,0\ncab,1700000060,0,0.01\n{later}")
    report = replayed(path, stores)
    assert (report["pieces"], report["device_hours"]) == (2, pytest.approx(120 / 3600, abs=0.01))
    assert [outcome["migrations"] for outcome in report["outcomes"]] == [0, 0]


def test_a_comparison_shows_prediction_beside(tmp_path: Path, stores: Path) -> None:
    report = replayed(tracks(tmp_path, [0, 2, 4, 6], 120), stores, "--compare")
    assert [(outcome["name"], outcome["predict_s"]) for outcome in report["outcomes"]] == [
        ("baseline", 0), ("follow", 0), ("with prediction", 30),
    ]  # fmt: skip


def test_people_see_a_table(tmp_path: Path, stores: Path) -> None:
    result = call("--tracks", tracks(tmp_path, [0, 9], 300), "--stores", stores, "--state-kib", "1")
    assert result.exit_code == 0, result.output
    assert "back within 120 s" in result.stdout


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--bound-km", "0"), 2, "bound_km"),
        (("--bound-km", "nan"), 2, "finite"),
        (("--bound-ms", "4"), 2, "next door"),
        (("--within-km", "0.001"), 2, "none of the 4 stores"),
        (("--predict", "601"), 2, "predict_s"),
        (("--state-kib", "-1"), 2, "--state-kib"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, stores: Path, more: tuple[str, ...], code: int, said: str
) -> None:
    result = call("--tracks", tracks(tmp_path, [40, 41]), "--stores", stores, *more)
    assert result.exit_code == code
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_file_without_stores_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("id,name,lat,lon\nx,No place,95,0\n")
    result = call("--tracks", tracks(tmp_path, [0, 1]), "--stores", empty)
    assert (result.exit_code, "no store in it; line 2" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("first", "last", "share"), [(1, 2, 0), (6, 7, 1), (4, 6, 0.5), (6, 4, 0.5), (5, 5, 0), (5.1, 5.1, 1)]
)
def test_the_share_of_a_way_above_a_bound(first: float, last: float, share: float) -> None:
    assert share_above(first, last, 5) == pytest.approx(share)


def test_percentiles_are_by_nearest_rank() -> None:
    gaps = Interruption.of([number / 1_000 for number in range(1, 201)])
    assert gaps == Interruption(200, 100.0, 198.0, 200.0)
    assert Interruption.of([0.004]) == Interruption(1, 4.0, 4.0, 4.0)


@pytest.mark.long
def test_the_cabs_of_san_francisco() -> None:
    """The baseline's moves and returns are those that an independent count of the same tracks found."""
    report = replayed(shared_file("data/tracks/sf_cabs_2008.csv.gz"), shared_file("data/sites/walmart_us_2018.csv"))
    baseline, ours = report["outcomes"]
    assert (report["stores"], report["device_hours"]) == (84, pytest.approx(868.4, abs=0.1))
    assert (baseline["migrations"], baseline["returns_within_120_s"]) == (1_561, 105)
    assert report["goals"]["returns_at_most_a_tenth"] is True
    assert report["goals"]["no_more_migrations"] is True
    assert report["goals"]["interruption_p99_below_50_ms"] is True
    assert report["goals"]["beyond_bound_added"] <= 0.002
    assert (ours["writes_lost"], ours["leases_left_over"], ours["share_without_lease"]) == (0, 0, 0)
