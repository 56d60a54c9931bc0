"""The log: whole or found out, as it stands, as a file by itself, and against the store's journal."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from maillage.engines.records.coldchain_tables import haccp_log
from maillage.kernel.errors import Invalid, NotFound
from maillage.services.sensing.coldchain.documents import Acknowledge, Action, Check, EntryDocument, Verify
from maillage.services.sensing.coldchain.haccp.anchors import TOPIC
from maillage.services.sensing.coldchain.haccp.csv_file import check_csv
from maillage.services.sensing.model import Reading, SeriesKey
from maillage.services.sensing.ports import Series
from tests.unit.services.sensing.coldchain.coldchain_world import FREEZER, NOW, SITE, Desk, changed

NASTY = '=HYPERLINK("x"), "quoted"\nand a line\t'


class Noted:
    """What the journal would know of the log: the notices that were told."""

    def __init__(self) -> None:
        self.store: Desk | None = None

    def of(self, site: str) -> dict[int, str]:
        assert self.store is not None
        notes = self.store.notices.notes
        return {data["seq"]: data["hash"] for where, topic, _, data in notes if (where, topic) == (site, TOPIC)}


class Hours:
    """A store of readings with a value for each hour."""

    def read(self, key: SeriesKey, start_ms: int, end_ms: int, step_s: int | None = None) -> Series:
        assert step_s is not None
        at = np.arange(start_ms, end_ms, 1_000 * step_s, dtype=np.int64)
        mean = np.full(len(at), -20.0)
        return Series(at, mean - 1, mean, mean + 1, np.ones(len(at), np.int64))

    def append(self, readings: list[Reading]) -> None: ...
    def last(self, key: SeriesKey) -> None: ...
    def forget(self, before_ms: int) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Desk]:
    """One excursion with all that follows, and a check by hand."""
    anchors = Noted()
    with Desk(tmp_path, anchors=anchors, readings=Hours()) as store:
        anchors.store = store
        store.air(-20, 2)
        store.air(-8, 20)
        hot = next(alarm for alarm in store.desk.open_alarms() if alarm.rule == "thawing")
        store.run(store.desk.acknowledge(hot.id, Acknowledge(by="Ann", note=NASTY), "key:k1"))
        moved = Action(by="Änne", text="moved it", disposition="moved", quantity="2 pallets", lot="L7")
        store.run(store.desk.correct(hot.id, moved, "key:k1"))
        store.air(-20, 12)
        store.run(store.desk.verify(hot.id, Verify(by="Bob", role="manager"), "key:k2"))
        store.run(store.desk.check(SITE, Check(kind="manual_check", unit="freezer-1", by="Ann", measured=-19.5)))
        yield store


def entries(store: Desk) -> list[EntryDocument]:
    return store.run(store.desk.haccp.entries(SITE, None, None, None, 1_000)).items


def exported(store: Desk, start: int | None = None, end: int | None = None) -> str:
    return store.run(store.desk.haccp.csv(SITE, start, end)).decode()


def change(store: Desk, seq: int, before: bytes, after: bytes) -> None:
    """What somebody with a hand on the database could do."""
    with store.database.transaction() as connection:
        body = connection.execute(sa.select(haccp_log.c.body).where(haccp_log.c.seq == seq)).scalar_one()
        assert before in body
        connection.execute(sa.update(haccp_log).where(haccp_log.c.seq == seq), {"body": body.replace(before, after)})


def test_the_log_tells_the_whole_story_in_order(store: Desk) -> None:
    found = entries(store)
    kinds = [entry.kind for entry in found]
    assert kinds[:4] == ["limits_set"] * 4
    thawing = [entry.kind for entry in found if entry.data.get("alarm") == "wm-1~a1"]
    assert thawing == [
        "excursion_start",
        "alarm_raised",
        "alarm_acknowledged",
        "corrective_action",
        "excursion_end",
        "alarm_cleared",
        "verification",
    ]
    end = next(entry for entry in found if entry.kind == "excursion_end")
    assert (end.data["extreme"], end.data["lasted_s"], end.data["exposure_s"]) == ("-7.99", 1_800, 1_200)
    action = next(entry for entry in found if entry.kind == "corrective_action")
    assert (action.by, action.data["disposition"], action.data["lot"]) == ("Änne", "moved", "L7")
    assert found[-1].text == "measured -19.5 °C"


def test_a_log_that_nobody_touched_is_whole(store: Desk) -> None:
    verdict = store.run(store.desk.haccp.verify(SITE))
    assert verdict.ok and verdict.first == 1 and verdict.last == len(entries(store))
    assert verdict.head == entries(store)[-1].hash and verdict.anchored > 0


def test_the_hash_is_what_the_reference_says(store: Desk) -> None:
    """In the words of docs/reference/haccp.md, by nothing but the standard library."""
    previous = "0" * 64
    for row in csv.DictReader(io.StringIO(exported(store), newline="")):
        entry = {name: cell[1:] if cell.startswith("'") else cell for name, cell in row.items()}
        claimed = entry.pop("hash")
        whole = {**entry, "seq": int(entry["seq"]), "data": json.loads(entry["data"])}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == claimed and entry["previous"] == previous
        previous = claimed


@pytest.mark.parametrize(
    ("before", "after"), [(b'"moved it"', b'"left it "'), (b'"lot":"L7"', b'"lot":"L8"'), (b"nne", b"mma")]
)
def test_an_entry_that_was_changed_is_found(store: Desk, before: bytes, after: bytes) -> None:
    seq = next(entry.seq for entry in entries(store) if entry.kind == "corrective_action")
    change(store, seq, before, after)
    verdict = store.run(store.desk.haccp.verify(SITE))
    assert (verdict.ok, verdict.broken) == (False, seq) and "it was changed" in verdict.problem


def test_an_entry_that_was_taken_out_is_found(store: Desk) -> None:
    with store.database.transaction() as connection:
        connection.execute(sa.delete(haccp_log).where(haccp_log.c.seq == 6))
    verdict = store.run(store.desk.haccp.verify(SITE))
    assert (verdict.ok, verdict.broken) == (False, 7) and verdict.problem == "entry 6 is missing: 7 follows 5"


def test_an_end_that_was_cut_off_is_found_by_what_the_journal_knows(store: Desk) -> None:
    store.clock.advance(86_400)
    store.air(-20)
    last = len(entries(store))
    with store.database.transaction() as connection:
        connection.execute(sa.delete(haccp_log).where(haccp_log.c.seq > last - 2))
    verdict = store.run(store.desk.haccp.verify(SITE))
    assert not verdict.ok and f"ends at {last - 2}" in verdict.problem


def test_a_head_is_anchored_once_a_day_and_only_if_the_log_grew(store: Desk) -> None:
    def anchored() -> int:
        return store.notices.topics.count(TOPIC)

    before = anchored()
    store.air(-20, 30)
    assert anchored() == before
    store.clock.advance(86_400)
    store.air(-20, 2)
    assert anchored() == before + 1
    store.restart()
    store.air(-20, 2)
    assert anchored() == before + 1


def test_an_exported_file_is_checked_by_itself(store: Desk) -> None:
    text = exported(store)
    assert check_csv(io.StringIO(text, newline="")).ok
    assert "'=" not in text.splitlines()[0]
    broken = check_csv(io.StringIO(text.replace("moved it", "kept it"), newline=""))
    assert not broken.ok and "it was changed" in broken.problem
    lines = text.splitlines(keepends=True)
    missing = check_csv(io.StringIO("".join(lines[:3] + lines[4:]), newline=""))
    assert (missing.ok, missing.broken) == (False, 4)


def test_a_part_of_a_log_is_checked_as_far_as_it_goes(store: Desk) -> None:
    some = exported(store, NOW + 125, NOW + 200)
    verdict = check_csv(io.StringIO(some, newline=""))
    assert verdict.ok and verdict.first > 1
    assert check_csv(io.StringIO(exported(store, 1, 2), newline="")).last == 0


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "site\n", '"'])
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        check_csv(io.StringIO(text, newline=""))


@pytest.mark.parametrize("spoil", [("1,2026", "x,2026"), ('"{', '"['), ("wm-1,2,", "wm-1,")])
def test_a_file_with_a_spoilt_line_is_refused(store: Desk, spoil: tuple[str, str]) -> None:
    text = exported(store)
    assert spoil[0] in text
    with pytest.raises(Invalid):
        check_csv(io.StringIO(text.replace(spoil[0], spoil[1], 1), newline=""))


def test_cells_that_a_spreadsheet_would_run_are_marked_as_text(store: Desk) -> None:
    rows = list(csv.reader(io.StringIO(exported(store), newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]


def test_the_log_is_read_in_pages_and_by_period(store: Desk) -> None:
    everything = [entry.seq for entry in entries(store)]
    page = store.run(store.desk.haccp.entries(SITE, None, None, None, 3))
    rest = store.run(store.desk.haccp.entries(SITE, None, None, page.next, 1_000))
    assert [entry.seq for entry in (*page.items, *rest.items)] == everything and rest.next is None
    with pytest.raises(Invalid):
        store.run(store.desk.haccp.entries(SITE, 5, 5, None, 3))
    with pytest.raises(NotFound):
        store.run(store.desk.haccp.entries("nowhere", None, None, None, 3))


def test_the_pdf_has_who_did_what_the_head_and_the_number_of_its_pages(store: Desk) -> None:
    pdf = store.run(store.desk.haccp.pdf(SITE, NOW - 3 * 86_400, NOW + 86_400))
    assert pdf.startswith(b"%PDF-")
    text = text_of(pdf)
    for said in ("HACCP record of Store 1", "moved it", "2 pallets", "acknowledged by Ann", "manager", "page 1 of "):
        assert said in text, said
    assert entries(store)[-1].hash in text
    assert "-21.0" in text and "freezer-1" in text


def test_a_pdf_of_a_store_without_a_log_says_so_and_one_of_ten_years_is_refused(store: Desk) -> None:
    assert "None." in text_of(store.run(store.desk.haccp.pdf(SITE, 1, 2)))
    with pytest.raises(Invalid):
        store.run(store.desk.haccp.pdf(SITE, 0, None))


def test_a_story_that_is_longer_than_a_page_still_makes_a_pdf(store: Desk) -> None:
    store.air(-8)
    alarm = next(alarm for alarm in store.desk.open_alarms() if alarm.rule == "thawing")
    long = Action(by="Ann", text="looked, and " * 80 + "\n" * 30, disposition="kept")
    for _ in range(12):
        store.run(store.desk.correct(alarm.id, long))
    store.run(
        store.desk.check(SITE, Check(kind="manual_check", unit="x" * 100, by="W" * 100, measured=1, note="Ж" * 999))
    )
    assert store.run(store.desk.haccp.pdf(SITE, NOW, NOW + 86_400)).startswith(b"%PDF-")


def test_limits_are_entered_again_only_when_they_change(store: Desk) -> None:
    before = len(entries(store))
    store.restart()
    store.air(-20)
    assert len(entries(store)) == before
    store.devices.put_profile(changed(FREEZER, rules=(changed(FREEZER.rules[0], limit=-16.0),)))
    store.air(-20)
    added = entries(store)[before:]
    assert [entry.kind for entry in added] == ["limits_set", "limits_set"]
    assert added[0].data["limit"] == "-16" and store.run(store.desk.haccp.verify(SITE)).ok


def text_of(pdf: bytes) -> str:
    """What its pages show, as far as it is Latin-1."""
    import base64
    import re
    import zlib

    found: list[str] = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            page = zlib.decompress(
                base64.a85decode(stream.strip(), adobe=False)
                if b"~>" not in stream
                else base64.a85decode(b"<~" + stream.strip(), adobe=True)
            )
        except (ValueError, zlib.error):
            continue
        found += [part.decode("latin-1") for part in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", page)]
    return " ".join(found)
