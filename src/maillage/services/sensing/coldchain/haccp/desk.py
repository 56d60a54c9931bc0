"""What may be asked of the logs: to look, to export, to check."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.ports import Clock
from maillage.kernel.sites import Site
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S
from maillage.services.sensing.coldchain.alarms.book import Book, Note
from maillage.services.sensing.coldchain.alarms.signals import Remembered
from maillage.services.sensing.coldchain.documents import Check, EntryDocuments, entry_document
from maillage.services.sensing.coldchain.haccp.anchors import TOPIC
from maillage.services.sensing.coldchain.haccp.checking import Verdict, check
from maillage.services.sensing.coldchain.haccp.csv_file import csv_lines
from maillage.services.sensing.coldchain.haccp.entry import Draft, Entry, decimal, members
from maillage.services.sensing.coldchain.haccp.pdf_file import Temperatures, pdf_of
from maillage.services.sensing.coldchain.haccp.summary import summarised
from maillage.services.sensing.coldchain.ports import Anchors, ColdChainRecords
from maillage.services.sensing.model import SeriesKey
from maillage.services.sensing.ports import ReadingStore, Registry

READ_AT_ONCE = 2_000
PDF_PERIOD_S = 31 * DAY_S
PDF_PERIOD_MAX_S = 366 * DAY_S
HOURLY_MAX_S = 7 * DAY_S
"""Temperatures are summed up by the hour in a period of up to a week, by the day in a longer one."""
ANCHOR_LOOK_S = 60
_NAME = "anchor "


class _Anchored(msgspec.Struct, frozen=True):
    """The day (since 1970, UTC) of the last notice of a head, and the number that it named."""

    day: int
    seq: int


class HaccpDesk:
    """The logs of all sites of this process."""

    def __init__(
        self,
        records: ColdChainRecords,
        registry: Registry,
        clock: Clock,
        site_of: Callable[[str], Site | None],
        anchors: Anchors | None,
        readings: ReadingStore | None,
    ) -> None:
        self._records = records
        self._registry = registry
        self._clock = clock
        self._site_of = site_of
        self._anchors = anchors
        self._readings = readings
        self._anchored: dict[str, _Anchored] = {}
        self._changed: set[str] = set()
        self._look_at = 0

    def start(self, states: Mapping[str, bytes]) -> None:
        """Know which heads were anchored before a restart."""
        for name, body in states.items():
            if name.startswith(_NAME):
                self._anchored[name.removeprefix(_NAME)] = msgspec.json.decode(body, type=_Anchored)

    def anchor(self, book: Book, now: int) -> None:
        """Once a day, have the head of each log that grew noted in its store's journal."""
        if now < self._look_at:
            return
        self._look_at = now + ANCHOR_LOOK_S
        for site in book.heads.sites():
            seq, digest = book.heads.head(site)
            known = self._anchored.get(site)
            if known is None or (known.day != now // DAY_S and known.seq != seq):
                self._anchored[site] = _Anchored(now // DAY_S, seq)
                self._changed.add(site)
                book.notes.append(Note(site, TOPIC, f"haccp/{site}", {"seq": seq, "hash": digest}))

    def take(self) -> list[Remembered]:
        """What has to be remembered since the last call."""
        changed, self._changed = self._changed, set()
        return [Remembered(_NAME + site, site, msgspec.json.encode(self._anchored[site])) for site in sorted(changed)]

    # -- looking -----------------------------------------------------------------------------------------------------

    async def entries(
        self, site: str, start: int | None, end: int | None, cursor: str | None, limit: int
    ) -> EntryDocuments:
        """The oldest first, of those entered in ``[start, end)``."""
        self._require(site)
        first, last = _period(start, end)
        after = 0 if cursor is None else _number(cursor)
        found = await to_the_end(self._records.entries, site, after, first, last, limit + 1)
        items = [entry_document(entry) for entry in found[:limit]]
        return EntryDocuments(items, str(items[-1].seq) if len(found) > limit else None)

    async def verify(self, site: str) -> Verdict:
        """Whether a site's log is whole, held against what the store's journal knows of it."""
        self._require(site)
        return await to_the_end(self._verify, site)

    async def csv(self, site: str, start: int | None, end: int | None) -> bytes:
        """The log, of a period or all of it, as a file."""
        self._require(site)
        first, last = _period(start, end)
        return await to_the_end(lambda: "".join(csv_lines(self._read(site, first, last))).encode())

    async def pdf(self, site: str, start: int | None, end: int | None) -> bytes:
        """The log of a period, of the last 31 days unless it is given, for an inspector."""
        place = self._require(site)
        last = self._clock.now() + 1 if end is None else end
        first, last = _period(max(last - PDF_PERIOD_S, 0) if start is None else start, last)
        if last - first > PDF_PERIOD_MAX_S:
            raise Invalid("start", f"a PDF covers at most {PDF_PERIOD_MAX_S // DAY_S} days; export CSV for more")
        return await to_the_end(self._pdf, place, first, last)

    # -- entering ----------------------------------------------------------------------------------------------------

    def draft(self, wanted: Check, now: int, credential: str) -> Draft:
        """A check by hand as an entry: what was measured, and what that says."""
        data: dict[str, str | int] = {"measured": decimal(wanted.measured), "credential": credential}
        text = f"measured {decimal(wanted.measured)} °C"
        if wanted.reference is None:
            if wanted.kind == "calibration":
                raise Invalid("reference", "a calibration needs what the reference thermometer says")
        else:
            off = wanted.measured - wanted.reference
            passed = abs(off) <= wanted.tolerance + 1e-9
            data |= {"reference": decimal(wanted.reference), "tolerance": decimal(wanted.tolerance)}
            data |= {"deviation": decimal(off), "result": "passed" if passed else "failed"}
            text += f", {decimal(wanted.reference)} °C by the reference: {decimal(off)} K off, {data['result']}"
        if wanted.note.strip():
            data["note"] = wanted.note.strip()
            text += f". {wanted.note.strip()}"
        return Draft(
            kind=wanted.kind, at=now, text=text, unit=wanted.unit, device=wanted.device, by=wanted.by.strip(), data=data
        )

    # -- how ---------------------------------------------------------------------------------------------------------

    def _verify(self, site: str) -> Verdict:
        anchors = {} if self._anchors is None else self._anchors.of(site)
        return check(((members(entry), entry.hash) for entry in self._read(site, 0, FOREVER)), anchors)

    def _pdf(self, site: Site, start: int, end: int) -> bytes:
        devices = sorted(
            (device for device in self._registry.devices().values() if device.site == site.id),
            key=lambda device: (device.unit, device.id),
        )
        names = [f"{device.id} ({device.unit})" for device in devices]
        summary = summarised(self._read(site.id, 0, end), start)
        return pdf_of(site, start, end, summary, self._temperatures(site.id, start, end), names)

    def _temperatures(self, site: str, start: int, end: int) -> Iterator[Temperatures]:
        if self._readings is None:
            return
        step_s = HOUR_S if end - start <= HOURLY_MAX_S else DAY_S
        for device in sorted(self._registry.devices().values(), key=lambda device: (device.unit, device.id)):
            profile = self._registry.profile(device.profile)
            if device.site != site or profile is None:
                continue
            for measure in profile.measures:
                if measure.role == "temperature":
                    read = self._readings.read(SeriesKey(device.id, measure.name), 1_000 * start, 1_000 * end, step_s)
                    columns = (read.at_ms // 1_000, read.low, read.mean, read.high)
                    steps = list(zip(*(column.tolist() for column in columns), strict=True))
                    yield Temperatures(device.id, device.unit, measure.name, steps)

    def _read(self, site: str, start: int, end: int) -> Iterator[Entry]:
        after = 0
        while some := self._records.entries(site, after, start, end, READ_AT_ONCE):
            yield from some
            after = some[-1].seq

    def _require(self, site: str) -> Site:
        found = self._site_of(site)
        if found is None:
            raise NotFound(f"the chain has no site {site[:64]!r}")
        return found


def _period(start: int | None, end: int | None) -> tuple[int, int]:
    first, last = 0 if start is None else start, FOREVER if end is None else end
    if last <= first:
        raise Invalid("end", "must be after the start")
    return first, last


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
        raise Invalid("cursor", "is not one that this list gave; start again without it")
    return int(cursor)
