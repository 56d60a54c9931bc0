"""Health: the process lives; and whether all works that serving rests on, and what does not."""

import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest

from maillage.engines import folder_room
from maillage.kernel import readiness
from maillage.kernel.errors import NotReady
from tests.unit.faces.http.api import Api, assert_problem, opened

FINE = {"writer": "ok", "disk": "ok", "records": "ok"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "WITHIN_S", 0.2)
    monkeypatch.setattr(readiness, "KEEP_S", 0.0)


def failed(api: Api, name: str) -> str:
    """What is wrong with one check, the others being well."""
    problem = assert_problem(api.call("GET", "/readyz", key=""), 503, "not-ready")
    found: str = problem["checks"].pop(name)
    assert problem["checks"] == {other: "ok" for other in FINE if other != name}
    assert problem["detail"] == f"{name}: {found}"
    return found


def test_where_all_works_the_server_is_ready(api: Api) -> None:
    assert api.ok("GET", "/readyz", key="") == {"status": "ready", "checks": FINE}


def test_a_full_disk_is_told_before_it_is_too_late(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(folder_room.shutil, "disk_usage", lambda _: usage(1 << 40, 0, 3 << 20))
    assert failed(api, "disk") == "3 MiB are free, 64 are needed"
    assert api.ok("GET", "/healthz", key="") == {"status": "ok"}


def test_a_disk_that_takes_nothing_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(**_: object) -> None:
        raise PermissionError(30, "read-only file system")

    monkeypatch.setattr(folder_room.tempfile, "TemporaryFile", read_only)
    assert failed(api, "disk") == "PermissionError"


def test_records_that_can_not_be_reached_are_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise sqlite3.OperationalError("the secret address of a database")

    monkeypatch.setattr(api.chain.records, "price_book", away)
    assert failed(api, "records") == "OperationalError"


def test_a_writer_that_hangs_is_told(tmp_path: Path) -> None:
    with opened(tmp_path / "hanging") as api:
        api.run(api.chain.writer.stop())
        assert failed(api, "writer") == "JournalUnavailable"


def test_what_others_add_is_asked_too(api: Api) -> None:
    async def cut_off() -> None:
        raise NotReady("no line to the bus")

    api.chain.readiness.add("bus", cut_off)
    problem = assert_problem(api.call("GET", "/readyz", key=""), 503, "not-ready")
    assert problem["checks"] == {**FINE, "bus": "no line to the bus"}
