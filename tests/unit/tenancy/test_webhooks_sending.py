"""One request to a real server: what is sent, where to, and what is made of the answer."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest

from maillage.engines.clocks import ManualClock
from maillage.tenancy.webhooks import sending
from maillage.tenancy.webhooks.ports import Outcome
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.targets import Resolve, resolve_by_system
from tests.certificates import Authority
from tests.receiver import Answer, Receiver, receiving

NOW = 1_793_534_400
BODY = b'{"n":1}'


def send(
    url: str,
    allow_local: bool = True,
    resolve: Resolve = resolve_by_system,
    tls: ssl.SSLContext | None = None,
    times: int = 1,
) -> Outcome:
    """What comes of sending, the last time if several."""

    async def main() -> Outcome:
        sender = HttpSender(ManualClock(NOW), allow_local, resolve, tls)
        try:
            for _ in range(times):
                outcome = await sender.send(url, {"webhook-id": "msg_1"}, BODY)
            return outcome
        finally:
            await sender.close()

    return asyncio.run(main())


def resolving(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def answered(answer: Answer) -> tuple[Outcome, Receiver]:
    with receiving() as receiver:
        receiver.usual = answer
        return send(receiver.url), receiver


def test_a_request_is_a_cloud_event_with_its_headers() -> None:
    outcome, receiver = answered(Answer())
    (got,) = receiver.got
    assert outcome == Outcome(204) and outcome.taken
    assert (got.path, got.body, got.id) == ("/hook", BODY, "msg_1")
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.headers["user-agent"].startswith("Maillage/")
    assert got.headers["host"] == receiver.url.split("/")[2]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_two_hundred_means_taken(status: int) -> None:
    assert answered(Answer(status))[0].taken


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_anything_else_does_not_and_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as elsewhere:
        outcome, receiver = answered(Answer(status, {"location": elsewhere.url}))
        assert outcome == Outcome(status, f"answered {status}")
        assert not outcome.taken
        assert (len(receiver.got), len(elsewhere.got)) == (1, 0)


def test_gone_is_told_apart() -> None:
    assert answered(Answer(410))[0].gone
    assert not answered(Answer(404))[0].gone


def test_what_the_receiver_asks_to_wait_is_in_the_outcome() -> None:
    assert answered(Answer(503, {"retry-after": "90"}))[0].retry_after_s == 90
    assert answered(Answer(429, {"retry-after": "Sun, 01 Nov 2026 12:01:00 GMT"}))[0].retry_after_s == 60


def test_a_long_answer_is_not_read_to_its_end() -> None:
    outcome, _ = answered(Answer(200, body=b"x" * (64 << 20)))
    assert outcome == Outcome(200)


def test_an_answer_whose_end_does_not_come_counts_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "READ_WITHIN_S", 0.05)
    outcome, _ = answered(Answer(200, {"content-length": "10"}, b"abc"))
    assert outcome == Outcome(200)


def test_a_receiver_that_does_not_answer_in_time_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "WITHIN_S", 0.2)
    held = threading.Event()
    try:
        with receiving() as receiver:
            receiver.usual = Answer(wait=held)
            outcome = send(receiver.url)
            held.set()
    finally:
        held.set()
    assert outcome == Outcome(None, "no answer within 0.2 s")


def test_a_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outcome = send(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert outcome.status is None and "Connect" in outcome.reason


def test_an_answer_that_is_no_http_is_told() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65_536)
                line.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        outcome = send(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert outcome.status is None and "Protocol" in outcome.reason


# -- where to --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "allow_local"),
    [(("127.0.0.1",), False), (("10.0.0.1",), True), (("8.8.8.8", "127.0.0.1"), False), ((), True)],
)
def test_nothing_is_sent_to_an_address_inside_that_a_name_leads_to_by_now(
    addresses: tuple[str, ...], allow_local: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with receiving(authority.server("hooks.example.com")) as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example.com")
        outcome = send(url, allow_local, resolving(*addresses), authority.client())
        assert outcome.status is None and outcome.reason.startswith("url: ")
        assert receiver.got == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    outcome = send(f"https://{host}:9/", allow_local=False)
    assert outcome.status is None and outcome.reason.startswith("url: "), outcome


def test_the_certificate_is_checked_against_the_name_though_the_address_is_connected_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with receiving(authority.server("hooks.example.com")) as receiver:
        for name, taken in (("hooks.example.com", True), ("evil.example.com", False)):
            url = receiver.url.replace("127.0.0.1", name)
            outcome = send(url, True, resolving("127.0.0.1"), authority.client())
            assert outcome.taken is taken, outcome
            assert taken or "certificate" in outcome.reason
        (got,) = receiver.got
        assert got.headers["host"] == receiver.url.split("/")[2].replace("127.0.0.1", "hooks.example.com")


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    with receiving(Authority(tmp_path).server("localhost")) as receiver:
        outcome = send(receiver.url.replace("127.0.0.1", "localhost"))
        assert outcome.status is None and "certificate" in outcome.reason
        assert receiver.got == []


def test_where_the_first_address_takes_no_connection_the_next_is_tried() -> None:
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example.com")
        assert send(url, True, resolving("127.0.0.2", "127.0.0.1")).taken
        assert len(receiver.got) == 1


def test_the_name_is_looked_up_for_every_request() -> None:
    looked_up = []

    async def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    with receiving() as receiver:
        assert send(receiver.url.replace("127.0.0.1", "hooks.example.com"), True, resolve, times=3).taken
    assert looked_up == ["hooks.example.com"] * 3
