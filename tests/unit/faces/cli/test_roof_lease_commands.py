"""The commands for roof leases, on a data folder: what they ask, and what they show."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from maillage.bootstrap import open_local
from maillage.engines.clocks import ManualClock
from maillage.engines.records.roofs import SqlRoofRecords
from maillage.faces.cli.main import app
from maillage.tenancy.access import Access
from tests.unit.services.roof.leasing.leasing_world import CAPACITY, NOW, ROOF

ANTENNA = "m1,n78,68,0.9,30,0.4,0"
START = f"{datetime.now(UTC).year + 2}-01-01"


@pytest.fixture
def as_tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """A data folder with a roof to let; says whose key commands work with from then on."""
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "stores.csv").write_text("id,name,lat,lon,tz\nwm-1,One,36.37,-94.21,America/Chicago\n")
    ok("sites", "import", str(tmp_path / "stores.csv"))
    for kind, size in CAPACITY.items():
        ok("capacity", "set", "wm-1", kind, str(size))
    ok("tenant", "create", "acme")
    key = document("key", "create", "acme")["key"]
    chain = open_local(tmp_path / "home", ManualClock(NOW))
    SqlRoofRecords(chain.database).put(ROOF)
    chain.close()
    local_key = Access.local_key

    def switch(tenant: bool) -> None:
        monkeypatch.setattr(Access, "local_key", (lambda _: key) if tenant else local_key)

    return switch


def ok(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def refused(code: int, *words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.output


def test_a_lease_is_inquired_about_shown_listed_and_withdrawn(as_tenant: Callable[[bool], None]) -> None:
    as_tenant(True)
    wanted = ("roof", "lease", "inquire", "wm-1", "--antenna", ANTENNA, "--start", START, "--need", "cpu=2")
    shown = ok(*wanted, "--rent", "1000", "--renewals", "1")
    assert "m1 of wm-1 for acme, inquiry" in shown
    assert "cpu 2, roof_mount 1, roof_load 30" in shown
    assert re.search("exclusion zone +7.09 m", shown)
    lease = document("roof", "lease", "list")["items"][0]["id"]
    assert refused(1, "roof", "lease", "review", lease)
    assert document("roof", "lease", "show", lease)["start"] == f"{START}T06:00:00Z"
    ok("roof", "lease", "withdraw", lease, "--note", "too far off")
    assert "withdrawn" in ok("roof", "lease", "list", "--state", "withdrawn")
    assert "There is none." in ok("roof", "lease", "list", "--state", "signed")


def test_the_steps_of_both_sides(as_tenant: Callable[[bool], None], tmp_path: Path) -> None:
    start = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    paper = tmp_path / "certificate.pdf"
    paper.write_bytes(b"%PDF")
    as_tenant(True)
    made = document("roof", "lease", "inquire", "wm-1", "--antenna", ANTENNA, "--start", start, "--rent", "1000")
    lease = made["id"]
    assert document("roof", "lease", "apply", lease)["state"] == "application"
    as_tenant(False)
    ok("roof", "lease", "review", lease)
    assert "structural_certificate" in refused(1, "roof", "lease", "approve", lease)
    for kind in ("structural_certificate", "permit", "agreement"):
        assert "certificate.pdf, 4 bytes" in ok("roof", "lease", "attach", lease, str(paper), "--kind", kind)
    ok("roof", "lease", "approve", lease)
    assert "is for the tenant to do" in refused(1, "roof", "lease", "on-air", lease)
    signed = document("roof", "lease", "sign", lease, "--rent", "1100")
    assert (signed["state"], signed["terms"]["rent_per_month"], len(signed["documents"])) == ("signed", "1100.00", 3)
    assert {each["media_type"] for each in signed["documents"]} == {"application/pdf"}
    back = tmp_path / "back.pdf"
    assert "4 bytes" in ok("roof", "lease", "document", lease, signed["documents"][0]["id"], "--out", str(back))
    assert back.read_bytes() == b"%PDF"
    as_tenant(True)
    assert "it can be on air from" in refused(1, "roof", "lease", "on-air", lease)
    named = document("roof", "lease", "networks", lease, "203.0.113.0/24", "2001:db8::/32")
    assert named["subscriber_networks"] == ["203.0.113.0/24", "2001:db8::/32"]
    assert document("roof", "lease", "networks", lease)["subscriber_networks"] == []
    assert "1100.00" in ok("roof", "lease", "rent", lease)
    assert len(document("roof", "lease", "rent", lease)["periods"]) == 360
    assert "give notice first" in refused(1, "roof", "lease", "decommission", lease)
    noticed = document("roof", "lease", "notice", lease)
    assert noticed["fee"] == "0.00"
    shown = ok("roof", "lease", "show", lease)
    assert "notice" in shown and "decommission" in shown
    as_tenant(False)
    other = document("roof", "lease", "inquire", "wm-1", "--antenna", ANTENNA, "--start", start, "--tenant", "acme")
    assert other["terms"]["rent_per_month"] == "750.00"
    assert "declined" in ok("roof", "lease", "decline", other["id"], "--reason", "taken")


NO_ANTENNAS = ("m1", "m1,n78", "m1,n78,68,0.9,30", "m1,n78,a,b,c,d", ",n78,1,1,1,1", "m1,n78,nan,1,1,1")


@pytest.mark.parametrize("antenna", [*NO_ANTENNAS, "m1,n78" + ",1" * 7])
def test_what_is_no_antenna_is_a_matter_of_usage(as_tenant: Callable[[bool], None], antenna: str) -> None:
    said = refused(2, "roof", "lease", "inquire", "wm-1", "--antenna", antenna, "--start", START)
    assert "is not MOUNT,BAND" in said


def test_what_can_not_be_is_refused_by_its_exit_code(as_tenant: Callable[[bool], None], tmp_path: Path) -> None:
    inquire = ("roof", "lease", "inquire", "wm-1", "--antenna", ANTENNA, "--start")
    assert refused(2, *inquire, "soon", "--tenant", "acme")
    assert refused(2, *inquire, "2000-01-01", "--tenant", "acme")
    assert refused(1, "roof", "lease", "show", "rl_0")
    assert refused(2, "roof", "lease", "attach", "rl_0", str(tmp_path / "none"), "--kind", "permit")
