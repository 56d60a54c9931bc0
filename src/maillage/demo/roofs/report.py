"""What the demo's roofs have to tell, as data."""

import msgspec


class LeasedRoof(msgspec.Struct, frozen=True):
    """A roof of the plan and its lease. ``people`` are those whom the band reaches from it and from none before it."""

    site: str
    name: str
    lat: float
    lon: float
    radiation_centre_m: float
    cell_km: float
    people: int
    lease: str
    state: str
    start: str
    rent_per_month: str
    networks: list[str]


class RoofReport(msgspec.Struct, frozen=True):
    """What an operator of mobile networks did. ``offered`` roofs of a city were entered; the plan for ``budget`` a year
    reaches ``people`` of ``population``, and no other could reach more than ``bound``. ``rent_charged`` is what was on
    the invoice by the end; the rent roll is of all that was leased, at ``rate_percent`` a year. ``breakout`` is what an
    ask from a subscriber's phone is told of the path."""

    operator: str
    city: str
    offered: int
    band: str
    place: str
    probability: float
    population_from: str
    people: int
    population: int
    bound: float
    gap: float
    budget: str
    cost: str
    currency: str
    roofs: list[LeasedRoof]
    refused: str
    rent_charged: str
    rent_per_month: str
    rent_committed: str
    rent_with_renewals: str
    rate_percent: float
    present_value_committed: str
    present_value_with_renewals: str
    breakout: str
