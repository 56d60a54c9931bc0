"""The robots' addresses, over a fleet with a simulated robot in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException

from maillage.bootstrap.chain import Chain
from maillage.faces.http.app import _failed, _refused
from maillage.faces.http.request import DocumentRequest
from maillage.faces.http.routes import robots
from maillage.kernel.errors import Refusal
from maillage.services.robots.fleet.service import Fleet
from maillage.tenancy.access import Principal
from tests.unit.services.robots.robots_world import MAP, World, until, world

NEW = {"id": "r1", "site": "st-1", "manufacturer": "Acme", "serial": "AC-1", "clean_width_m": 0.6}
PATH = [{"x": float(number), "y": 0, "map": MAP} for number in range(20)]


class Audit:
    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []

    async def done(self, _: Principal, *facts: str) -> None:
        self.said.append(facts)

    def refused(self, *_: object, **__: object) -> None: ...


class StandIn(Chain):
    """A chain that has robots and an audit, and nothing else."""

    def __init__(self, fleet: Fleet, audit: Audit) -> None:
        self.robots = SimpleNamespace(fleet=fleet, missions=fleet.missions)  # type: ignore[assignment]
        self.audit = audit  # type: ignore[assignment]

    async def _start(self) -> None: ...

    async def _stop(self) -> None: ...

    def _close_ledgers(self) -> None: ...


@asynccontextmanager
async def served(folder: Path, role: str = "operator") -> AsyncIterator[tuple[httpx.AsyncClient, World, Audit]]:
    async with world(folder) as here:
        audit = Audit()
        chain = StandIn(here.fleet, audit)
        principal = Principal("acme", role)
        app = Litestar(
            route_handlers=robots.HANDLERS,
            dependencies={
                "chain": Provide(lambda: chain, sync_to_thread=False),
                "principal": Provide(lambda: principal, sync_to_thread=False),
            },
            exception_handlers={Refusal: _refused, HTTPException: _failed},
            openapi_config=None,
            logging_config=None,
            request_class=DocumentRequest,
            state=State({"chain": chain}),
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            yield client, here, audit


async def said(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def test_a_robot_is_registered_sent_paused_and_forgotten(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as (client, here, audit):
            robot = await said(await client.post("/v1/robots", json=NEW), 201)
            assert (robot["name"], robot["connection"], robot["facts"], robot["mission"]) == (
                "r1",
                "unknown",
                None,
                None,
            )
            simulated = await here.robot()
            robot = await said(await client.get("/v1/robots/r1"))
            assert (robot["connection"], robot["mode"], robot["battery"]) == ("online", "AUTOMATIC", 100.0)
            assert robot["position"] == {"x": 0.0, "y": 0.0, "map": MAP, "theta": 0.0}
            assert robot["facts"]["speed_mps"] == 1.0
            mission = await said(
                await client.post("/v1/robots/r1/missions", json={"path": PATH, "purpose": "try"}), 201
            )
            assert (mission["waypoints"], mission["purpose"]) == (20, "try")
            await until(lambda: simulated.body.driven_m > 2)
            paused = await said(await client.post("/v1/robots/r1/pause"))
            assert (paused["done"], paused["mission"]["state"]) == ("paused", "paused")
            assert (await said(await client.get("/v1/robots/r1")))["mission"]["id"] == mission["id"]
            assert (await said(await client.delete("/v1/robots/r1"), 409))["type"] == "/problems/robot-busy"
            busy = await said(await client.post("/v1/robots/r1/missions", json={"path": PATH}), 409)
            assert (busy["type"], busy["mission"]) == ("/problems/robot-busy", mission["id"])
            assert (await said(await client.post("/v1/robots/r1/resume")))["mission"]["state"] == "running"
            assert (await said(await client.post("/v1/robots/r1/cancel")))["done"] == "cancelling"
            await until(lambda: here.fleet.missions.of_robot("r1") is None)
            ended = await said(await client.get(f"/v1/missions/{mission['id']}"))
            assert (ended["state"], ended["reason"], ended["ended_at"] is None) == ("cancelled", None, False)
            track = await said(await client.get(f"/v1/missions/{mission['id']}/track"))
            assert track["items"][0]["map"] == MAP and len(track["items"]) > 2
            page = await said(await client.get("/v1/robots/r1/missions"))
            assert [each["id"] for each in page["items"]] == [mission["id"]] and page["next"] is None
            placed = await said(await client.post("/v1/robots/r1/position", json={"x": 4, "y": 5, "map": MAP}))
            assert placed["id"] == "r1"
            changed = await said(await client.put("/v1/robots/r1", json={"name": "Bright", "dock": PATH[0]}))
            assert (changed["name"], changed["clean_width_m"], changed["dock"]["map"]) == ("Bright", None, MAP)
            await said(await client.delete("/v1/robots/r1"), 204)
            await said(await client.get("/v1/robots/r1"), 404)
            assert [facts[0] for facts in audit.said] == [
                "robot.register",
                "mission.start",
                "robot.pause",
                "robot.resume",
                "robot.cancel",
                "robot.place",
                "robot.change",
                "robot.remove",
            ]

    asyncio.run(story())


def test_robots_come_in_pages_with_strangers_beside_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as (client, here, _):
            for number in range(5):
                await said(
                    await client.post("/v1/robots", json=NEW | {"id": f"r{number}", "serial": f"S{number}"}), 201
                )
            first = await said(await client.get("/v1/robots", params={"limit": 3}))
            assert len(first["items"]) == 3
            second = await said(await client.get("/v1/robots", params={"limit": 3, "cursor": first["next"]}))
            assert [each["id"] for each in second["items"]] == ["r3", "r4"] and second["next"] is None
            await said(await client.get("/v1/robots", params={"cursor": "what"}), 422)
            assert (await said(await client.get("/v1/robots", params={"site": "none"})))["items"] == []
            here.broker.publish("uagv/v2/Who/W-1/state", b"{}", False)
            await until(here.fleet.strangers.all)
            (stranger,) = (await said(await client.get("/v1/robots")))["unregistered"]
            assert (stranger["manufacturer"], stranger["serial"]) == ("Who", "W-1")
            assert "headerId" in stranger["violation"] or "missing" in stranger["violation"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("method", "address", "body", "status"),
    [
        ("POST", "/v1/robots", NEW | {"id": "a b"}, 422),
        ("POST", "/v1/robots", NEW | {"serial": "a/b"}, 422),
        ("POST", "/v1/robots", NEW | {"site": "nowhere"}, 404),
        ("POST", "/v1/robots", NEW | {"more": 1}, 422),
        ("POST", "/v1/robots", {"id": "r1"}, 422),
        ("POST", "/v1/robots/r1/missions", {"path": []}, 422),
        ("POST", "/v1/robots/r1/missions", {"path": PATH}, 409),
        ("POST", "/v1/robots/r1/missions", {"path": [{"x": 1e9, "y": 0, "map": "m"}]}, 422),
        ("POST", "/v1/robots/r9/missions", {"path": PATH}, 404),
        ("POST", "/v1/robots/r1/pause", None, 409),
        ("POST", "/v1/robots/r9/pause", None, 404),
        ("POST", "/v1/robots/r1/cancel", None, 409),
        ("PUT", "/v1/robots/r9", {"name": "x"}, 404),
        ("GET", "/v1/robots/r9/missions", None, 404),
        ("GET", "/v1/missions/ms_9", None, 404),
        ("GET", "/v1/missions/ms_9/track", None, 404),
    ],
)
def test_what_can_not_be_is_refused_with_a_problem(
    tmp_path: Path, method: str, address: str, body: Any, status: int
) -> None:
    async def story() -> None:
        async with served(tmp_path) as (client, _, __):
            await said(await client.post("/v1/robots", json=NEW), 201)
            content = None if body is None else msgspec.json.encode(body)
            problem = await said(await client.request(method, address, content=content), status)
            assert problem["detail"] and problem["type"].startswith("/problems/")

    asyncio.run(story())


def test_robots_are_not_for_tenants(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path, "tenant") as (client, _, __):
            for handler in robots.HANDLERS:
                (path,), methods = handler.paths, handler.http_methods
                address = path.replace("{robot:str}", "r1").replace("{mission:str}", "ms_1")
                for method in methods - {"OPTIONS", "HEAD"}:
                    body = PATH[0] if "position" in path else {"path": PATH} if "missions" in path else NEW
                    body = {"name": "x"} if method == "PUT" else body
                    answer = await client.request(method, address, content=msgspec.json.encode(body))
                    assert answer.status_code == 403, f"{method} {address}: {answer.text}"

    asyncio.run(story())
