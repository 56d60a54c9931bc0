"""Deployments by HTTP, with the real runtime behind: who may do what, and what the answers look like."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from maillage.bootstrap import LocalChain
from maillage.faces.http import app as face
from maillage.faces.http.routes import deployments
from tests.unit.faces.http.api import Api, assert_problem, opened

CODE = Path(__file__).parents[2] / "engines" / "wasmtime" / "code" / "command.wat"
SICK = '(module (memory (export "memory") 1) (func (export "_start") unreachable))'
NEAR = [{"lat": 36.37, "lon": -94.21}]
POINT: dict[str, Any] = {"app": "acme.shop", "near": NEAR, "needs": {"cpu": 1, "memory": 0.125}}


class Shop(NamedTuple):
    """A chain with two stores that run code, whose tenant acme has an app; ``versions`` are good, good and sick."""

    api: Api
    acme: str
    other: str
    versions: list[str]

    def made(self, **fields: Any) -> Any:
        """A deployment of acme's, of the first version unless told otherwise."""
        return self.api.ok("POST", "/v1/deployments", {**POINT, "version": self.versions[0], **fields}, self.acme)

    def lease(self, **fields: Any) -> Any:
        return self.api.ok("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-1", **fields}, self.acme)

    def rolled(self, deployment: str) -> Any:
        """The deployment, once it rolls no more."""
        for _ in range(100):
            now = self.api.ok("GET", f"/v1/deployments/{deployment}", key=self.acme)
            if now["rollout"]["state"] != "rolling" and now["rollout"]["updated"] == now["rollout"]["of"]:
                return now
            self.api.run(asyncio.sleep(0.1))
        raise AssertionError(now)


@contextmanager
def serving(folder: Path) -> Iterator[Shop]:
    wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
    with pytest.MonkeyPatch.context() as patch:
        if deployments.create_deployment not in face.HANDLERS:
            patch.setattr(face, "HANDLERS", [*face.HANDLERS, *deployments.HANDLERS])
        with opened(folder / "chain", lambda path, clock: LocalChain(path, clock, "", runs_code=True)) as api:
            api.site("wm-1", cpu=8, memory=16)
            api.site("wm-2", lat=36.5, cpu=8, memory=16)
            acme, other = api.tenant("acme"), api.tenant("other")
            api.ok("POST", "/v1/apps", {"name": "shop"}, acme)
            good = CODE.read_text()
            digests = []
            for text in (good, f"{good.rstrip()[:-1]} (func))", SICK):
                headers = {"Authorization": f"Bearer {acme}", "Content-Type": "application/wasm"}
                body = bytes(wasmtime.wat2wasm(text))
                sent = api.run(api.client.post("/v1/apps/acme.shop/versions", content=body, headers=headers))
                assert sent.status_code == 201, sent.text
                digests.append(sent.json()["digest"])
            yield Shop(api, acme, other, digests)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all tests of this file, each of which leaves no deployment behind: compiling takes its time."""
    with serving(tmp_path_factory.mktemp("shop")) as one:
        yield one


@pytest.fixture(autouse=True)
def tidy(shop: Shop) -> Iterator[None]:
    yield
    for each in shop.api.ok("GET", "/v1/deployments")["items"]:
        shop.api.ok("DELETE", f"/v1/deployments/{each['id']}")
    for lease in shop.api.ok("GET", "/v1/leases?state=confirmed")["items"]:
        shop.api.ok("POST", f"/v1/leases/{lease['id']}/release")


def test_a_deployment_is_answered_with_instances_that_run(shop: Shop) -> None:
    api = shop.api
    response = api.call("POST", "/v1/deployments", {**POINT, "version": shop.versions[0]}, shop.acme)
    made = response.json()
    assert (response.status_code, response.headers["etag"]) == (201, '"1"')
    (placed,) = made["placed"]
    assert placed == {
        "id": placed["lease"],
        "lease": placed["lease"],
        "deployment": made["id"],
        "app": "acme.shop",
        "site": "wm-1",
        "version": shop.versions[0],
        "state": "ready",
        "since": "2026-11-01T12:00:00Z",
        "restarts": 0,
        "detail": None,
        "own_lease": True,
    }
    assert made | {"id": "", "placed": []} == {
        "id": "",
        "app": "acme.shop",
        "tenant": "acme",
        "version": shop.versions[0],
        "former": None,
        "revision": 1,
        "created_at": "2026-11-01T12:00:00Z",
        "leases": None,
        "near": NEAR,
        "within_km": None,
        "within_ms": None,
        "instances": 1,
        "needs": {"cpu": 1, "memory": 0.125},
        "class": "firm",
        "max_price": None,
        "config": {},
        "outbound": [],
        "health": {"path": "", "every_s": 10.0, "timeout_s": 2.0, "failures": 3},
        "restart": "always",
        "grace_s": 5.0,
        "request_s": 10.0,
        "port": 8080,
        "public": False,
        "rollout": {"state": "done", "updated": 1, "of": 1, "detail": None},
        "placed": [],
        "missing": [],
    }
    assert api.ok("GET", f"/v1/deployments/{made['id']}", key=shop.acme) == made
    assert api.ok("GET", f"/v1/deployments/{made['id']}/instances", key=shop.acme) == {"items": [placed], "next": None}
    lease = api.ok("GET", f"/v1/leases/{placed['lease']}", key=shop.acme)
    assert (lease["tenant"], lease["end"], lease["class"]) == ("acme", None, "firm")


def test_its_log_says_what_happened_to_it_also_when_it_is_over(shop: Shop) -> None:
    made = shop.made()
    address = f"/v1/instances/{made['placed'][0]['id']}/logs"
    first = shop.api.ok("GET", address, key=shop.acme)
    assert [(line["stream"], line["text"]) for line in first["items"]] == [("host", "ready")]
    assert first["items"][0]["at"] == "2026-11-01T12:00:00.000Z"
    shop.api.ok("DELETE", f"/v1/deployments/{made['id']}", key=shop.acme)
    rest = shop.api.ok("GET", f"{address}?after={first['next']}", key=shop.acme)
    assert [line["text"] for line in rest["items"]] == [
        "stopping: nobody wants it any more",
        "stopped: nobody wants it any more",
    ]
    assert_problem(shop.api.call("GET", address, key=shop.other), 404, "not-found")


def test_a_deployment_that_goes_gives_its_leases_back(shop: Shop) -> None:
    made = shop.made(instances=3)
    response = shop.api.call("DELETE", f"/v1/deployments/{made['id']}", key=shop.acme)
    assert response.status_code == 204
    assert shop.api.ok("GET", "/v1/leases?state=confirmed", key=shop.acme)["items"] == []
    assert_problem(shop.api.call("GET", f"/v1/deployments/{made['id']}", key=shop.acme), 404, "not-found")
    assert_problem(shop.api.call("DELETE", f"/v1/deployments/{made['id']}", key=shop.acme), 404, "not-found")


def test_it_runs_on_a_lease_that_the_tenant_has(shop: Shop) -> None:
    lease = shop.lease()["id"]
    made = shop.api.ok(
        "POST", "/v1/deployments", {"app": "acme.shop", "leases": [lease], "version": shop.versions[0]}, shop.acme
    )
    assert [(each["id"], each["own_lease"], each["state"]) for each in made["placed"]] == [(lease, False, "ready")]
    shop.api.ok("POST", f"/v1/leases/{lease}/release", key=shop.acme)
    shop.api.run(asyncio.sleep(0.3))
    now = shop.api.ok("GET", f"/v1/deployments/{made['id']}", key=shop.acme)
    assert (now["placed"], [each["problem"] for each in now["missing"]]) == ([], ["lease-state"])


def test_versions_roll_out_and_back(shop: Shop) -> None:
    made = shop.made(instances=2, health={"path": "/echo", "every_s": 1, "failures": 2})
    path, (first, second, sick) = f"/v1/deployments/{made['id']}", shop.versions
    changed = shop.api.ok("PATCH", path, {"revision": 1, "version": second[7:15]}, shop.acme)
    assert (changed["revision"], changed["version"], changed["former"]) == (2, second, first)
    done = shop.rolled(made["id"])
    assert done["rollout"]["state"] == "done" and {each["version"] for each in done["placed"]} == {second}
    back = shop.api.ok("POST", f"{path}/rollback", key=shop.acme)
    assert (back["version"], back["former"], back["revision"]) == (first, second, 3)
    shop.rolled(made["id"])
    shop.api.ok("PATCH", path, {"version": sick}, shop.acme, headers={"If-Match": '"3"'})
    failed = shop.rolled(made["id"])
    assert failed["rollout"]["state"] == "rolled-back" and failed["rollout"]["detail"]
    assert (failed["version"], {each["version"] for each in failed["placed"]}) == (first, {first})


def test_a_change_needs_the_newest_revision(shop: Shop) -> None:
    path = f"/v1/deployments/{shop.made()['id']}"
    call = shop.api.call
    assert_problem(call("PATCH", path, {"grace_s": 1}, shop.acme), 422, "invalid")
    stale = assert_problem(call("PATCH", path, {"grace_s": 1, "revision": 2}, shop.acme), 409, "revision-stale")
    assert stale["revision"] == 1
    wrong: list[tuple[dict[str, Any], str]] = [({}, "W/x"), ({"revision": 2}, '"1"')]
    for body, header in wrong:
        refused = call("PATCH", path, {"grace_s": 1, **body}, shop.acme, headers={"If-Match": header})
        assert_problem(refused, 422, "invalid")
    response = call("PATCH", path, {"grace_s": 1}, shop.acme, headers={"If-Match": '"1"'})
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert_problem(call("POST", f"{path}/rollback", key=shop.acme, headers={"If-Match": '"1"'}), 409, "revision-stale")


def test_others_see_nothing_of_it_and_operators_all(shop: Shop) -> None:
    made, api = shop.made(), shop.api
    path = f"/v1/deployments/{made['id']}"
    assert api.ok("GET", "/v1/deployments", key=shop.other) == {"items": [], "next": None}
    for method, address, body in (
        ("GET", path, None),
        ("GET", f"{path}/instances", None),
        ("PATCH", path, {"revision": 1, "grace_s": 1}),
        ("POST", f"{path}/rollback", None),
        ("DELETE", path, None),
        ("POST", "/v1/deployments", POINT),
    ):
        assert_problem(api.call(method, address, body, shop.other), 404, "not-found")
    assert [each["id"] for each in api.ok("GET", "/v1/deployments")["items"]] == [made["id"]]
    assert api.ok("GET", path) == made


def test_a_node_may_look_and_not_touch(shop: Shop) -> None:
    made = shop.made()
    node = shop.api.tenant("a-node", "node")
    assert shop.api.ok("GET", f"/v1/deployments/{made['id']}", key=node) == made
    for method, path, body in (
        ("POST", "/v1/deployments", POINT),
        ("PATCH", f"/v1/deployments/{made['id']}", {"revision": 1}),
        ("POST", f"/v1/deployments/{made['id']}/rollback", None),
        ("DELETE", f"/v1/deployments/{made['id']}", None),
    ):
        assert_problem(shop.api.call(method, path, body, node), 403, "not-allowed")


def test_house_class_is_for_staff(shop: Shop) -> None:
    house = {**POINT, "version": shop.versions[0], "class": "house"}
    assert_problem(shop.api.call("POST", "/v1/deployments", house, shop.acme), 403, "not-allowed")
    made = shop.api.ok("POST", "/v1/deployments", house)
    assert (made["tenant"], made["class"]) == ("acme", "house")


def test_lists_come_in_pages_and_by_app(shop: Shop) -> None:
    ids = [shop.made()["id"] for _ in range(3)]
    api, found, cursor = shop.api, [], ""
    while True:
        page = api.ok("GET", f"/v1/deployments?limit=2{cursor}", key=shop.acme)
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(found) == sorted(ids)
    assert api.ok("GET", "/v1/deployments?app=acme.other", key=shop.acme)["items"] == []
    assert_problem(api.call("GET", "/v1/deployments?cursor=x", key=shop.acme), 422, "invalid")


@pytest.mark.parametrize(
    ("fields", "status", "slug", "words"),
    [
        ({"app": "acme.none"}, 404, "not-found", "acme.none"),
        ({"version": "sha256:" + "0" * 64}, 404, "not-found", "version"),
        ({"needs": {"memory": 1}}, 422, "invalid", "needs a lease that has cpu"),
        ({"needs": {"cpu": 1, "cup": 1}}, 422, "unknown-kind", "cup"),
        ({"near": [{"lat": 1}]}, 422, "invalid", "lon"),
        ({"leases": ["wm-1~9999"]}, 422, "invalid", "one of the two"),
        ({"colour": "red"}, 422, "invalid", "colour"),
        ({"grace_s": "5"}, 422, "invalid", "grace_s"),
    ],
)
def test_a_mistake_is_named(shop: Shop, fields: dict[str, Any], status: int, slug: str, words: str) -> None:
    body = {**POINT, "version": shop.versions[0], **fields}
    problem = assert_problem(shop.api.call("POST", "/v1/deployments", body, shop.acme), status, slug)
    assert words in f"{problem['detail']} {problem.get('field')}"
    assert shop.api.ok("GET", "/v1/deployments")["items"] == []


def test_leases_that_can_t_carry_it_are_refused(shop: Shop) -> None:
    held, released = shop.lease(hold_s=60)["id"], shop.lease()["id"]
    shop.api.ok("POST", f"/v1/leases/{released}/release", key=shop.acme)
    foreign = shop.api.ok("POST", "/v1/leases", {"needs": {"cpu": 1}, "site": "wm-1"}, shop.other)["id"]
    for lease, status, slug in (
        (held, 409, "lease-state"),
        (released, 409, "lease-state"),
        (foreign, 404, "not-found"),
    ):
        body = {"app": "acme.shop", "version": shop.versions[0], "leases": [lease]}
        assert_problem(shop.api.call("POST", "/v1/deployments", body, shop.acme), status, slug)
    used = shop.made()["placed"][0]["lease"]
    body = {"app": "acme.shop", "version": shop.versions[0], "leases": [used]}
    assert_problem(shop.api.call("POST", "/v1/deployments", body, shop.acme), 409, "in-use")


def test_what_is_changed_is_in_the_audit(shop: Shop) -> None:
    made = shop.made()
    shop.api.ok("PATCH", f"/v1/deployments/{made['id']}", {"revision": 1, "instances": 2}, shop.acme)
    shop.api.ok("DELETE", f"/v1/deployments/{made['id']}", key=shop.acme)
    entries = shop.api.ok("GET", "/v1/audit?limit=1000")["items"]
    acts = [entry["action"] for entry in entries if entry["subject"] == made["id"]]
    assert sorted(acts) == ["deployment.change", "deployment.create", "deployment.delete"]
