"""A store as it is served: a chain with its own broker, a robot on a line of its own, and all that is asked by HTTP."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from maillage.bootstrap import LocalChain
from maillage.bootstrap.devices import Mqtt
from maillage.engines.clocks import SystemClock
from maillage.engines.mqtt.address import BrokerAddress
from maillage.engines.mqtt.line import MqttLine
from maillage.faces.http.app import build_app
from maillage.services.robots.coverage.documents import area_document
from maillage.services.robots.coverage.floors_made import make_store
from maillage.services.robots.model import Pose
from maillage.services.robots.simulate.body import Model
from maillage.services.robots.simulate.robot import SimulatedRobot
from maillage.services.robots.vda5050.topics import Address
from tests.unit.services.robots.robots_world import until

DOCK = Pose(1.2, 1.2, 0.0, "floor-1")
STEP_S = 0.01


@pytest.mark.parametrize(
    ("area_m2", "within_s"), [(60.0, 60), pytest.param(1_000.0, 300, marks=pytest.mark.long)], ids=["kiosk", "shop"]
)
def test_a_store_is_cleaned_and_proven_over_its_own_broker(tmp_path: Path, area_m2: float, within_s: int) -> None:
    asyncio.run(_cleaned(tmp_path, area_m2, within_s))


async def _cleaned(folder: Path, area_m2: float, within_s: int) -> None:
    chain = LocalChain(folder, SystemClock(), "", devices=True, mqtt=Mqtt(port=0))
    async with chain:
        key = {"Authorization": f"Bearer {chain.access.first_key(None)}"}
        transport = httpx.ASGITransport(build_app(chain))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://chain", headers=key) as client:
            await _put(client, "/v1/sites/wm-1", {"name": "One", "lat": 48.9, "lon": 2.4})
            line = await _line(chain)
            robot = SimulatedRobot(
                line, Address("Acme", "AC-1"), DOCK, Model(speed_mps=1.0, action_s=0.5), run=False, state_every_s=1.0
            )
            await robot.start()
            living = asyncio.get_running_loop().create_task(_live(robot))
            try:
                await _story(client, chain, area_m2, within_s)
                assert robot.body.charging and not robot.body.cleaning
            finally:
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
                await robot.stop()
                await line.stop()


async def _story(client: httpx.AsyncClient, chain: LocalChain, area_m2: float, within_s: int) -> None:
    new = {"id": "r1", "site": "wm-1", "manufacturer": "Acme", "serial": "AC-1", "clean_width_m": 0.6}
    assert (await client.post("/v1/robots", json=new)).status_code == 201
    await until(lambda: chain.robots.fleet.live("r1").in_touch, 20)
    floor = {
        "map_id": DOCK.map_id,
        "area": area_document(make_store(7, area_m2).area),
        "docks": [{"x": DOCK.x, "y": DOCK.y}],
    }
    await _put(client, "/v1/sites/wm-1/floors/sales", floor)
    name = (await client.post("/v1/cleanings", json={"site": "wm-1", "floor": "sales"})).json()["id"]
    async with asyncio.timeout(within_s):
        while (found := (await client.get(f"/v1/cleanings/{name}")).json())["state"] not in (
            "done",
            "partly",
            "failed",
        ):
            await asyncio.sleep(0.2)
    assert found["state"] == "done", found
    evidence = (await client.get(f"/v1/cleanings/{name}/evidence")).json()
    assert evidence["figures"]["share"] >= 0.98
    assert evidence["figures"]["reachable_m2"] > 0.4 * area_m2
    picture = await client.get(f"/v1/cleanings/{name}/evidence.png")
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"
    leases = (await client.get("/v1/leases?site=wm-1")).json()["items"]
    assert leases and all((lease["class"], lease["state"]) == ("house", "released") for lease in leases)
    print(json.dumps(evidence["figures"]))


async def _live(robot: SimulatedRobot) -> None:
    """Sixty times as fast as the machine's time, in even steps."""
    while True:
        await asyncio.sleep(STEP_S)
        await robot.advance(60 * STEP_S)


async def _line(chain: LocalChain) -> MqttLine:
    """The robot's own connection, with a login that may use its own topics and no others."""
    broker = chain.devices.broker
    assert broker is not None
    own = "uagv/v2/Acme/AC-1"
    says = tuple(f"{own}/{topic}" for topic in ("state", "connection", "factsheet", "visualization"))
    hears = (f"{own}/order", f"{own}/instantActions")
    _, password = chain.devices.admission.add("AC-1", "wm-1", says, hears)
    line = MqttLine(BrokerAddress(host="127.0.0.1", port=broker.port, username="AC-1", password=password), "AC-1")
    await line.start()
    await until(lambda: line.connected, 20)
    return line


async def _put(client: httpx.AsyncClient, address: str, body: dict[str, Any]) -> None:
    answer = await client.put(address, json=body)
    assert answer.status_code == 200, answer.text
