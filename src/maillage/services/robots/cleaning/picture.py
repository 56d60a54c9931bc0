"""Evidence as a picture: the floor, what was cleaned, what was missed, and the way of the robot."""

import io
import math

from maillage.kernel.errors import Invalid
from maillage.services.robots.cleaning.evidence import Area, Evidence, Ring

SIDE_PX = 1_600
"""The longer side of a picture, margins included, unless told otherwise."""
SIDE_MIN_PX, SIDE_MAX_PX = 200, 4_000
MARGIN_PX = 24
LINE_PX = 46
"""For the line of figures under the floor."""
OUTSIDE, FLOOR, CLEAN, MISSED, WAY, INK = "#f4f4f2", "#ffffff", "#bfe3c8", "#d7263d", "#1b6ca8", "#333333"
ALIKE = 2
"""Drawn so much larger and then made smaller, so that thin lines are smooth."""


def png_of(evidence: Evidence, side_px: int = SIDE_PX) -> bytes:
    """A PNG, north (y) up. Invalid for a size that no picture has."""
    from PIL import Image, ImageDraw, ImageFont

    if not SIDE_MIN_PX <= side_px <= SIDE_MAX_PX:
        raise Invalid("size", f"{side_px} is not a number of pixels from {SIDE_MIN_PX} to {SIDE_MAX_PX}")
    frame = _Frame(evidence.floor_area, side_px * ALIKE)
    image = Image.new("RGB", (frame.width, frame.height), OUTSIDE)
    draw = ImageDraw.Draw(image)
    for area, colour in ((evidence.floor_area, FLOOR), (evidence.covered, CLEAN), (evidence.missed, MISSED)):
        mask = Image.new("1", image.size)
        marker = ImageDraw.Draw(mask)
        for rings in sorted(area, key=_extent, reverse=True):  # what lies in a hole comes after the hole
            marker.polygon(frame.ring(rings[0]), fill=1)
            for hole in rings[1:]:
                marker.polygon(frame.ring(hole), fill=0)
        image.paste(colour, mask=mask)
    for run in evidence.runs:
        for stroke in run.strokes:
            draw.line([frame.place(fix.x, fix.y) for fix in stroke], fill=WAY, width=ALIKE, joint="curve")
    for rings in evidence.floor_area:
        for ring in rings:
            draw.line(frame.ring(ring), fill=INK, width=2 * ALIKE)
    small = image.resize((frame.width // ALIKE, frame.height // ALIKE), Image.Resampling.LANCZOS)
    font = ImageFont.load_default(size=16)
    ImageDraw.Draw(small).text((MARGIN_PX, small.height - LINE_PX + 8), _caption(evidence), fill=INK, font=font)
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


def _extent(rings: list[Ring]) -> float:
    xs, ys = [x for x, _ in rings[0]], [y for _, y in rings[0]]
    return (max(xs) - min(xs)) * (max(ys) - min(ys))


class _Frame:
    """From metres on the floor to pixels."""

    def __init__(self, floor: Area, side_px: int) -> None:
        places = [place for rings in floor for place in rings[0]] or [(0.0, 0.0), (1.0, 1.0)]
        self._left, self._top = min(x for x, _ in places), max(y for _, y in places)
        wide_m = max(max(x for x, _ in places) - self._left, 0.1)
        high_m = max(self._top - min(y for _, y in places), 0.1)
        margin, line = MARGIN_PX * ALIKE, LINE_PX * ALIKE
        self._margin = margin
        self._scale = min((side_px - 2 * margin) / wide_m, (side_px - 2 * margin - line) / high_m)
        self.width = max(math.ceil(wide_m * self._scale) + 2 * margin, 560 * ALIKE)
        self.height = math.ceil(high_m * self._scale) + 2 * margin + line

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self._margin + (x - self._left) * self._scale, self._margin + (self._top - y) * self._scale

    def ring(self, ring: Ring) -> list[tuple[float, float]]:
        return [self.place(x, y) for x, y in ring]


def _caption(evidence: Evidence) -> str:
    gaps = sum(run.gaps for run in evidence.runs)
    unseen = f", {gaps} gaps in what was seen" if gaps else ""
    return (
        f"{evidence.site} / {evidence.floor}: {evidence.share:.1%} of {evidence.reachable_m2:,.0f} m2 cleaned, "
        f"{evidence.missed_m2:,.1f} m2 missed{unseen}"
    )
