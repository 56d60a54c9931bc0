"""The log of a period as a PDF for an inspector: limits, temperatures, excursions with who did what, checks,
signatures, and on every page the hash that the log ended with."""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from maillage.kernel.sites import Site, zone_info
from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.alarms.words import span
from maillage.services.sensing.coldchain.haccp.summary import Summary


class Temperatures(NamedTuple):
    """What a device measured in a step of the period; values in ``unit``."""

    device: str
    unit: str
    measure: str
    steps: Sequence[tuple[int, float, float, float]]
    """(start, lowest, mean, highest) of each step that has readings."""


def pdf_of(
    site: Site, start: int, end: int, summary: Summary, temperatures: Iterable[Temperatures], devices: Sequence[str]
) -> bytes:
    """Its bytes. Takes a while for a long period: for threads. Letters beyond Latin-1 appear as ``?``: the fonts that
    every reader has know no others; the CSV has the texts as they were entered."""
    # reportlab takes longer to load than all the rest of a command.
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    out = io.BytesIO()
    page = {"leftMargin": 12 * mm, "rightMargin": 12 * mm, "topMargin": 12 * mm, "bottomMargin": 16 * mm}
    title = f"HACCP record of {site.name}"
    document = SimpleDocTemplate(out, pagesize=landscape(A4), title=_latin(title), author="Maillage", **page)
    story = _Story(zone_info(site.tz))
    story.head(title)
    story.facts(
        [
            ("store", f"{site.name} ({site.id})"),
            ("period", f"{format_time(start)} to {format_time(end)} ({site.tz})"),
            ("devices", ", ".join(devices) or "none"),
            ("entries", f"{summary.entries} ({summary.first} to {summary.seq})" if summary.entries else "none"),
            ("hash of the last entry", summary.head or "none"),
        ]
    )
    story.limits(summary)
    story.excursions(summary)
    story.checks(summary)
    story.signatures(summary)
    story.temperatures(temperatures)
    document.build(story.parts, canvasmaker=_numbered(site.id, summary.head))
    return out.getvalue()


class _Story:
    """Instants are shown in the store's own time, with its offset."""

    def __init__(self, zone: ZoneInfo) -> None:
        from reportlab.lib.styles import getSampleStyleSheet

        self.parts: list[Any] = []
        self._zone = zone
        self._styles = getSampleStyleSheet()
        self._styles["Normal"].fontSize = 8
        self._styles["Normal"].leading = 10

    def head(self, text: str) -> None:
        from reportlab.platypus import Paragraph

        self.parts.append(Paragraph(_plain(text), self._styles["Title" if not self.parts else "Heading2"]))

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        self._table(None, facts, (50, 220))

    def limits(self, summary: Summary) -> None:
        self.head("Limits")
        rows = [
            (
                str(entry.data["profile"]),
                rule,
                f"{entry.data['measure']} {entry.data['side']} {entry.data['limit']}",
                span(int(entry.data["dwell_s"])),
                str(entry.data["severity"]),
                self._local(format_time(entry.at)),
            )
            for (_, rule), entry in summary.limits.items()
            if rule
        ]
        self._table(("profile", "rule", "limit", "for", "severity", "since"), rows, (50, 45, 75, 30, 30, 42))

    def excursions(self, summary: Summary) -> None:
        self.head("Excursions and alarms")
        rows = [
            (
                one.unit,
                f"{one.level}: {one.text.removeprefix(f'{one.level}: ')}".removeprefix(": "),
                "\n".join(filter(None, (self._local(one.began), self._local(one.ended) or "not over"))),
                f"{one.limit}\n{one.extreme}" if one.limit else "",
                "\n".join(span(seconds) for seconds in (one.lasted_s, one.exposure_s) if seconds is not None),
                "\n".join(one.acts) or "nothing recorded",
            )
            for one in summary.excursions.values()
        ]
        columns = ("unit", "what", "from, to", "limit, at worst", "lasted, exposure", "who did what (UTC)")
        self._table(columns, rows, (30, 60, 40, 28, 24, 90))

    def checks(self, summary: Summary) -> None:
        self.head("Checks by hand and calibrations")
        rows = [
            (self._local(format_time(entry.at)), entry.kind.replace("_", " "), entry.unit, entry.text, entry.by)
            for entry in summary.checks
        ]
        self._table(("at", "kind", "unit", "result", "by"), rows, (40, 30, 40, 112, 50))

    def signatures(self, summary: Summary) -> None:
        self.head("Verified by")
        rows = [
            (
                self._local(format_time(entry.at)),
                entry.by,
                str(entry.data.get("role", "")),
                str(entry.data.get("credential", "")),
                str(entry.data["alarm"]),
                f"{entry.seq}: {entry.hash}",
            )
            for entry in summary.signatures
        ]
        self._table(("at", "name", "role", "key", "alarm", "entry and its hash"), rows, (40, 40, 30, 40, 36, 86))

    def temperatures(self, temperatures: Iterable[Temperatures]) -> None:
        for one in temperatures:
            self.head(f"{one.measure} of {one.device} in {one.unit}")
            rows = [
                (self._local(format_time(at)), f"{low:.1f}", f"{mean:.1f}", f"{high:.1f}")
                for at, low, mean, high in one.steps
            ]
            self._table(("from", "lowest", "mean", "highest"), rows, (60, 30, 30, 30))

    def _table(self, columns: Sequence[str] | None, rows: Sequence[Sequence[str]], widths_mm: Sequence[int]) -> None:
        from reportlab.lib import colors
        from reportlab.lib.units import mm
        from reportlab.platypus import LongTable, Paragraph, TableStyle

        normal = self._styles["Normal"]
        if not rows:
            self.parts.append(Paragraph("None.", normal))
            return
        cells = [[Paragraph(_plain(cell), normal) for cell in row] for row in rows]
        if columns is not None:
            cells.insert(0, [Paragraph(f"<b>{_plain(name)}</b>", normal) for name in columns])
        table = LongTable(
            cells, [width * mm for width in widths_mm], repeatRows=0 if columns is None else 1, splitInRow=1
        )
        style = [("GRID", (0, 0), (-1, -1), 0.25, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        table.setStyle(
            TableStyle([*style, ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)])
        )
        table.hAlign = "LEFT"
        self.parts.append(table)

    def _local(self, text: str) -> str:
        if not text:
            return ""
        local = datetime.fromisoformat(text).astimezone(UTC).astimezone(self._zone)
        return local.strftime("%Y-%m-%d %H:%M %z")


def _numbered(site: str, head: str) -> Any:
    """A canvas that knows, when a page is finished in the end, how many there are."""
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    class Numbered(Canvas):  # type: ignore[misc, unused-ignore]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802  the library's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self.setFont("Helvetica", 7)
                self.drawString(12 * mm, 8 * mm, f"{site}  log ends with {head or 'no entry'}")
                self.drawRightString(self._pagesize[0] - 12 * mm, 8 * mm, f"page {number} of {len(self._pages)}")
                super().showPage()
            super().save()

    return Numbered


def _plain(text: str) -> str:
    return escape(_latin(text), quote=False).replace("\n", "<br/>")


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")
