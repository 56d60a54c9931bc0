"""The audit: who did what, and who was turned away. Entries are only ever added.

What was done waits until it is durable. What was refused never makes a request wait: it is queued up to a bound, one
source may fill only its share, and what finds no place is counted instead.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from maillage.kernel.errors import AuditUnavailable
from maillage.kernel.ports import Clock
from maillage.kernel.tracing import request_id
from maillage.tenancy.limits import Sources
from maillage.tenancy.ports import AuditEntry, TenancyRecords
from maillage.tenancy.principal import Principal

log = logging.getLogger(__name__)

REFUSALS_MAX = 1_000
"""Refusals that may wait to be written; more are counted and dropped."""
TEXT_MAX = 500
"""Characters kept of a subject or detail: they hold what callers sent."""


class Audit:
    """Use from one event loop; what waits is written by a thread, all that gathered meanwhile in one go."""

    def __init__(self, records: TenancyRecords, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._monotonic = monotonic
        self._sources = Sources()
        self._done: list[tuple[AuditEntry, asyncio.Future[None]]] = []
        self._refused: list[AuditEntry] = []
        self._dropped = 0
        self._writing: asyncio.Task[None] | None = None

    async def done(self, principal: Principal, action: str, subject: str, detail: str = "") -> None:
        """Enter what was done, and return when that is durable. AuditUnavailable where it can't be: the act stands,
        and the log has the entry."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done.append((self._entry(principal, action, subject, "done", detail), written))
        self._write()
        await written

    def refused(
        self, principal: Principal | None, action: str, reason: str, source: str = "", subject: str = ""
    ) -> None:
        """Enter that somebody was turned away. ``reason`` is a slug or code, never what was sent as a proof;
        ``source`` is where it came from, if who it was is not known."""
        who = principal.credential if principal is not None else source
        if len(self._refused) >= REFUSALS_MAX or self._sources.take(who, self._monotonic()):
            self._dropped += 1
            return
        detail = f"from {source}" if source else ""
        self._refused.append(self._entry(principal, action, subject, reason, detail))
        self._write()

    async def stop(self) -> None:
        """Return when all that waits is written, or could not be."""
        self._write()
        if self._writing is not None:
            await self._writing

    def _entry(self, principal: Principal | None, action: str, subject: str, outcome: str, detail: str) -> AuditEntry:
        actor, credential = ("", "") if principal is None else (principal.tenant, principal.credential)
        at, request = self._clock.now(), request_id.get()
        return AuditEntry(at, actor, credential, action, _kept(subject), outcome, _kept(detail), request)

    def _write(self) -> None:
        waits = self._done or self._refused or self._dropped
        if waits and (self._writing is None or self._writing.done()):
            self._writing = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._done or self._refused or self._dropped:
            done, self._done = self._done, []
            refused, self._refused = self._refused, []
            dropped, self._dropped = self._dropped, 0
            entries = [*refused, *(entry for entry, _ in done)]
            if dropped:
                entries.append(self._entry(None, "audit.drop", "", "dropped", f"{dropped} refusals were not entered"))
            try:
                await asyncio.to_thread(self._records.append_audit, entries)
            except Exception as fault:
                self._give_up(entries, done, fault)
            else:
                for _, written in done:
                    if not written.done():  # whoever asked has gone away
                        written.set_result(None)

    @staticmethod
    def _give_up(
        entries: list[AuditEntry], done: list[tuple[AuditEntry, asyncio.Future[None]]], fault: Exception
    ) -> None:
        log.error("the audit can't be written (%s: %s); it should say: %s", type(fault).__name__, fault, entries)
        for entry, written in done:
            if not written.done():
                written.set_exception(
                    AuditUnavailable(
                        f"{entry.action} of {entry.subject!r} was done, but can't be entered in the audit now; the "
                        "server's log has it"
                    )
                )


def _kept(text: str) -> str:
    """A text as the records can keep it: bounded, and without what steers a terminal or ends a string."""
    return "".join(character if character.isprintable() else "�" for character in text[:TEXT_MAX])
