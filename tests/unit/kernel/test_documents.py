"""Documents: what an ask means, what can't be asked, and how a lease and a pool are written."""

from typing import Any

import msgspec
import pytest

from maillage.kernel.asks import NEEDS_MAX
from maillage.kernel.documents import (
    AskDocument,
    CapacityPlanDocument,
    NearDocument,
    ask_of,
    capacity_document,
    digest_of,
    lease_document,
    plan_of,
)
from maillage.kernel.errors import Invalid, UnknownKind
from maillage.kernel.policy import Policy
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.times import FOREVER, HORIZON_S, HOUR_S, format_time
from tests.kernel_world import NOW, World, refusal_of

POLICY = Policy()


def document(**fields: Any) -> AskDocument:
    """As it comes in: what is not of the right type is refused before it gets here."""
    return msgspec.convert({"needs": {"cpu": 4}, "site": "wm-1"} | fields, AskDocument)


def test_an_ask_in_full() -> None:
    ask = ask_of(
        document(
            needs={"cpu": "4.5", "memory": 16},
            start="2026-12-01T08:00:00Z",
            end="2026-12-01T21:00:00+01:00",
            site=None,
            near={"lat": 36.37, "lon": -94.21, "within_km": 25, "within_ms": 15},
            max_price="12.50",
            attributes={"has_clinic": True},
            limit=5,
            hold_s=600,
            **{"class": "spot"},
        ),
        POLICY,
    )
    assert ask.needs == {"cpu": 4_500, "memory": 16_000}
    assert (ask.start, ask.end) == (NOW, NOW + 12 * HOUR_S)
    assert (ask.site, ask.cls, ask.max_price, ask.limit, ask.hold_s) == (None, "spot", 12_500_000, 5, 600)
    assert ask.near is not None
    assert (ask.near.lat, ask.near.within_km, ask.near.within_ms) == (36.37, 25, 15)
    assert ask.attributes == {"has_clinic": True}


def test_the_least_that_can_be_asked() -> None:
    ask = ask_of(document(), POLICY)
    assert (ask.start, ask.end, ask.cls, ask.hold_s, ask.max_price) == (None, FOREVER, "firm", None, None)
    assert ask.interval(NOW) == (NOW, FOREVER)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"needs": {}}, "needs"),
        ({"needs": {"cpu": 0}}, "needs"),
        ({"needs": {"cpu": -4}}, "needs"),
        ({"needs": {"cpu": "four"}}, "needs"),
        ({"needs": {"cpu": 1e308}}, "needs"),
        ({"needs": {"cpu": float("nan")}}, "needs"),
        ({"needs": {"cpu": float("inf")}}, "needs"),
        ({"needs": {"cpu": 1, "memory": 0.0001}}, "needs"),
        ({"start": "2026-12-01T08:00:00"}, "start"),
        ({"start": "tomorrow"}, "start"),
        ({"end": "2026-12-01"}, "end"),
        ({"end": ""}, "end"),
        ({"site": None}, "site"),
        ({"near": {"lat": 1, "lon": 1}}, "site"),
        ({"sites": ["a"]}, "site"),
        ({"site": None, "sites": ["a"], "near": {"lat": 1, "lon": 1}}, "site"),
        ({"site": None, "sites": ["a", "b", "a"]}, "sites"),
        ({"count": 2}, "count"),
        ({"site": None, "sites": ["a", "b"], "count": 2}, "count"),
        ({"max_price": "-1"}, "max_price"),
        ({"max_price": "a lot"}, "max_price"),
        ({"max_price": 1e10}, "max_price"),
    ],
)
def test_what_can_not_be_asked_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    refused = refusal_of(lambda: ask_of(document(**fields), POLICY))
    assert isinstance(refused, Invalid)
    assert refused.extra["field"] == field


@pytest.mark.parametrize("place", [(float("nan"), 0.0), (0.0, float("inf")), (90.1, 0.0), (0.0, -180.1)])
def test_a_place_that_is_none_is_refused(place: tuple[float, float]) -> None:
    asked = AskDocument({"cpu": 1}, near=NearDocument(*place))
    with pytest.raises(Invalid, match=r"lat|lon"):
        ask_of(asked, POLICY)


@pytest.mark.parametrize(
    "fields",
    [
        {"needs": {"cpu": True}},
        {"needs": {"cpu": None}},
        {"needs": {"cpu": [1]}},
        {"needs": {"k" * 65: 1}},
        {"needs": None},
        {"limit": 0},
        {"limit": 101},
        {"hold_s": 0},
        {"hold_s": 7 * 86_400 + 1},
        {"hold_s": 1.5},
        {"class": "first"},
        {"site": "s" * 65},
        {"site": None, "near": {"lat": 91, "lon": 0}},
        {"site": None, "near": {"lat": 0, "lon": 181}},
        {"site": None, "near": {"lat": 0}},
        {"site": None, "near": {"lat": 0, "lon": 0, "within_km": -1}},
        {"site": None, "near": {"lat": 0, "lon": 0, "within_miles": 1}},
        {"site": None, "sites": []},
        {"site": None, "sites": ["s" * 65]},
        {"site": None, "sites": "a"},
        {"site": None, "near": {"lat": 0, "lon": 0}, "count": 0},
        {"site": None, "near": {"lat": 0, "lon": 0}, "count": 1_001},
        {"attributes": {"a": None}},
        {"attributes": {f"a-{number}": 1 for number in range(17)}},
        {"colour": "red"},
        {"start": "x" * 65},
    ],
)
def test_what_is_of_the_wrong_shape_does_not_get_that_far(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        document(**fields)


def test_an_unknown_kind_is_named_among_those_there_are() -> None:
    refused = refusal_of(lambda: ask_of(document(needs={"teleport": 1}), POLICY))
    assert isinstance(refused, UnknownKind)
    assert refused.extra["kind"] == "teleport"
    assert "cpu" in refused.extra["kinds"]


@pytest.mark.parametrize("count", [NEEDS_MAX + 1, 1_000_000])
def test_more_kinds_than_there_can_be_are_refused_at_once(count: int) -> None:
    refused = refusal_of(lambda: ask_of(AskDocument(dict.fromkeys(map(str, range(count)), 1)), POLICY))
    assert isinstance(refused, Invalid)
    assert len(refused.detail) < 200


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z", "end"),
        ("2026-12-01T09:00:00Z", "2026-12-01T08:30:00Z", "end"),
        ("2026-12-01T07:58:59Z", None, "start"),
        ("1970-01-01T00:00:00Z", "2026-12-02T00:00:00Z", "start"),
        (None, format_time(NOW + HORIZON_S + 1), "end"),
        ("2099-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "start"),
        (None, "9999-12-31T23:59:59Z", "end"),
    ],
)
def test_an_interval_that_can_not_be_is_refused(start: str | None, end: str | None, field: str) -> None:
    refused = refusal_of(lambda: ask_of(document(start=start, end=end), POLICY).interval(NOW))
    assert isinstance(refused, Invalid)
    assert refused.extra["field"] == field


def test_bodies_that_mean_the_same_have_the_same_digest() -> None:
    one = msgspec.json.decode(b'{"needs": {"cpu": 4, "memory": 16}, "site": "a"}', type=AskDocument)
    other = msgspec.json.decode(b'{"site":"a","class":"firm","needs":{"memory":16,"cpu":4}}', type=AskDocument)
    assert digest_of(one) == digest_of(other)
    assert digest_of(document(needs={"cpu": 4})) != digest_of(document(needs={"cpu": 5}))
    assert digest_of(document(site=None, sites=["a", "b"])) != digest_of(document(site=None, sites=["b", "a"]))


def test_the_digest_of_a_body_is_what_it_was_in_version_0_1() -> None:
    """A key that was granted before an upgrade is repeated after it."""
    body = (
        b'{"needs": {"cpu": 4, "memory": 16}, "site": "wm-100", "start": "2026-12-01T08:00:00Z",'
        b' "end": "2026-12-01T20:00:00Z"}'
    )
    assert digest_of(msgspec.json.decode(body, type=AskDocument)) == "a2ba775b08c76f121e80d1b7"


def test_the_digest_of_a_body_near_a_place_is_what_it_was_before_devices_could_be_named() -> None:
    body = b'{"needs": {"cpu": 4}, "near": {"lat": 36.37, "lon": -94.21, "within_km": 25}}'
    plain = msgspec.json.decode(body, type=AskDocument)
    assert digest_of(plain) == "60e234c171799be4778d6c7f"
    named = msgspec.json.decode(body.replace(b"25", b'25, "device": "10.40.1.7"'), type=AskDocument)
    assert digest_of(named) != digest_of(plain)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        (None, None),
    ],
)
def test_a_device_is_an_address_of_either_version(given: str | None, meant: str | None) -> None:
    asked = ask_of(document(site=None, near={"lat": 36, "lon": -94, "device": given}), POLICY)
    assert asked.near is not None and asked.near.device == meant


@pytest.mark.parametrize("device", ["", "here", "203.0.113.0/24", "203.0.113.07", "203.0.113.7:80", "fe80::1%eth0"])
def test_a_device_that_is_no_address_is_refused(device: str) -> None:
    asked = document(site=None, near={"lat": 36, "lon": -94, "device": device})
    refused = refusal_of(lambda: ask_of(asked, POLICY))
    assert isinstance(refused, Invalid)
    assert refused.extra["field"] == "near.device"


def test_an_ask_for_several_sites_by_name_or_near_a_place() -> None:
    named = ask_of(document(site=None, sites=["b", "a"]), POLICY)
    assert (named.site, named.sites, named.count, named.asks_for_several) == (None, ("b", "a"), None, True)
    near = ask_of(document(site=None, near={"lat": 1, "lon": 2}, count=20), POLICY)
    assert (near.sites, near.count, near.asks_for_several) == (None, 20, True)
    plain = ask_of(document(count=None, sites=None), POLICY)
    assert (plain.sites, plain.count, plain.asks_for_several) == (None, None, False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"size": -1}, "size"),
        ({"size": "0.0001"}, "size"),
        ({"size": 1, "from": "2026-12-01"}, "from"),
        ({"size": 1, "from": format_time(NOW + HORIZON_S + 1)}, "from"),
    ],
)
def test_a_plan_that_can_not_be_is_refused(fields: dict[str, Any], field: str) -> None:
    refused = refusal_of(lambda: plan_of("cpu", msgspec.convert(fields, CapacityPlanDocument), NOW))
    assert isinstance(refused, Invalid)
    assert refused.extra["field"] == field


def test_a_lease_is_written_in_the_units_of_the_outside() -> None:
    world = World(PriceBook(entries=[PriceEntry("cpu", "0.042")]))
    world.pool("cpu", 8)
    held = lease_document(world.lease({"cpu": 2.5}, NOW, NOW + 2 * HOUR_S, hold_s=600), NOW, "EUR")
    assert msgspec.to_builtins(held) == {
        "id": "wm-1~3",
        "tenant": "acme",
        "site": "wm-1",
        "needs": {"cpu": 2.5},
        "start": "2026-12-01T08:00:00Z",
        "end": "2026-12-01T10:00:00Z",
        "class": "firm",
        "state": "held",
        "hold_until": "2026-12-01T08:10:00Z",
        "price": {"amount": "0.21", "per_hour": "0.105", "currency": "EUR"},
        "reason": None,
        "as_of": "2026-12-01T08:00:00Z",
    }
    open_lease = lease_document(world.lease({"cpu": 1}), NOW, "EUR")
    assert (open_lease.end, open_lease.price.amount, open_lease.price.per_hour) == (None, None, "0.042")


def test_a_document_does_not_change_with_its_lease() -> None:
    world = World()
    world.pool("cpu", 8)
    lease = world.lease({"cpu": 1})
    written = lease_document(lease, NOW, "EUR")
    world.release(lease)
    assert (written.state, written.end) == ("confirmed", None)


def test_a_pool_is_written_with_a_point_wherever_a_level_changes() -> None:
    world = World()
    world.pool("cpu", 8, notice_s=60)
    world.pool("cpu", 10, since=NOW + 3 * HOUR_S, notice_s=60)
    world.lease({"cpu": 2}, NOW + HOUR_S, NOW + 2 * HOUR_S)
    world.lease({"cpu": 1.5}, NOW + 1_800, cls="spot")
    written = capacity_document(world.ledger.pools["wm-1"]["cpu"], "vCPU", NOW, NOW + 24 * HOUR_S)
    assert (written.size, written.sizes, written.notice_s) == (8, [("2026-12-01T11:00:00Z", 10)], 60)
    assert [(point.at[11:16], point.committed, point.all) for point in written.curve] == [
        ("08:00", 0, 0),
        ("08:30", 0, 1.5),
        ("09:00", 2, 3.5),
        ("10:00", 0, 1.5),
    ]
