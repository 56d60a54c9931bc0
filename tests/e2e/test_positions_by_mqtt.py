"""A session that follows its device by what that says over MQTT, to the broker of a real server."""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.mqtt_wire import Wire, connect, publish
from tests.e2e.counting import counting_app, upload
from tests.e2e.server import Client, Server
from tests.e2e.tenants import Tenant

WEST, EAST = {"lat": 36.37, "lon": -94.2156}, {"lat": 36.37, "lon": -94.2144}
"""A hundred metres apart, each nearer to one of the two stores."""
WITHIN_S = 20.0
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "follow-a-vehicle-by-mqtt.md"


class WithBroker(Server):
    """A server with a broker of its own, on a free port."""

    def popen(self, *options: str) -> subprocess.Popen[str]:
        return super().popen("--mqtt-port", "0", *options)


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    """A tenant with an app, in a chain of two stores 18 km apart."""
    server = WithBroker(tmp_path / "home")
    server.start()
    try:
        with Client(server.port) as operator:
            for name, lon in (("west", -94.315), ("east", -94.115)):
                operator.ok("PUT", f"/v1/sites/{name}", {"name": name, "lat": 36.37, "lon": lon})
                for kind in ("cpu", "memory"):
                    operator.ok("PUT", f"/v1/sites/{name}/capacity/{kind}", {"size": 8})
        one = Tenant(server, "acme")
        with one.client() as client:
            client.ok("POST", "/v1/apps", {"name": "guide"})
        upload(server.port, one.key, "acme.guide", counting_app())
        yield one
    finally:
        server.kill()


@pytest.mark.long
def test_a_session_moves_because_of_positions_by_mqtt(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(drive(tenant, capsys))


async def drive(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    with tenant.client() as client, Client(tenant.server.port) as operator:
        ours, other = (begin(client, device) for device in ("cab-7", "cab-8"))
        assert (ours["site"], other["site"]) == ("west", "west")
        cab7, cab8 = (client.ok("POST", f"/v1/sessions/{each['id']}/mqtt-client") for each in (ours, other))
        assert cab7["id"] == ours["id"] and cab7["topic"] == f"maillage/positions/{ours['id']}"
        port = int(cab7["broker"].rpartition(":")[2])

        # Somebody else's client, and nobody's, move nothing.
        liar = await let_in(port, cab8)
        await liar.say(publish(cab7["topic"], json.dumps(EAST).encode(), qos=1))
        await liar.answer(4)  # taken and dropped: MQTT 3.1.1 has no word for a refusal
        assert await code_of(port, cab7["id"], cab8["password"]) == 5
        assert await code_of(port, "nobody", "x" * 32) == 5
        state = client.ok("GET", f"/v1/sessions/{ours['id']}/mqtt-client")
        assert (state["messages"], state["heard_at"]) == (0, None)

        wire = await let_in(port, cab7)
        await wire.say(publish(cab7["topic"], b"36.37, -94.21"))
        took_s = [await move(wire, client, cab7["topic"], ours["id"], *to) for to in ((EAST, "east"), (WEST, "west"))]
        with capsys.disabled():
            print(f"\n{json.dumps({'from_position_to_store_ms': [round(1_000 * each) for each in took_s]})}")
        assert client.ok("GET", f"/v1/sessions/{other['id']}")["site"] == "west"
        state = client.ok("GET", f"/v1/sessions/{ours['id']}/mqtt-client")
        assert state["malformed"] == 1 and state["taken"] >= 2 and state["fault"]

        stranger = Tenant(tenant.server, "stranger")
        with stranger.client() as theirs:
            for method in ("GET", "POST"):
                assert theirs.call(method, f"/v1/sessions/{ours['id']}/mqtt-client")[0] == 404
        listed = operator.ok("GET", "/v1/mqtt-clients")["items"]
        assert sorted(each["id"] for each in listed) == sorted([ours["id"], other["id"]])

        client.ok("DELETE", f"/v1/sessions/{ours['id']}")
        async with asyncio.timeout(WITHIN_S):
            await wire.closed.wait()
        assert await code_of(port, cab7["id"], cab7["password"]) == 5
        assert client.call("POST", f"/v1/sessions/{ours['id']}/mqtt-client")[0] == 404
        await liar.ping()

    # Another start of the server knows the clients and the sessions, and goes on.
    tenant.server.kill()
    tenant.server.start()
    with tenant.client() as client:
        again = client.ok("GET", f"/v1/sessions/{other['id']}/mqtt-client")
        wire = await let_in(int(again["broker"].rpartition(":")[2]), cab8)
        await move(wire, client, again["topic"], other["id"], EAST, "east")
        wire.break_off()


def begin(client: Client, device: str) -> Any:
    wanted = {"app": "acme.guide", "device": device, "position": WEST, "needs": {"cpu": 1}, "within_km": 25}
    return client.ok("POST", "/v1/sessions", {**wanted, "dwell_s": 0, "hysteresis_km": 0})


async def move(wire: Wire, client: Client, topic: str, session: str, place: dict[str, float], site: str) -> float:
    """Say where it is now; how many seconds after it was believed the session was there. Nothing moves a hundred metres
    in one second, so that it may have to be said again."""
    said_at = 0.0

    async def is_there() -> bool:
        nonlocal said_at
        if time.monotonic() - said_at > 1.1:
            said_at = time.monotonic()
            await wire.say(publish(topic, json.dumps(place).encode()))
        return bool(client.ok("GET", f"/v1/sessions/{session}")["site"] == site)

    await until(is_there)
    return time.monotonic() - said_at


async def let_in(port: int, client: dict[str, str]) -> Wire:
    wire = await Wire(port).open(connect(client["id"], client["id"], client["password"]))
    assert (await wire.answer(2))[1] == 0
    return wire


async def code_of(port: int, user: str, password: str) -> int:
    """What somebody is told that connects."""
    wire = await Wire(port).open(connect(user, user, password))
    code = (await wire.answer(2))[1]
    wire.break_off()
    return code


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not await true():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.01)


def test_the_program_of_the_guide_has_a_session_follow(tenant: Tenant, tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    with tenant.client() as client:
        session = begin(client, "cab-7")["id"]
        given = client.ok("POST", f"/v1/sessions/{session}/mqtt-client")
        (tmp_path / "cab-7.json").write_text(json.dumps(given))
        command = [sys.executable, "-c", program]
        driving = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, text=True, stderr=subprocess.PIPE)
        assert driving.stdin is not None
        deadline = time.monotonic() + WITHIN_S
        while client.ok("GET", f"/v1/sessions/{session}")["site"] != "east":
            assert time.monotonic() < deadline, client.ok("GET", f"/v1/sessions/{session}/mqtt-client")
            driving.stdin.write(f"{EAST['lat']},{EAST['lon']}\n")
            driving.stdin.flush()
            time.sleep(0.3)
        _, errors = driving.communicate(timeout=WITHIN_S)
        assert driving.returncode == 0, errors
