"""Apps and versions by HTTP: who may do what, what the answers look like, and what is refused."""

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from maillage.bootstrap import open_local
from maillage.engines.file_blobs import FileBlobs
from maillage.engines.records.compute import SqlCatalogueRecords
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.model import Deployment, Placement, Settings
from maillage.services.compute.runtimes import Runtimes
from tests.unit.faces.http.api import NOW, Api, assert_problem, opened
from tests.unit.services.compute.catalogue_world import COMPONENT, CORE, FLAW, Inspector
from tests.unit.services.compute.test_catalogue_uploads import archive

WASM, TAR = "application/wasm", "application/x-tar"
WASM_MAX, IMAGE_MAX = 3 << 20, 6 << 20


@contextmanager
def serving(folder: Path) -> Iterator[Api]:
    """A chain whose catalogue is this one: small, and with a runtime that only looks at code."""
    with opened(folder / "chain") as one, pytest.MonkeyPatch.context() as patch:
        records, blobs = SqlCatalogueRecords(one.chain.database), FileBlobs(folder / "blobs")
        runtimes = Runtimes([Inspector("component", "command", "image")])
        catalogue = Catalogue(records, blobs, runtimes, one.clock, WASM_MAX, IMAGE_MAX)
        patch.setitem(vars(one.chain), "compute", SimpleNamespace(catalogue=catalogue))
        yield one


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The same, shared by the many tests in which every request is turned away; acme has an app ``counter`` there."""
    with serving(tmp_path_factory.mktemp("refusing")) as one:
        key = one.tenant("acme")
        one.ok("POST", "/v1/apps", {"name": "counter"}, key)
        yield one


@pytest.fixture(scope="module")
def key(refusing: Api) -> str:
    """Another of acme's keys."""
    issued: str = refusing.ok("POST", "/v1/tenants/acme/keys")["key"]
    return issued


@pytest.fixture
def acme(api: Api) -> str:
    """Acme's key; it has an app ``counter``."""
    key = api.tenant("acme")
    api.ok("POST", "/v1/apps", {"name": "counter"}, key)
    return key


def upload(
    api: Api, key: str, body: Any, content_type: str | None = WASM, app: str = "acme.counter", query: str = ""
) -> httpx.Response:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return api.call("POST", f"/v1/apps/{app}/versions{query}", key=key, content=body, headers=headers)


def kept(api: Api) -> list[str]:
    return sorted(path.name for path in (api.folder.parent / "blobs").iterdir())


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


# -- what goes well --------------------------------------------------------------------------------------------------


def test_an_app_is_made_looked_at_and_forgotten(api: Api) -> None:
    key = api.tenant("acme")
    response = api.call("POST", "/v1/apps", {"name": "my_App-2"}, key)
    app = {"id": "acme.my_App-2", "tenant": "acme", "name": "my_App-2", "created_at": "2026-11-01T12:00:00Z"}
    assert (response.status_code, response.json()) == (201, app)
    assert api.ok("GET", "/v1/apps/acme.my_App-2", key=key) == app
    assert api.ok("GET", "/v1/apps", key=key) == {"items": [app], "next": None}
    response = api.call("DELETE", "/v1/apps/acme.my_App-2", key=key)
    assert (response.status_code, response.content) == (204, b"")
    assert_problem(api.call("GET", "/v1/apps/acme.my_App-2", key=key), 404, "not-found")
    assert_problem(api.call("DELETE", "/v1/apps/acme.my_App-2", key=key), 404, "not-found")


def test_a_version_is_uploaded_listed_and_forgotten(api: Api, acme: str) -> None:
    body = COMPONENT + b"x" * 100_000
    response = upload(api, acme, body)
    version = {
        "app": "acme.counter",
        "digest": digest_of(body),
        "kind": "component",
        "size_bytes": len(body),
        "created_at": "2026-11-01T12:00:00Z",
        "reference": None,
        "needs_memory_bytes": 1 << 20,
    }
    assert (response.status_code, response.json()) == (201, version)
    api.clock.set(NOW + 5)
    assert upload(api, acme, body).json() == version
    assert upload(api, acme, CORE, query="?kind=command").json()["kind"] == "command"
    listed = api.ok("GET", "/v1/apps/acme.counter/versions", key=acme)
    assert [one["kind"] for one in listed["items"]] == ["component", "command"] and listed["next"] is None
    assert api.call("DELETE", "/v1/apps/acme.counter/versions/latest", key=acme).status_code == 204
    assert api.call("DELETE", f"/v1/apps/acme.counter/versions/{version['digest']}", key=acme).status_code == 204
    assert api.ok("GET", "/v1/apps/acme.counter/versions", key=acme)["items"] == [] == kept(api)


def test_an_image_comes_as_an_archive_or_by_its_reference(api: Api, acme: str) -> None:
    sent = upload(api, acme, archive(), "application/x-tar; charset=binary").json()
    assert (sent["kind"], sent["digest"], sent["reference"]) == ("image", digest_of(archive()), None)
    named = api.ok("POST", "/v1/apps/acme.counter/versions", {"reference": "localhost/bb:1"}, acme)
    assert (named["kind"], named["size_bytes"], named["reference"]) == ("image", 0, "localhost/bb:1")
    assert named["digest"] == digest_of(b"localhost/bb:1")


def test_apps_come_in_pages(api: Api, acme: str) -> None:
    for name in ("ab", "cd", "ef", "gh"):
        api.ok("POST", "/v1/apps", {"name": name}, acme)
    api.ok("POST", "/v1/apps", {"name": "house"})
    seen, cursor = [], ""
    while True:
        page = api.ok("GET", f"/v1/apps?limit=2{cursor}")
        seen += [app["id"] for app in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["acme.ab", "acme.cd", "acme.counter", "acme.ef", "acme.gh", "operator.house"]


def test_a_body_is_passed_on_as_it_comes_whatever_its_length(api: Api, acme: str) -> None:
    """Larger than any other request may be, and without its length told beforehand."""

    async def chunks() -> AsyncIterator[bytes]:
        yield COMPONENT
        for _ in range(40):
            yield b"x" * 65_536

    response = upload(api, acme, chunks())
    assert response.status_code == 201 and response.json()["size_bytes"] == 8 + 40 * 65_536


def test_what_was_changed_is_in_the_audit(api: Api, acme: str) -> None:
    digest = upload(api, acme, COMPONENT).json()["digest"]
    api.ok("DELETE", f"/v1/apps/acme.counter/versions/{digest[:15]}", key=acme)
    api.ok("DELETE", "/v1/apps/acme.counter", key=acme)
    entries = [
        (entry["action"], entry["subject"], entry["detail"]) for entry in api.ok("GET", "/v1/audit?actor=acme")["items"]
    ]
    assert entries == [
        ("app.create", "acme.counter", ""),
        ("version.upload", "acme.counter", digest),
        ("version.delete", "acme.counter", digest),
        ("app.delete", "acme.counter", ""),
    ]


def test_the_description_tells_what_may_be_uploaded(api: Api) -> None:
    operation = api.ok("GET", "/openapi.json")["paths"]["/v1/apps/{app}/versions"]["post"]
    assert operation["requestBody"]["content"].keys() == {WASM, TAR, "application/json"}
    assert [parameter["name"] for parameter in operation["parameters"]] == ["app", "kind"]


# -- who may -----------------------------------------------------------------------------------------------------------


def test_what_is_anothers_is_not_found(api: Api, acme: str) -> None:
    other = api.tenant("other")
    digest = upload(api, acme, COMPONENT).json()["digest"]
    for method, path in (
        ("GET", "/v1/apps/acme.counter"),
        ("DELETE", "/v1/apps/acme.counter"),
        ("GET", "/v1/apps/acme.counter/versions"),
        ("DELETE", f"/v1/apps/acme.counter/versions/{digest}"),
    ):
        assert_problem(api.call(method, path, key=other), 404, "not-found")
    assert_problem(upload(api, other, CORE), 404, "not-found")
    assert api.ok("GET", "/v1/apps", key=other)["items"] == []
    assert len(api.ok("GET", "/v1/apps/acme.counter/versions", key=acme)["items"]) == 1


def test_an_operator_may_do_all_of_it_and_a_node_only_look(api: Api, acme: str) -> None:
    node = api.tenant("store", "node")
    assert upload(api, api.operator, COMPONENT).status_code == 201
    assert [app["id"] for app in api.ok("GET", "/v1/apps", key=node)["items"]] == ["acme.counter"]
    assert len(api.ok("GET", "/v1/apps/acme.counter/versions", key=node)["items"]) == 1
    assert_problem(api.call("POST", "/v1/apps", {"name": "mine"}, node), 403, "not-allowed")
    assert_problem(upload(api, node, CORE), 403, "not-allowed")
    assert_problem(api.call("DELETE", "/v1/apps/acme.counter/versions/latest", key=node), 403, "not-allowed")
    assert_problem(api.call("DELETE", "/v1/apps/acme.counter", key=node), 403, "not-allowed")
    assert_problem(api.call("GET", "/v1/apps", key=""), 401, "no-key")
    assert_problem(upload(api, "no-key-at-all", COMPONENT), 401, "no-key")
    api.ok("DELETE", "/v1/apps/acme.counter")


def test_where_no_code_runs_there_are_no_apps(tmp_path: Path) -> None:
    with opened(tmp_path) as one:
        assert_problem(one.call("GET", "/v1/apps"), 404, "no-code-here")
        assert_problem(upload(one, one.operator, COMPONENT), 404, "no-code-here")


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a", "1st", "a.b", "../x", "a/b", "zähler", "a b", "a\0b", "x" * 65, "x" * 300])
def test_a_bad_name_is_refused(refusing: Api, key: str, name: str) -> None:
    assert assert_problem(refusing.call("POST", "/v1/apps", {"name": name}, key), 422, "invalid")["field"] == "name"
    assert [app["name"] for app in refusing.ok("GET", "/v1/apps")["items"]] == ["counter"]


@pytest.mark.parametrize("body", [{}, {"name": 5}, {"name": "ab", "colour": "red"}, [], None])
def test_a_document_that_is_none_makes_no_app(refusing: Api, body: Any) -> None:
    assert refusing.call("POST", "/v1/apps", body).status_code in (400, 422)
    assert [app["name"] for app in refusing.ok("GET", "/v1/apps")["items"]] == ["counter"]


def test_a_name_that_is_taken_is_refused(refusing: Api, key: str) -> None:
    problem = assert_problem(refusing.call("POST", "/v1/apps", {"name": "counter"}, key), 409, "already-exists")
    assert problem["app"] == "acme.counter"


BAD = {
    "empty": (b"", WASM, "", 422, "code-refused", "empty"),
    "an empty archive": (b"", TAR, "", 422, "code-refused", "empty"),
    "not wasm": (b"#!/bin/sh", WASM, "", 422, "code-refused", "not-code"),
    "not an archive": (b"#!/bin/sh", TAR, "", 422, "code-refused", "not-code"),
    "truncated": (CORE[:5], WASM, "", 422, "code-refused", "truncated"),
    "native code": (b"\x7fELF", WASM, "", 422, "code-refused", "native"),
    "another type than its bytes": (COMPONENT, TAR, "", 422, "code-refused", "kind"),
    "an archive as wasm": (archive(), WASM, "", 422, "code-refused", "kind"),
    "another kind than its bytes": (COMPONENT, WASM, "?kind=command", 422, "code-refused", "kind"),
    "a kind that is no wasm": (COMPONENT, WASM, "?kind=image", 422, "invalid", None),
    "a kind that is no image": (archive(), TAR, "?kind=component", 422, "invalid", None),
    "an unknown kind": (COMPONENT, WASM, "?kind=jar", 422, "invalid", None),
    "what the runtime refuses": (COMPONENT + FLAW, WASM, "", 422, "code-refused", "flaw"),
    "too large": (COMPONENT + b"x" * WASM_MAX, WASM, "", 413, "code-too-large", None),
    "an archive that is too large": (archive() + b"x" * IMAGE_MAX, TAR, "", 413, "code-too-large", None),
    "another content type": (COMPONENT, "application/octet-stream", "", 415, "wrong-type", None),
    "no content type": (COMPONENT, None, "", 415, "wrong-type", None),
    "no body at all": (None, None, "", 400, "malformed", None),
    "wasm as JSON": (COMPONENT, "application/json", "", 400, "malformed", None),
    "JSON of something else": (b'{"image": "bb"}', "application/json", "", 422, "invalid", None),
    "an odd reference": (b'{"reference": "../bb;rm -rf"}', "application/json", "", 422, "invalid", None),
    "a reference that is a number": (b'{"reference": 5}', "application/json", "", 422, "invalid", None),
    "a reference with a nul": (b'{"reference": "b\\u0000b"}', "application/json", "", 422, "invalid", None),
    "a reference as a component": (
        b'{"reference": "localhost/bb"}',
        "application/json",
        "?kind=component",
        422,
        "code-refused",
        "kind",
    ),
    "a document that is too large": (
        b'{"reference": "' + b"x" * (1 << 20),
        "application/json",
        "",
        413,
        "too-large",
        None,
    ),
}


@pytest.mark.parametrize(("body", "content_type", "query", "status", "slug", "fault"), BAD.values(), ids=BAD.keys())
def test_a_bad_upload_is_refused_and_leaves_nothing(
    refusing: Api, key: str, body: bytes, content_type: str, query: str, status: int, slug: str, fault: str | None
) -> None:
    problem = assert_problem(upload(refusing, key, body, content_type, query=query), status, slug)
    assert problem.get("fault") == fault
    assert kept(refusing) == [] == refusing.ok("GET", "/v1/apps/acme.counter/versions", key=key)["items"]


def test_a_module_of_a_gigabyte_is_refused_while_it_comes(api: Api, acme: str) -> None:
    sent = 0

    async def gigabyte() -> AsyncIterator[bytes]:
        nonlocal sent
        yield COMPONENT
        while sent < 1 << 30:
            sent += 1 << 16
            yield b"\0" * (1 << 16)

    assert_problem(upload(api, acme, gigabyte()), 413, "code-too-large")
    assert sent <= WASM_MAX + (1 << 17) and kept(api) == []


def test_a_sender_that_goes_away_leaves_nothing(api: Api, acme: str) -> None:
    messages = [{"type": "http.request", "body": COMPONENT + b"x" * (2 << 20), "more_body": True}]
    answers: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"authorization", f"Bearer {acme}".encode()), (b"content-type", WASM.encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/apps/acme.counter/versions",
        "raw_path": b"/v1/apps/acme.counter/versions",
        "query_string": b"",
        "headers": [*headers, (b"transfer-encoding", b"chunked")],
        "client": ("127.0.0.1", 1),
        "server": ("chain", 80),
        "root_path": "",
    }
    api.run(api.app(scope, receive, send))  # type: ignore[arg-type]
    gc.collect()
    assert answers[0]["status"] >= 400
    assert kept(api) == [] == api.ok("GET", "/v1/apps/acme.counter/versions", key=acme)["items"]


@pytest.mark.parametrize("wanted", ["nothing", "sha256:zz", "12345", "..%2F..%2Fx", "%00", "sha256:" + "a" * 65])
def test_an_odd_name_of_a_version_is_refused(refusing: Api, key: str, wanted: str) -> None:
    response = refusing.call("DELETE", f"/v1/apps/acme.counter/versions/{wanted}", key=key)
    assert response.status_code in (404, 422), response.text


def test_an_unknown_digest_is_not_found(api: Api, acme: str) -> None:
    upload(api, acme, COMPONENT)
    path = f"/v1/apps/acme.counter/versions/sha256:{'0' * 64}"
    assert_problem(api.call("DELETE", path, key=acme), 404, "not-found")


@pytest.mark.parametrize("app", ["acme.nothing", "acme", "%00", "acme.counter%0A", "x" * 300])
def test_an_app_that_is_none_is_not_found(refusing: Api, key: str, app: str) -> None:
    for method, path in (
        ("GET", f"/v1/apps/{app}"),
        ("DELETE", f"/v1/apps/{app}"),
        ("GET", f"/v1/apps/{app}/versions"),
    ):
        response = refusing.call(method, path, key=key)
        assert response.status_code in (404, 405), (method, path, response.text)
    assert upload(refusing, key, COMPONENT, app=app).status_code in (404, 415)


def test_what_a_deployment_uses_is_kept_and_the_problem_names_it(api: Api, acme: str) -> None:
    digest = upload(api, acme, COMPONENT).json()["digest"]
    records = SqlCatalogueRecords(api.chain.database)
    records.add_deployment(Deployment("d1", "acme.counter", "acme", digest, "", Placement(), Settings(), 1, NOW))
    for path in ("/v1/apps/acme.counter", f"/v1/apps/acme.counter/versions/{digest}"):
        problem = assert_problem(api.call("DELETE", path, key=acme), 409, "in-use")
        assert problem["deployments"] == ["d1"]
    records.drop_deployment("d1")
    api.ok("DELETE", "/v1/apps/acme.counter", key=acme)
    assert kept(api) == []


# -- with the runtimes of a chain that runs code -----------------------------------------------------------------------


def test_what_the_real_runtimes_refuse_leaves_nothing_and_what_they_accept_is_a_version(tmp_path: Path) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    command: bytes = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start")))'))
    open_it = partial(open_local, runs_code=True)
    with opened(tmp_path / "chain", open_it) as one:
        one.ok("POST", "/v1/apps", {"name": "counter"})
        for bad in (
            command[:-3],
            CORE + b"garbage",
            COMPONENT,
            bytes(wasmtime.wat2wasm('(module (import "a" "b" (func)) (func (export "_start")))')),
        ):
            assert_problem(upload(one, one.operator, bad, app="operator.counter"), 422, "code-refused")
        version = upload(one, one.operator, command, app="operator.counter").json()
        assert (version["kind"], version["needs_memory_bytes"]) == ("command", 1 << 16)
        assert one.ok("GET", "/v1/apps/operator.counter/versions")["items"] == [version]
        assert [path.name for path in (tmp_path / "chain" / "blobs").iterdir()] == [version["digest"][7:]]
