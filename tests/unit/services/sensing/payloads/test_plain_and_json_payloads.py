"""Plain numbers and JSON, right and wrong."""

import json

import pytest

from maillage.services.sensing.model import Fault, Measure
from maillage.services.sensing.payloads.json_paths import decode_json
from maillage.services.sensing.payloads.plain import decode_plain
from maillage.services.sensing.payloads.samples import Sample, reading_of


def measure(path: str | None = None, name: str = "t", **more) -> Measure:
    return Measure(name=name, unit="Cel", path=path, minimum=-60, maximum=60, **more)


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"-18.4", -18.4), (b" 5\r\n", 5), (b"+.5", 0.5), (b"5.", 5), (b"-1.2e1", -12), (b"true", 1), (b"False", 0)],
)
def test_a_plain_number_is_read(payload: bytes, value: float) -> None:
    assert decode_plain(payload, measure()).samples == [Sample(measure(), value)]


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"", Fault.UNREADABLE),
        (b"warm", Fault.UNREADABLE),
        (b"1_0", Fault.UNREADABLE),
        (b"1,5", Fault.UNREADABLE),
        (b"0x10", Fault.UNREADABLE),
        ("٣".encode(), Fault.UNREADABLE),
        (b"\xff\xfe", Fault.UNREADABLE),
        (b"NaN", Fault.NOT_A_NUMBER),
        (b"-Infinity", Fault.NOT_A_NUMBER),
        (b"1e999", Fault.NOT_A_NUMBER),
        (b"1" * 65, Fault.TOO_LARGE),
    ],
)
def test_what_is_no_plain_number_is_a_fault(payload: bytes, fault: Fault) -> None:
    assert decode_plain(payload, measure()) == ([], [fault])


def test_json_is_read_by_path_with_the_devices_own_time() -> None:
    measures = [measure("air.t"), measure("probes.1.value", "p"), measure("door", "d"), measure("a.b", "flat")]
    document = {"air": {"t": -18}, "probes": [{"value": 1}, {"value": 2.5}], "door": True, "a.b": 7, "at": 1793534400}
    found = decode_json(json.dumps(document).encode(), measures, "at")
    assert [(one.measure.name, one.raw, one.at_ms) for one in found.samples] == [
        ("t", -18.0, 1_793_534_400_000),
        ("p", 2.5, 1_793_534_400_000),
        ("d", 1.0, 1_793_534_400_000),
        ("flat", 7.0, 1_793_534_400_000),
    ]
    assert decode_json(b"-18.4", [measure()], None).samples == [Sample(measure(), -18.4)]


@pytest.mark.parametrize(
    ("time", "at_ms"),
    [
        ("1793534400", 1_793_534_400_000),
        ("1793534400.25", 1_793_534_400_250),
        ("1793534400123", 1_793_534_400_123),
        ('"2026-11-01T12:00:00.5Z"', 1_793_534_400_500),
        ('"2026-11-01T13:00:00+01:00"', 1_793_534_400_000),
    ],
)
def test_a_time_is_seconds_milliseconds_or_text(time: str, at_ms: int) -> None:
    assert decode_json(f'{{"v": 1, "at": {time}}}'.encode(), [measure("v")], "at").samples[0].at_ms == at_ms


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"", Fault.UNREADABLE),
        (b"{", Fault.UNREADABLE),
        (b'{"v": 1} x', Fault.UNREADABLE),
        (b'{"v": 1, "v": 2, "at": 1793534400}', Fault.UNREADABLE),
        (b'{"v": \xff}', Fault.UNREADABLE),
        (b'{"v": 1, "at": "yesterday"}', Fault.UNREADABLE),
        (b'{"v": 1, "at": "2026-11-01T12:00:00"}', Fault.UNREADABLE),
        (b'{"v": 1, "at": 1e30}', Fault.UNREADABLE),
        (b'{"v": 1, "at": true}', Fault.UNREADABLE),
        (b'{"v": NaN, "at": 1793534400}', Fault.NOT_A_NUMBER),
        (b'{"v": -Infinity, "at": 1793534400}', Fault.NOT_A_NUMBER),
        (b'{"v": 1e999, "at": 1793534400}', Fault.NOT_A_NUMBER),
        (b'{"v": "4.2", "at": 1793534400}', Fault.NOT_A_NUMBER),
        (b'{"v": {}, "at": 1793534400}', Fault.NOT_A_NUMBER),
        (b'{"v": 1%s, "at": 1793534400}' % (b"0" * 400), Fault.OUT_OF_BOUNDS),
        (b'{"v": 1%s, "at": 1793534400}' % (b"0" * 5000), Fault.UNREADABLE),
        (b'{"v": null, "at": 1793534400}', Fault.MISSING),
        (b'{"w": 1, "at": 1793534400}', Fault.MISSING),
        (b'{"v": 1}', Fault.MISSING),
        (b"[1]", Fault.MISSING),
        (b"[" * 30_000, Fault.UNREADABLE),
        (b'{"v":' * 50 + b"1" + b"}" * 50, Fault.UNREADABLE),
        (b'"' + b"x" * 70_000 + b'"', Fault.TOO_LARGE),
    ],
)
def test_json_that_can_not_be_taken_is_a_fault(payload: bytes, fault: Fault) -> None:
    assert decode_json(payload, [measure("v")], "at") == ([], [fault])


def test_brackets_within_text_do_not_count_against_a_document() -> None:
    assert decode_json(b'{"v": 1, "note": "%s"}' % (b"[]" * 100), [measure("v")], None).samples[0].raw == 1


def test_a_measure_that_is_left_out_is_no_fault_beside_others() -> None:
    found = decode_json(b'{"v": 1, "x": "?"}', [measure("v"), measure("w", "w"), measure("x", "x")], None)
    assert [one.raw for one in found.samples] == [1] and found.faults == [Fault.NOT_A_NUMBER]


def test_a_reading_is_scaled_checked_and_rounded() -> None:
    def reading(raw: float, **more) -> float | Fault:
        return reading_of(Sample(measure(**more), raw))

    assert reading(-18.234) == -18.23
    assert reading(0.3, resolution=0.1) == 0.3
    assert reading(39.9, scale=5 / 9, offset=-160 / 9) == 4.39
    assert str(reading(-0.001)) == "0.0"
    assert reading(60) == 60 and reading(60.001) is Fault.OUT_OF_BOUNDS
    assert reading(1e300, scale=1e300) is Fault.NOT_A_NUMBER
