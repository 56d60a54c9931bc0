"""Profiles and devices: what is entered is there, what can't be is refused, and nothing shares a topic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.kernel.errors import AlreadyExists, Invalid, Malformed, NotFound, RecordsUnavailable
from maillage.services.sensing.registry.documents import ProfileFields
from maillage.services.sensing.registry.errors import ProfileInUse
from maillage.services.sensing.registry.shipped import shipped_profiles
from tests.unit.services.sensing.registry.registry_world import NOW, RegistryWorld

TEMPERATURE = {"name": "t", "unit": "Cel", "role": "temperature", "minimum": -40, "maximum": 60}
RULE = {"id": "warm", "measure": "t", "side": "above", "limit": 5, "dwell_s": 0, "severity": "warning"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RegistryWorld]:
    one = RegistryWorld(tmp_path)
    yield one
    one.close()


def fields(**changed: Any) -> ProfileFields:
    return msgspec.convert({"name": "A probe", "measures": [TEMPERATURE], **changed}, ProfileFields)


def test_the_shipped_profiles_have_the_limits_that_are_said_of_them() -> None:
    assert list(shipped_profiles()) == [
        "freezer",
        "chiller",
        "cold-room",
        "door-contact",
        "defrost-relay",
        "hygrometer",
        "power-meter",
    ]
    rules = [(rule.limit, rule.dwell_s, rule.severity) for rule in shipped_profiles()["freezer"].rules]
    assert rules == [(-15, 2_700, "warning"), (-12, 900, "critical"), (-9, 0, "critical")]
    (chiller,) = shipped_profiles()["chiller"].rules
    assert (chiller.limit, chiller.dwell_s) == (5, 1_800)
    assert shipped_profiles()["chiller"].measures[0].maximum < 35.6, "2 °C sent as °F is out of bounds"
    assert {profile.topic for profile in shipped_profiles().values()} == {"maillage/{site}/{device}"}
    assert [measure.path for measure in shipped_profiles()["cold-room"].measures] == ["temperature", "humidity", "door"]


def test_a_device_is_there_with_what_was_left_out_and_after_a_restart(world: RegistryWorld) -> None:
    made = world.device("f-1", unit="island-3")
    assert (made.name, made.unit, made.topics) == ("f-1", "island-3", ["maillage/wm-1/f-1"])
    assert (made.created_at, made.retired_at) == ("2026-11-01T12:00:00Z", None)
    assert world.device("f-2", name="Vitrine à glaces").unit == "f-2"
    before = world.kept.revision
    world.restart()
    assert world.desk.get("f-1") == made
    assert list(world.kept.devices()) == ["f-1", "f-2"] and before > 0
    found = world.kept.at_topic("maillage/wm-1/f-2")
    assert found is not None and found.id == "f-2" and world.kept.at_topic("maillage/wm-2/f-2") is None


def test_each_change_is_a_revision(world: RegistryWorld) -> None:
    seen = [world.kept.revision]
    for step in (
        lambda: world.device("f-1"),
        lambda: world.change("f-1", "chiller"),
        lambda: world.profile("probe", fields()),
        lambda: world.run(world.desk.drop_profile("probe")),
        lambda: world.run(world.desk.retire("f-1")),
    ):
        step()
        seen.append(world.kept.revision)
    assert seen == sorted(set(seen))


def test_a_device_can_be_otherwise_retired_and_in_service_again(world: RegistryWorld) -> None:
    world.device("f-1")
    assert world.change("f-1", "chiller", name="Milk", unit="wall").profile == "chiller"
    world.clock.advance(60)
    retired = world.run(world.desk.retire("f-1"))
    assert (retired.retired_at, retired.topics) == ("2026-11-01T12:01:00Z", [])
    world.clock.advance(60)
    assert world.run(world.desk.retire("f-1")) == retired
    assert (dict(world.kept.devices()), world.kept.at_topic("maillage/wm-1/f-1")) == ({}, None)
    known = world.kept.device("f-1")
    assert known is not None and known.name == "Milk"
    with pytest.raises(AlreadyExists, match="PUT it"):
        world.device("f-1")
    back = world.change("f-1", "freezer")
    assert (back.retired_at, back.created_at, back.name) == (None, "2026-11-01T12:00:00Z", "f-1")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"device_id": "f 1"}, "id:"),
        ({"device_id": ""}, "id:"),
        ({"device_id": "f/1"}, "id:"),
        ({"device_id": "f-1", "site": "wm-9"}, "site: the chain has no site 'wm-9'"),
        ({"device_id": "f-1", "profile": "fridge"}, "there are freezer, chiller"),
        ({"device_id": "f-1", "unit": "a b"}, "unit:"),
    ],
)
def test_a_device_that_can_not_be_is_refused(world: RegistryWorld, wanted: dict[str, str], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        world.device(**wanted)
    assert world.desk.some(None, None, True, None, 10).items == []


def test_ids_are_taken_once(world: RegistryWorld) -> None:
    world.device("f-1")
    with pytest.raises(AlreadyExists, match="in service"):
        world.device("f-1", site="wm-2")
    with pytest.raises(NotFound):
        world.change("f-2", "freezer")
    with pytest.raises(NotFound):
        world.run(world.desk.retire("f-2"))


def test_lists_are_pages_by_site_and_unit(world: RegistryWorld) -> None:
    for number in range(5):
        world.device(f"d{number}", site=f"wm-{1 + number % 2}", unit="u" if number < 3 else "v")
    world.run(world.desk.retire("d1"))

    def ids(*wanted: Any) -> list[str]:
        return [each.id for each in world.desk.some(*wanted, None, 100).items]

    assert ids(None, None, False) == ["d0", "d2", "d3", "d4"]
    assert ids("wm-1", None, False) == ["d0", "d2", "d4"] and ids("wm-1", "u", False) == ["d0", "d2"]
    assert ids(None, "u", True) == ["d0", "d1", "d2"]
    first = world.desk.some(None, None, True, None, 3)
    second = world.desk.some(None, None, True, first.next, 3)
    assert [each.id for each in [*first.items, *second.items]] == ["d0", "d1", "d2", "d3", "d4"]
    assert second.next is None
    with pytest.raises(Invalid, match="cursor"):
        world.desk.some("wm-1", None, True, first.next, 3)


def test_two_devices_never_share_a_topic(world: RegistryWorld) -> None:
    world.profile("apart", fields(topic="x/{device}/{measure}", format="plain"))
    world.profile("whole", fields(topic="x/a/{device}"))
    assert world.device("a", "apart").topics == ["x/a/t"]
    with pytest.raises(AlreadyExists, match="a publishes to x/a/t already"):
        world.device("t", "whole")
    world.device("b", "whole")
    renamed = {**TEMPERATURE, "name": "b"}
    with pytest.raises(AlreadyExists, match="both publish to x/a/b"):
        world.profile("apart", fields(topic="x/{device}/{measure}", format="plain", measures=[renamed]))
    assert world.desk.get("a").topics == ["x/a/t"]
    world.run(world.desk.retire("a"))
    world.device("t", "whole")
    with pytest.raises(AlreadyExists, match="t publishes"):
        world.change("a", "apart")


def test_a_profile_in_use_may_change_but_not_go(world: RegistryWorld) -> None:
    world.profile("probe", fields())
    world.device("p-1", "probe")
    changed = world.profile("probe", fields(topic="probes/{device}", interval_s=10))
    assert (changed.devices, changed.shipped) == (1, False)
    assert world.desk.get("p-1").topics == ["probes/p-1"]
    with pytest.raises(ProfileInUse) as refused:
        world.run(world.desk.drop_profile("probe"))
    assert refused.value.extra == {"devices": ["p-1"]}
    world.run(world.desk.retire("p-1"))
    world.run(world.desk.drop_profile("probe"))
    assert world.kept.profile("probe") is None and world.desk.get("p-1").topics == []
    with pytest.raises(Invalid, match="no profile 'probe'"):
        world.change("p-1", "probe")


def test_a_shipped_profile_can_be_changed_and_comes_back(world: RegistryWorld) -> None:
    world.device("f-1")
    with pytest.raises(Invalid, match="stays"):
        world.run(world.desk.drop_profile("freezer"))
    world.profile("freezer", fields(topic="cold/{device}"))
    world.restart()
    assert world.desk.profile("freezer").shipped is False and world.desk.get("f-1").topics == ["cold/f-1"]
    assert [each.id for each in world.desk.profiles()] == list(shipped_profiles())
    world.run(world.desk.drop_profile("freezer"))
    world.restart()
    assert world.desk.profile("freezer").shipped and world.desk.get("f-1").topics == ["maillage/wm-1/f-1"]


def test_what_the_records_did_not_keep_is_not_there(world: RegistryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecordsUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        for name in ("put_devices", "put_profile"):
            broken.setattr(f"maillage.engines.records.sensing.SqlRegistryRecords.{name}", fail)
        with pytest.raises(RecordsUnavailable):
            world.device("f-1")
        with pytest.raises(RecordsUnavailable):
            world.profile("probe", fields())
    assert world.kept.device("f-1") is None and world.kept.profile("probe") is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"topic": "maillage/{site}"}, "has no {device}"),
        ({"topic": "maillage/{store}/{device}"}, "{store}"),
        ({"topic": "maillage/{device"}, "brace"),
        ({"topic": "maillage/+/{device}"}, "wildcard"),
        ({"topic": "maillage/{device}/#"}, "wildcard"),
        ({"topic": "$SYS/{device}"}, r"\$"),
        ({"topic": "{measure}/{device}"}, "last level"),
        ({"topic": "{device}/x{measure}"}, "last level"),
        ({"topic": "x" * 300 + "{device}"}, "256"),
        ({"measures": [TEMPERATURE, TEMPERATURE]}, "'t' is there twice"),
        ({"measures": [{**TEMPERATURE, "name": "air t"}]}, r"measures\[0\].name"),
        ({"measures": [{**TEMPERATURE, "unit": "°C"}]}, "Cel in UCUM"),
        ({"measures": [{**TEMPERATURE, "unit": "[degF]"}]}, "0.5555555556"),
        ({"measures": [{**TEMPERATURE, "scale": 0}]}, "scale"),
        ({"measures": [{**TEMPERATURE, "minimum": 60}]}, "not above the minimum"),
        ({"measures": [{**TEMPERATURE, "resolution": 0}]}, "resolution"),
        ({"measures": [{**TEMPERATURE, "resolution": 0.3333333333}]}, "more than six digits"),
        ({"measures": [{**TEMPERATURE, "maximum": 1e30}]}, "maximum"),
        ({"measures": [{**TEMPERATURE, "role": "door", "unit": "1"}]}, "0 or 1"),
        ({"measures": [{**TEMPERATURE, "path": "air..t"}]}, "members with dots"),
        ({"measures": [{**TEMPERATURE, "path": "t"}], "format": "plain"}, "number itself"),
        ({"measures": [TEMPERATURE, {**TEMPERATURE, "name": "u"}], "format": "plain"}, "can't be several"),
        ({"format": "sparkplug_b", "time_path": "at"}, "goes with format json"),
        ({"rules": [RULE, RULE]}, "'warm' is there twice"),
        ({"rules": [{**RULE, "measure": "u"}]}, "there are t"),
        ({"rules": [{**RULE, "limit": 61}]}, "outside what t can be, -40 to 60"),
        ({"rules": [{**RULE, "dead_band": 46}]}, "never be well again"),
        ({"rules": [{**RULE, "dead_band": -1}]}, "dead_band"),
        ({"rules": [{**RULE, "id": "too warm"}]}, r"rules\[0\].id"),
    ],
)
def test_a_profile_that_can_not_be_is_refused(world: RegistryWorld, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        world.profile("probe", fields(**changed))
    assert world.kept.profile("probe") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"measures": []},
        {"measures": [{**TEMPERATURE, "minimum": "low"}]},
        {"rules": [{**RULE, "dwell_s": -1}]},
        {"rules": [{**RULE, "side": "beside"}]},
        {"interval_s": 0},
        {"colour": "red"},
    ],
)
def test_a_document_of_another_shape_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        fields(**changed)


FILE = """id,site,profile,name,unit
f-1,wm-1,freezer,"Ice cream, left",island
c-1,wm-2,chiller,,
"""


def test_a_file_is_entered_and_the_same_file_changes_nothing(world: RegistryWorld) -> None:
    report = world.enter(b"\xef\xbb\xbf" + FILE.encode())
    assert (report.imported, report.unchanged, report.rejections) == (2, 0, [])
    assert (world.desk.get("f-1").name, world.desk.get("c-1").unit) == ("Ice cream, left", "c-1")
    before = world.kept.revision
    world.clock.advance(60)
    report = world.enter(FILE.replace("\n", "\r\n"))
    assert (report.imported, report.unchanged, world.kept.revision) == (0, 2, before)
    report = world.enter("profile,ID,site\nchiller,f-1,wm-1\n")
    assert (report.imported, world.desk.get("f-1").profile, world.desk.get("f-1").name) == (1, "chiller", "f-1")
    assert world.desk.get("f-1").created_at == "2026-11-01T12:00:00Z"
    world.restart()
    assert list(world.kept.devices()) == ["f-1", "c-1"]


def test_bad_rows_are_rejected_with_their_lines_and_take_no_others_with_them(world: RegistryWorld) -> None:
    world.device("old")
    world.device("here", site="wm-1")
    world.run(world.desk.retire("old"))
    rows = {
        "f 1,wm-1,freezer": "id: 'f 1'",
        "f-1,wm-1,freezer": "",
        "f-1,wm-1,chiller": "used before, at line 3",
        "f-2,wm-9,freezer": "no site 'wm-9'",
        "f-3,wm-1,fridge": "no profile 'fridge'",
        "f-4,wm-1": "has 2 columns where the header has 3",
        'f-5,"wm-1,freezer': "quote",
        "old,wm-1,freezer": "is retired",
        "here,wm-2,freezer": "is at wm-1",
        "": "",
        "x" * 70 + ",wm-1,freezer": "expected `str` of length <= 64",
        "f-6,wm-2,freezer": "",
    }
    report = world.enter("id,site,profile\n" + "\n".join(rows) + "\n")
    assert (report.imported, report.unchanged) == (2, 0)
    told = {number: reason for number, reason in enumerate(rows.values(), 2) if reason}
    assert [each.line for each in report.rejections] == list(told)
    for each in report.rejections:
        assert told[each.line] in each.reason, each
    assert list(world.kept.devices()) == ["here", "f-1", "f-6"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n ,\n", "empty"),
        (b"id,site\n", "no profile"),
        (b"id,site,profile,color\n", "'color'"),
        (b"id,site,profile,id\n", "'id' twice"),
        (b'id,"site\n', "header line can't be read"),
        (b"id,site,profile\nf-1,wm-1,\xff\n", "not UTF-8 at its byte 26"),
    ],
)
def test_what_is_no_file_of_devices_is_refused(world: RegistryWorld, content: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        world.enter(content)


def test_rows_that_would_share_a_topic_are_rejected(world: RegistryWorld) -> None:
    world.profile("apart", fields(topic="x/{device}/{measure}", format="plain"))
    world.profile("whole", fields(topic="x/a/{device}"))
    report = world.enter("id,site,profile\na,wm-1,apart\nt,wm-1,whole\n")
    assert report.imported == 1 and "publishes to x/a/t already" in report.rejections[0].reason


def test_ten_thousand_devices_are_entered_in_one_go(world: RegistryWorld) -> None:
    rows = "".join(f"d{number},wm-{1 + number % 2},freezer\n" for number in range(10_000))
    assert world.enter("id,site,profile\n" + rows).imported == 10_000
    assert world.desk.profile("freezer").devices == 10_000 and world.kept.devices()["d9999"].created_at == NOW
