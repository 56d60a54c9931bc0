"""Callbacks to a real sink over TLS: what is told, by which token, how often, and when it ends."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.engines.clocks import ManualClock
from maillage.engines.records.camara import SqlCamaraRecords
from maillage.engines.records.opening import open_database
from maillage.kernel.errors import Invalid
from maillage.services.compute.camara.callbacks import ATTEMPTS_MAX, TOKEN_ENDS_BEFORE_S, WAIT_MAX_S, Callbacks
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.subscribing import CHANGED, ENDED, SubscriptionRequest
from maillage.tenancy.webhooks.sending import HttpSender
from tests.certificates import Authority
from tests.receiver import Answer, Receiver, receiving

NOW = 1_793_534_400
SOON, LATER = "2026-11-01T12:10:00Z", "2026-11-01T18:00:00Z"
NAME = "sink.example.com"
TOKEN = {
    "credentialType": "ACCESSTOKEN",
    "accessToken": "a-token-of-the-sink",
    "accessTokenExpiresUtc": LATER,
    "accessTokenType": "bearer",
}


class Sink:
    """A sink that hears of one instance, whose ``status`` is set by hand; None where it is no more."""

    def __init__(self, folder: Path, receiver: Receiver, authority: Authority) -> None:
        self.receiver = receiver
        self.url = receiver.url.replace("127.0.0.1", NAME)
        self.clock = ManualClock(NOW)
        self.status: str | None = "instantiating"
        self._database = open_database("", folder)
        self.records = SqlCamaraRecords(self._database)
        self._runner = asyncio.Runner()
        sender = HttpSender(self.clock, True, self._resolve, authority.client())
        self.callbacks = Callbacks(self.records, sender, self._describe, self.clock, allow_local=True)

    def subscribe(self, subject: Any = "instance", **more: Any) -> None:
        request = self.request(**more)
        self._runner.run(self.callbacks.require(request, subject))
        self._runner.run(self.callbacks.add("acme", request, subject, "some-id"))

    def request(self, **more: Any) -> SubscriptionRequest:
        return msgspec.convert({"sink": self.url, **more}, SubscriptionRequest)

    def look(self) -> list[dict[str, Any]]:
        """One round; the events that came with it."""
        before = len(self.receiver.got)
        self._runner.run(self.callbacks.look())
        return [received.event for received in self.receiver.got[before:]]

    @property
    def is_subscribed(self) -> bool:
        return bool(self.records.entries("subscription"))

    def close(self) -> None:
        self._runner.run(self.callbacks.stop())
        self._runner.close()
        self._database.close()

    async def _describe(self, subject: str, subject_id: str) -> dict[str, Any] | None:
        return None if self.status is None else {"appInstanceId": subject_id, "status": self.status}

    async def _resolve(self, host: str, port: int) -> list[str]:
        return ["127.0.0.1"]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    authority = Authority(tmp_path)
    with receiving(authority.server(NAME)) as receiver:
        one = Sink(tmp_path, receiver, authority)
        yield one
        one.close()


def test_a_change_of_status_is_told_once_as_a_cloud_event(sink: Sink) -> None:
    sink.subscribe(sinkCredential=TOKEN)
    assert sink.look() == [], "the status of now is told only where that is asked"
    sink.status = "ready"
    (event,) = sink.look()
    assert (event["specversion"], event["type"]) == ("1.0", CHANGED["instance"])
    assert (event["time"], event["datacontenttype"]) == ("2026-11-01T12:00:00Z", "application/json")
    assert event["source"] == "/edge-application-management/app-instances/some-id"
    assert (event["data"]["appInstanceId"], event["data"]["status"]) == ("some-id", "ready")
    (received,) = sink.receiver.got
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert received.headers["authorization"] == "Bearer a-token-of-the-sink"
    assert received.headers["x-correlator"]
    assert sink.look() == []


def test_the_status_of_now_is_told_where_that_is_asked(sink: Sink) -> None:
    sink.subscribe(config={"subscriptionDetail": {}, "initialEvent": True})
    (event,) = sink.look()
    assert event["data"]["status"] == "instantiating"
    assert "authorization" not in sink.receiver.got[0].headers


def test_what_fails_is_told_again_and_given_up_in_the_end(sink: Sink) -> None:
    sink.subscribe()
    sink.status, sink.receiver.usual = "ready", Answer(503)
    assert len(sink.look()) == 1
    assert sink.look() == [], "not at once"
    sink.receiver.answers = [Answer(204)]
    sink.clock.advance(WAIT_MAX_S)
    (event,) = sink.look()
    assert event["data"]["status"] == "ready" and sink.is_subscribed
    sink.status = "failed"
    for _ in range(ATTEMPTS_MAX):
        assert len(sink.look()) == 1
        sink.clock.advance(WAIT_MAX_S)
    assert not sink.is_subscribed


def test_a_sink_that_is_gone_ends_it(sink: Sink) -> None:
    sink.subscribe()
    sink.status, sink.receiver.usual = "ready", Answer(410)
    assert len(sink.look()) == 1
    assert not sink.is_subscribed


@pytest.mark.parametrize(
    ("more", "advance_s", "status", "reason"),
    [
        ({}, 0, None, "NETWORK_TERMINATED"),
        ({"config": {"subscriptionDetail": {}, "subscriptionExpireTime": SOON}}, 600, "ready", "SUBSCRIPTION_EXPIRED"),
        ({"sinkCredential": TOKEN}, 6 * 3_600 - TOKEN_ENDS_BEFORE_S, "ready", "ACCESS_TOKEN_EXPIRED"),
        ({"types": [ENDED]}, 0, None, "NETWORK_TERMINATED"),
    ],
)
def test_its_end_is_told(sink: Sink, more: dict[str, Any], advance_s: int, status: str | None, reason: str) -> None:
    sink.subscribe(**more)
    assert sink.look() == []
    sink.status = status
    sink.clock.advance(advance_s)
    (event,) = sink.look()
    assert (event["type"], event["data"]["terminationReason"]) == (ENDED, reason)
    assert not sink.is_subscribed and sink.look() == []


def test_it_ends_after_as_many_events_as_were_asked(sink: Sink) -> None:
    sink.subscribe(config={"subscriptionDetail": {}, "subscriptionMaxEvents": 2})
    for status in ("ready", "failed"):
        sink.status = status
        assert [event["data"]["status"] for event in sink.look()] == [status]
    sink.status = "ready"
    (event,) = sink.look()
    assert event["data"]["terminationReason"] == "MAX_EVENTS_REACHED"
    assert not sink.is_subscribed


def test_several_processes_tell_a_change_once(sink: Sink) -> None:
    sink.subscribe()
    sink.status = "ready"

    async def rounds() -> None:
        await asyncio.gather(*(sink.callbacks.look() for _ in range(5)))

    sink._runner.run(rounds())
    assert len(sink.receiver.got) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"types": [CHANGED["deployment"]]},
        {"types": ["org.camaraproject.other"]},
        {"config": {"subscriptionDetail": {"x": 1}}},
        {"config": {"subscriptionDetail": {}, "subscriptionExpireTime": "2026-11-01T11:00:00Z"}},
        {"sinkCredential": {**TOKEN, "accessTokenExpiresUtc": "soon"}},
        {"sink": "https://user:secret@sink.example.com/"},
    ],
)
def test_a_subscription_that_can_not_be_is_refused_beforehand(sink: Sink, more: dict[str, Any]) -> None:
    with pytest.raises((Fault, Invalid)):
        sink.subscribe(**more)
    assert not sink.is_subscribed


@pytest.mark.parametrize(
    "more",
    [
        {"sink": "http://sink.example.com/"},
        {"types": []},
        {"types": [ENDED, ENDED]},
        {"sinkCredential": {"credentialType": "PLAIN"}},
        {"sinkCredential": {**TOKEN, "accessToken": "with\r\nheader: x"}},
        {"protocol": "HTTP"},
    ],
)
def test_a_subscription_of_another_shape_is_no_document(sink: Sink, more: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        sink.request(**more)
