"""Tables of distances in CSV: ``distance`` in metres, ``name`` of the candidate, ``DestinationName`` and ``demand`` of
the customer; a row for each pair."""

import csv
import math

import numpy as np

from maillage.kernel.errors import Malformed
from maillage.services.roof.siting.instances.model import Instance

COLUMNS = ("distance", "name", "destinationname", "demand")
"""In lower case, in any order; others are passed over."""
PAIRS_MAX = 25_000_000


def read_distances(lines: list[str]) -> Instance:
    """Malformed, naming the line, for a row that can't be read, for a pair that is missing or there twice, and for a
    customer with two demands."""
    reader = csv.reader(lines, strict=True)
    candidates: dict[str, int] = {}
    customers: dict[str, int] = {}
    demand_of: list[float] = []
    metres_of: dict[tuple[int, int], float] = {}
    try:
        names = [name.strip().lower() for name in next(reader)]
        columns = [names.index(name) for name in COLUMNS]
        for fields in reader:
            if not "".join(fields).strip():
                continue
            if len(fields) != len(names):
                raise ValueError(f"there are {len(fields)} columns where the header has {len(names)}")
            distance, name, customer, demand = (fields[column].strip() for column in columns)
            pair = candidates.setdefault(name, len(candidates)), customers.setdefault(customer, len(customers))
            if pair in metres_of:
                raise ValueError(f"{name} and {customer} are there twice")
            metres_of[pair] = _amount(distance, "distance")
            if pair[1] == len(demand_of):
                demand_of.append(_amount(demand, "demand"))
            elif demand_of[pair[1]] != _amount(demand, "demand"):
                raise ValueError(f"{customer} has another demand further up")
    except (ValueError, csv.Error) as error:
        raise Malformed(f"line {reader.line_num}: {str(error)[:200]}", line=reader.line_num) from None
    if not metres_of:
        raise Malformed("the table has a header and no rows")
    if len(candidates) * len(customers) > PAIRS_MAX:
        raise Malformed(f"the table is of {len(candidates):,} by {len(customers):,}; at most {PAIRS_MAX:,} pairs")
    distances = np.full((len(candidates), len(customers)), np.nan)
    pairs = np.array(list(metres_of))
    distances[pairs[:, 0], pairs[:, 1]] = list(metres_of.values())
    if missing := np.argwhere(np.isnan(distances))[:1].tolist():
        candidate, customer = list(candidates)[missing[0][0]], list(customers)[missing[0][1]]
        raise Malformed(f"there is no distance from {candidate[:80]} to {customer[:80]}; all pairs are needed")
    return Instance(form="distances", ids=tuple(candidates), weights=np.array(demand_of), distances=distances)


def _amount(text: str, column: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        raise ValueError(f"{column} {text[:40]!r} is not a number") from None
    if not 0 <= amount < math.inf:
        raise ValueError(f"{column} {text[:40]!r} is not a finite number from 0")
    return amount
