"""ANY /run/{app}/...: what goes to an app and comes back, what does not, and who may ask."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from maillage.faces.http import run_body
from maillage.faces.http.gate import Gate
from maillage.faces.http.observed import Observed
from maillage.faces.http.run_headers import FIELDS_MAX, HEADERS_MAX, SANDBOX, URL_MAX
from maillage.faces.http.run_route import RunRoute
from maillage.faces.operations.tally import Tally
from maillage.services.compute.errors import Busy, CodeFault
from maillage.services.compute.ports import HeaderList, Inbound, Outbound
from tests.unit.faces.http.api import Api, assert_problem, opened
from tests.unit.services.compute.app_world import Stores, answer, limits, refusing

APP = "/run/acme.web"


class Front:
    """A chain's door with apps behind it, and a key of each of two tenants."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.stores = Stores()
        self.tally = Tally()
        gate = Gate(api.chain.identity, api.chain.clock, {}, api.app, RunRoute(self.stores.invocations))
        self.app = Observed(gate, self.tally, ())
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),  # type: ignore[arg-type]
            base_url="http://chain",
        )
        self.acme, self.other = api.tenant("acme"), api.tenant("other")
        self.seen: list[Inbound] = []

    def note(self, headers: HeaderList | None = None, status: int = 200, *parts: bytes) -> None:
        """Have an instance that keeps what came, and answers this."""

        async def noted(request: Inbound) -> Outbound:
            self.seen.append(request)
            return answer(*parts, status=status, headers=headers or [("content-type", "text/plain")])

        self.stores.put("lyon", noted)

    def call(self, method: str, path: str = APP, key: str | None = None, **more: Any) -> httpx.Response:
        """By acme, unless another key is given (an empty one: none)."""
        headers = dict(more.pop("headers", {}))
        key = self.acme if key is None else key
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return self.api.run(self.client.request(method, path, headers=headers, **more))

    def asgi(
        self,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        method: str = "GET",
        *more: Any,
    ) -> Awaitable[None]:
        """One request by hand, for callers that misbehave."""
        headers = [(b"authorization", f"Bearer {self.acme}".encode()), *more]
        scope = {
            "type": "http",
            "method": method,
            "path": APP,
            "raw_path": APP.encode(),
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        return self.app(scope, receive, send)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with opened(tmp_path_factory.mktemp("run") / "chain") as one:
        one.tenant("acme")
        yield one


@pytest.fixture
def front(api: Api) -> Iterator[Front]:
    one = Front(api)
    yield one
    api.run(one.client.aclose())


async def never() -> Any:
    await asyncio.sleep(3_600)


class Caller:
    """An ASGI caller's two ends: what it sends, and what it got."""

    def __init__(self, *messages: Any, reads: bool = True, leaves: asyncio.Event | None = None) -> None:
        self.messages = list(messages) or [{"type": "http.request", "body": b"", "more_body": False}]
        self.reads = reads
        self.leaves = leaves
        self.got: list[Any] = []

    async def receive(self) -> Any:
        if self.messages:
            return self.messages.pop(0)
        await (never() if self.leaves is None else self.leaves.wait())
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if not self.reads and message.get("body"):
            await never()
        self.got.append(message)

    @property
    def status(self) -> int:
        status: int = self.got[0]["status"]
        return status

    @property
    def is_whole(self) -> bool:
        """Whether the answer came to its end: without one the server breaks the connection off."""
        return bool(self.got) and not self.got[-1].get("more_body") and self.got[-1]["type"] == "http.response.body"


# -- through and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_reaches_the_app_with_path_query_and_body(front: Front, method: str) -> None:
    front.stores.put("lyon")
    response = front.call(method, f"{APP}/a%20b%2Fc//d?x=1&y=%20", content=b"hello")
    assert response.status_code == 200
    assert response.text == f"{method} /a%20b%2Fc//d?x=1&y=%20 hello"
    assert response.headers["x-maillage-site"] == "lyon"


@pytest.mark.parametrize(("path", "inner"), [("", "/"), ("/", "/"), ("/x", "/x")])
def test_the_app_sees_the_path_below_its_address(front: Front, path: str, inner: str) -> None:
    front.note()
    front.call("GET", APP + path)
    assert front.seen[0].path == inner


def test_a_body_of_any_type_and_size_passes_without_being_gathered(front: Front) -> None:
    front.stores.put("lyon", limits=limits(request_bytes=3 << 20))
    response = front.call("POST", content=b"z" * (2 << 20), headers={"content-type": "image/png"})
    assert len(response.content) == len("POST /? ") + (2 << 20)


def test_an_answer_is_handed_on_as_it_comes(front: Front) -> None:
    caller = Caller()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"first"
        assert [message.get("body") for message in caller.got] == [None, b"first"]
        yield b"second"

    async def streaming(_: Inbound) -> Outbound:
        return Outbound(200, [], slowly())

    front.stores.put("lyon", streaming)
    front.api.run(front.asgi(caller.receive, caller.send))  # type: ignore[arg-type]
    assert b"".join(message.get("body", b"") for message in caller.got) == b"firstsecond"
    assert caller.is_whole


def test_to_head_the_app_answers_without_a_body(front: Front) -> None:
    front.note([("content-length", "5")], 200, b"hello")
    response = front.call("HEAD")
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "5")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_none(front: Front, status: int) -> None:
    front.note([], status, b"hello")
    response = front.call("GET")
    assert (response.status_code, response.content) == (status, b"")


# -- headers -------------------------------------------------------------------------------------------------------


def test_headers_between_neighbours_and_the_key_do_not_reach_the_app(front: Front) -> None:
    front.note()
    sent = {"connection": "x-private, close", "x-private": "1", "te": "trailers", "x-mine": "2", "cookie": "a=b"}
    front.call("GET", headers=sent)
    seen = dict(front.seen[0].headers)
    assert (seen["x-mine"], seen["cookie"]) == ("2", "a=b")
    assert not seen.keys() & {"connection", "x-private", "te", "authorization"}


def test_another_scheme_of_signing_in_is_the_apps_own(front: Front) -> None:
    instance = front.stores.put("lyon", public=True)

    async def noted(request: Inbound) -> Outbound:
        front.seen.append(request)
        return answer()

    front.stores.behaviours[instance] = noted
    front.call("GET", key="", headers={"authorization": "Basic YTpi"})
    front.call("GET", key="", headers={"authorization": "bEaReR of-the-app"})
    assert [dict(seen.headers).get("authorization") for seen in front.seen] == ["Basic YTpi", None]


def test_an_app_can_t_speak_for_the_whole_address_nor_for_the_server(front: Front) -> None:
    front.note(
        [
            ("Strict-Transport-Security", "max-age=1"),
            ("alt-svc", "h3=evil"),
            ("Transfer-Encoding", "chunked"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("X-Maillage-Site", "elsewhere"),
            ("x-mine", "1"),
            ("set-cookie", "a=b; Path=/; Domain=chain; HttpOnly"),
            ("set-cookie", "c=d"),
        ]
    )
    headers = front.call("GET").headers
    assert headers["x-mine"] == "1"
    assert headers.get_list("x-maillage-site") == ["lyon"]
    assert headers.get_list("set-cookie") == [f"a=b; HttpOnly; Path={APP}", f"c=d; Path={APP}"]
    for gone in ("strict-transport-security", "alt-svc", "transfer-encoding", "connection", "x-hop"):
        assert gone not in headers
    assert headers["content-security-policy"] == SANDBOX[1].decode()


@pytest.mark.parametrize(
    "headers",
    [
        [("x-a", "b\r\nset-cookie: c=d")],
        [("x-a\r\nx-b", "c")],
        [("", "x")],
        [("x a", "b")],
        [("x-a", "\0")],
        [("x-a", "€")],
        [("content-length", "-1")],
        [("content-length", "1, 2")],
        [("content-length", "1"), ("content-length", "2")],
        [("x-a", "b" * HEADERS_MAX)],
        [(f"x-{number}", "b") for number in range(FIELDS_MAX + 10)],
    ],
)
def test_rubbish_in_an_answers_headers_is_the_apps_fault(front: Front, headers: HeaderList) -> None:
    front.note(headers, 200, b"x")
    problem = assert_problem(front.call("GET"), 503, "code-fault")
    assert problem["fault"] == "answer"
    assert problem["instance"].startswith("lyon~")
    assert front.stores.invocations._under_way == {}


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, 99999])
def test_a_status_that_is_no_answer_is_the_apps_fault(front: Front, status: int) -> None:
    front.note(None, status)
    assert assert_problem(front.call("GET"), 503, "code-fault")["fault"] == "answer"


@pytest.mark.parametrize(("said", "parts"), [("5", [b"hello", b"x"]), ("9", [b"hello"])])
def test_a_length_that_the_body_does_not_have_breaks_the_answer_off(
    front: Front, said: str, parts: list[bytes]
) -> None:
    front.note([("content-length", said)], 200, *parts)
    caller = Caller()
    front.api.run(front.asgi(caller.receive, caller.send))  # type: ignore[arg-type]
    assert not caller.is_whole
    assert sum(len(message.get("body", b"")) for message in caller.got) <= int(said)


# -- refusals ------------------------------------------------------------------------------------------------------


def test_an_address_or_headers_that_are_too_long_are_refused(front: Front) -> None:
    front.stores.put("lyon")
    assert_problem(front.call("GET", f"{APP}/{'a' * URL_MAX}"), 413, "too-large")
    assert_problem(front.call("GET", f"{APP}?{'a' * URL_MAX}"), 413, "too-large")
    assert_problem(front.call("GET", headers={"x-a": "b" * HEADERS_MAX}), 413, "too-large")
    assert_problem(front.call("GET", headers={f"x-{n}": "b" for n in range(FIELDS_MAX)}), 413, "too-large")
    assert front.stores.asked == []


def test_websockets_are_refused_cleanly(front: Front) -> None:
    front.stores.put("lyon")
    sent = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    assert assert_problem(front.call("GET", headers=sent), 422, "invalid")["field"] == "Upgrade"


def test_trace_and_connect_are_no_methods_of_apps(front: Front) -> None:
    front.stores.put("lyon")
    assert_problem(front.call("TRACE"), 405, "wrong-method")


@pytest.mark.parametrize("near", ["", "here", "1", "91,0", "0,181", "nan,0", "1,2,3"])
def test_a_position_that_is_none_is_refused(front: Front, near: str) -> None:
    front.stores.put("lyon")
    assert_problem(front.call("GET", headers={"x-maillage-near": near}), 422, "invalid")


def test_the_nearest_to_the_header_answers(front: Front) -> None:
    front.stores.put("lyon")
    front.stores.put("nice")
    assert front.call("GET", headers={"x-maillage-near": "43.7, 7.2"}).headers["x-maillage-site"] == "nice"


def test_what_the_instance_refuses_is_a_problem_as_elsewhere(front: Front) -> None:
    front.stores.put("lyon", refusing(Busy("all hands are full")))
    assert_problem(front.call("POST"), 429, "app-busy")
    front.stores.instances.clear()
    front.stores.put("lyon", refusing(CodeFault("it trapped at once", fault="trap", instance="x")))
    assert_problem(front.call("POST"), 503, "code-fault")
    front.stores.instances.clear()
    front.stores.put("lyon", limits=limits(request_bytes=5))
    assert assert_problem(front.call("POST", content=b"123456"), 413, "body-too-large")["most"] == 5
    front.stores.instances.clear()
    assert_problem(front.call("POST"), 503, "no-instance")


# -- for whom ------------------------------------------------------------------------------------------------------


def test_without_a_key_every_address_below_run_looks_alike(front: Front) -> None:
    front.stores.put("lyon")
    known = assert_problem(front.call("GET", key=""), 401, "no-key")
    assert assert_problem(front.call("GET", "/run/acme.nil/x", key=""), 401, "no-key") == known
    assert_problem(front.call("GET", key="wrong"), 401, "no-key")
    assert front.stores.asked == []


def test_with_anothers_key_it_looks_as_if_there_were_none(front: Front) -> None:
    front.stores.put("lyon")
    known = assert_problem(front.call("GET", key=front.other), 404, "not-found")
    unknown = assert_problem(front.call("GET", "/run/acme.nil", key=front.other), 404, "not-found")
    assert known["detail"] == unknown["detail"].replace("nil", "web")
    for odd in ("/run/", "/run//x", "/run/a%2Fb/x", "/run/" + "a" * 200):
        assert_problem(front.call("GET", odd), 404, "not-found")


def test_an_operator_may_call_any_app(front: Front) -> None:
    front.stores.put("lyon")
    assert front.call("GET", key=front.api.operator).status_code == 200


def test_a_public_app_needs_no_key_and_holds_none_against_anybody(front: Front) -> None:
    front.stores.put("lyon", public=True)
    for _ in range(100):  # more wrong keys than an address may send elsewhere
        assert front.call("GET", key="of-the-app").status_code == 200
    assert front.call("GET", key="").status_code == 200


def test_the_keys_rate_holds_for_apps_too(front: Front) -> None:
    key = front.api.ok("POST", "/v1/tenants/acme/keys", {"per_s": 0.001, "burst": 2})["key"]
    front.stores.put("lyon")
    assert [front.call("GET", key=key).status_code for _ in range(3)] == [200, 200, 429]


def test_requests_are_counted_by_the_route_and_never_by_the_app(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    front.stores.put("lyon")
    with caplog.at_level(logging.INFO, "maillage.access"):
        front.call("GET")
        front.call("GET", key="")
    facts = [record.facts for record in caplog.records if record.name == "maillage.access"]  # type: ignore[attr-defined]
    assert [(fact["route"], fact["status"], fact["tenant"]) for fact in facts] == [
        ("/run/{app}", 200, "acme"),
        ("/run/{app}", 401, ""),
    ]


# -- callers that misbehave ----------------------------------------------------------------------------------------


def test_whoever_goes_away_has_the_work_cancelled(front: Front) -> None:
    cancelled, began = [], asyncio.Event()

    async def hangs(_: Inbound) -> Outbound:
        began.set()
        try:
            await never()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    front.stores.put("lyon", hangs)
    caller = Caller(leaves=began)
    front.api.run(front.asgi(caller.receive, caller.send))  # type: ignore[arg-type]
    assert (cancelled, caller.got) == ([True], [])
    assert front.stores.invocations._under_way == {}


def test_whoever_goes_away_within_the_body_is_gone(front: Front) -> None:
    front.stores.put("lyon")
    left = asyncio.Event()
    left.set()
    caller = Caller({"type": "http.request", "body": b"some", "more_body": True}, leaves=left)
    front.api.run(front.asgi(caller.receive, caller.send, "POST", (b"transfer-encoding", b"chunked")))  # type: ignore[arg-type]
    assert caller.got == []
    assert front.stores.invocations._under_way == {}


def test_a_sender_that_pauses_too_long_is_told_so(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_body, "PAUSE_MAX_S", 0.05)
    front.stores.put("lyon")
    caller = Caller({"type": "http.request", "body": b"some", "more_body": True})
    front.api.run(front.asgi(caller.receive, caller.send, "POST", (b"content-length", b"100")))  # type: ignore[arg-type]
    assert caller.status == 408
    assert (b"connection", b"close") in caller.got[0]["headers"]


def test_an_answer_that_is_not_read_in_time_is_broken_off(front: Front) -> None:
    closed = []

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000
        finally:
            closed.append(True)

    async def endless(_: Inbound) -> Outbound:
        return Outbound(200, [], body())

    front.stores.put("lyon", endless, limits=limits(request_s=0.05))
    caller = Caller(reads=False)
    front.api.run(front.asgi(caller.receive, caller.send))  # type: ignore[arg-type]
    assert (closed, caller.is_whole) == ([True], False)
    assert front.stores.invocations._under_way == {}


def test_an_answer_that_breaks_in_the_middle_is_broken_off(front: Front) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"some"
        raise CodeFault("it trapped at once", fault="trap")

    async def breaking(_: Inbound) -> Outbound:
        return Outbound(200, [], body())

    front.stores.put("lyon", breaking)
    caller = Caller()
    front.api.run(front.asgi(caller.receive, caller.send))  # type: ignore[arg-type]
    assert (caller.status, caller.is_whole) == (200, False)


def test_where_compute_is_off_there_is_no_such_address(tmp_path: Path) -> None:
    with opened(tmp_path / "chain") as api:
        app = Gate(api.chain.identity, api.chain.clock, {}, api.app)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://chain")  # type: ignore[arg-type]
        assert_problem(api.run(client.get(APP)), 404, "no-such-address")
        api.run(client.aclose())
