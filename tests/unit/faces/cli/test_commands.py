"""The commands within this process: what is refused before a chain is opened, and what a chain's answers look like."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maillage import __version__
from maillage.faces.cli.main import app

STORES = "id,name,lat,lon,region\nbv-1,Bentonville,36.3581,-94.2247,AR\nrg-1,Rogers,36.3313,-94.1490,AR\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY", "MAILLAGE_ADMIN_KEY", "MAILLAGE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def ok(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_version_is_printed() -> None:
    assert ok("--version") == f"maillage {__version__}\n"


def test_no_command_shows_what_there_is() -> None:
    result = run()
    assert result.exit_code in (0, 2)
    assert "catchment" in result.output and "invoice" in result.output


def test_help_loads_nothing_heavy() -> None:
    """numpy, the HTTP libraries and even Rich would each make help a matter of seconds on a cold disk."""
    look = (
        "import sys, maillage.faces.cli.main as m; m.app(['--help'], standalone_mode=False);"
        " print({'numpy', 'scipy', 'litestar', 'httpx', 'granian', 'msgspec', 'rich', 'asyncio'} & set(sys.modules),"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "sites",
        "sites import",
        "sites import nowhere.csv",
        "sites import stores.txt",
        "sites list --near here",
        "sites list --limit 0",
        "catchment",
        "catchment --population nowhere.csv",
        "catchment --population nowhere.csv --miles -1",
        "catchment --population nowhere.csv --miles nan",
        "capacity set bv-1 cpu",
        "capacity set bv-1 cpu 4 --notice-s -1",
        "capacity set bv-1 cpu 4 --calendar nowhere.json",
        "capacity set bv-1 cpu 4 --calendar {mon}",
        "find --near 1,2",
        "find --need cpu=1",
        "find --need cpu --near 1,2",
        "find --need cpu=1 --near 1,2 --site bv-1",
        "find --need cpu=1 --site bv-1 --within-km 5",
        "find --need cpu=1 --site bv-1 --device 10.40.1.7",
        "find --need cpu=1 --near 1,2 --within-km inf",
        "find --need cpu=1 --near 1,2 --hours 0",
        "find --need cpu=1 --near 1,2 --hours 1 --end 2026-12-01T08:00:00Z",
        "find --need cpu=1 --near 1,2 --hours 1 --start yesterday",
        "find --need cpu=1 --near 1,2 --class best",
        "find --need cpu=1 --near 1,2 --attribute clinic",
        "lease create --need cpu=1 --site bv-1 --hold-s 0",
        "lease create --need cpu=1 --site bv-1 --key schlüssel",
        "lease create --need cpu=1 --site bv-1 --count 2",
        "lease create --need cpu=1 --site bv-1 --site rg-1 --count 2",
        "lease create --need cpu=1 --site bv-1 --site bv-1",
        "lease create --need cpu=1 --site bv-1 --site rg-1 --near 1,2",
        "lease create --need cpu=1 --near 1,2 --count 0",
        "lease create --need cpu=1 --near 1,2 --count 1001",
        "lease list --state gone",
        "lease extend bv-1~1",
        "lease extend bv-1~1 --open --end 2026-12-01T08:00:00Z",
        "tenant create acme --role king",
        "key create",
        "kind add crane",
        "price set nowhere.json",
        "up --port 65536",
        "verify nowhere",
    ],
)
def test_wrong_usage_ends_with_2_and_opens_no_folder(words: str, folder: Path) -> None:
    (folder / "stores.txt").write_text(STORES)
    result = run(*words.split())
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and result.stderr
    assert not (folder / "home").exists()
    if words not in ("sites",):
        as_json = run(*words.split(), "--json")
        assert as_json.exit_code == 2
        assert json.loads(as_json.stdout)["detail"] and as_json.stderr == ""


@pytest.mark.parametrize("words", ["sites show ..", "lease show .", "key list ", "capacity set .. cpu 4"])
def test_an_id_can_not_lead_to_another_address(words: str) -> None:
    result = run(*words.split(" "))
    assert result.exit_code == 2 and "is no id" in result.stderr


@pytest.mark.parametrize(
    ("server", "key", "exit_code", "slug"),
    [
        ("127.0.0.1:8420", "k" * 20, 2, "usage"),
        ("http://127.0.0.1:1", "", 2, "usage"),
        ("http://127.0.0.1:1", "schlüssel", 2, "usage"),
        ("http://127.0.0.1:1", "k" * 20, 1, "unreachable"),
    ],
)
def test_a_server_that_can_not_be_asked_is_said_so(
    server: str, key: str, exit_code: int, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILLAGE_SERVER", server)
    monkeypatch.setenv("MAILLAGE_KEY", key)
    result = run("sites", "list", "--json")
    assert (result.exit_code, json.loads(result.stdout)["type"]) == (exit_code, f"/problems/{slug}")


def test_answers_are_tables_for_people(folder: Path) -> None:
    """One folder through all that is shown; the words and figures that matter are there."""
    (folder / "stores.csv").write_text(STORES + "xx-1,Nowhere,136.0,-94.0,AR\n")
    assert "2 stores imported, 0 unchanged, 1 rejected" in ok("sites", "import", "stores.csv")
    assert "America/Chicago" in ok("sites", "list")
    near = ok("sites", "list", "--near", "36.33,-94.15").splitlines()
    assert near[1].startswith("rg-1") and "0.1" in near[1]
    assert "Bentonville" in ok("sites", "show", "bv-1")
    assert "16 vCPU, 30 s notice" in ok("capacity", "set", "bv-1", "cpu", "16", "--notice-s", "30")
    weekly = '{"mon": [["08:00", "20:00"]]}'
    assert "open mon 08:00-20:00" in ok("capacity", "set", "bv-1", "pickup_slot", "30", "--calendar", weekly)
    (folder / "calendar.json").write_text(weekly)
    assert "open mon 08:00-20:00" in ok("capacity", "set", "bv-1", "visit", "3", "--calendar", "calendar.json")

    ask = ("--need", "cpu=8", "--near", "36.37,-94.21", "--hours", "4")
    found = ok("find", *ask)
    assert "bv-1" in found and "modelled" in found and "1 no_pool:cpu" in found
    assert "No site can meet this ask." in ok("find", "--need", "cpu=99", "--near", "36.37,-94.21")
    assert "distance" not in found and "path: no roof serves 10.40.1.7" in ok("find", *ask, "--device", "10.40.1.7")
    assert "near.device" in run("find", *ask, "--device", "here").output
    lease = json.loads(ok("lease", "create", *ask, "--device", "10.40.1.7", "--json"))["id"]
    assert "cpu 8" in ok("lease", "show", lease)
    assert "confirmed" in ok("lease", "list", "--state", "confirmed")
    assert "No leases." in ok("lease", "list", "--state", "expired")
    chart = ok("capacity", "show", "bv-1", "--kind", "cpu")
    assert "committed 8 at the start and at most 8" in chart and chart.splitlines()[1].startswith("16 ")
    assert "offers nothing yet" in ok("capacity", "show", "rg-1")
    assert "open: until released" in ok("lease", "extend", lease, "--open")
    assert "released" in ok("lease", "release", lease)
    held = json.loads(ok("lease", "create", *ask, "--hold-s", "600", "--json"))
    assert held["state"] == "held"
    assert "confirmed" in ok("lease", "confirm", held["id"])

    ok("usage")
    assert "operator" in ok("invoice")
    assert "GiB" in ok("kind", "list")
    assert ok("kind", "add", "crane", "--unit", "hook") == "crane, in hook\n"
    assert "cpu" in ok("price", "show")
    (folder / "book.json").write_text(
        '{"entries": [{"kind": "cpu", "per_unit_hour": "0.1", "region": "AR", "hours": [[17, 22], [160, 168]]}]}'
    )
    assert "Mon 17:00 to Mon 22:00, Sun 16:00 to Sun 24:00" in ok("price", "set", "book.json")
    assert "Acme, Inc." in ok("tenant", "create", "acme", "--name", "Acme, Inc.")
    assert "mlg_" in ok("key", "create", "acme", "--name", "laptop")
    key = ok("key", "list", "acme").splitlines()[1].split()[0]
    assert "opens nothing" in ok("key", "revoke", key)
    assert "No key is in force." in ok("key", "list", "acme")
    (folder / "people.csv").write_text("lat,lon,population\n36.37,-94.21,54000\n35.38,-94.40,89000\n")
    assert "37.76% of 143,000 people" in ok("catchment", "--population", "people.csv")
    assert "No fault" in ok("verify")


def test_a_long_list_says_that_there_is_more_and_all_follows_it(folder: Path) -> None:
    rows = "".join(f"s-{number},Store,36.0,{-94 - number / 100}\n" for number in range(7))
    (folder / "stores.csv").write_text("id,name,lat,lon\n" + rows)
    ok("sites", "import", "stores.csv")
    page = run("sites", "list", "--limit", "3")
    assert len(page.stdout.splitlines()) == 4 and "--all" in page.stderr
    first = json.loads(ok("sites", "list", "--limit", "3", "--json"))
    second = json.loads(ok("sites", "list", "--limit", "3", "--cursor", first["next"], "--json"))
    assert [site["id"] for site in first["items"] + second["items"]] == [f"s-{number}" for number in range(6)]
    everything = json.loads(ok("sites", "list", "--limit", "3", "--all", "--json"))
    assert len(everything["items"]) == 7 and everything["next"] is None


def test_a_file_of_bad_rows_only_is_a_refusal(folder: Path) -> None:
    (folder / "stores.csv").write_text("id,name,lat,lon\nxx-1,Nowhere,136.0,-94.0\n")
    assert run("sites", "import", "stores.csv").exit_code == 1


def test_a_key_with_a_role_enters_the_tenant_first_and_never_changes_one(folder: Path) -> None:
    assert run("key", "create", "acme").exit_code == 1
    ok("key", "create", "acme", "--role", "node")
    ok("key", "create", "acme", "--role", "node")
    assert len(json.loads(ok("key", "list", "acme", "--json"))["items"]) == 2
    refused = run("key", "create", "acme", "--role", "operator", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["type"]) == (1, "/problems/already-exists")


def test_a_damaged_folder_is_told_in_a_line(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "journal.db").write_bytes(b"this is no database, whatever it is called" * 100)
    result = run("sites", "list")
    assert result.exit_code == 1
    assert "The data folder can't be read" in result.stderr and "Traceback" not in result.output
    verdict = run("verify")
    assert verdict.exit_code == 1 and "1 fault\n" in verdict.stdout
