"""Sparkplug B: what is read of its messages, what births make known, when a node is asked to be born again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.services.sensing.model import Fault
from maillage.services.sensing.payloads.sparkplug.nodes import EdgeNodes, Heard, Source, source_of
from maillage.services.sensing.payloads.sparkplug.values import number_of_metric
from maillage.services.sensing.payloads.sparkplug.wire import Damaged, Metric, payload_of, rebirth_command
from tests.unit.services.sensing.sparkplug_words import bd_seq, metric, payload

NOW = 1_793_534_400_000
NODE = Source("100", "gateway")
FREEZER = Source("100", "gateway", "freezer-1")
REFERENCE = bytes.fromhex(
    "0880acecb7993412120a0562645365711880acecb799342008580312210a0f54656d70657261747572652f41697210011881acecb799342009"
    "65333393c1120c0a04446f6f721002200b700112110a054c6576656c1003200250fbffffff0f12160a0342696710042004280158f9ffffffff"
    "ffffffff01120c0a04476f6e651005200a3801120f0a04546578741006200c7a0368c3a912210a06446f75626c651007200a4a0a0a016b1205"
    "080c420176690000000000000440120a0a035365748a0102080118002201752a0162"
)
"""Made with the reference definition: a birth with metrics of many types, among them some that are not read."""


def test_a_payload_made_by_the_reference_is_read() -> None:
    found = payload_of(REFERENCE)
    assert (found.at_ms, found.seq) == (NOW, 0)
    values = {one.name: number_of_metric(one, one.datatype) for one in found.metrics}
    assert values == {
        "bdSeq": 3.0,
        "Temperature/Air": pytest.approx(-18.4),
        "Door": 1.0,
        "Level": -5.0,
        "Big": -7.0,
        "Gone": Fault.MISSING,
        "Text": Fault.NOT_A_NUMBER,
        "Double": 2.5,
        "Set": Fault.MISSING,
    }
    assert found.metrics[1].at_ms == NOW + 1 and found.metrics[1].alias == 1 and found.metrics[4].historical


def test_the_command_to_be_born_again_says_so() -> None:
    assert payload_of(rebirth_command(NOW)) == (
        NOW,
        [Metric(name="Node Control/Rebirth", at_ms=NOW, datatype=11, value=True)],
        None,
    )


@pytest.mark.parametrize("length", range(1, len(REFERENCE), 7))
def test_a_payload_that_is_cut_off_is_damaged_or_shorter(length: int) -> None:
    try:
        found = payload_of(REFERENCE[:length])
    except Damaged:
        return
    assert len(found.metrics) <= 9


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(raw: bytes) -> None:
    heard = EdgeNodes().take(NODE, "NDATA", raw, NOW)
    assert set(heard.faults) <= {Fault.UNREADABLE, Fault.MISSING}


def test_a_sign_counts_however_far_it_was_extended() -> None:
    for raw in (0xFB, 0xFFFB, 0xFFFFFFFB):
        assert number_of_metric(Metric(value=raw), 1) == -5
    assert number_of_metric(Metric(value=0xFB), 5) == 251
    assert number_of_metric(Metric(value=float("nan")), 10) is Fault.NOT_A_NUMBER


def test_topics_of_nodes_and_devices_are_told_apart() -> None:
    assert source_of("spBv1.0/100/NDATA/gateway") == (NODE, "NDATA")
    assert source_of("spBv1.0/100/DBIRTH/gateway/freezer-1") == (FREEZER, "DBIRTH")
    for other in (
        "spBv1.0/100/DDATA/gateway",
        "spBv1.0/100/NDATA/g/d",
        "spBv1.0/STATE/host",
        "x/100/NDATA/g",
        "spBv1.0//NDATA/g",
    ):
        assert source_of(other) is None


class Node:
    """An edge node with one device, heard."""

    def __init__(self) -> None:
        self.nodes = EdgeNodes()
        self.seq = 0

    def hear(self, source: Source, kind: str, *metrics: bytes, seq: int | None = None, now_ms: int = NOW) -> Heard:
        if kind == "NBIRTH":
            self.seq = 0
        body = payload(*metrics, seq=self.seq if seq is None else seq, at_ms=now_ms)
        self.seq = ((self.seq if seq is None else seq) + 1) % 256
        return self.nodes.take(source, kind, body, now_ms)

    def be_born(self) -> "Node":
        assert self.hear(NODE, "NBIRTH", bd_seq(1)).ask is None
        born = self.hear(FREEZER, "DBIRTH", metric("Air", -18.0, alias=7, datatype=10))
        assert [(one.name, one.raw) for one in born.spoken] == [("Air", -18.0)]
        return self


def test_a_birth_makes_an_alias_a_name() -> None:
    heard = Node().be_born().hear(FREEZER, "DDATA", metric(None, -17.5, alias=7, at_ms=NOW - 5))
    assert heard.spoken == [(FREEZER, "Air", -17.5, NOW - 5, False)]
    assert heard.faults == [] and heard.ask is None


def test_data_without_a_birth_asks_for_one_ever_more_seldom() -> None:
    nodes = Node()
    first = nodes.hear(FREEZER, "DDATA", metric("Air", -17.5), metric(None, 1.0, alias=9))
    assert [one.name for one in first.spoken] == ["Air"] and first.faults == [Fault.MISSING]
    assert first.ask == ("spBv1.0/100/NCMD/gateway", rebirth_command(NOW))
    asked = [
        second for second in range(1, 200) if nodes.hear(FREEZER, "DDATA", now_ms=NOW + second * 1000).ask is not None
    ]
    assert asked == [10, 30, 70, 150]


def test_a_lost_message_makes_aliases_uncertain_until_the_next_birth() -> None:
    node = Node().be_born()
    node.hear(FREEZER, "DDATA", metric(None, -17.5, alias=7))
    gap = node.hear(FREEZER, "DDATA", metric(None, -17.0, alias=7), metric("Air", -16.0), seq=5)
    assert [one.raw for one in gap.spoken] == [-16.0] and gap.faults == [Fault.MISSING] and gap.ask is not None
    node.be_born()
    assert node.hear(FREEZER, "DDATA", metric(None, -15.0, alias=7)).spoken[0].raw == -15.0


def test_the_sequence_goes_round_after_255() -> None:
    node = Node().be_born()
    for _ in range(600):
        assert node.hear(FREEZER, "DDATA", metric(None, 1.0, alias=7)).ask is None


def test_who_died_has_to_be_born_again() -> None:
    node = Node().be_born()
    assert node.hear(FREEZER, "DDEATH").ask is None
    assert node.hear(FREEZER, "DDATA", metric("Air", 1.0)).ask is not None
    node = Node().be_born()
    node.nodes.take(NODE, "NDEATH", payload(bd_seq(0)), NOW)  # of a session before
    assert node.hear(FREEZER, "DDATA", metric(None, 1.0, alias=7)).ask is None
    node.nodes.take(NODE, "NDEATH", payload(bd_seq(1)), NOW)
    assert node.hear(FREEZER, "DDATA", metric(None, 1.0, alias=7)).ask is not None


def test_an_alias_of_one_device_says_nothing_of_another() -> None:
    node = Node().be_born()
    other = Source("100", "gateway", "freezer-2")
    node.hear(other, "DBIRTH", metric("Air", -1.0, alias=8))
    assert node.hear(other, "DDATA", metric(None, 1.0, alias=7)).faults == [Fault.MISSING]


def test_a_message_that_is_too_large_or_damaged_is_a_fault() -> None:
    nodes = EdgeNodes()
    assert nodes.take(NODE, "NDATA", bytes(300_000), NOW) == ([], [Fault.TOO_LARGE], None)
    assert nodes.take(NODE, "NDATA", b"\xff", NOW) == ([], [Fault.UNREADABLE], None)
    assert nodes.take(NODE, "NCMD", b"\xff", NOW) == ([], [], None)
