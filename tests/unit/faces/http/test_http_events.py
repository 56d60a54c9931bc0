"""The stream of events: CloudEvents, resumed exactly, and to each what is its own."""

import asyncio
import json
from typing import Any

import pytest

from maillage.faces.http.routes import events
from tests.unit.faces.http.api import NOW, Api, ask, assert_problem


class Follower:
    """Reads the stream as an ASGI server would hand it on, for as long as it is used."""

    def __init__(self, api: Api, key: str | None = None, last_event_id: str | None = None) -> None:
        self._api = api
        self._headers = [(b"authorization", f"Bearer {api.operator if key is None else key}".encode())]
        if last_event_id is not None:
            self._headers.append((b"last-event-id", last_event_id.encode()))
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._text = ""
        self.ended = False
        self.started: Any = None

    def __enter__(self) -> "Follower":
        self._task = self._api.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._task.cancel()
        self._api.run(self._end())

    async def _start(self) -> asyncio.Task[None]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "query_string": b"",
            "root_path": "",
            "headers": self._headers,
            "client": ("127.0.0.1", 1),
            "server": ("chain", 80),
        }
        task = asyncio.get_running_loop().create_task(self._api.app(scope, self._receive, self._messages.put))
        self.started = await asyncio.wait_for(self._messages.get(), 2)
        return task

    async def _end(self) -> None:
        await asyncio.gather(self._task, return_exceptions=True)

    @staticmethod
    async def _receive() -> Any:
        await asyncio.Event().wait()

    def blocks(self, many: int, within_s: float = 2.0) -> list[str]:
        """The next blocks of the stream, comments included; fewer when no more come."""
        return self._api.run(self._blocks(many, within_s))

    async def _blocks(self, many: int, within_s: float) -> list[str]:
        found: list[str] = []
        try:
            async with asyncio.timeout(within_s):
                while len(found) < many:
                    block, end, rest = self._text.partition("\n\n")
                    if end:
                        found.append(block)
                        self._text = rest
                        continue
                    if self.ended:
                        break
                    message = await self._messages.get()
                    self._text += message.get("body", b"").decode()
                    self.ended = not message.get("more_body", False)
        except TimeoutError:
            pass
        return found

    def events(self, many: int) -> list[tuple[int, dict[str, Any]]]:
        """The next events with their ids, exactly so many: that no more come at once is checked."""
        found = []
        while blocks := self.blocks(1, within_s=2.0 if len(found) < many else 0.05):
            if blocks[0].startswith(":"):
                continue
            number, data = blocks[0].split("\n")
            found.append((int(number.removeprefix("id: ")), json.loads(data.removeprefix("data: "))))
        assert len(found) == many, found
        return found


def test_the_stream_is_one_of_server_sent_events_and_greets_at_once(api: Api) -> None:
    with Follower(api) as follower:
        assert follower.started["status"] == 200
        headers = dict(follower.started["headers"])
        assert headers[b"content-type"].split(b";")[0] == b"text/event-stream"
        assert headers[b"cache-control"] == b"no-store"
        (greeting,) = follower.blocks(1)
        assert greeting.startswith(":")


def test_a_follower_gets_what_happens_from_now_on_as_cloudevents(api: Api) -> None:
    with Follower(api) as follower:
        lease = api.ok("POST", "/v1/leases", ask(cpu=2, hold_s=600), headers={"Idempotency-Key": "secret-key"})
        ((number, event),) = follower.events(1)
    assert number == api.chain.feed.end - 1
    assert event == {
        "specversion": "1.0",
        "id": "wm-1/4",
        "source": "/sites/wm-1",
        "type": "maillage.lease.granted",
        "time": "2026-11-01T12:00:00Z",
        "subject": lease["id"],
        "datacontenttype": "application/json",
        "sequence": "4",
        "data": {
            "lease": lease["id"],
            "tenant": "operator",
            "needs": {"cpu": 2},
            "start": lease["start"],
            "end": lease["end"],
            "class": "firm",
            "per_hour": "0.084",
            "hold_until": "2026-11-01T12:10:00Z",
        },
    }


def test_minus_one_gives_everything_from_the_first_event_on(api: Api) -> None:
    with Follower(api, last_event_id="-1") as follower:
        found = follower.events(3)
    assert [number for number, _ in found] == [0, 1, 2]
    assert [event["type"] for _, event in found] == ["maillage.site.set", *["maillage.pool.resized"] * 2]
    assert [event["subject"] for _, event in found] == ["wm-1", "cpu", "memory"]
    assert len({(event["source"], event["id"]) for _, event in found}) == 3


def test_last_event_id_resumes_exactly_after_it(api: Api) -> None:
    for _ in range(5):
        api.ok("POST", "/v1/leases", ask(cpu=0.001))
    with Follower(api, last_event_id="-1") as follower:
        everything = follower.events(8)
    for seen in (0, 3, 6, 7):
        with Follower(api, last_event_id=str(seen)) as follower:
            assert follower.events(7 - seen) == everything[seen + 1 :]
    with Follower(api, last_event_id="6") as follower:
        follower.events(1)
        api.ok("POST", "/v1/leases", ask(cpu=0.001))
        assert [number for number, _ in follower.events(1)] == [8], "it goes on with what happens meanwhile"


def test_one_commit_of_many_events_can_be_resumed_in_its_middle(api: Api) -> None:
    api.ok("POST", "/v1/leases/batch", {"leases": [ask(cpu=0.001)] * 10})
    with Follower(api, last_event_id="7") as follower:
        assert [number for number, _ in follower.events(5)] == [8, 9, 10, 11, 12]


def test_a_tenant_follows_its_own_leases_and_nothing_else(api: Api) -> None:
    acme, other = api.tenant("acme"), api.tenant("other")
    with Follower(api, acme) as follower, Follower(api, other, "-1") as others:
        mine = api.ok("POST", "/v1/leases", ask(hold_s=600), acme)["id"]
        api.ok("POST", "/v1/leases", ask(), other)
        api.ok("POST", "/v1/leases", ask())
        api.ok("PUT", "/v1/sites/wm-1/capacity/cpu", {"size": 9})
        api.ok("POST", f"/v1/leases/{mine}/confirm", key=acme)
        api.ok("POST", f"/v1/leases/{mine}/release")
        found = [event for _, event in follower.events(3)]
        ((_, only),) = others.events(1)
    kinds = [event["type"].removeprefix("maillage.lease.") for event in found]
    assert kinds == ["granted", "confirmed", "released"]
    assert {event["subject"] for event in found} == {mine}
    assert only["data"]["tenant"] == "other"


def test_a_hold_that_runs_out_is_an_event_without_anybody_asking(api: Api) -> None:
    lease = api.ok("POST", "/v1/leases", ask(hold_s=5))["id"]
    with Follower(api) as follower:
        api.clock.set(NOW + 5)
        ((_, event),) = follower.events(1)
    assert (event["type"], event["subject"]) == ("maillage.lease.expired", lease)


def test_silence_is_broken_by_comments(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_S", 0.02)
    with Follower(api) as follower:
        assert follower.blocks(4) == [": maillage", *[": still here"] * 3]


def test_the_stream_ends_when_its_key_is_revoked(api: Api) -> None:
    api.ok("POST", "/v1/tenants", {"id": "acme"})
    issued = api.ok("POST", "/v1/tenants/acme/keys")
    with Follower(api, issued["key"]) as follower:
        lease = api.ok("POST", "/v1/leases", ask(), issued["key"])["id"]
        follower.events(1)
        api.ok("DELETE", f"/v1/keys/{issued['id']}")
        api.ok("POST", f"/v1/leases/{lease}/release")
        assert follower.blocks(1) == [] and follower.ended


@pytest.mark.parametrize("last", ["x", "-2", "1.5", "", "+1", "1" * 21, "٣"])
def test_a_last_event_id_that_cannot_be_is_422(refusing: Api, last: str) -> None:
    headers = {"Last-Event-ID": last.encode()}
    assert_problem(refusing.call("GET", "/v1/events", headers=headers), 422, "invalid")


def test_a_follower_ahead_of_all_events_waits(api: Api) -> None:
    with Follower(api, last_event_id="99999999999999999999") as follower:
        api.ok("POST", "/v1/leases", ask())
        assert follower.events(0) == []
