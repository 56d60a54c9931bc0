"""Stores from a site file as candidates, and the people of a population as demand."""

import io
from pathlib import Path

import numpy as np

from maillage.kernel.errors import Invalid
from maillage.kernel.geo import FloatArray
from maillage.kernel.population import read_population
from maillage.kernel.site_files import Rejection, SiteForm, read_sites
from maillage.kernel.sites import Site
from maillage.services.roof.siting.instances.model import Degrees, Instance

COST_ATTRIBUTE = "cost"
"""What holds a site's cost unless another attribute is named."""


def read_sites_and_people(
    content: bytes, form: SiteForm, population: Path | None, cost_attribute: str | None = None
) -> Instance:
    """Invalid without a population, and for a row that is no site: a store left out unseen would be a wrong answer.

    ``cost_attribute`` None takes COST_ATTRIBUTE where all sites have it, and no costs where none has it.
    """
    if population is None:
        raise Invalid("population", "is missing: stores are chosen for the people who live near them")
    sites: list[Site] = []
    for row in read_sites(io.BytesIO(content), form):
        if isinstance(row, Rejection):
            place = "line" if form == "csv" else "feature"
            raise Invalid("file", f"{place} {row.line} is no site: {row.reason}", line=row.line)
        sites.append(row)
    if not sites:
        raise Invalid("file", "has no sites")
    people = read_population(population)
    return Instance(
        form="sites",
        ids=tuple(site.id for site in sites),
        weights=people.people,
        places=Degrees(np.array([site.lat for site in sites]), np.array([site.lon for site in sites])),
        demand_places=Degrees(people.lat, people.lon),
        costs=_costs(sites, cost_attribute),
    )


def _costs(sites: list[Site], attribute: str | None) -> FloatArray | None:
    name = COST_ATTRIBUTE if attribute is None else attribute.strip().lower()
    given = [site.attributes.get(name) for site in sites]
    if attribute is None and not any(each is not None for each in given):
        return None
    for site, cost in zip(sites, given, strict=True):
        if isinstance(cost, bool) or not isinstance(cost, int | float):
            raise Invalid(
                name, f"of site {site.id} is {cost!r} and not a number: each site needs one to be weighed by cost"
            )
    return np.array(given, np.float64)
