"""Metrics: what happened is what is counted, and who may read it."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from maillage.faces.http.app import build_app
from tests.unit.faces.http.api import Api, ask, assert_problem


class Scraped:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self._samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._samples.get((f"maillage_{name}", *sorted(labels.items())))


def scraped(api: Api) -> Scraped:
    response = api.call("GET", "/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain; version=")
    return Scraped(response.text)


@pytest.fixture(autouse=True)
def always_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.faces.operations.census.FRESH_S", 0.0)
    monkeypatch.setattr("maillage.faces.operations.census.SPARED", 0)


def test_requests_are_counted_by_method_route_and_status(api: Api) -> None:
    api.ok("GET", "/v1/sites/wm-1")
    api.call("GET", "/v1/sites/nowhere")
    api.call("GET", "/no/such/address")
    api.call("BREW", "/v1/sites/wm-1")
    api.call("GET", "/v1/sites", key="wrong")
    found = scraped(api)
    assert found("http_requests_total", method="GET", route="/v1/sites/{site}", status="200") == 1
    assert found("http_requests_total", method="GET", route="/v1/sites/{site}", status="404") == 1
    assert found("http_requests_total", method="GET", route="other", status="404") == 1
    assert found("http_requests_total", method="other", route="other", status="405") == 1
    assert found("http_requests_total", method="GET", route="other", status="401") == 1
    assert found("http_unauthenticated_total") == 1
    assert found("http_rate_limited_total") == 0
    assert found("http_request_duration_seconds_count", method="GET", route="/v1/sites/{site}") == 2
    assert found("http_request_duration_seconds_bucket", method="GET", route="/v1/sites/{site}", le="+Inf") == 2
    assert found("http_requests_in_flight") == 1  # the scrape


def test_asks_are_counted_by_what_became_of_them(api: Api) -> None:
    api.ok("POST", "/v1/leases", ask(cpu=1))
    api.call("POST", "/v1/leases", ask(cpu=100))
    api.call("POST", "/v1/leases", ask("nowhere"))
    batch = {"leases": [ask(cpu=1), ask(cpu=1, **{"class": "spot"}), ask(cpu=100)]}
    api.ok("POST", "/v1/leases/batch", batch)
    found = scraped(api)
    assert found("asks_granted_total", **{"class": "firm"}) == 2
    assert found("asks_granted_total", **{"class": "spot"}) == 1
    assert found("asks_refused_total", reason="no-capacity") == 2
    assert found("asks_refused_total", reason="unknown-site") == 1
    assert found("http_requests_total", method="POST", route="/v1/leases", status="201") == 1
    assert found("http_requests_total", method="POST", route="/v1/leases", status="409") == 1


def test_the_writer_and_the_journal_are_told(api: Api) -> None:
    before = scraped(api)
    for _ in range(3):
        api.ok("POST", "/v1/leases", ask(cpu=1))
    found = scraped(api)
    for name in ("journal_end_events", "journal_events_committed_total", "writer_batch_decisions_sum"):
        assert found(name) == (before(name) or 0) + 3, name
    assert found("journal_commit_duration_seconds_count") == (before("journal_commit_duration_seconds_count") or 0) + 3
    assert found("journal_commit_failures_total") == found("writer_queue_decisions") == 0


def test_leases_and_pools_are_told_as_they_are_now(api: Api) -> None:
    api.ok("POST", "/v1/leases", ask(cpu=2, start=None, end=None))
    api.ok("POST", "/v1/leases", ask(cpu=1.5, start=None, end=None, **{"class": "spot"}))
    api.ok("POST", "/v1/leases", ask(cpu=1))  # in December, so nothing of it now
    api.ok("POST", "/v1/leases", ask(cpu=1, hold_s=60))
    found = scraped(api)
    assert found("sites") == 1
    assert found("leases", state="confirmed") == 3
    assert found("leases", state="held") == 1
    assert found("leases", state="released") == 0
    assert found("pool_size", kind="cpu", unit="vCPU") == 8
    assert found("pool_committed", kind="cpu", unit="vCPU") == 2
    assert found("pool_all", kind="cpu", unit="vCPU") == 3.5
    assert found("pool_committed", kind="memory", unit="GiB") == 0


def test_the_age_of_a_snapshot_is_told_once_there_is_one(api: Api) -> None:
    assert scraped(api)("snapshot_age_seconds") is None
    api.chain.snapshots.save(3, b"")
    found = scraped(api)
    assert found("snapshot_position_events") == 3
    assert 0 <= (found("snapshot_age_seconds") or 0) < 60


def test_metrics_are_for_operators(api: Api) -> None:
    tenant = api.tenant("acme")
    assert assert_problem(api.call("GET", "/metrics", key=""), 401, "no-key")
    assert assert_problem(api.call("GET", "/metrics", key="wrong"), 401, "no-key")
    assert assert_problem(api.call("GET", "/metrics", key=tenant), 403, "not-allowed")
    assert api.call("GET", "/metrics").status_code == 200


def test_where_the_listener_opens_them_they_are_for_everybody(api: Api) -> None:
    async def without_a_key() -> int:
        transport = httpx.ASGITransport(build_app(api.chain, open_metrics=True))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://chain") as client:
            return (await client.get("/metrics")).status_code

    assert api.run(without_a_key()) == 200


def test_a_refusal_to_show_metrics_says_what_it_takes(api: Api) -> None:
    assert api.call("GET", "/metrics", key="").headers["www-authenticate"] == "Bearer"
