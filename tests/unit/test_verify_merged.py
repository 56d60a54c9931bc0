"""The checker against journals of a hub, which merge those of many owners, each with a clock of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.sqlite_journal import SqliteJournal
from maillage.kernel.ports import Batch
from maillage.verify import Report, check, check_rows

T = 1_790_000_000
HOUR = 3_600
DAY = 24 * HOUR


class Merged:
    """Rows as a hub would write them; each owner's events are counted."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.pos = 0
        self.ends: dict[str, int] = {}
        self.seqs: dict[str, int] = {}

    def row(self, source: str, *events: dict[str, Any], source_end: Any = None) -> None:
        """One commit of an owner; the events get their numbers."""
        for event in events:
            event["seq"] = self.seqs[event["site"]] = self.seqs.get(event["site"], 0) + 1
        self.ends[source] = self.ends.get(source, 0) + len(events)
        end = self.ends[source] if source_end is None else source_end
        self.rows.append((self.pos, len(events), json.dumps(events).encode(), source, end))
        self.pos += len(events)

    def store(self, source: str, site: str, at: int) -> None:
        """A store with 4 cpu, open for ever."""
        self.row(source, site_set(site, at), resized(site, at))

    def lease(self, source: str, site: str, at: int, cpu: int = 1_000, **fields: Any) -> str:
        """An hour, from then on unless told otherwise."""
        lease = f"{site}~{self.seqs[site] + 1}"
        plain = {"lease": lease, "tenant": "acme", "needs": {"cpu": cpu}, "start": at}
        plain |= {"end": fields.get("start", at) + HOUR, "class": "firm", "per_hour": 3_600_000}
        self.row(source, event("leased", site, at, **(plain | fields)))
        return lease

    def check(self) -> Report:
        return check_rows(iter(self.rows))


def event(what: str, site: str, at: int, **fields: Any) -> dict[str, Any]:
    return {"type": what, "site": site, "at": at, **fields}


def site_set(site: str, at: int) -> dict[str, Any]:
    return event("site", site, at, record={"id": site, "name": site, "lat": 36.3, "lon": -94.1, "tz": "UTC"})


def resized(site: str, at: int, size: int = 4_000) -> dict[str, Any]:
    return event("resized", site, at, kind="cpu", size=size, since=at - DAY)


def kinds(report: Report) -> list[str]:
    return [fault.kind for fault in report.faults]


@pytest.fixture
def merged() -> Merged:
    """Store wm-a is owned by node-a, wm-b by node-b, whose clock is an hour behind."""
    merged = Merged()
    merged.store("node-a", "wm-a", T)
    merged.store("node-b", "wm-b", T - HOUR)
    return merged


# -- clocks ------------------------------------------------------------------------------------------------------------


def test_owners_have_clocks_of_their_own(merged: Merged) -> None:
    merged.lease("node-a", "wm-a", T + 10)
    merged.lease("node-b", "wm-b", T - HOUR + 10)
    report = merged.check()
    assert kinds(report) == []
    assert (report.first_at, report.last_at) == (T - HOUR, T + 10)
    assert (report.events, report.sites, report.leases) == (6, 2, 2)


def test_the_clock_of_one_owner_that_goes_back_is_found_among_the_rows_of_others(merged: Merged) -> None:
    merged.lease("node-b", "wm-b", T - HOUR + 10)
    merged.lease("node-a", "wm-a", T - 1)
    report = merged.check()
    assert kinds(report) == ["time"] and report.faults[0].site == "wm-a"


def test_rows_without_a_source_are_one_source() -> None:
    merged = Merged()
    merged.store("", "wm-a", T)
    merged.store("node-b", "wm-b", T - HOUR)
    merged.store("", "wm-c", T - 1)
    assert kinds(merged.check()) == ["time", "time"]


def test_each_owner_is_held_to_its_own_now(merged: Merged) -> None:
    held = merged.lease("node-b", "wm-b", T - HOUR, hold_until=T - HOUR + 60)
    merged.lease("node-a", "wm-a", T + 10)
    merged.row("node-b", event("confirmed", "wm-b", T - HOUR + 59, lease=held))
    assert kinds(merged.check()) == []


def test_a_grant_for_the_past_is_one_by_the_clock_of_its_owner(merged: Merged) -> None:
    merged.lease("node-b", "wm-b", T - HOUR, start=T - HOUR - 601)
    assert kinds(merged.check()) == ["time"]


# -- stores that go over to another owner ------------------------------------------------------------------------------


def test_a_store_may_go_over_to_another_owner_whose_clock_is_behind(merged: Merged) -> None:
    merged.lease("node-a", "wm-a", T + 10, 4_000)
    merged.lease("node-a", "wm-a", T + HOUR + 10, 4_000)
    merged.lease("node-b", "wm-a", T - HOUR + 60, 4_000, end=T - HOUR + 120)
    merged.row("node-b", resized("wm-a", T - HOUR + 61, 8_000))
    merged.lease("node-b", "wm-a", T - HOUR + 62, 8_000, end=T - HOUR + 120)
    merged.lease("node-b", "wm-a", T - HOUR + 63, 4_000, start=T + HOUR + 10)
    assert kinds(merged.check()) == []


def test_what_was_leased_under_the_former_owner_still_takes_its_place(merged: Merged) -> None:
    merged.lease("node-a", "wm-a", T + 10, 4_000)
    merged.lease("node-b", "wm-a", T - HOUR + 60, 1, start=T + HOUR + 9)
    assert kinds(merged.check()) == ["oversold"]


def test_the_new_owner_ends_what_the_former_granted(merged: Merged) -> None:
    lease = merged.lease("node-a", "wm-a", T)
    merged.row("node-c", event("released", "wm-a", T + 600, lease=lease, end=T + 600, charge=600_000))
    assert kinds(merged.check()) == []


def test_a_past_that_was_taken_over_may_be_by_several_clocks_and_sets_none(merged: Merged) -> None:
    held = event("leased", "wm-c", T + DAY, lease="wm-c~3", tenant="acme", needs={"cpu": 4_000}, start=T + DAY)
    held |= {"end": T + DAY + HOUR, "class": "firm", "per_hour": 0, "hold_until": T + DAY + 60}
    gone = event("released", "wm-c", T, lease="wm-c~3", end=T + DAY)
    merged.store("", "wm-d", T)
    merged.row("~wm-c", site_set("wm-c", T + DAY), resized("wm-c", T + DAY), held, gone)
    merged.lease("", "wm-c", T, 4_000)
    merged.lease("", "wm-d", T)
    assert kinds(merged.check()) == []


def test_two_owners_who_both_go_on_with_a_sequence_are_found(merged: Merged) -> None:
    merged.lease("node-a", "wm-a", T)
    merged.seqs["wm-a"] -= 1
    merged.lease("node-b", "wm-a", T)
    assert kinds(merged.check()) == ["sequence", "state"]


# -- rows --------------------------------------------------------------------------------------------------------------


def test_a_source_end_that_goes_back_is_found_within_its_source(merged: Merged) -> None:
    merged.row("node-a", resized("wm-a", T), source_end=2)
    merged.row("node-b", resized("wm-b", T), source_end=1)
    report = merged.check()
    assert kinds(report) == ["journal"]
    assert "node-b" in report.faults[0].text and "was 2 before" in report.faults[0].text


def test_events_of_an_owner_that_are_not_kept_leave_no_fault(merged: Merged) -> None:
    """A store's past comes again from its new owner; the hub knows it and goes on behind it."""
    merged.row("node-b", resized("wm-b", T), source_end=900)
    assert kinds(merged.check()) == []


@pytest.mark.parametrize("end", [-1, "many", None, b"3", 1.5])
def test_a_source_end_that_is_no_number_is_found(merged: Merged, end: Any) -> None:
    merged.rows[-1] = (*merged.rows[-1][:4], end)
    assert kinds(merged.check()) == ["journal"]


@pytest.mark.parametrize("source", [7, None, b"\xff"])
def test_a_source_that_is_no_text_is_found(merged: Merged, source: Any) -> None:
    merged.rows[-1] = (*merged.rows[-1][:3], source, 2)
    assert kinds(merged.check()) == ["journal"]


def test_what_is_reclaimed_for_a_lease_is_reclaimed_in_the_same_row(merged: Merged) -> None:
    spot = merged.lease("node-a", "wm-a", T, 4_000, **{"class": "spot"})
    cut = event("reclaimed", "wm-a", T, lease=spot, end=T, by="wm-a~5")
    merged.row("node-a", cut)
    merged.lease("node-a", "wm-a", T, 4_000)
    assert kinds(merged.check()) == ["state"]


def test_rows_may_come_without_the_columns_for_a_source(merged: Merged) -> None:
    merged.rows = [row[:3] for row in merged.rows[:1]]
    assert kinds(merged.check()) == []


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_key_that_was_made_void_at_one_owner_may_be_granted_by_another(merged: Merged) -> None:
    merged.lease("node-b", "wm-b", T, key="order-7")
    lost = merged.lease("node-a", "wm-a", T, key="order-7")
    merged.row("node-a", event("voided", "wm-a", T + 2, tenant="acme", key="order-7", lease=lost, end=T + 2))
    assert kinds(merged.check()) == []


@pytest.mark.parametrize(("later", "found"), [(DAY - 1, ["key"]), (DAY, [])])
def test_a_void_key_is_granted_nothing_by_its_own_owner_at_any_of_its_stores(
    merged: Merged, later: int, found: list[str]
) -> None:
    merged.row("node-a", event("voided", "wm-a", T, tenant="acme", key="order-7"))
    merged.store("node-a", "wm-c", T)
    merged.lease("node-a", "wm-c", T + later, key="order-7")
    assert kinds(merged.check()) == found


def test_an_owner_grants_a_key_once_at_all_of_its_stores(merged: Merged) -> None:
    merged.store("node-a", "wm-c", T)
    for site in ("wm-a", "wm-c"):
        merged.lease("node-a", site, T, key="order-7")
    assert kinds(merged.check()) == ["key"]


def test_the_new_owner_may_make_void_what_the_former_granted(merged: Merged) -> None:
    lease = merged.lease("node-a", "wm-a", T, key="order-7")
    merged.row("node-b", event("voided", "wm-a", T, tenant="acme", key="order-7", lease=lease, end=T))
    assert kinds(merged.check()) == []


# -- the file ----------------------------------------------------------------------------------------------------------


def written(folder: Path, merged: Merged) -> Report:
    journal = SqliteJournal(folder)
    journal.append(*(Batch(*row) for row in merged.rows))
    report = check(folder)  # while a writer has it open
    journal.close()
    return report


def test_the_sources_of_a_file_are_read(tmp_path: Path, merged: Merged) -> None:
    assert kinds(written(tmp_path, merged)) == []


def test_a_fault_of_a_source_is_found_in_a_file(tmp_path: Path, merged: Merged) -> None:
    merged.lease("node-a", "wm-a", T - 1)
    merged.row("node-b", resized("wm-b", T), source_end=0)
    assert kinds(written(tmp_path, merged)) == ["time", "journal"]
