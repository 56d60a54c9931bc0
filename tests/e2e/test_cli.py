"""The command line as its users meet it: processes, their exit codes, and what is on each of the two outputs."""

import contextlib
import gzip
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

STORES = """id,name,lat,lon,region,has_clinic
bv-1,Bentonville,36.3581,-94.2247,AR,true
rg-1,Rogers,36.3313,-94.1490,AR,false
xx-1,Nowhere,136.0,-94.0,AR,false
"""
WITHIN_S = 60
ASK = ("--need", "cpu=8", "--near", "36.37,-94.21")
WHEN = ("--start", "2040-12-01T08:00:00Z", "--end", "2040-12-01T20:00:00Z")


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Cli:
    """``maillage`` as processes in a folder; ``server`` is (address, key), or None for the data folder itself."""

    def __init__(self, folder: Path, server: tuple[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("MAILLAGE_")}
        self.environment |= {"MAILLAGE_HOME": "home", "PYTHONUNBUFFERED": "1"}
        if server is not None:
            self.environment |= {"MAILLAGE_SERVER": server[0], "MAILLAGE_KEY": server[1]}

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "maillage", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, text=True, **pipes
        )

    def run(self, *words: str) -> Done:
        process = self.start(*words)
        out, err = process.communicate(timeout=WITHIN_S)
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def ok(self, *words: str) -> Any:
        """The JSON document of a command that must go well, and must say nothing else."""
        done = self.run(*words, "--json")
        assert (done.code, done.err) == (0, ""), done
        return json.loads(done.out)

    def problem(self, *words: str) -> tuple[int, str]:
        """Exit code and problem of a command that must be refused; people are told the same on the other output."""
        done = self.run(*words, "--json")
        document = json.loads(done.out)
        assert {"type", "title", "status", "detail"} <= document.keys() and done.err == "", done
        return done.code, document["type"].removeprefix("/problems/")


@contextlib.contextmanager
def served(cli: Cli, *words: str) -> Iterator[tuple[str, str]]:
    """``maillage up`` on a free port: its address and admin key, as it printed them."""
    process = cli.start("up", "--port", "0", *words)
    assert process.stdout is not None
    try:
        listening = process.stdout.readline()
        key = process.stdout.readline()
        assert listening.startswith("listening on http://127.0.0.1:"), listening
        assert key.startswith("admin key: mlg_"), key
        yield listening.split()[-1], key.split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stores.csv").write_text(STORES)
    return tmp_path


def a_day_in_the_life(cli: Cli) -> None:
    """From an import to the books; the same locally and through a server."""
    report = cli.ok("sites", "import", "stores.csv")
    assert (report["imported"], report["unchanged"], report["rejected"]) == (2, 0, 1)
    assert report["rejections"][0]["line"] == 4 and "136.0" in report["rejections"][0]["reason"]
    assert cli.ok("capacity", "set", "bv-1", "cpu", "16", "--notice-s", "30")["size"] == 16
    offers = cli.ok("find", *ASK, "--attribute", "has_clinic=true", "--within-km", "25")
    assert [offer["site"] for offer in offers["offers"]] == ["bv-1"]
    lease = cli.ok("lease", "create", *ASK, "--key", "first")
    assert (lease["site"], lease["state"], lease["needs"]) == ("bv-1", "confirmed", {"cpu": 8})
    assert [item["id"] for item in cli.ok("lease", "list")["items"]] == [lease["id"]]
    time.sleep(1.1)  # a lease given back within the second it began in has used nothing
    assert cli.ok("lease", "release", lease["id"])["state"] == "released"
    assert cli.ok("usage")["items"][0]["lease"] == lease["id"]
    assert [one["tenant"] for one in cli.ok("invoice")["items"]] == ["operator"]
    verdict = cli.ok("verify")
    assert verdict["ok"] and verdict["leases"] == 1


def test_a_day_in_the_life_on_a_data_folder(folder: Path) -> None:
    a_day_in_the_life(Cli(folder))


def test_the_same_day_through_a_server_and_what_only_a_server_has(folder: Path) -> None:
    with served(Cli(folder)) as server:
        cli = Cli(folder, server)
        a_day_in_the_life(cli)

        assert cli.problem("lease", "create", "--need", "cpu=99", "--site", "bv-1") == (1, "no-capacity")
        later = cli.ok("lease", "create", *ASK, *WHEN, "--key", "later")
        assert cli.ok("lease", "create", *ASK, *WHEN, "--key", "later")["id"] == later["id"]
        assert cli.problem("lease", "create", *ASK, "--key", "later") == (2, "idempotency-key-reused")
        key = cli.ok("key", "create", "acme", "--role", "tenant")["key"]
        tenant = Cli(folder, (server[0], key))
        assert tenant.ok("lease", "list") == {"items": [], "next": None}
        assert tenant.problem("sites", "import", "stores.csv") == (1, "not-allowed")
        assert Cli(folder, (server[0], "k" * 20)).problem("lease", "list") == (1, "no-key")
        assert Cli(folder).problem("lease", "list") == (1, "folder-in-use")

        with gzip.open(folder / "large.csv.gz", "wb", compresslevel=1) as stream:
            stream.write(b"id,name,lat,lon\n" + b"#" * (32 << 20))
        assert cli.problem("sites", "import", "large.csv.gz") == (2, "too-large")


def leases_at_several_sites(cli: Cli) -> None:
    """All or nothing, near a place and by name; the same locally and through a server."""
    cli.ok("sites", "import", "stores.csv")
    for site in ("bv-1", "rg-1"):
        cli.ok("capacity", "set", site, "cpu", "16")
    need = ("--need", "cpu=8")
    near = cli.ok("lease", "create", *ASK, *WHEN, "--count", "2", "--hold-s", "600", "--key", "both")["leases"]
    assert [(lease["site"], lease["state"]) for lease in near] == [("bv-1", "held"), ("rg-1", "held")]
    again = cli.ok("lease", "create", *ASK, *WHEN, "--count", "2", "--hold-s", "600", "--key", "both")["leases"]
    assert [lease["id"] for lease in again] == [lease["id"] for lease in near]
    assert cli.problem("lease", "create", *ASK, *WHEN, "--count", "3") == (1, "no-capacity")
    named = cli.ok("lease", "create", *need, *WHEN, "--site", "rg-1", "--site", "bv-1")["leases"]
    assert [lease["site"] for lease in named] == ["rg-1", "bv-1"]
    assert cli.problem("lease", "create", *need, *WHEN, "--site", "rg-1", "--site", "bv-1") == (1, "no-capacity")
    assert cli.problem("lease", "create", *need, *WHEN, "--site", "rg-1", "--site", "nowhere") == (2, "unknown-site")
    shown = cli.run("lease", "create", *ASK, "--hours", "1", "--count", "2")
    assert shown.code == 0 and {"bv-1~5", "rg-1~5"} <= set(shown.out.split()), shown
    assert len(cli.ok("lease", "list")["items"]) == 6
    assert cli.ok("verify")["ok"]


@pytest.mark.long
def test_leases_at_several_sites_on_a_data_folder(folder: Path) -> None:
    leases_at_several_sites(Cli(folder))


def test_leases_at_several_sites_through_a_server(folder: Path) -> None:
    with served(Cli(folder)) as server:
        leases_at_several_sites(Cli(folder, server))


def test_the_admin_key_is_shown_once_and_can_be_given(folder: Path) -> None:
    with served(Cli(folder)) as (_, key):
        pass
    cli = Cli(folder)
    cli.environment["MAILLAGE_ADMIN_KEY"] = "a-key-of-our-own-making"
    process = cli.start("up", "--port", "0", "--json")
    assert process.stdout is not None
    try:
        text = "".join(iter(process.stdout.readline, "}\n")) + "}"
        told = json.loads(text)
        assert told["admin_key"] is None
        for good in (key, "a-key-of-our-own-making"):
            assert Cli(folder, (told["listening"], good)).ok("tenant", "list")["items"]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(WITHIN_S) == 0
        process.communicate()


def test_a_refused_address_costs_no_admin_key(folder: Path) -> None:
    """The first start fails, and the second still shows the key."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = Cli(folder).run("up", "--port", str(taken.getsockname()[1]))
    assert done.code == 1 and done.out == ""
    assert len(done.err.splitlines()) == 2 and "in use" in done.err
    with served(Cli(folder)):
        pass


def test_people_are_told_what_was_wrong_and_what_to_do(folder: Path) -> None:
    done = Cli(folder).run("sites", "import", "nowhere.csv")
    assert (done.code, done.out) == (2, "")
    assert "nowhere.csv" in done.err and "hint: " in done.err


def test_a_fault_in_the_books_ends_with_1(folder: Path) -> None:
    cli = Cli(folder)
    cli.ok("sites", "import", "stores.csv")
    with contextlib.closing(sqlite3.connect(folder / "home" / "journal.db", isolation_level=None)) as journal:
        journal.execute("UPDATE batches SET count = count + 1")
    verdict = cli.run("verify", "--json")
    assert verdict.code == 1 and json.loads(verdict.out)["faults"][0]["kind"] == "journal"
    assert cli.problem("sites", "list") == (1, "folder-damaged")


def test_a_large_import_is_stopped_by_the_keyboard_and_goes_on_later(folder: Path) -> None:
    rows = "".join(f"s-{number},Store,36.0,-94.0,America/Chicago\n" for number in range(150_000))
    (folder / "many.csv").write_text("id,name,lat,lon,tz\n" + rows)
    process = Cli(folder).start("sites", "import", "many.csv")
    journal = folder / "home" / "journal.db-wal"
    until = time.monotonic() + WITHIN_S
    while not (journal.exists() and journal.stat().st_size > 1_000_000):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 130 and out == "" and "Interrupted" in err and "Traceback" not in err
    verdict = Cli(folder).ok("verify")
    assert verdict["ok"] and 0 < verdict["sites"] < 150_000


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = Cli(folder).start("kind", "list", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=WITHIN_S)
    assert err == ""
    assert process.returncode in (0, 1)
