"""What every step of a cleaning is taken with, whether a run begins or is under way."""

from typing import NamedTuple

from maillage.kernel.ports import Clock
from maillage.services.robots.cleaning.book import Book
from maillage.services.robots.cleaning.grounds import Grounds
from maillage.services.robots.cleaning.leasing import Leasing
from maillage.services.robots.cleaning.ports import Units
from maillage.services.robots.cleaning.telling import Teller
from maillage.services.robots.ports import Missions


class Means(NamedTuple):
    """The parts that a step may need."""

    book: Book
    grounds: Grounds
    leasing: Leasing
    missions: Missions
    units: Units
    teller: Teller
    clock: Clock


class Stepping:
    """Takes steps of cleanings: enters them in the book, moves robots by missions, and tells."""

    def __init__(self, means: Means) -> None:
        self._book, self._grounds, self._leasing, self._missions, self._units, self._teller, self._clock = means
