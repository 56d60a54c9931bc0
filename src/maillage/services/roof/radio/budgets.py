"""Link budgets: what loss a band's link stands, down and up. Those in ``bands/*.json`` are shipped, others are files.

Powers are in dBm, gains in dBi. Noise is thermal, -174 dBm/Hz over the resource blocks in use, and the receiver's own.
"""

from functools import cache
from math import log10
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from maillage.kernel.errors import Invalid, Malformed
from maillage.services.roof.radio.antenna import OMNI, Pattern
from maillage.services.roof.radio.rain import RAIN_MAX_MM_H

Direction = Literal["down", "up"]
Margin = Annotated[float, Meta(ge=0, le=50)]
Frequency = Annotated[float, Meta(ge=0.5, le=100)]
BYTES_MAX = 1 << 16
SUBCARRIERS_A_BLOCK = 12


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One direction. ``eirp_dbm`` is the sender's, over all its resource blocks, where it points; ``snr_db`` is what
    the receiver needs; ``interference_margin_db`` is how far other cells lift its noise."""

    eirp_dbm: Annotated[float, Meta(ge=-30, le=100)]
    resource_blocks: Annotated[int, Meta(ge=1, le=275)]
    receiver_gain_dbi: Annotated[float, Meta(ge=-30, le=60)]
    noise_figure_db: Annotated[float, Meta(ge=0, le=30)]
    snr_db: Annotated[float, Meta(ge=-30, le=50)]
    interference_margin_db: Margin


class LinkBudget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A band's links between a roof and a terminal. ``fc_ghz`` is the carrier that losses are taken at, within the
    band's ``fc_min_ghz`` to ``fc_max_ghz``.

    ``shadow_margin_db`` goes into a planning table only: where a probability of coverage is asked for it would count
    shadowing twice. ``rain_mm_h`` is the rain that the links are to stand along their whole way, which matters above
    10 GHz or so. ``antenna`` is the pattern of one sector, for roofs that say where theirs point. ``sources`` says
    where figures come from, by the name of the field.
    """

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(max_length=200)] = ""
    fc_ghz: Frequency
    fc_min_ghz: Frequency
    fc_max_ghz: Frequency
    subcarrier_spacing_khz: Literal[15, 30, 60, 120, 240, 480, 960]
    ue_height_m: Annotated[float, Meta(ge=1, le=22.5)] = 1.5
    body_loss_db: Margin
    shadow_margin_db: Margin
    down: Link
    up: Link
    rain_mm_h: Annotated[float, Meta(ge=0, le=RAIN_MAX_MM_H)] = 0.0
    antenna: Pattern = OMNI
    sources: Annotated[dict[str, str], Meta(max_length=64)] = {}

    def link(self, direction: Direction) -> Link:
        return self.down if direction == "down" else self.up


def bandwidth_hz(budget: LinkBudget, direction: Direction) -> float:
    """What the resource blocks in use occupy; noise comes in over it."""
    blocks = budget.link(direction).resource_blocks
    return blocks * SUBCARRIERS_A_BLOCK * budget.subcarrier_spacing_khz * 1e3


def noise_dbm(budget: LinkBudget, direction: Direction) -> float:
    """Thermal noise in the link's bandwidth, and the receiver's noise figure."""
    return -174 + 10 * log10(bandwidth_hz(budget, direction)) + budget.link(direction).noise_figure_db


def max_path_loss_db(budget: LinkBudget, direction: Direction) -> float:
    """The largest loss the link stands WITHOUT a shadow margin: body loss and interference are taken off, shadowing is
    left to who asks for a probability of coverage."""
    link = budget.link(direction)
    sensitivity_dbm = noise_dbm(budget, direction) + link.snr_db
    return link.eirp_dbm + link.receiver_gain_dbi - sensitivity_dbm - budget.body_loss_db - link.interference_margin_db


def planned_path_loss_db(budget: LinkBudget, direction: Direction) -> float:
    """The largest median loss with the budget's shadow margin taken off: the MAPL of planning tables."""
    return max_path_loss_db(budget, direction) - budget.shadow_margin_db


def limiting_direction(budget: LinkBudget) -> Direction:
    """The link that stands less."""
    return "down" if max_path_loss_db(budget, "down") < max_path_loss_db(budget, "up") else "up"


def in_rain(budget: LinkBudget, rain_mm_h: float) -> LinkBudget:
    """The same links where so much rain falls. Invalid for what is no rain."""
    if not 0 <= rain_mm_h <= RAIN_MAX_MM_H:
        raise Invalid("rain_mm_h", f"rain goes from 0 to {RAIN_MAX_MM_H:g} mm/h")
    return msgspec.structs.replace(budget, rain_mm_h=rain_mm_h)


@cache
def shipped_budgets() -> dict[str, LinkBudget]:
    """The budgets that come with Maillage, by band, in order of frequency."""
    found = [read_budget(path) for path in Path(__file__).with_name("bands").glob("*.json")]
    return {each.id: each for each in sorted(found, key=lambda each: each.fc_ghz)}


_OWN: dict[str, LinkBudget] = {}


def known_budgets() -> dict[str, LinkBudget]:
    """Those that are shipped and the chain's own, by band."""
    return {**shipped_budgets(), **_OWN}


def take_own_budgets(folder: Path) -> None:
    """From now on the budgets in a folder's JSON files are known too. Invalid or Malformed, naming the file, where one
    is none, or has the name of another; then none is."""
    found: dict[str, LinkBudget] = {}
    if not folder.is_dir():
        raise Invalid("bands", f"{folder} is no folder")
    for path in sorted(folder.glob("*.json")):
        own = read_budget(path)
        if own.id in shipped_budgets() or own.id in found:
            raise Invalid("id", f"{own.id} is there already; give the budget in {path.name} another id")
        found[own.id] = own
    _OWN.clear()
    _OWN.update(found)


def budget(name_or_path: str | Path) -> LinkBudget:
    """A known budget by its band, or the one in a file. Invalid, naming the bands, where there is neither."""
    known = known_budgets()
    text = str(name_or_path)
    if text in known:
        return known[text]
    path = Path(name_or_path)
    if path.suffix.lower() == ".json" or len(path.parts) > 1:
        return read_budget(path)
    raise Invalid("band", f"there is no {text[:40]!r}; there are {', '.join(known)}, and any file ending in .json")


def read_budget(path: Path) -> LinkBudget:
    """The budget in a JSON file. Invalid naming the field, Malformed where it is no JSON."""
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Invalid("file", f"{path} can't be opened: {error.strerror or error}") from None
    if len(content) > BYTES_MAX:
        raise Invalid("file", f"{path} is larger than {BYTES_MAX:,} bytes")
    try:
        found = msgspec.json.decode(content, type=LinkBudget)
    except msgspec.ValidationError as fault:
        problem, _, place = str(fault).partition(" - at `$")
        raise Invalid(place.strip("`.") or "file", f"{problem[0].lower()}{problem[1:]}, in {path.name}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Malformed(f"{path.name} is not JSON: {fault}") from None
    if not found.fc_min_ghz <= found.fc_ghz <= found.fc_max_ghz:
        band = f"{found.fc_min_ghz:g} to {found.fc_max_ghz:g} GHz"
        raise Invalid("fc_ghz", f"{found.fc_ghz:g} GHz is outside the band of {band}, in {path.name}")
    return found
