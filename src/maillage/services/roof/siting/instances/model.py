"""What a file tells of a siting problem, before anybody says how many are to be chosen."""

from typing import Literal

import msgspec

from maillage.kernel.geo import FloatArray

Form = Literal["pmed", "points", "distances", "sites"]


class Degrees(msgspec.Struct, frozen=True):
    """Places on the earth."""

    lat: FloatArray
    lon: FloatArray


class Plane(msgspec.Struct, frozen=True):
    """Places on a plane, in metres."""

    x_m: FloatArray
    y_m: FloatArray


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates with ids, demands with weights, and what lies between them.

    ``distances`` of all pairs, shape (candidates, demands), in metres (in a graph's own unit for ``pmed``); None for
    ``sites``, which are too many: those have ``demand_places``. ``places`` of candidates are None where the file names
    none. ``p`` where the file says how many to choose, ``costs`` where it says what each costs.
    """

    form: Form
    ids: tuple[str, ...]
    weights: FloatArray
    distances: FloatArray | None = None
    places: Degrees | Plane | None = None
    demand_places: Degrees | None = None
    p: int | None = None
    costs: FloatArray | None = None
