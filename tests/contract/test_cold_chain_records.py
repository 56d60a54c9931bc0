"""One suite for the records of the cold chain, over both databases."""

import msgspec
import pytest

from maillage.engines.records.coldchain import SqlColdChainRecords
from maillage.kernel.errors import AlreadyExists
from maillage.services.sensing.coldchain.alarms.signals import Remembered
from maillage.services.sensing.coldchain.escalation.deliveries import Delivery, Message
from maillage.services.sensing.coldchain.escalation.plan import Contact, Plan, PlanStep
from maillage.services.sensing.coldchain.haccp.entry import Draft, Entry, entered
from maillage.services.sensing.coldchain.model import Act, Alarm, Correction, Paging, Step
from maillage.services.sensing.coldchain.ports import Changes
from tests.contract.record_databases import Place, in_threads

NOW = 1_793_534_400
PLAN = Plan([PlanStep(0, ["duty"])], {"duty": Contact(email="a@b")}, {"day": {"mon": [("08:00", "20:00")]}}, 600)
ALARM = Alarm(
    id="wm-1~a1",
    site="wm-1",
    unit="Kühlraum 1",
    key="hot",
    kind="limit",
    level="critical",
    incident="wm-1~a1",
    text="air above -12 °C",
    began_ms=1_000 * NOW,
    raised_ms=1_000 * NOW + 5,
    side="above",
    limit=-12.0,
    extreme=-8.25,
    paging=Paging(NOW, 1),
    history=(Step(NOW, "raised"),),
)
MESSAGE = Message("pg_1", NOW, "t", "subject", "text", {"alarm": "wm-1~a1", "extreme": -8.25})
DELIVERY = Delivery(
    id="pg_1",
    alarm="wm-1~a1",
    site="wm-1",
    contact="duty",
    channel="email",
    target="a@b",
    message=MESSAGE,
    due_at=NOW,
)


@pytest.fixture
def records(place: Place) -> SqlColdChainRecords:
    return SqlColdChainRecords(place.open())


def log(site: str, count: int) -> list[Entry]:
    found: list[Entry] = []
    previous = "0" * 64
    for seq in range(1, count + 1):
        draft = Draft(kind="manual_check", at=NOW + seq, text=f"number {seq} °C", data={"measured": "-18.5", "n": seq})
        found.append(entered(draft, site, seq, previous))
        previous = found[-1].hash
    return found


def alarm(nth: int, site: str = "wm-1", unit: str = "u") -> Alarm:
    name = f"{site}~a{nth}"
    return msgspec.structs.replace(ALARM, id=name, site=site, unit=unit, incident=name)


def test_what_is_committed_is_there_after_a_restart(place: Place, records: SqlColdChainRecords) -> None:
    entries = log("wm-1", 3)
    states = [Remembered("unit wm-1 u", "wm-1", b"{}"), Remembered("series a b", "wm-1", b"[]")]
    records.commit(Changes([ALARM], states, entries, [DELIVERY], [("wm-1", PLAN)]))
    kept = SqlColdChainRecords(place.open()).load()
    assert kept.alarms == [ALARM] and kept.deliveries == [DELIVERY] and kept.plans == {"wm-1": PLAN}
    assert kept.states == {"unit wm-1 u": b"{}", "series a b": b"[]"}
    assert kept.heads == {"wm-1": (3, entries[-1].hash)} and kept.numbers == {"wm-1": 1}


def test_nothing_is_kept_of_what_was_forgotten_settled_or_closed(records: SqlColdChainRecords) -> None:
    records.commit(Changes([ALARM], [Remembered("x", "wm-1", b"1"), Remembered("y", "wm-1", b"1")], [], [DELIVERY]))
    act = Act("Ann", NOW)
    closed = msgspec.structs.replace(
        ALARM, acknowledged=act, correction=Correction(act, "moved", lot="7"), recovered_ms=5, cleared_at=NOW
    )
    gone = [Remembered("x", "wm-1", None), Remembered("y", "wm-1", b"2"), Remembered("z", "wm-1", None)]
    records.commit(Changes([closed], gone, [], [DELIVERY.delivered(NOW)]))
    kept = records.load()
    assert (kept.alarms, kept.deliveries, kept.states, kept.numbers) == ([], [], {"y": b"2"}, {"wm-1": 1})
    assert records.alarm(ALARM.id) == closed
    assert records.deliveries(ALARM.id) == [DELIVERY.delivered(NOW)]
    assert records.alarm("wm-1~a2") is None and records.deliveries("wm-1~a2") == []


def test_a_commit_can_be_repeated(records: SqlColdChainRecords) -> None:
    changes = Changes([ALARM], [Remembered("x", "wm-1", b"1")], log("wm-1", 2), [DELIVERY], [("wm-1", PLAN)])
    records.commit(changes)
    records.commit(changes)
    assert len(records.entries("wm-1", 0, 0, 1 << 40, 10)) == 2 and len(records.alarms(None, None, None, None, 9)) == 1


def test_another_entry_in_the_same_place_is_refused_with_all_that_came_with_it(records: SqlColdChainRecords) -> None:
    records.commit(Changes(entries=log("wm-1", 2)))
    other = entered(Draft(kind="calibration", at=NOW, text="another"), "wm-1", 2, log("wm-1", 1)[0].hash)
    with pytest.raises(AlreadyExists):
        records.commit(Changes([ALARM], [], [other]))
    assert records.alarm(ALARM.id) is None
    assert [entry.text for entry in records.entries("wm-1", 0, 0, 1 << 40, 10)] == ["number 1 °C", "number 2 °C"]


def test_a_site_has_a_log_of_its_own_read_by_number_and_by_time(records: SqlColdChainRecords) -> None:
    mine, other = log("wm-1", 9), log("wm-2", 2)
    records.commit(Changes(entries=[*mine, *other]))
    assert records.entries("wm-1", 0, 0, 1 << 40, 100) == mine
    assert records.entries("wm-1", 3, NOW + 2, NOW + 8, 3) == mine[3:6]
    assert records.entries("wm-2", 0, 0, 1 << 40, 100) == other
    assert records.entries("wm-3", 0, 0, 1 << 40, 100) == []
    assert records.load().heads == {"wm-1": (9, mine[-1].hash), "wm-2": (2, other[-1].hash)}


def test_alarms_are_listed_newest_first_by_site_state_and_unit(records: SqlColdChainRecords) -> None:
    closed = msgspec.structs.replace(alarm(2, unit="v"), cleared_at=NOW)
    records.commit(Changes([alarm(1), closed, alarm(1, "wm-2"), alarm(3)]))
    records.commit(Changes([msgspec.structs.replace(alarm(1), count=2)]))

    def listed(*wanted: object) -> list[str]:
        return [each.id for _, each in records.alarms(*wanted)]  # type: ignore[arg-type]

    assert listed(None, None, None, None, 10) == ["wm-1~a3", "wm-2~a1", "wm-1~a2", "wm-1~a1"]
    assert listed("wm-1", ("raised",), None, None, 10) == ["wm-1~a3", "wm-1~a1"]
    assert listed("wm-1", None, "v", None, 10) == ["wm-1~a2"]
    numbered = records.alarms(None, None, None, None, 2)
    assert listed(None, None, None, numbered[-1][0], 10) == ["wm-1~a2", "wm-1~a1"]
    assert records.load().numbers == {"wm-1": 3, "wm-2": 1}


def test_many_that_commit_at_once_lose_nothing(records: SqlColdChainRecords) -> None:
    def commit(number: int) -> None:
        records.commit(Changes([alarm(1, f"s{number}")], [], log(f"s{number}", 20), []))

    in_threads(4, commit)
    assert {site: seq for site, (seq, _) in records.load().heads.items()} == {f"s{nth}": 20 for nth in range(4)}
