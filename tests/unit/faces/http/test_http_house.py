"""The house of a site by HTTP, on a chain that runs code: who may do what, and that the shop comes first."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.bootstrap import LocalChain
from maillage.kernel.events import Reclaimed
from maillage.services.compute.house.measuring import LOOK_APART_S
from maillage.services.compute.model import InstanceStatus
from tests.e2e.guests import CPU_HOG, ENDLESS
from tests.unit.faces.http.api import Api, assert_problem, opened

HOUSE = "/v1/sites/wm-1/house"
GRACE_S = 1.0


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    pytest.importorskip("wasmtime", reason="the extra compute is not installed")
    folder = tmp_path_factory.mktemp("house")
    with opened(folder / "chain", lambda path, clock: LocalChain(path, clock, "", runs_code=True)) as one:
        one.site("wm-1", cpu=8, memory=16)
        one.site("wm-2", memory=16)
        yield one


@pytest.fixture(scope="module")
def acme(api: Api) -> str:
    return api.tenant("acme")


@pytest.fixture(autouse=True)
def tidy(api: Api) -> Iterator[None]:
    yield
    api.call("DELETE", HOUSE)
    for each in api.ok("GET", "/v1/deployments")["items"]:
        api.ok("DELETE", f"/v1/deployments/{each['id']}")
    for lease in api.ok("GET", "/v1/leases?state=confirmed")["items"]:
        api.ok("POST", f"/v1/leases/{lease['id']}/release")


def leased(api: Api, vcpu: float) -> Any:
    """The house, once so much stands leased for it."""
    for _ in range(200):
        now = api.ok("GET", HOUSE)
        if now["leased"] == vcpu:
            return now
        api.run(asyncio.sleep(0.02))
    raise AssertionError(now)


def test_a_house_that_is_set_has_its_leases_at_once(api: Api) -> None:
    made = api.ok("PUT", HOUSE, {"headroom": "0.5", "horizon_h": 2})
    day = made.pop("day")
    assert made == {
        "site": "wm-1",
        "on": True,
        "kind": "cpu",
        "quantile": 0.9999,
        "headroom": 0.5,
        "horizon_h": 2,
        "size": 8,
        "use": {"cpu": 0, "apps": 0, "reported": None, "reported_at": None},
        "profile": "learning",
        "weeks": 0,
        "margin": 2,
        "kept": 2.5,
        "leased": 2.5,
        "short": 0,
        "left": 5.5,
        "as_of": "2026-11-01T12:00:00Z",
    }
    assert len(day) == 24
    hour = {"expected": 0, "kept": 2.5, "leased": 2.5, "firm": 0, "spot": 0, "left": 5.5}
    assert day[:2] == [{"at": f"2026-11-01T{at}:00:00Z", **hour} for at in (12, 13)]
    assert day[2] == {"at": "2026-11-01T14:00:00Z", **hour, "leased": 0}
    leases = api.ok("GET", "/v1/leases?site=wm-1&state=confirmed")["items"]
    assert {(lease["tenant"], lease["class"]) for lease in leases} == {("@house", "house")}


def test_a_report_is_acted_on_at_once_and_others_buy_what_is_left(api: Api, acme: str) -> None:
    api.ok("PUT", HOUSE, {})
    said = api.ok("POST", f"{HOUSE}/use", {"cpu": 3.25, "at": "2026-11-01T12:00:00Z"})
    assert said == {"cpu": 3.25, "apps": 0, "reported": 3.25, "reported_at": "2026-11-01T12:00:00Z"}
    assert leased(api, 5.3)["left"] == 2.7
    ask = {"needs": {"cpu": 2.8}, "site": "wm-1", "end": "2026-11-01T12:50:00Z"}
    refused = assert_problem(api.call("POST", "/v1/leases", ask, acme), 409, "no-capacity")
    assert refused["reasons"][0]["available"] == 2.7
    api.ok("POST", "/v1/leases", {**ask, "needs": {"cpu": 2.7}}, acme)
    assert api.ok("GET", HOUSE)["left"] == 0
    api.ok("DELETE", HOUSE)
    assert_problem(api.call("GET", HOUSE), 404, "not-found")
    assert_problem(api.call("POST", f"{HOUSE}/use", {"cpu": 1}), 404, "not-found")


def test_only_staff_has_to_do_with_it(api: Api, acme: str) -> None:
    node = api.tenant("a-node", "node")
    api.ok("PUT", HOUSE, {"on": False}, node)
    api.ok("POST", f"{HOUSE}/use", {"cpu": 1}, node)
    assert api.ok("GET", HOUSE, key=node)["on"] is False
    for method, path, body in (
        ("GET", HOUSE, None),
        ("PUT", HOUSE, {}),
        ("DELETE", HOUSE, None),
        ("POST", f"{HOUSE}/use", {"cpu": 1}),
    ):
        assert_problem(api.call(method, path, body, acme), 403, "not-allowed")
    api.ok("DELETE", HOUSE, key=node)
    acts = [entry["action"] for entry in api.ok("GET", "/v1/audit?limit=1000&actor=a-node")["items"]]
    assert [act for act in acts if act.startswith("house")] == ["house.set", "house.drop"]


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/v1/sites/wm-2/house", {}, 422, "invalid"),
        ("/v1/sites/wm-9/house", {}, 404, "not-found"),
        (HOUSE, {"quantile": 1}, 422, "invalid"),
        (HOUSE, {"quantile": 0.2}, 422, "invalid"),
        (HOUSE, {"horizon_h": 0}, 422, "invalid"),
        (HOUSE, {"horizon_h": 169}, 422, "invalid"),
        (HOUSE, {"headroom": 9}, 422, "invalid"),
        (HOUSE, {"headroom": -1}, 422, "invalid"),
        (HOUSE, {"kind": "memory"}, 422, "invalid"),
        (HOUSE, {"on": "yes"}, 422, "invalid"),
        (HOUSE, {"colour": "red"}, 422, "invalid"),
    ],
)
def test_settings_that_can_not_be_are_refused_and_leave_nothing(
    api: Api, path: str, body: dict[str, Any], status: int, slug: str
) -> None:
    assert_problem(api.call("PUT", path, body), status, slug)
    assert_problem(api.call("GET", HOUSE), 404, "not-found")


@pytest.mark.parametrize(
    "body", [{}, {"cpu": -1}, {"cpu": "much"}, {"cpu": 1, "at": "today"}, {"cpu": 1, "at": "2026-11-01T11:59:00Z"}]
)
def test_a_report_that_can_not_be_is_refused(api: Api, body: dict[str, Any]) -> None:
    api.ok("PUT", HOUSE, {})
    assert_problem(api.call("POST", f"{HOUSE}/use", body), 422, "invalid")


def test_where_no_code_runs_no_house_is_looked_after(tmp_path: Path) -> None:
    with opened(tmp_path / "chain") as plain:
        assert_problem(plain.call("GET", HOUSE), 404, "no-code-here")


def test_the_house_takes_back_its_machine_from_a_running_spot_instance(api: Api, acme: str) -> None:
    """The tenant's events have the reclaim before its instance goes, and it is gone with the grace."""
    deployed = deploy(api, acme, "hog", ENDLESS)
    lease = deployed["placed"][0]["lease"]
    api.ok("PUT", HOUSE, {})
    said: list[tuple[float, InstanceStatus, bool]] = []
    told: list[tuple[float, Reclaimed]] = []

    def noted(status: InstanceStatus) -> None:
        if status.id == lease:
            said.append((time.monotonic(), status, bool(told)))

    async def feed() -> None:
        async for entry in api.chain.feed.follow(0, 0.1):
            if entry is not None and isinstance(entry[1], Reclaimed) and entry[1].lease == lease:
                told.append((time.monotonic(), entry[1]))
                return

    async def surge() -> None:
        following = asyncio.create_task(feed())
        headers = {"Authorization": f"Bearer {acme}"}
        under_way = asyncio.create_task(api.client.get("/run/acme.hog/", headers=headers))
        await asyncio.sleep(0.3)
        staff = {"Authorization": f"Bearer {api.operator}", "Content-Type": "application/json"}
        await api.client.post(f"{HOUSE}/use", content=b'{"cpu": 3}', headers=staff)
        async with asyncio.timeout(10):
            await following
            while not said or said[-1][1].state != "stopped":
                await asyncio.sleep(0.01)
            await under_way

    unsubscribe = api.chain.compute.host.subscribe(noted)
    try:
        api.run(surge())
    finally:
        unsubscribe()
    ((told_at, event),) = told
    assert event.end == event.at == api.clock.now()  # for the house at once
    stopped_at, _, known_before = said[-1]
    assert known_before and told_at < stopped_at
    assert GRACE_S / 2 < stopped_at - told_at < GRACE_S + 2  # its request under way had the grace, and no more
    assert api.chain.office.whose(event) == "acme"
    lost = api.ok("GET", f"/v1/leases/{lease}", key=acme)
    assert (lost["state"], lost["end"]) == ("reclaimed", "2026-11-01T12:00:00Z")
    assert api.chain.compute.host.ready("acme.hog") == []
    house = api.ok("GET", HOUSE)
    assert (house["kept"], house["leased"], house["short"]) == (5, 5, 0)


def test_what_its_own_apps_use_is_measured(api: Api) -> None:
    deploy(api, api.operator, "till", CPU_HOG, "house")
    assert api.ok("PUT", HOUSE, {})["leased"] == 4  # what its app has counts
    keeper = api.chain.compute.house.keeper

    def after(requests: int) -> float:
        for _ in range(requests):
            assert api.call("GET", "/run/operator.till/").status_code == 200
        api.run(asyncio.sleep(LOOK_APART_S + 0.1))
        api.run(keeper.tick())
        apps: float = api.ok("GET", HOUSE)["use"]["apps"]
        return apps

    after(1)
    assert 0 < after(3) <= 4
    assert after(0) == 0


def deploy(api: Api, key: str, name: str, text: str, lease_class: str = "spot") -> Any:
    """An instance of 4 of the store's 8 vCPU."""
    import wasmtime

    made = api.ok("POST", "/v1/apps", {"name": name}, key)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/wasm"}
    body = bytes(wasmtime.wat2wasm(text))
    sent = api.run(api.client.post(f"/v1/apps/{made['id']}/versions", content=body, headers=headers))
    assert sent.status_code == 201, sent.text
    wanted = {
        "app": made["id"],
        "near": [{"lat": 36.37, "lon": -94.21}],
        "needs": {"cpu": 4, "memory": 0.125},
        "class": lease_class,
        "grace_s": GRACE_S,
        "request_s": 30,
    }
    deployed = api.ok("POST", "/v1/deployments", wanted, key)
    for _ in range(200):
        deployed = api.ok("GET", f"/v1/deployments/{deployed['id']}", key=key)
        if deployed["placed"] and deployed["placed"][0]["state"] == "ready":
            return deployed
        api.run(asyncio.sleep(0.05))
    raise AssertionError(deployed)
