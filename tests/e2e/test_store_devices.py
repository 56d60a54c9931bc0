"""A freezer's life over the real faces: MQTT in, HTTP out, a kill -9 in between."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.e2e.server import Client, Server
from tests.e2e.tenants import add_store
from tests.receiver import until

QUICK = {
    "name": "A freezer's probe that is quick to alarm",
    "measures": [
        {"name": "temperature", "unit": "Cel", "role": "temperature", "path": "t", "minimum": -40, "maximum": 30},
        {"name": "door", "unit": "1", "role": "door", "path": "door", "minimum": 0, "maximum": 1},
    ],
    "rules": [
        {"id": "thawing", "measure": "temperature", "side": "above", "limit": -9, "dwell_s": 0, "severity": "critical",
         "clear_s": 0}
    ],
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, mqtt=True)
    server.start()
    add_store(server)
    with Client(server.port) as client:
        client.ok("PUT", "/v1/profiles/quick", QUICK)
        client.ok("POST", "/v1/devices", {"id": "f-1", "site": "wm-1", "profile": "quick", "unit": "island"})
    yield server
    server.stop()


def password(server: Server, device: str = "f-1") -> str:
    with Client(server.port) as client:
        return str(client.ok("POST", "/v1/mqtt-clients", {"device": device})["password"])


def publish(server: Server, secret: str, *readings: dict[str, Any], topic: str = "maillage/wm-1/f-1") -> None:
    async def main() -> None:
        async with aiomqtt.Client("127.0.0.1", server.mqtt_port, username="f-1", password=secret) as device:
            for reading in readings:
                await device.publish(topic, json.dumps(reading), qos=1)

    asyncio.run(main())


def heard(server: Server) -> str:
    """The password of the device, once it is listened to: that begins a moment after it was entered."""
    secret = password(server)

    def again() -> bool:
        publish(server, secret, {"t": -20.0, "door": 0})
        return bool(asked(server, "/v1/devices/f-1/readings?measure=temperature")())

    until(again)
    return secret


def asked(server: Server, path: str) -> Callable[[], Any]:
    def ask() -> Any:
        with Client(server.port) as client:
            return client.ok("GET", path)["items"]

    return ask


def test_what_a_device_says_is_kept_alarms_and_outlives_a_kill(server: Server) -> None:
    secret = heard(server)
    readings, alarms = asked(server, "/v1/devices/f-1/readings?measure=temperature"), asked(server, "/v1/alarms")
    publish(server, secret, {"t": -18.5, "door": 0})
    until(lambda: readings()[-1]["value"] == -18.5)
    assert alarms() == []
    publish(server, secret, {"t": -8.0, "door": 0})
    until(lambda: [each["rule"] for each in alarms()] == ["thawing"])
    until(lambda: readings()[-1]["value"] == -8.0)
    before = readings()
    server.kill()
    server.start()
    (alarm,) = alarms()
    assert (alarm["state"], alarm["unit"]) == ("raised", "island")
    assert readings() == before
    with Client(server.port) as client:
        client.ok("POST", f"/v1/alarms/{alarm['id']}/acknowledge", {"by": "Ada"})
        action = {"by": "Ada", "text": "moved to the cold room", "disposition": "moved"}
        client.ok("POST", f"/v1/alarms/{alarm['id']}/action", action)
    publish(server, secret, {"t": -18.0, "door": 0})  # the same password, at the same broker that is back
    publish(server, secret, {"t": -18.2, "door": 0})
    until(lambda: alarms()[0]["state"] == "cleared")
    with Client(server.port) as client:
        verdict = client.ok("GET", "/v1/haccp/wm-1/verify")
        kinds = [entry["kind"] for entry in client.ok("GET", "/v1/haccp/wm-1")["items"]]
    assert verdict["ok"]
    assert {"alarm_raised", "alarm_acknowledged", "corrective_action"} <= set(kinds)


def test_a_device_can_speak_for_itself_only(server: Server) -> None:
    with Client(server.port) as client:
        client.ok("POST", "/v1/devices", {"id": "f-2", "site": "wm-1", "profile": "quick"})
    secret = heard(server)
    publish(server, secret, {"t": -1.0, "door": 0}, topic="maillage/wm-1/f-2")
    publish(server, secret, {"t": -18.0, "door": 0})
    until(lambda: asked(server, "/v1/devices/f-1/readings?measure=temperature")()[-1]["value"] == -18.0)
    assert asked(server, "/v1/devices/f-2/readings?measure=temperature")() == []
    with pytest.raises(aiomqtt.MqttError):
        publish(server, "not the password", {"t": -1.0})
