"""The checker against journals written by hand: a sound one, then one for every way in which a journal can be wrong."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from maillage.verify import Report, check

T = 1_790_000_000  # 2026-09-21T14:13:20Z, a Monday, 09:13:20 in Chicago
HOUR = 3_600
DAY = 24 * HOUR
OPEN = 1 << 40
CHICAGO = ZoneInfo("America/Chicago")
OFFICE_HOURS = {day: [["08:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


Row = tuple[int, int, bytes]
Clock = tuple[int, int, int, int, int]


def chicago(year: int, month: int, day: int, hour: int, minute: int) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=CHICAGO).timestamp())


class Journal:
    """Writes events with the right numbers, a commit for each until they are joined."""

    def __init__(self, folder: Path, size: int = 4_000, **pool: Any) -> None:
        self.folder = folder
        self.commits: list[list[Any]] = []
        self.seq: dict[str, int] = {}
        self.at = T
        self.site()
        self.add("resized", kind="cpu", size=size, since=T, **pool)

    def add(self, what: str, on: str = "wm-1", **fields: Any) -> None:
        self.seq[on] = self.seq.get(on, 0) + 1
        self.commits.append([{"type": what, "site": on, "seq": self.seq[on], "at": self.at, **fields}])

    def site(self, name: str = "wm-1", tz: str = "America/Chicago") -> None:
        self.add("site", on=name, record={"id": name, "name": "Rogers", "lat": 36.3, "lon": -94.1, "tz": tz})

    def lease(self, cpu: int = 1_000, start: int | None = None, cls: str = "firm", **fields: Any) -> str:
        """A grant of an hour from now at 3.60 an hour: 1,000 micro-units a second."""
        start = self.at if start is None else start
        lease = self.next_lease()
        plain: dict[str, Any] = {
            "lease": lease,
            "tenant": "acme",
            "needs": {"cpu": cpu},
            "start": start,
            "end": start + HOUR,
        }
        plain |= {"class": cls, "per_hour": 3_600_000}
        self.add("leased", **(plain | fields))
        return lease

    def next_lease(self, after: int = 0) -> str:
        """The id of the lease that the next event would grant, or the one ``after`` events later."""
        return f"wm-1~{self.seq['wm-1'] + 1 + after}"

    def join(self) -> None:
        """Make one commit of the last two."""
        self.commits[-2:] = [self.commits[-2] + self.commits[-1]]

    def check(self, damage: Callable[[list[Row]], object] | None = None) -> Report:
        """The report on these events, with ``damage`` done to the rows."""
        rows: list[Row] = []
        pos = 0
        for events in self.commits:
            rows.append((pos, len(events), json.dumps(events).encode()))
            pos += len(events)
        if damage:
            damage(rows)
        self.folder.joinpath("journal.db").unlink(missing_ok=True)
        with closing(sqlite3.connect(self.folder / "journal.db")) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(
                "CREATE TABLE batches(pos INTEGER PRIMARY KEY, count INTEGER NOT NULL, events BLOB NOT NULL)"
            )
            database.executemany("INSERT INTO batches VALUES (?, ?, ?)", rows)
            database.commit()
            return check(self.folder)  # while a writer has it open


def kinds(report: Report) -> list[str]:
    return [fault.kind for fault in report.faults]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


# -- sound journals ----------------------------------------------------------------------------------------------------


def test_what_was_measured_is_summed_by_the_month_of_its_report(journal: Journal) -> None:
    lease = journal.lease(end=OPEN)
    journal.add("measured", lease=lease, meters={"cpu_s": 12_000, "requests": 1_000})
    journal.add("measured", lease=lease, meters={"cpu_s": 500})
    journal.at = T + 10 * DAY
    journal.add("measured", lease=lease, meters={"cpu_s": 1})
    report = journal.check()
    assert report.ok
    assert report.measured == {"2026-09": {"cpu_s": 12_500, "requests": 1_000}, "2026-10": {"cpu_s": 1}}


def test_what_is_charged_once_is_owed_beside_the_price(journal: Journal) -> None:
    lease = journal.lease(end=OPEN)
    journal.add("charged", lease=lease, line="rent 2026-10", amount=2_500_000)
    journal.add("charged", lease=lease, line="rent 2026-11", amount=1)
    report = journal.check()
    assert report.ok
    assert report.charged_micro == {"acme": 2_500_001}


def test_what_is_charged_twice_for_the_same_is_found(journal: Journal) -> None:
    lease = journal.lease(end=OPEN)
    for _ in range(2):
        journal.add("charged", lease=lease, line="rent 2026-10", amount=2_500_000)
    assert kinds(journal.check()) == ["money"]


def test_a_lease_that_is_over_may_be_charged_what_is_still_owed(journal: Journal) -> None:
    lease = journal.lease(end=OPEN)
    journal.add("released", lease=lease, end=T, charge=0)
    journal.add("charged", lease=lease, line="a fee", amount=7)
    report = journal.check()
    assert report.ok
    assert report.charged_micro == {"acme": 7}


def test_what_was_never_granted_and_what_is_elsewhere_is_charged_nothing(journal: Journal) -> None:
    journal.site("wm-2")
    journal.add("charged", on="wm-2", lease=journal.lease(), line="rent", amount=1)
    journal.add("charged", lease="wm-1~99", line="rent", amount=1)
    assert kinds(journal.check()) == ["state", "state"]


def test_a_hold_is_charged_nothing(journal: Journal) -> None:
    journal.add("charged", lease=journal.lease(hold_until=T + 60), line="rent", amount=1)
    assert kinds(journal.check()) == ["state"]


def test_a_sound_journal_has_no_faults_and_is_counted(journal: Journal) -> None:
    held = journal.lease(hold_until=T + 60, key="a")
    journal.at += 30
    journal.add("confirmed", lease=held)
    journal.add("extended", lease=held, end=T + 2 * HOUR)
    forgotten = journal.lease(hold_until=journal.at + 60)
    spot = journal.lease(end=OPEN, cls="spot")
    journal.add("measured", lease=spot, meters={"cpu_s": 12_000})
    journal.at = T + 120
    journal.add("expired", lease=forgotten, end=T + 90)
    released = journal.lease(end=OPEN)
    journal.at = T + 2 * HOUR
    journal.add("ended", lease=held, charge=7_200_000)
    journal.add("released", lease=released, end=journal.at, charge=7_080_000)
    by = journal.next_lease(after=1)
    journal.add("reclaimed", lease=spot, end=journal.at, by=by, charge=7_170_000, credit=60_000, credit_s=60)
    journal.lease(4_000, cls="house", tenant="shop", end=OPEN)
    journal.join()
    report = journal.check()
    assert report.faults == [] and report.ok
    assert (report.events, report.sites, report.pools, report.leases) == (14, 1, 1, 5)
    assert (report.first_at, report.last_at) == (T, T + 2 * HOUR)
    assert report.charged_micro["acme"] == 7_200_000 + 7_080_000 + 7_170_000
    assert report.credited_micro["acme"] == 60_000


def test_intervals_that_touch_do_not_overlap(journal: Journal) -> None:
    journal.lease(4_000)
    journal.lease(4_000, start=T + HOUR)
    journal.lease(4_000, start=T + 2 * HOUR, end=OPEN)
    assert kinds(journal.check()) == []


def test_progress_ends_at_the_number_of_events(journal: Journal) -> None:
    journal.lease()
    journal.check()
    told: list[tuple[int, int]] = []
    check(journal.folder, lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)


def test_an_empty_journal_is_sound(journal: Journal) -> None:
    journal.commits.clear()
    report = journal.check()
    assert report.ok and report.first_at is None


def test_a_folder_without_a_journal_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="data folder"):
        check(tmp_path)
    with pytest.raises(FileNotFoundError, match="data folder"):
        check(tmp_path / "nowhere")


# -- rows --------------------------------------------------------------------------------------------------------------


def test_truncated_json_is_found(journal: Journal) -> None:
    def truncate(rows: list[Row]) -> None:
        rows[-1] = (*rows[-1][:2], rows[-1][2][:-9])

    journal.lease()
    assert kinds(journal.check(truncate)) == ["journal"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"\xff", b"[" * 100_000, b"[1]x"])
def test_a_row_that_holds_no_list_of_events_is_found(journal: Journal, body: bytes) -> None:
    journal.lease()
    assert kinds(journal.check(lambda rows: rows.__setitem__(-1, (*rows[-1][:2], body)))) == ["journal"]


def test_a_count_that_does_not_match_is_found(journal: Journal) -> None:
    journal.lease()
    assert kinds(journal.check(lambda rows: rows.__setitem__(-1, (rows[-1][0], 2, rows[-1][2])))) == ["journal"]


def test_a_lost_row_is_found_as_a_gap_in_the_journal_and_in_the_sequence(journal: Journal) -> None:
    journal.lease()
    journal.lease()
    report = journal.check(lambda rows: rows.pop(2))
    assert kinds(report) == ["journal", "sequence"]
    assert "events 2 to 2 are missing" in report.faults[0].text


def test_a_file_that_is_no_journal_is_a_fault_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"x" * 5_000)
    assert kinds(check(tmp_path)) == ["journal"]
    (tmp_path / "journal.db").write_bytes(b"")
    assert kinds(check(tmp_path)) == ["journal"]


# -- events ------------------------------------------------------------------------------------------------------------


def test_an_unknown_type_is_found(journal: Journal) -> None:
    journal.add("teleported", lease="wm-1~1")
    assert kinds(journal.check()) == ["event"]


@pytest.mark.parametrize("name", ["lease", "tenant", "needs", "start", "end", "class", "per_hour"])
def test_a_missing_field_is_found_and_named(journal: Journal, name: str) -> None:
    journal.lease()
    del journal.commits[-1][0][name]
    report = journal.check()
    assert kinds(report) == ["event"] and name in report.faults[0].text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("needs", {}),
        ("needs", {"cpu": 0}),
        ("needs", {"cpu": 1.5}),
        ("start", True),
        ("start", -1),
        ("end", OPEN + 1),
        ("end", T),
        ("class", "gold"),
        ("class", ["firm"]),
        ("per_hour", -1),
        ("hold_until", "soon"),
        ("lease", "wm-1~99"),
    ],
)
def test_an_impossible_field_is_found(journal: Journal, name: str, value: Any) -> None:
    fields: dict[str, Any] = {name: value}
    journal.lease(**fields)
    assert kinds(journal.check()) == ["event"]


def test_things_that_are_no_events_are_found(journal: Journal) -> None:
    journal.commits += [[7], [{"type": "site"}], [["leased"]]]
    assert kinds(journal.check()) == ["event"] * 3


def test_a_record_of_another_site_or_in_no_zone_is_found(journal: Journal) -> None:
    journal.add("site", on="wm-2", record={"id": "wm-3", "name": "x", "lat": 1, "lon": 2, "tz": "UTC"})
    for tz in ("Mars/Olympus", "../etc/passwd", ""):
        journal.site(tz=tz)
    assert kinds(journal.check()) == ["event"] * 4


@pytest.mark.parametrize(
    "calendar", [{"lundi": []}, {"mon": [["08:00"]]}, {"mon": [["8", "9"]]}, {"mon": [["09:00", "08:00"]]}, {"mon": 1}]
)
def test_a_calendar_that_is_none_is_found(journal: Journal, calendar: dict[str, Any]) -> None:
    journal.add("resized", kind="cpu", size=4_000, since=T, calendar=calendar)
    assert kinds(journal.check()) == ["event"]


# -- sequence and time -------------------------------------------------------------------------------------------------


def test_a_gap_in_a_sequence_is_found(journal: Journal) -> None:
    journal.seq["wm-1"] += 1
    journal.lease()
    report = journal.check()
    assert kinds(report) == ["sequence"] and "missing" in str(report.faults[0])


def test_a_repeat_in_a_sequence_is_found(journal: Journal) -> None:
    journal.seq["wm-1"] -= 1
    journal.add("resized", kind="cpu", size=4_000, since=T)
    report = journal.check()
    assert kinds(report) == ["sequence"] and "twice" in report.faults[0].text


def test_each_site_has_a_sequence_of_its_own(journal: Journal) -> None:
    journal.site("wm-2")
    journal.lease()
    assert kinds(journal.check()) == []


def test_a_site_that_begins_without_its_record_is_found(journal: Journal) -> None:
    journal.add("resized", on="wm-2", kind="cpu", size=1, since=T)
    assert kinds(journal.check()) == ["sequence"]


def test_time_that_goes_backwards_is_found_across_sites(journal: Journal) -> None:
    journal.at -= 1
    journal.site("wm-2")
    assert kinds(journal.check()) == ["time"]


def test_a_grant_for_the_past_is_found(journal: Journal) -> None:
    journal.at += DAY
    journal.lease(start=T, end=OPEN)
    assert kinds(journal.check()) == ["time"]


def test_an_extension_long_after_the_end_is_found_and_said_once(journal: Journal) -> None:
    lease = journal.lease(4_000)
    for _ in range(50):
        journal.at += HOUR
        journal.lease(1_000, end=journal.at + 60)
    journal.at += HOUR
    journal.add("extended", lease=lease, end=journal.at + HOUR)
    journal.add("extended", lease=journal.lease(1, end=journal.at + 60), end=journal.at + 120)
    assert kinds(journal.check()) == ["time", "oversold", "oversold"]


# -- steps -------------------------------------------------------------------------------------------------------------

END = T + HOUR
STEPS: dict[str, dict[str, Any]] = {
    "confirmed": {},
    "extended": {"end": END + 1},
    "released": {"end": END},
    "expired": {"end": END},
    "reclaimed": {"end": END, "by": "resize"},
    "ended": {},
}


@pytest.mark.parametrize("step", STEPS)
def test_no_step_follows_on_an_expired_hold(journal: Journal, step: str) -> None:
    lease = journal.lease(hold_until=END, cls="spot")
    journal.at = END
    journal.add("expired", lease=lease, end=END)
    journal.add(step, lease=lease, **STEPS[step])
    assert kinds(journal.check()) == ["state"]


@pytest.mark.parametrize("step", [*STEPS, "measured"])
def test_no_step_precedes_the_grant(journal: Journal, step: str) -> None:
    journal.add(step, lease="wm-1~9", **STEPS.get(step, {"meters": {}}))
    assert kinds(journal.check()) == ["state"]


@pytest.mark.parametrize("step", [*STEPS, "measured"])
def test_a_step_in_the_sequence_of_another_site_is_found(journal: Journal, step: str) -> None:
    journal.site("wm-2")
    lease = journal.lease(hold_until=END, cls="spot")
    journal.add(step, on="wm-2", lease=lease, **STEPS.get(step, {"meters": {}}))
    assert kinds(journal.check()) == ["state"]


@pytest.mark.parametrize("step", ["confirmed", "expired"])
def test_only_what_is_held_can_be_confirmed_or_expire(journal: Journal, step: str) -> None:
    lease = journal.lease()
    journal.add(step, lease=lease, **STEPS[step])
    assert kinds(journal.check()) == ["state"]


def test_a_hold_can_not_be_confirmed_when_it_has_run_out(journal: Journal) -> None:
    lease = journal.lease(hold_until=T + 60)
    journal.at += 60
    journal.add("confirmed", lease=lease)
    assert kinds(journal.check()) == ["state"]


def test_a_hold_can_not_expire_before_it_has_run_out(journal: Journal) -> None:
    lease = journal.lease(hold_until=T + 60)
    journal.at += 59
    journal.add("expired", lease=lease, end=T + 60)
    assert kinds(journal.check()) == ["state"]


def test_a_lease_can_not_end_before_its_end(journal: Journal) -> None:
    lease = journal.lease()
    journal.at += HOUR - 1
    journal.add("ended", lease=lease, charge=3_600_000)
    assert kinds(journal.check()) == ["state"]


def test_an_extension_must_be_later(journal: Journal) -> None:
    journal.add("extended", lease=journal.lease(), end=T + HOUR)
    assert kinds(journal.check()) == ["state"]


def test_a_release_stops_at_its_own_instant(journal: Journal) -> None:
    lease = journal.lease()
    journal.at += 600
    journal.add("released", lease=lease, end=T + 601, charge=601_000)
    assert kinds(journal.check()) == ["state"]


def test_a_release_before_the_start_stops_at_the_start_for_nothing(journal: Journal) -> None:
    lease = journal.lease(4_000, start=T + DAY)
    journal.add("released", lease=lease, end=T + DAY)
    journal.lease(4_000, start=T + DAY)
    assert kinds(journal.check()) == []


def test_only_spot_can_be_reclaimed(journal: Journal) -> None:
    journal.add("reclaimed", lease=journal.lease(), end=T, by="resize")
    assert kinds(journal.check()) == ["state"]


@pytest.mark.parametrize("end", [T - 1, T + HOUR + 1])
def test_a_reclaimed_lease_stops_within_its_own_time(journal: Journal, end: int) -> None:
    journal.add("reclaimed", lease=journal.lease(cls="spot"), end=end, by="resize")
    assert kinds(journal.check()) == ["state"]


def test_a_reclaimed_lease_may_be_cut_again_only_to_an_earlier_end(journal: Journal) -> None:
    lease = journal.lease(cls="spot")
    journal.add("reclaimed", lease=lease, end=T + 600, by="resize", charge=600_000)
    journal.add("reclaimed", lease=lease, end=T + 300, by="resize", charge=300_000)
    assert kinds(report := journal.check()) == [] and report.charged_micro == {"acme": 300_000}


def test_a_reclaimed_lease_that_is_cut_again_to_the_same_end_is_found(journal: Journal) -> None:
    lease = journal.lease(cls="spot")
    for _ in range(2):
        journal.add("reclaimed", lease=lease, end=T + 600, by="resize", charge=600_000)
    assert kinds(journal.check()) == ["state"]


def test_a_spot_lease_cut_for_one_that_is_not_granted_is_found(journal: Journal) -> None:
    journal.add("reclaimed", lease=journal.lease(cls="spot"), end=T, by="wm-1~99")
    assert kinds(journal.check()) == ["state"]


def test_a_spot_lease_cut_for_another_spot_lease_is_found(journal: Journal) -> None:
    first = journal.lease(cls="spot")
    journal.add("reclaimed", lease=first, end=T, by=journal.next_lease(after=1))
    journal.lease(cls="spot")
    journal.join()
    assert kinds(journal.check()) == ["state"]


def test_a_lease_granted_twice_is_found(journal: Journal) -> None:
    lease = journal.lease()
    journal.lease(lease=lease)
    assert kinds(journal.check()) == ["event", "state"]


# -- capacity ----------------------------------------------------------------------------------------------------------


def test_an_instant_oversold_by_one_thousandth_is_found(journal: Journal) -> None:
    journal.lease(3_000)
    journal.lease(1_001, start=T + HOUR - 1)
    report = journal.check()
    assert kinds(report) == ["oversold"]
    assert "2026-09-21T15:13:19Z" in report.faults[0].text and "0.001 more than the size of 4" in report.faults[0].text
    assert (report.faults[0].pos, report.faults[0].site, report.faults[0].seq) == (3, "wm-1", 4)


def test_a_lease_that_was_oversold_only_until_it_was_released_is_found(journal: Journal) -> None:
    journal.lease(4_000)
    second = journal.lease(1, start=T + 60)
    journal.add("released", lease=second, end=T + 60)
    assert kinds(journal.check()) == ["oversold"]


def test_a_hold_counts_until_its_expiry_is_written(journal: Journal) -> None:
    journal.lease(4_000, hold_until=T + 60)
    journal.at += 61
    journal.lease(1)
    assert kinds(journal.check()) == ["oversold"]


def test_a_lease_of_what_the_store_does_not_have_is_found(journal: Journal) -> None:
    journal.lease(needs={"cpu": 1_000, "roof_mount": 1_000})
    report = journal.check()
    assert kinds(report) == ["oversold"] and "roof_mount" in report.faults[0].text


def test_a_lease_before_the_pool_exists_is_found(journal: Journal) -> None:
    journal.add("resized", kind="memory", size=4_000, since=T + 60)
    journal.lease(needs={"memory": 1_000})
    journal.lease(needs={"memory": 1_000}, start=T + 60)
    assert kinds(journal.check()) == ["oversold"]


def test_open_leases_run_on(journal: Journal) -> None:
    journal.lease(4_000, end=OPEN)
    journal.at += 1_000 * DAY
    journal.lease(1, start=T + 9_000 * DAY)
    assert kinds(journal.check()) == ["oversold"]


def test_spot_over_the_size_is_found(journal: Journal) -> None:
    journal.lease(3_000)
    journal.lease(1_001, cls="spot")
    report = journal.check()
    assert kinds(report) == ["oversold"] and "3 house and firm and 1.001 spot" in report.faults[0].text


def test_a_house_lease_over_spot_that_was_not_reclaimed_is_found(journal: Journal) -> None:
    journal.lease(1_000, cls="spot")
    journal.lease(4_000, cls="house")
    assert kinds(journal.check()) == ["oversold"]


def test_a_reclaimed_lease_takes_its_place_until_its_new_end(journal: Journal) -> None:
    spot = journal.lease(4_000, cls="spot")
    journal.add("reclaimed", lease=spot, end=T + 30, by=journal.next_lease(after=1), charge=30_000)
    journal.lease(1, start=T + 29, cls="house")
    journal.join()
    assert kinds(journal.check()) == ["oversold"]


def test_an_extension_into_a_full_hour_is_found(journal: Journal) -> None:
    first = journal.lease(3_000)
    journal.lease(2_000, start=T + HOUR)
    journal.add("extended", lease=first, end=T + HOUR + 1)
    assert kinds(journal.check()) == ["oversold"]


def test_a_backdated_grant_meets_the_lease_that_has_just_ended(journal: Journal) -> None:
    first = journal.lease(4_000)
    journal.at += HOUR
    journal.add("ended", lease=first, charge=3_600_000)
    journal.lease(1, start=journal.at - 30)
    assert kinds(journal.check()) == ["oversold"]


def test_a_shrink_below_what_is_committed_is_found(journal: Journal) -> None:
    journal.lease(3_000, start=T + DAY)
    journal.add("resized", kind="cpu", size=2_999, since=T + DAY + HOUR)  # after the lease: sound
    journal.add("resized", kind="cpu", size=2_999, since=T + DAY + HOUR - 1)
    assert kinds(journal.check()) == ["oversold"]


def test_a_lease_across_a_planned_shrink_is_found(journal: Journal) -> None:
    journal.add("resized", kind="cpu", size=1_000, since=T + DAY)
    journal.lease(1_001, start=T + DAY - HOUR)
    journal.lease(1_001, start=T + DAY - HOUR, end=T + DAY + 1)
    assert kinds(journal.check()) == ["oversold"]


def test_a_resize_drops_the_sizes_planned_for_later(journal: Journal) -> None:
    journal.add("resized", kind="cpu", size=9_000, since=T + DAY)
    journal.add("resized", kind="cpu", size=5_000, since=T + HOUR)
    journal.lease(5_000, start=T + DAY)
    journal.lease(1, start=T + DAY)
    assert kinds(journal.check()) == ["oversold"]


def test_a_long_journal_forgets_no_lease_that_still_runs(journal: Journal) -> None:
    journal.lease(3_000, end=OPEN)
    for _ in range(300):
        journal.lease(1_000)
        journal.at += HOUR
    assert kinds(journal.check()) == []
    journal.lease(1_001)
    assert kinds(journal.check()) == ["oversold"]


# -- calendars ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "sound"),
    [
        ((2026, 9, 22, 8, 0), (2026, 9, 22, 20, 0), True),
        ((2026, 9, 22, 7, 59), (2026, 9, 22, 9, 0), False),
        ((2026, 9, 22, 19, 0), (2026, 9, 22, 20, 1), False),
        ((2026, 9, 22, 8, 0), (2026, 9, 23, 20, 0), False),
        ((2026, 11, 1, 8, 0), (2026, 11, 1, 20, 0), True),  # the day the clock went back
        ((2027, 3, 14, 8, 0), (2027, 3, 14, 20, 0), True),  # the day it goes forward
        ((2027, 3, 14, 7, 0), (2027, 3, 14, 9, 0), False),
        ((2026, 10, 31, 20, 0), (2026, 11, 1, 8, 0), False),
    ],
)
def test_leases_lie_within_opening_hours_by_the_clock_of_the_store(
    tmp_path: Path, start: Clock, end: Clock, sound: bool
) -> None:
    journal = Journal(tmp_path, calendar=OFFICE_HOURS)
    journal.lease(start=chicago(*start), end=chicago(*end))
    assert kinds(journal.check()) == ([] if sound else ["closed"])


@pytest.mark.parametrize(
    ("windows", "start", "seconds", "sound"),
    [
        # 01:30 comes twice on 1 November 2026: hours begin and close with the first
        ([["01:30", "03:00"]], chicago(2026, 11, 1, 1, 30), int(2.5 * HOUR), True),
        ([["00:00", "01:30"]], chicago(2026, 11, 1, 0, 0), int(1.5 * HOUR), True),
        ([["00:00", "01:30"]], chicago(2026, 11, 1, 0, 0), int(1.5 * HOUR) + 1, False),
        # 02:30 is skipped on 14 March 2027: as if the clock had not changed yet, it is 03:30
        ([["02:30", "05:00"]], chicago(2027, 3, 14, 3, 30), int(1.5 * HOUR), True),
        ([["02:30", "05:00"]], chicago(2027, 3, 14, 3, 29), HOUR, False),
        ([["00:00", "24:00"]], chicago(2027, 3, 14, 0, 0), 23 * HOUR, True),
        ([["00:00", "24:00"]], chicago(2027, 3, 14, 0, 0), 23 * HOUR + 1, False),
        ([["00:00", "24:00"]], chicago(2026, 11, 1, 0, 0), 25 * HOUR, True),
    ],
)
def test_hours_that_a_clock_change_skips_or_repeats(
    tmp_path: Path, windows: list[list[str]], start: int, seconds: int, sound: bool
) -> None:
    journal = Journal(tmp_path, calendar={"sun": windows})
    journal.lease(start=start, end=start + seconds)
    assert kinds(journal.check()) == ([] if sound else ["closed"])


def test_windows_that_meet_at_midnight_are_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, calendar={"mon": [["08:00", "24:00"]], "tue": [["00:00", "06:00"], ["06:00", "09:00"]]})
    journal.lease(start=T, end=chicago(2026, 9, 22, 9, 0))
    assert kinds(journal.check()) == []


def test_an_open_lease_needs_a_pool_that_is_always_open(tmp_path: Path) -> None:
    always = {day: [["00:00", "12:00"], ["12:00", "24:00"]] for day in OFFICE_HOURS}
    journal = Journal(tmp_path, calendar=always)
    journal.lease(end=OPEN)
    journal.add("resized", kind="dock", size=1_000, since=T, calendar=always | {"sun": [["00:00", "23:59"]]})
    journal.lease(needs={"dock": 1_000}, end=OPEN)
    report = journal.check()
    assert kinds(report) == ["closed"] and "2026-09-28T04:59:00Z" in report.faults[0].text


def test_an_extension_past_closing_time_is_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path, calendar=OFFICE_HOURS)
    lease = journal.lease()
    journal.add("extended", lease=lease, end=chicago(2026, 9, 21, 20, 0) + 1)
    assert kinds(journal.check()) == ["closed"]


def test_new_hours_that_leave_a_lease_outside_are_found(journal: Journal) -> None:
    journal.lease(start=chicago(2026, 9, 21, 19, 0), end=chicago(2026, 9, 21, 21, 0))
    journal.add("resized", kind="cpu", size=4_000, since=T, calendar=OFFICE_HOURS)
    assert kinds(journal.check()) == ["closed"]


def test_new_hours_do_not_bind_the_past_nor_what_is_over_or_on_its_way_out(journal: Journal) -> None:
    journal.at = chicago(2026, 9, 22, 7, 0)
    journal.lease(end=journal.at + 2 * HOUR)
    released = journal.lease(start=journal.at + 14 * HOUR)
    reclaimed = journal.lease(end=OPEN, cls="spot")
    journal.at += HOUR
    journal.add("released", lease=released, end=journal.at + 13 * HOUR)
    end = journal.at + 13 * HOUR
    journal.add("reclaimed", lease=reclaimed, end=end, by="resize", charge=14 * 3_600_000)
    journal.add("resized", kind="cpu", size=4_000, since=T, calendar=OFFICE_HOURS)
    assert kinds(journal.check()) == []


def test_a_new_time_zone_moves_the_hours(tmp_path: Path) -> None:
    journal = Journal(tmp_path, calendar=OFFICE_HOURS)
    journal.lease(start=chicago(2026, 9, 21, 19, 0))
    journal.site(tz="America/New_York")
    assert kinds(journal.check()) == ["closed"]


# -- notice ------------------------------------------------------------------------------------------------------------


def displacing(journal: Journal, start: int, cls: str = "firm") -> list[str]:
    """A spot lease of all cpu, cut at ``start`` for a lease of all cpu in the same commit."""
    spot = journal.lease(4_000, end=OPEN, cls="spot")
    by = journal.next_lease(after=1)
    journal.add("reclaimed", lease=spot, end=start, by=by, charge=(start - T) * 1_000)
    journal.lease(4_000, start=start, cls=cls)
    journal.join()
    return kinds(journal.check())


def test_a_firm_lease_that_displaces_spot_before_its_notice_is_found(tmp_path: Path) -> None:
    assert displacing(Journal(tmp_path, notice_s=30), T + 29) == ["notice"]


def test_a_firm_lease_may_displace_spot_when_the_notice_has_run(tmp_path: Path) -> None:
    assert displacing(Journal(tmp_path, notice_s=30), T + 30) == []


def test_the_house_displaces_spot_at_once(tmp_path: Path) -> None:
    assert displacing(Journal(tmp_path, notice_s=30), T, cls="house") == []


@pytest.mark.parametrize(("notice_s", "found"), [(HOUR, []), (HOUR + 1, ["notice"])])
def test_an_extension_displaces_from_its_former_end_on(tmp_path: Path, notice_s: int, found: list[str]) -> None:
    journal = Journal(tmp_path, notice_s=notice_s)
    firm = journal.lease(4_000)
    spot = journal.lease(1, start=T + HOUR, cls="spot")
    journal.add("reclaimed", lease=spot, end=T + HOUR, by=firm)
    journal.add("extended", lease=firm, end=T + 2 * HOUR)
    journal.join()
    assert kinds(journal.check()) == found


def test_the_notice_of_a_pool_that_had_room_does_not_matter(tmp_path: Path) -> None:
    journal = Journal(tmp_path, notice_s=30)
    journal.add("resized", kind="memory", size=64_000, since=T, notice_s=DAY)
    both = {"cpu": 4_000, "memory": 1_000}
    spot = journal.lease(needs=both, cls="spot")
    journal.add("reclaimed", lease=spot, end=T + 30, by=journal.next_lease(after=1), charge=30_000)
    journal.lease(needs=both, start=T + 30)
    journal.join()
    assert kinds(journal.check()) == []


# -- money -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong_by", [-1, 1])
def test_a_charge_wrong_by_one_micro_unit_is_found(journal: Journal, wrong_by: int) -> None:
    lease = journal.lease(per_hour=1_000_001, end=T + 1_800)  # 500,000.5: halves go up
    journal.at += 1_800
    journal.add("ended", lease=lease, charge=500_001 + wrong_by)
    report = journal.check()
    assert kinds(report) == ["money"] and "should be 500001" in report.faults[0].text


def test_half_a_micro_unit_goes_up(journal: Journal) -> None:
    lease = journal.lease(per_hour=1_000_001, end=T + 1_800)
    journal.at += 1_800
    journal.add("ended", lease=lease, charge=500_001)
    assert kinds(journal.check()) == []


def test_a_hold_that_is_given_back_costs_nothing(journal: Journal) -> None:
    lease = journal.lease(hold_until=T + 600)
    journal.at += 60
    journal.add("released", lease=lease, end=T + 60, charge=60_000)
    report = journal.check()
    assert kinds(report) == ["money"] and "never confirmed" in report.faults[0].text


def test_an_open_lease_costs_until_its_release(journal: Journal) -> None:
    lease = journal.lease(end=OPEN)
    journal.at += 90
    journal.add("released", lease=lease, end=T + 90, charge=90_000)
    assert kinds(journal.check()) == []


@pytest.mark.parametrize(
    ("credit", "credit_s", "found"),
    [(0, 0, []), (30_000, 30, []), (60_000, 600, []), (60_001, 600, ["money"]), (0, 30, ["money"])],
)
def test_a_credit_is_for_its_seconds_and_never_above_the_charge(
    journal: Journal, credit: int, credit_s: int, found: list[str]
) -> None:
    lease = journal.lease(cls="spot")
    journal.at += 60
    journal.add("reclaimed", lease=lease, end=T + 60, by="resize", charge=60_000, credit=credit, credit_s=credit_s)
    assert kinds(journal.check()) == found


def test_a_hold_that_is_reclaimed_costs_nothing_even_when_cut_again(journal: Journal) -> None:
    lease = journal.lease(hold_until=T + 600, cls="spot")
    journal.add("reclaimed", lease=lease, end=T + 600, by="resize", credit_s=60)
    journal.add("reclaimed", lease=lease, end=T + 300, by="resize", charge=300_000)
    assert kinds(journal.check()) == ["money"]


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("later", "found"), [(0, ["key"]), (DAY - 1, ["key"]), (DAY, []), (9 * DAY, [])])
def test_a_key_is_granted_once_in_24_hours(journal: Journal, later: int, found: list[str]) -> None:
    journal.lease(key="order-7")
    journal.at += later
    journal.lease(key="order-7")
    assert kinds(journal.check()) == found


def test_keys_of_two_tenants_are_two_keys(journal: Journal) -> None:
    journal.lease(key="order-7")
    journal.lease(key="order-7", tenant="other")
    assert kinds(journal.check()) == []


# -- keys that were made void ------------------------------------------------------------------------------------------


def void(journal: Journal, lease: str | None = None, key: str = "order-7", **fields: Any) -> None:
    fields |= {} if lease is None else {"lease": lease}
    journal.add("voided", **({"tenant": "acme", "key": key} | fields))


@pytest.mark.parametrize("hold", [{}, {"hold_until": T + 600}])
def test_a_void_key_stops_its_lease_for_nothing_and_frees_its_place(journal: Journal, hold: dict[str, int]) -> None:
    lease = journal.lease(4_000, key="order-7", **hold)
    journal.at += 300
    void(journal, lease, end=T + 300)
    journal.lease(4_000, start=T + 300)
    report = journal.check()
    assert kinds(report) == [] and sum(report.charged_micro.values()) == 0


def test_a_void_key_needs_no_lease(journal: Journal) -> None:
    void(journal)
    assert kinds(journal.check()) == []


@pytest.mark.parametrize(("start", "end", "due"), [(T, OPEN, T + 300), (T + 600, OPEN, T + 600), (T, T + 200, T + 200)])
@pytest.mark.parametrize("wrong_by", [0, 1, -1])
def test_a_lease_of_a_void_key_stops_when_a_release_would_have_stopped_it(
    journal: Journal, start: int, end: int, due: int, wrong_by: int
) -> None:
    lease = journal.lease(start=start, end=end, key="order-7")
    journal.at += 300
    void(journal, lease, end=due + wrong_by)
    assert kinds(journal.check()) == (["state"] if wrong_by else [])


def test_a_lease_that_has_ended_may_be_made_void_later_and_is_not_charged_then(journal: Journal) -> None:
    lease = journal.lease(key="order-7")
    journal.at += HOUR
    journal.add("ended", lease=lease, charge=3_600_000)
    journal.at += DAY
    void(journal, lease, end=T + HOUR)
    report = journal.check()
    assert kinds(report) == [] and report.charged_micro == {"acme": 0}


@pytest.mark.parametrize(("later", "due"), [(0, 60), (30, 90), (3 * HOUR, 600)])
def test_a_reclaimed_lease_may_be_made_void_and_then_has_neither_charge_nor_credit(
    journal: Journal, later: int, due: int
) -> None:
    lease = journal.lease(cls="spot", key="order-7")
    journal.at += 60
    journal.add("reclaimed", lease=lease, end=T + 600, by="resize", charge=600_000, credit=60_000, credit_s=60)
    journal.at += later
    void(journal, lease, end=T + due)
    report = journal.check()
    assert kinds(report) == []
    assert (report.charged_micro, report.credited_micro) == ({"acme": 0}, {"acme": 0})


@pytest.mark.parametrize("step", ["released", "expired"])
def test_what_was_given_back_or_never_confirmed_can_not_be_made_void(journal: Journal, step: str) -> None:
    lease = journal.lease(key="order-7", hold_until=T + 60)
    journal.at += 60
    journal.add(step, lease=lease, end=journal.at)
    void(journal, lease, end=journal.at)
    assert kinds(journal.check()) == ["state"]


def test_a_void_lease_without_its_end_is_found(journal: Journal) -> None:
    void(journal, journal.lease(key="order-7"))
    assert kinds(journal.check()) == ["state"]


@pytest.mark.parametrize(("later", "found"), [(0, ["key"]), (DAY - 1, ["key"]), (DAY, []), (9 * DAY, [])])
@pytest.mark.parametrize("granted", [True, False])
def test_a_void_key_that_is_granted_within_24_hours_is_found(
    journal: Journal, granted: bool, later: int, found: list[str]
) -> None:
    lease = journal.lease(key="order-7") if granted else None
    journal.at += 600
    void(journal, lease, end=journal.at)
    journal.at += later
    journal.lease(key="order-7")
    report = journal.check()
    assert kinds(report) == found
    assert not found or "made void" in report.faults[0].text


def test_a_key_made_void_in_the_second_of_its_grant_is_free_a_day_later(journal: Journal) -> None:
    void(journal, journal.lease(key="order-7"), end=T)
    journal.at += DAY
    journal.lease(key="order-7")
    assert kinds(journal.check()) == []


def test_a_void_key_of_another_tenant_binds_nobody_else(journal: Journal) -> None:
    void(journal, tenant="other")
    journal.lease(key="order-7")
    assert kinds(journal.check()) == []


@pytest.mark.parametrize("wrong", [{"key": "order-8"}, {"tenant": "other"}])
def test_a_lease_made_void_by_a_key_that_is_not_its_own_is_found(journal: Journal, wrong: dict[str, str]) -> None:
    void(journal, journal.lease(key="order-7"), end=T, **wrong)
    assert kinds(journal.check()) == ["key"]


def test_a_lease_without_a_key_can_not_be_made_void(journal: Journal) -> None:
    void(journal, journal.lease(), end=T)
    assert kinds(journal.check()) == ["key"]


def test_a_void_key_that_leaves_its_lease_running_is_found(journal: Journal) -> None:
    lease = journal.lease(key="order-7")
    void(journal)
    report = journal.check()
    assert kinds(report) == ["key"] and lease in report.faults[0].text


@pytest.mark.parametrize("step", [*STEPS, "measured", "voided"])
def test_only_measurements_follow_on_a_void_lease(journal: Journal, step: str) -> None:
    lease = journal.lease(key="order-7", cls="spot")
    void(journal, lease, end=T)
    more = {"voided": {"tenant": "acme", "key": "order-7", "end": T}, "measured": {"meters": {"cpu_s": 1}}}
    journal.add(step, lease=lease, **STEPS.get(step, more.get(step, {})))
    assert kinds(journal.check()) == ([] if step == "measured" else ["state"])


def test_a_lease_of_another_site_can_not_be_made_void(journal: Journal) -> None:
    journal.site("wm-2")
    journal.add("voided", on="wm-2", tenant="acme", key="order-7", lease=journal.lease(key="order-7"), end=T)
    assert kinds(journal.check()) == ["state"]


@pytest.mark.parametrize("wrong", [{"tenant": None}, {"key": 7}, {"lease": ""}, {"end": -1}])
def test_an_impossible_field_of_a_void_key_is_found(journal: Journal, wrong: dict[str, Any]) -> None:
    void(journal, **({"end": T} | wrong))
    assert kinds(journal.check()) == ["event"]


def test_a_void_lease_that_is_charged_is_found(journal: Journal) -> None:
    lease = journal.lease(key="order-7")
    journal.at += 300
    void(journal, lease, end=T + 300, charge=300_000)
    report = journal.check()
    assert kinds(report) == ["money"] and "made void" in report.faults[0].text


def test_all_faults_are_counted_and_the_first_thousand_kept(journal: Journal) -> None:
    for _ in range(1_200):
        journal.add("teleported")
    report = journal.check()
    assert (len(report.faults), report.faults_total, report.ok) == (1_000, 1_200, False)
