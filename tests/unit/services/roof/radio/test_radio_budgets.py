"""Link budgets: the shipped ones, one's own, and what is wrong in a file."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.roof.radio.antenna import ELEMENT, OMNI
from maillage.services.roof.radio.budgets import (
    Direction,
    bandwidth_hz,
    budget,
    known_budgets,
    limiting_direction,
    max_path_loss_db,
    noise_dbm,
    planned_path_loss_db,
    read_budget,
    shipped_budgets,
    take_own_budgets,
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A budget of one's own, for a private network."""
    path = tmp_path / "private.json"
    document = msgspec.to_builtins(budget("n78")) | {"id": "private", "fc_ghz": 3.75}
    path.write_text(json.dumps(document))
    return path


def rewrite(path: Path, field: str, value: Any) -> None:
    document = json.loads(path.read_text())
    inner = document
    *parents, last = field.split(".")
    for parent in parents:
        inner = inner[parent]
    inner[last] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("band", "direction", "loss_db", "bandwidth_mhz"),
    [
        ("n78", "down", 142.8, 98.28),
        ("n78", "up", 140.1, 7.2),
        ("n258", "down", 151.5, 95.04),
        ("n260", "down", 151.5, 95.04),
    ],
)
def test_shipped_budgets_stand_what_their_sources_add_up_to(
    band: str, direction: Direction, loss_db: float, bandwidth_mhz: float
) -> None:
    found = budget(band)
    assert planned_path_loss_db(found, direction) == pytest.approx(loss_db, abs=0.05)
    assert bandwidth_hz(found, direction) == pytest.approx(bandwidth_mhz * 1e6)


def test_the_sum_of_a_link_term_by_term() -> None:
    n78 = budget("n78")
    assert noise_dbm(n78, "up") == pytest.approx(-174 + 68.573 + 3, abs=1e-3)
    assert max_path_loss_db(n78, "up") == pytest.approx(23 + 25 - (-102.427 - 3) - 3 - 2, abs=1e-3)
    assert n78.shadow_margin_db == 8.3
    assert max_path_loss_db(n78, "up") - planned_path_loss_db(n78, "up") == pytest.approx(8.3)


def test_the_uplink_limits_every_shipped_band() -> None:
    assert list(shipped_budgets()) == ["n78", "n258", "n260"]
    for each in shipped_budgets().values():
        assert limiting_direction(each) == "up"
        assert each.antenna == ELEMENT
        assert each.fc_min_ghz < each.fc_ghz < each.fc_max_ghz
        assert "down.eirp_dbm" in each.sources


def test_a_budget_of_ones_own_is_read_from_its_file(written: Path) -> None:
    found = budget(written)
    assert (found.id, found.fc_ghz) == ("private", 3.75)
    assert budget(str(written)) == read_budget(written) == found
    assert max_path_loss_db(found, "down") == max_path_loss_db(budget("n78"), "down")


def test_a_file_need_not_name_what_has_a_default(written: Path) -> None:
    document = json.loads(written.read_text())
    for field in ("name", "ue_height_m", "antenna", "sources"):
        del document[field]
    written.write_text(json.dumps(document))
    found = read_budget(written)
    assert (found.ue_height_m, found.antenna) == (1.5, OMNI)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("down.eirp_dbm", 680, "down.eirp_dbm: expected `float` <= 100"),
        ("down.eirp_dbm", "68", "down.eirp_dbm: expected `float`, got `str`"),
        ("up.resource_blocks", 0, "up.resource_blocks: expected `int` >= 1"),
        ("up.noise_figure_db", -1, "up.noise_figure_db: "),
        ("subcarrier_spacing_khz", 20, "subcarrier_spacing_khz: "),
        ("body_loss_db", None, "body_loss_db: expected `float`, got `null`"),
        ("ue_height_m", 0, "ue_height_m: "),
        ("fc_ghz", 3.9, "fc_ghz: 3.9 GHz is outside the band of 3.3 to 3.8 GHz"),
        ("fc_max_ghz", 3.2, "fc_ghz: 3.75 GHz is outside the band"),
        ("antenna.azimuth_width_deg", 0, "antenna.azimuth_width_deg: expected `float` > 0"),
        ("colour", "red", "unknown field `colour`"),
        ("up.gain", 3, "up: object contains unknown field `gain`"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_by_field_and_file(written: Path, field: str, value: Any, told: str) -> None:
    rewrite(written, field, value)
    with pytest.raises(Invalid) as refused:
        read_budget(written)
    assert told in refused.value.detail
    assert refused.value.detail.endswith("in private.json")


@pytest.mark.parametrize("text", ["", "{", '{"fc_ghz": NaN}', '{"id": "\xff"}', '{"fc_ghz": Infinity}'])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Malformed, match=r"bad\.json is not JSON"):
        read_budget(path)


def test_a_number_too_large_for_a_float_is_refused(written: Path) -> None:
    written.write_text(written.read_text().replace("3.75", "1e999"))
    with pytest.raises((Invalid, Malformed)):
        read_budget(written)


def test_an_unknown_band_is_told_which_there_are() -> None:
    with pytest.raises(Invalid, match="band: there is no 'n79'; there are n78, n258, n260, and any file ending in"):
        budget("n79")


def test_files_that_are_absent_or_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"file: .*absent\.json can't be opened"):
        budget(tmp_path / "absent.json")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * 70_000)
    with pytest.raises(Invalid, match="is larger than 65,536 bytes"):
        budget(large)


def test_the_chain_s_own_budgets_are_known_by_their_ids(written: Path) -> None:
    assert "private" not in known_budgets()
    take_own_budgets(written.parent)
    try:
        assert list(known_budgets()) == ["n78", "n258", "n260", "private"]
        assert budget("private").fc_ghz == 3.75
        rewrite(written, "id", "n78")
        with pytest.raises(Invalid, match="n78 is there already"):
            take_own_budgets(written.parent)
        assert "private" in known_budgets()
    finally:
        written.unlink()
        take_own_budgets(written.parent)
    assert "private" not in known_budgets()


def test_own_budgets_are_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is no folder"):
        take_own_budgets(tmp_path / "nowhere")
