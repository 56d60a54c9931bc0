"""Topics and payloads of positions: what is one, and what is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.devices.topics import filter_problem, matches
from maillage.kernel.errors import Invalid, Malformed, Refusal
from maillage.kernel.times import format_time
from maillage.services.compute.follow.sessions import Report
from maillage.services.compute.positions.counts import Counts
from maillage.services.compute.positions.payloads import BYTES_MAX, decoded
from maillage.services.compute.positions.topics import EVERY, can_reach, session_at, topic_of
from maillage.services.compute.positions.waiting import MESSAGES_MAX, Came, Waiting

NOW = 1_793_534_400
HERE = {"lat": 36.37, "lon": -94.21}


def said(document: Any, kept: bool = False) -> list[Report]:
    return decoded(json.dumps(document).encode(), NOW, kept, 600)


def test_a_sessions_topic_is_its_own() -> None:
    assert topic_of("se_1") == "maillage/positions/se_1" and matches(EVERY, topic_of("se_1"))
    assert session_at(topic_of("se_1")) == "se_1"
    assert session_at("maillage/positions/freezer-1") is None
    assert session_at("maillage/wm-100/se_1") is None and session_at("se_1") is None


@pytest.mark.parametrize("topic_filter", ["#", "+/#", "maillage/#", "maillage/positions/#", "maillage/+/se_1", "+/+/+"])
def test_filters_that_reach_into_positions(topic_filter: str) -> None:
    assert can_reach(topic_filter)


@pytest.mark.parametrize("topic_filter", ["maillage/wm-1/#", "maillage/positions", "plant/#", "+/+/+/+", "+", "+/+"])
def test_filters_that_do_not(topic_filter: str) -> None:
    assert not can_reach(topic_filter)


@given(st.lists(st.sampled_from(["maillage", "positions", "se_1", "+", "#", "x"]), min_size=1, max_size=5))
def test_a_filter_reaches_positions_if_it_takes_the_topic_of_a_session(levels: list[str]) -> None:
    one = "/".join(levels)
    if not filter_problem(one):
        topics = [topic_of(session) for session in ("se_1", "x", "positions", "maillage", "other")]
        assert can_reach(one) == any(matches(one, topic) for topic in topics)


def test_one_position_and_several_are_read_as_over_http() -> None:
    place = (HERE["lat"], HERE["lon"])
    assert said(HERE) == [Report(NOW, *place)]
    before = {**HERE, "at": format_time(NOW - 60)}
    assert said(before) == [Report(NOW - 60, *place)]
    assert said({"positions": [before, HERE]}) == [Report(NOW - 60, *place), Report(NOW, *place)]


def test_of_what_the_broker_had_kept_only_what_says_when_it_was_counts() -> None:
    before = {**HERE, "at": format_time(NOW - 60)}
    assert said(HERE, kept=True) == []
    assert [report.t for report in said({"positions": [before, HERE]}, kept=True)] == [NOW - 60]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"36.37,-94.21",
        b"[36.37,-94.21]",
        b'{"lat": "36.37", "lon": -94.21}',
        b'{"lat": 91, "lon": 0}',
        b'{"lat": NaN, "lon": 0}',
        b'{"lat": 1e999, "lon": 0}',
        b'{"lat": 36.37}',
        b'{"lat": 36.37, "lon": 0, "speed": 3}',
        b'{"lat": 36.37, "lon": 0, "at": 1793534400}',
        b'{"positions": []}',
        b'{"lat": 1, "lon": 2, "at": "\xff"}',
        b'{"a":' * 20_000,
        b" " * (BYTES_MAX + 1),
    ],
)
def test_what_is_no_position_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        decoded(payload, NOW, False, 600)


@pytest.mark.parametrize(
    "document",
    [
        {**HERE, "at": "yesterday"},
        {**HERE, "at": format_time(NOW + 61)},
        {**HERE, "at": format_time(NOW - 601)},
        {"positions": [HERE, HERE]},
        {"positions": [{**HERE, "at": format_time(NOW)}, {**HERE, "at": format_time(NOW - 1)}]},
    ],
)
def test_instants_that_can_not_be_are_refused(document: Any) -> None:
    with pytest.raises(Invalid):
        said(document)


@given(st.binary(max_size=200))
def test_nothing_that_comes_is_a_fault_of_ours(payload: bytes) -> None:
    try:
        decoded(payload, NOW, False, 600)
    except Refusal as refusal:
        assert refusal.detail


def waiting_for(*documents: Any, at: int = NOW) -> tuple[Waiting, Counts]:
    waiting, counts = Waiting(600), Counts()
    for document in documents:
        waiting.put(Came(json.dumps(document).encode(), at, False), (counts,))
    return waiting, counts


def test_what_waits_is_taken_at_once_in_order_and_one_a_second() -> None:
    dated = [{**HERE, "lon": -94.0 - each, "at": format_time(NOW - each)} for each in (3, 5, 3)]
    waiting, counts = waiting_for(*dated, HERE)
    assert [report.t for report in waiting.take(NOW, (counts,))] == [NOW - 5, NOW - 3, NOW]
    assert counts.late == 1 and len(waiting) == 0
    waiting.put(Came(json.dumps(dated[0]).encode(), NOW, False), (counts,))
    assert waiting.take(NOW, (counts,)) == [] and counts.late == 2


def test_what_waited_for_longer_than_its_device_may_be_silent_is_no_news() -> None:
    waiting, counts = waiting_for(HERE)
    assert waiting.take(NOW + 600, (counts,)) == [] and counts.late == 1


def test_a_flood_makes_room_for_the_newest_and_takes_no_more_memory() -> None:
    documents = [{**HERE, "at": format_time(NOW - 300 + each)} for each in range(300)]
    waiting, counts = waiting_for(*documents)
    assert len(waiting) == MESSAGES_MAX and counts.superseded == 300 - MESSAGES_MAX
    assert [report.t for report in waiting.take(NOW, (counts,))][-1] == NOW - 1
    for _ in range(10):
        waiting.put(Came(b" " * 60_000, NOW, False), (counts,))
    assert len(waiting) == 1
    waiting.put(Came(b" " * 1_000_000, NOW, False), (counts,))
    assert len(waiting) == 1 and waiting.take(NOW, (counts,)) == [] and counts.malformed == 1


def test_one_bad_message_spoils_no_other() -> None:
    waiting, counts = waiting_for({**HERE, "at": format_time(NOW - 9)}, {"lat": 200, "lon": 0}, HERE)
    assert [report.t for report in waiting.take(NOW, (counts,))] == [NOW - 9, NOW]
    assert counts.malformed == 1 and "lat" in counts.fault and counts.fault_at == NOW
