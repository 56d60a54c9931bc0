"""Webhooks of a real server: signed, tried again, and none lost or doubled by a crash."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from tests.e2e.server import Client, Server
from tests.receiver import Answer, Receiver, receiving, until

ASK = {"needs": {"cpu": 1}, "site": "wm-0", "end": "2050-01-01T00:00:00Z"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path / "home", MAILLAGE_WEBHOOKS_ALLOW_LOCAL="1")
    one.start()
    try:
        yield one
    finally:
        one.kill()


def is_quiet(server: Server) -> bool:
    """Whether no turn is under way."""
    with closing(sqlite3.connect(server.folder / "records.db")) as records:
        return records.execute("SELECT count(*) FROM webhooks WHERE claimed_by != ''").fetchone() == (0,)


def a_tenant_with_a_webhook(server: Server, receiver: Receiver) -> tuple[str, str, str]:
    """Its key, the webhook's id and secret."""
    with Client(server.port) as operator:
        operator.ok("PUT", "/v1/sites/wm-0", {"name": "wm-0", "lat": 36, "lon": -94})
        operator.ok("PUT", "/v1/sites/wm-0/capacity/cpu", {"size": 64})
        operator.ok("POST", "/v1/tenants", {"id": "acme"})
        key = operator.ok("POST", "/v1/tenants/acme/keys")["key"]
    with Client(server.port, key) as acme:
        issued = acme.ok("POST", "/v1/webhooks", {"url": receiver.url})
    return key, issued["id"], issued["secret"]


def test_leases_are_told_to_their_tenant_before_and_after_a_crash_each_under_one_id(server: Server) -> None:
    with receiving() as receiver:
        key, webhook_id, secret = a_tenant_with_a_webhook(server, receiver)
        with Client(server.port) as operator:
            operator.ok("POST", "/v1/leases", ASK)  # not acme's
        with Client(server.port, key) as acme:
            first = acme.ok("POST", "/v1/leases", ASK)["id"]
            (granted,) = receiver.wait_for(1)
            event = granted.verified_by(secret)
            assert (event["type"], event["subject"]) == ("maillage.lease.granted", first)
            with pytest.raises(WebhookVerificationError):
                granted._replace(body=granted.body.replace(b"cpu", b"gpu")).verified_by(secret)
            receiver.answers = [Answer(503)]
            acme.ok("POST", f"/v1/leases/{first}/release")
            receiver.wait_for(2)
            until(lambda: acme.ok("GET", f"/v1/webhooks/{webhook_id}")["failing_since"] is not None)
            second = acme.ok("POST", "/v1/leases", ASK)["id"]
        until(lambda: is_quiet(server))
        server.kill()
        server.start()
        with Client(server.port, key) as acme:
            acme.ok("POST", f"/v1/leases/{second}/release")
            got = receiver.wait_for(5)
            until(lambda: acme.ok("GET", f"/v1/webhooks/{webhook_id}")["failing_since"] is None)
            assert acme.ok("GET", f"/v1/webhooks/{webhook_id}/dead")["items"] == []
    told = {one.id: (one.event["type"].split(".")[-1], one.event["subject"]) for one in got}
    assert sorted(told.values()) == sorted(
        [("granted", first), ("released", first), ("granted", second), ("released", second)]
    )
    assert got[1].id in {one.id for one in got[2:]}  # what was refused at first came again by its id
    assert all(one.verified_by(secret) for one in got)
