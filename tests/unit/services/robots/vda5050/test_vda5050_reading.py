"""What robots send is read with tolerance where it does not matter, and refused in one plain line where it does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid
from maillage.services.robots.vda5050.factsheet import Factsheet, facts_of
from maillage.services.robots.vda5050.header import format_ms, parse_ms, spoken
from maillage.services.robots.vda5050.reading import BYTES_MAX, Violation, read
from maillage.services.robots.vda5050.state import State
from maillage.services.robots.vda5050.topics import Address, Topics

ME = Address("Acme", "AC-1")
HEADER = {
    "headerId": 1,
    "timestamp": "2026-12-01T08:00:00.12Z",
    "version": "2.1.0",
    "manufacturer": "Acme",
    "serialNumber": "AC-1",
}


def state(**changed: Any) -> bytes:
    document = {
        **HEADER,
        "orderId": "o1",
        "orderUpdateId": 0,
        "lastNodeId": "n0",
        "lastNodeSequenceId": 0,
        "nodeStates": [{"nodeId": "n1", "sequenceId": 2, "released": True, "nodePosition": {"x": 1, "y": 2}}],
        "edgeStates": [{"edgeId": "e1", "sequenceId": 1, "released": True}],
        "driving": True,
        "actionStates": [{"actionId": "a", "actionStatus": "PAUSED"}],
        "batteryState": {"batteryCharge": 80, "charging": False},
        "operatingMode": "AUTOMATIC",
        "errors": [],
        "safetyState": {"eStop": "NONE", "fieldViolation": False},
        **changed,
    }
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"somethingNew": {"deep": [1]}},
        {"batteryState": ..., "errors": ..., "safetyState": ...},
        {"agvPosition": {"x": 1, "y": 2, "mapId": "m"}},
        {"agvPosition": {"x": 1, "y": 2, "theta": 0, "mapId": "m", "positionInitialized": False}},
        {"version": "2.0.0"},
        {"version": "2.0"},
        {"orderId": "", "nodeStates": [], "edgeStates": [], "lastNodeId": ""},
        {"orderUpdateId": 3.0, "lastNodeSequenceId": 2.0},
        {"errors": [{"errorType": "x", "errorLevel": "URGENT"}]},
        {"timestamp": "yesterday"},
        {"loads": "none"},
    ],
    ids=str,
)
def test_a_state_is_read_with_tolerance(changed: dict[str, Any]) -> None:
    assert isinstance(read("state", state(**changed), ME), State)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"orderId": 7}, "Expected `str`, got `int` - at `$.orderId`"),
        ({"nodeStates": ...}, "missing required field `nodeStates`"),
        ({"nodeStates": [{"nodeId": "n"}]}, "$.nodeStates[0]"),
        ({"operatingMode": "ASLEEP"}, "ASLEEP"),
        ({"actionStates": [{"actionId": "a", "actionStatus": "DONE"}]}, "DONE"),
        ({"lastNodeSequenceId": -2}, "not negative"),
        ({"lastNodeSequenceId": 1.5}, "lastNodeSequenceId"),
        ({"agvPosition": {"x": 1e9, "y": 0, "theta": 0, "mapId": "m"}}, "agvPosition.x"),
        ({"version": "3.0.0"}, "version '3.0.0'"),
        ({"serialNumber": "AC-2"}, "signed Acme/AC-2"),
    ],
    ids=str,
)
def test_a_state_that_misleads_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Violation, match=r"^state: ") as refused:
        read("state", state(**changed), ME)
    assert told in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        state() + b"x",
        state().replace(b"80", b"NaN"),
        state().replace(b"80", b"1e999"),
        b" " * (BYTES_MAX + 1),
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(Violation):
        read("state", payload, ME)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.sampled_from(["state", "connection", "factsheet", "visualization"]), st.data())
def test_whatever_a_member_is_it_is_read_or_refused(topic: str, data: st.DataObject) -> None:
    document = json.loads(state())
    document["connectionState"] = "ONLINE"
    name = data.draw(st.sampled_from(sorted([*document, "agvPosition", "protocolLimits", "physicalParameters"])))
    document[name] = data.draw(JSON)
    try:
        read(topic, json.dumps(document).encode(), ME)
    except Violation as violation:
        assert str(violation).startswith(topic)


def test_a_factsheet_that_says_little_allows_all() -> None:
    facts = facts_of(_factsheet({}))
    assert facts.knows("dance", "NODE") and facts.speed_mps is None and facts.nodes == 0
    empty = facts_of(_factsheet({"protocolFeatures": {"agvActions": []}}))
    assert empty.knows("dance", "NODE")


def test_a_factsheet_says_what_the_robot_is_and_can_do() -> None:
    sheet = {
        "typeSpecification": {"seriesName": "S50"},
        "physicalParameters": {"speedMax": 1.2, "width": 0.8, "length": 1},
        "protocolLimits": {
            "maxStringLens": {"idLen": 36, "msgLen": 9000},
            "maxArrayLens": {"order.nodes": 50, "order.edges": 30, "node.actions": 4},
            "timing": {"minOrderInterval": 0.5, "minStateInterval": 1},
        },
        "protocolFeatures": {"agvActions": [{"actionType": "startCleaning", "actionScopes": ["NODE"]}]},
    }
    facts = facts_of(_factsheet(sheet))
    assert (facts.series, facts.speed_mps, facts.width_m, facts.length_m) == ("S50", 1.2, 0.8, 1.0)
    assert (facts.id_chars, facts.message_bytes, facts.nodes, facts.node_actions) == (36, 9000, 31, 4)
    assert facts.order_interval_s == 0.5
    assert facts.knows("startCleaning", "NODE")
    assert not facts.knows("startCleaning", "INSTANT") and not facts.knows("stopCleaning", "NODE")


def _factsheet(members: dict[str, Any]) -> Factsheet:
    found = read("factsheet", json.dumps(HEADER | members).encode(), ME)
    assert isinstance(found, Factsheet)
    return found


def test_topics_are_put_together_and_taken_apart() -> None:
    topics = Topics("shop")
    assert topics.of(ME, "order") == "shop/v2/Acme/AC-1/order"
    assert topics.of_all("state") == "shop/v2/+/+/state"
    assert topics.parse("shop/v2/Acme/AC-1/state") == (ME, "state")
    for other in ("uagv/v2/Acme/AC-1/state", "shop/v1/Acme/AC-1/state", "shop/v2/Acme/state", "shop/v2//b/state"):
        assert topics.parse(other) is None
    for name in ("", "a/b", "a+", "#", "ü"):
        with pytest.raises(Invalid):
            Topics(name)


def test_versions_and_instants() -> None:
    assert [spoken(each) for each in ("2.0.0", "2.0", "2.1.0", "2.2.0", "3.0.0", "")] == [
        "2.0.0", "2.0.0", "2.1.0", "2.1.0", None, None,
    ]  # fmt: skip
    assert format_ms(1_793_534_400_007) == "2026-11-01T12:00:00.007Z"
    assert parse_ms("2026-11-01T12:00:00.007Z") == 1_793_534_400_007
    assert parse_ms("2026-11-01T12:00:00") == 1_793_534_400_000
    assert parse_ms("2026-11-01T14:00:00+02:00") == 1_793_534_400_000
    assert parse_ms("noon") is None
