"""Refusals of the catalogue; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class NoPopulation(Refusal):
    """Whom a roof covers can't be said while the chain does not know where people live; an operator enters that with
    PUT /v1/population or 'maillage roof population FILE'."""

    slug = "no-population"
    title = "The chain does not know where people live"
    category = Category.MISSING

    def __init__(self) -> None:
        super().__init__(
            "no population was entered yet; an operator does that with PUT /v1/population, or 'maillage roof population"
            " FILE': CSV with lat,lon,population"
        )


class MountLeased(Refusal):
    """Roof leases hold mounts that would be gone; ``extra`` names the mounts and the roof leases."""

    slug = "mount-leased"
    title = "Roof leases hold mounts that would be gone"
    category = Category.REFUSED


class RoofChanged(Refusal):
    """Somebody else changed the roof at the same time."""

    slug = "roof-changed"
    title = "The roof was changed by somebody else meanwhile"
    category = Category.REFUSED
