"""The commands for clients of the broker, on a data folder; and a Mosquitto that runs by what they write."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from maillage.bootstrap import ManualClock, open_local
from maillage.faces.cli import client
from maillage.faces.cli.main import app
from tests.contract.mqtt_brokers import START_S, free_port, mosquitto
from tests.contract.mqtt_wire import Wire, connect, publish
from tests.unit.faces.http.api import NOW
from tests.unit.faces.http.sensing_chain import open_with_devices


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a store, and a device in it."""
    for name in ("MAILLAGE_SERVER", "MAILLAGE_KEY", "MAILLAGE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MAILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(client, "open_folder", lambda home, *_: open_with_devices(home, ManualClock(NOW)))
    (tmp_path / "stores.csv").write_text("id,name,lat,lon\nwm-1,One,36.37,-94.21\n")
    assert CliRunner().invoke(app, ["sites", "import", str(tmp_path / "stores.csv")]).exit_code == 0
    entered = ["sensing", "devices", "add", "f-1", "--site", "wm-1", "--profile", "freezer"]
    assert CliRunner().invoke(app, entered).exit_code == 0
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["mqtt", *words])


def ok(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(ok(*words, "--json"))


def test_a_clients_life(folder: Path) -> None:
    assert "Nobody may connect" in ok("clients", "list")
    told = ok("clients", "add", "--device", "f-1")
    assert "f-1" in told and "maillage/wm-1/f-1" in told and "password" in told
    made = document("clients", "add", "gateway", "--publish", "plant/#", "--subscribe", "plant/a", "--site", "wm-1")
    assert (made["id"], made["publish"], made["subscribe"]) == ("gateway", ["plant/#"], ["plant/a"])
    listed = ok("clients", "list")
    assert "gateway" in listed and "plant/#" in listed and made["password"] not in listed
    rotated = document("clients", "rotate", "gateway")
    assert len(rotated["password"]) == 32 and rotated["password"] != made["password"]
    assert document("clients", "revoke", "gateway") == {"id": "gateway", "revoked": True}
    refused = run("clients", "revoke", "gateway")
    assert refused.exit_code == 1 and "no client of the broker is called 'gateway'" in refused.output
    refused = run("clients", "add", "x", "--publish", "a/#/b")
    assert refused.exit_code == 2 and "last level" in refused.output


def test_a_session_is_given_a_client_by_a_server_only(folder: Path) -> None:
    refused = run("session", "se_1")
    assert refused.exit_code == 2 and "MAILLAGE_SERVER" in refused.output


def test_mosquitto_lets_in_whom_the_records_know(folder: Path) -> None:
    server, port = mosquitto(), free_port()
    made = document("clients", "add", "--device", "f-1")
    written = document("mosquitto-config", str(folder / "broker"), "--port", str(port))
    assert written["clients"] == 1 and made["password"] not in Path(written["passwords"]).read_text()
    assert all(Path(file).stat().st_mode & 0o077 == 0 for file in (written["passwords"], *written["house"]))
    process = subprocess.Popen([server, "-c", written["config"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        house = Path(written["house"][0]).read_text()
        assert asyncio.run(heard(port, house, made["password"])) == [b"-18.2"]
        revoked = document("clients", "revoke", "f-1")
        assert revoked["revoked"] and document("mosquitto-config", str(folder / "broker"), "--port", str(port))
        assert Path(written["house"][0]).read_text() == house, "our own line keeps its password"
        os.kill(process.pid, signal.SIGHUP)
        until = time.monotonic() + START_S
        while asyncio.run(code_of(port, made["password"])) == 0:
            assert time.monotonic() < until
    finally:
        process.terminate()
        process.wait(START_S)


def test_the_files_are_written_beside_a_process_that_owns_the_folder(folder: Path) -> None:
    document("clients", "add", "--device", "f-1")
    owner = open_local(folder / "home")
    try:
        assert document("mosquitto-config", str(folder / "broker"))["clients"] == 1
    finally:
        owner.close()


def test_what_the_files_can_not_be_made_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (
        ["--certificate", "a.pem"],
        ["--certificate", "a.pem", "--key", "a.key"],
        ["--house", "a b"],
        ["--port", "0"],
    ):
        refused = run("mosquitto-config", str(folder / "broker"), *words)
        assert refused.exit_code == 2, refused.output
        assert not (folder / "broker").exists()
    monkeypatch.setenv("MAILLAGE_SERVER", "http://127.0.0.1:1")
    refused = run("mosquitto-config", str(folder / "broker"))
    assert refused.exit_code == 2 and "over no network" in refused.output


async def heard(port: int, house: str, password: str) -> list[bytes]:
    """What our own line hears of a device that speaks on its topic, and on another's."""
    ours = await Wire(port).open(connect("maillage", "maillage", house))
    assert (await ours.answer(2))[1] == 0
    await ours.subscribe("#")
    device = await Wire(port).open(connect("f-1", "f-1", password))
    assert (await device.answer(2))[1] == 0
    await device.say(publish("maillage/wm-1/f-2", b"1"), publish("maillage/wm-1/f-1", b"-18.2"))
    came = await ours.until(1)
    await ours.ping()
    ours.break_off()
    device.break_off()
    return [each.payload for each in came]


async def code_of(port: int, password: str) -> int:
    """What a device is told that connects."""
    wire = await Wire(port).open(connect("f-1", "f-1", password))
    code = (await wire.answer(2))[1]
    wire.break_off()
    return code


def wait_for(port: int) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            assert time.monotonic() < until, "mosquitto did not start"
            time.sleep(0.02)
