"""Closed ways as links between stations: each station has two links, so the links make loops, one or many.

Two loops become one by an exchange: a link is taken out of either, and the four stations are joined crosswise. Between
passes side by side the two new links are as long as the two old ones, so that joining them costs no way at all.
"""

from typing import NamedTuple

import numpy as np

from maillage.services.robots.coverage.axis import length_of
from maillage.services.robots.coverage.model import Kind, Points


class Link(NamedTuple):
    """From station ``one`` to ``other`` along ``points``."""

    one: int
    other: int
    points: Points
    kind: Kind
    length_m: float


class Loops:
    """Stations (numbers) and links (numbers). While it is built a station may have fewer than two links."""

    def __init__(self) -> None:
        self.places: list[tuple[float, float]] = []
        self.links: dict[int, Link] = {}
        self._at: list[list[int]] = []
        self._next = 0

    def station(self, place: tuple[float, float]) -> int:
        self.places.append(place)
        self._at.append([])
        return len(self.places) - 1

    def join(self, one: int, other: int, points: Points, kind: Kind, length_m: float | None = None) -> int:
        """A link along points that begin at one station and end at the other."""
        number = self._next
        self._next += 1
        self.links[number] = Link(one, other, points, kind, length_of(points) if length_m is None else length_m)
        self._at[one].append(number)
        self._at[other].append(number)
        return number

    def part(self, number: int) -> Link:
        """Take a link out."""
        link = self.links.pop(number)
        self._at[link.one].remove(number)
        self._at[link.other].remove(number)
        return link

    def first_link(self, station: int) -> int:
        return self._at[station][0]

    def direction(self, station: int) -> Points:
        """The unit vector from a loose station into its link."""
        link = self.links[self._at[station][0]]
        points = link.points if link.one == station else link.points[::-1]
        step: Points = points[1] - points[0]
        return step / max(float(np.hypot(*step)), 1e-12)

    def members(self) -> list[int]:
        """For each station the number of the loop that it is in."""
        member = [-1] * len(self.places)
        count = 0
        for first in range(len(member)):
            if member[first] < 0:
                for station, _, _ in self.walk(first):
                    member[station] = count
                count += 1
        return member

    def walk(self, first: int) -> list[tuple[int, Points, Kind]]:
        """Once round a loop: each station, and the points and kind of the link that leads on from it."""
        steps: list[tuple[int, Points, Kind]] = []
        station, number = first, self._at[first][0]
        while True:
            link = self.links[number]
            ahead = link.one == station
            steps.append((station, link.points if ahead else link.points[::-1], link.kind))
            station = link.other if ahead else link.one
            here = self._at[station]
            number = here[1] if here[0] == number else here[0]
            if station == first:
                return steps
