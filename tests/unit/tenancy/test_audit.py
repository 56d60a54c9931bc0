"""The audit: durable before it is answered, bounded where strangers fill it."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.clocks import ManualClock
from maillage.kernel.errors import AuditUnavailable
from maillage.kernel.tracing import request_id
from maillage.tenancy.audit import REFUSALS_MAX, TEXT_MAX, Audit
from maillage.tenancy.ports import AuditEntry
from maillage.tenancy.principal import Principal
from tests.kernel_world import NOW
from tests.unit.tenancy.records import Breakable, records_in

OPERATOR = Principal("operator", "operator", "key:1")


class Held:
    """Records whose writing takes until it is let go."""

    def __init__(self) -> None:
        self.written: list[list[AuditEntry]] = []
        self.go = threading.Event()

    def append_audit(self, entries: list[AuditEntry]) -> None:
        assert self.go.wait(10)
        self.written.append(entries)


def audit_of(records: Any) -> Audit:
    return Audit(records, ManualClock(NOW), lambda: 0.0)


def test_what_was_done_is_durable_when_it_is_answered(tmp_path: Path) -> None:
    records = records_in(tmp_path)

    async def act() -> list[AuditEntry]:
        request_id.set("req-7")
        await audit_of(records).done(OPERATOR, "key.revoke", "abc", "of acme")
        return records_in(tmp_path).audit(0, 10)

    (entry,) = asyncio.run(act())
    assert entry == AuditEntry(NOW, "operator", "key:1", "key.revoke", "abc", "done", "of acme", "req-7", entry.number)


def test_a_refusal_waits_for_nothing_and_all_that_gathers_is_written_in_one_go() -> None:
    held = Held()

    async def act() -> None:
        audit = audit_of(held)
        for number in range(5):
            audit.refused(None, "sign-in", "wrong-key", f"10.0.0.{number}")
            await asyncio.sleep(0)
        assert held.written == []
        held.go.set()
        await audit.stop()

    asyncio.run(act())
    assert [len(batch) for batch in held.written] == [1, 4]
    entry = held.written[0][0]
    assert (entry.actor, entry.credential, entry.outcome, entry.detail) == ("", "", "wrong-key", "from 10.0.0.0")


def test_one_source_fills_its_share_and_the_rest_is_counted() -> None:
    held = Held()
    held.go.set()

    async def act() -> None:
        audit = audit_of(held)
        for _ in range(500):
            audit.refused(None, "sign-in", "wrong-key", "10.0.0.1")
        audit.refused(None, "sign-in", "wrong-key", "10.0.0.2")
        await audit.stop()

    asyncio.run(act())
    entries = [entry for batch in held.written for entry in batch]
    assert sum(entry.detail == "from 10.0.0.1" for entry in entries) == 60
    assert sum(entry.detail == "from 10.0.0.2" for entry in entries) == 1
    (dropped,) = [entry for entry in entries if entry.action == "audit.drop"]
    assert (dropped.outcome, dropped.detail) == ("dropped", "440 refusals were not entered")


def test_many_sources_together_fill_no_more_than_the_queue() -> None:
    held = Held()

    async def act() -> None:
        audit = audit_of(held)
        for number in range(3 * REFUSALS_MAX):
            audit.refused(None, "sign-in", "wrong-key", str(number))
        held.go.set()
        await audit.stop()

    asyncio.run(act())
    entries = [entry for batch in held.written for entry in batch]
    assert sum(entry.action == "sign-in" for entry in entries) == REFUSALS_MAX
    assert entries[-1].detail == f"{2 * REFUSALS_MAX} refusals were not entered"


def test_an_act_that_can_not_be_entered_is_told_so_and_stands_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = Breakable(records_in(tmp_path))
    records.broken = {"append_audit"}

    async def act() -> None:
        audit = audit_of(records)
        with pytest.raises(AuditUnavailable, match="was done"):
            await audit.done(OPERATOR, "tenant.create", "acme")
        records.broken = set()
        await audit.done(OPERATOR, "tenant.create", "other")

    asyncio.run(act())
    assert "tenant.create" in caplog.text and "acme" in caplog.text
    assert [entry.subject for entry in records.audit(0, 10)] == ["other"]


def test_what_callers_send_is_bounded_and_harmless(tmp_path: Path) -> None:
    records = records_in(tmp_path)

    async def act() -> None:
        audit = audit_of(records)
        audit.refused(OPERATOR, "access", "not-allowed", subject="GET /" + "\x1b[2J\0\n" + "x" * 5_000)
        await audit.stop()

    asyncio.run(act())
    (entry,) = records.audit(0, 10)
    assert len(entry.subject) == TEXT_MAX and entry.subject.isprintable()
