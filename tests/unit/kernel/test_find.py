"""Finding: the same sites, in the same order, as looking at every site of the chain."""

import math
from collections import Counter
from random import Random
from typing import Any

import pytest

from maillage.kernel.asks import Ask, Near
from maillage.kernel.errors import Invalid
from maillage.kernel.find import Finder
from maillage.kernel.latency import estimate, reach_km
from maillage.kernel.leases import Lease, charge_micro
from maillage.kernel.prices import PriceBook, PriceEntry
from maillage.kernel.search import Found
from maillage.kernel.times import DAY_S, FOREVER, HOUR_S
from tests.kernel_world import NOW, World, ask_for

BENTONVILLE = (36.37, -94.21)
KM = 1 / 111.195
"""Degrees of latitude in a kilometre."""


class Chain(World):
    """A world whose sites can be looked for."""

    def __init__(self, book: PriceBook | None = None) -> None:
        super().__init__(book or PriceBook())
        self.finder = Finder(lambda: self.ledger, self.policy)
        self.announcer.subscribe(self.finder.listen)

    def row(self, count: int, **sizes: float) -> None:
        """Sites ``s-1``, ``s-2``, ... each ten kilometres further north, the first on the spot."""
        for number in range(1, count + 1):
            self.site(f"s-{number}", BENTONVILLE[0] + 10 * (number - 1) * KM, BENTONVILLE[1])
            for kind, size in sizes.items():
                self.pool(kind, size, f"s-{number}")

    def find(self, needs: dict[str, Any], in_s: int = 0, last_s: int | None = HOUR_S, **more: Any) -> Found:
        within = {name: more.pop(name) for name in ("within_km", "within_ms") if name in more}
        near = Near(*more.pop("place", BENTONVILLE), **within)
        end = None if last_s is None else self.now + in_s + last_s
        return self.finder.find(ask_for(needs, self.now + in_s, end, near=near, **more), self.now)

    def found(self, needs: dict[str, Any], **more: Any) -> list[str]:
        return [match.site for match in self.find(needs, **more).matches]


@pytest.fixture
def chain() -> Chain:
    chain = Chain()
    chain.row(6, cpu=4)
    return chain


def test_the_nearest_come_first_with_their_distance(chain: Chain) -> None:
    found = chain.find({"cpu": 1}, limit=3)
    assert [match.site for match in found.matches] == ["s-1", "s-2", "s-3"]
    assert [match.distance_km for match in found.matches] == pytest.approx([0, 10, 20], abs=0.001)
    assert found.passed_over == {}


def test_what_is_full_is_passed_over_and_counted(chain: Chain) -> None:
    chain.lease({"cpu": 4}, site="s-1")
    chain.pool("cpu", 0, "s-3")
    found = chain.find({"cpu": 1}, limit=2)
    assert [match.site for match in found.matches] == ["s-2", "s-4"]
    assert found.passed_over == {"full:cpu": 2}


def test_only_what_is_nearer_than_the_last_match_is_counted(chain: Chain) -> None:
    for site in ("s-2", "s-5", "s-6"):
        chain.lease({"cpu": 4}, site=site)
    assert chain.find({"cpu": 1}, limit=2).passed_over == {"full:cpu": 1}
    assert chain.find({"cpu": 1}, limit=4).passed_over == {"full:cpu": 3}


def test_every_reason_is_counted_by_its_kind(chain: Chain) -> None:
    chain.pool("visit", 1, "s-1")
    chain.pool("visit", 1, "s-2", calendar={"mon": [("08:00", "09:00")]})
    chain.pool("visit", 0, "s-3")
    found = chain.find({"cpu": 1, "visit": 1})
    assert [match.site for match in found.matches] == ["s-1"]
    assert found.passed_over == {"closed:visit": 1, "full:visit": 1, "no_pool:visit": 3}


def test_no_site_beyond_the_kilometres_asked(chain: Chain) -> None:
    assert chain.found({"cpu": 1}, within_km=20.01) == ["s-1", "s-2", "s-3"]
    assert chain.found({"cpu": 1}, within_km=19.99) == ["s-1", "s-2"]
    assert chain.found({"cpu": 1}, within_km=0) == ["s-1"]


def test_no_site_beyond_the_milliseconds_asked(chain: Chain) -> None:
    just = estimate(20).ms
    assert chain.found({"cpu": 1}, within_ms=just + 0.01) == ["s-1", "s-2", "s-3"]
    assert chain.found({"cpu": 1}, within_ms=just - 0.01) == ["s-1", "s-2"]
    assert reach_km(just) == pytest.approx(20, abs=0.05)


def test_of_kilometres_and_milliseconds_the_tighter_holds(chain: Chain) -> None:
    assert len(chain.found({"cpu": 1}, within_km=15, within_ms=1_000)) == 2
    assert len(chain.found({"cpu": 1}, within_km=1_000, within_ms=estimate(15).ms)) == 2


def test_nobody_is_nearer_than_the_last_mile_and_nobody_was_passed_over_there(chain: Chain) -> None:
    for number in range(1, 7):
        chain.lease({"cpu": 4}, site=f"s-{number}")
    for within_ms in (100, 1, 100, 1):
        found = chain.find({"cpu": 1}, within_ms=within_ms)
        assert found.matches == []
        assert found.passed_over == ({} if within_ms == 1 else {"full:cpu": 6})


def test_attributes_must_all_be_as_asked(chain: Chain) -> None:
    chain.site("s-7", *BENTONVILLE, has_clinic=True, floors=2)
    chain.pool("cpu", 4, "s-7")
    assert chain.found({"cpu": 1}, attributes={"has_clinic": True, "floors": 2}) == ["s-7"]
    found = chain.find({"cpu": 1}, attributes={"has_clinic": True, "floors": 3})
    assert (found.matches, found.passed_over) == ([], {"attributes": 7})


def test_a_price_above_the_cap_is_passed_over() -> None:
    chain = Chain(PriceBook(entries=[PriceEntry("cpu", "1.00"), PriceEntry("cpu", "2.00", site="s-1")]))
    chain.row(2, cpu=4)
    found = chain.find({"cpu": 1}, last_s=2 * HOUR_S, max_price="3.99")
    assert ([match.site for match in found.matches], found.passed_over) == (["s-2"], {"price": 1})
    assert chain.found({"cpu": 1}, last_s=2 * HOUR_S, max_price="4") == ["s-1", "s-2"]
    assert chain.found({"cpu": 1}, last_s=None, max_price="1") == ["s-2"]


def test_spot_is_found_only_where_nothing_stands_and_firm_where_spot_would_go(chain: Chain) -> None:
    chain.lease({"cpu": 4}, cls="spot", site="s-1")
    assert chain.found({"cpu": 1}, limit=1) == ["s-1"]
    assert chain.found({"cpu": 1}, limit=1, cls="spot") == ["s-2"]


def test_what_was_given_back_is_found_again_however_it_came_back(chain: Chain) -> None:
    chain.row(1, cpu=4)
    for give_back in ("release", "expire", "reclaim", "resize"):
        hold_s = 60 if give_back == "expire" else None
        cls: Any = "spot" if give_back == "reclaim" else "firm"
        taken = [chain.lease({"cpu": 4}, site=f"s-{number}", cls=cls, hold_s=hold_s) for number in range(1, 7)]
        for _ in range(3):
            assert chain.found({"cpu": 1}, cls="spot") == []
        if give_back == "release":
            chain.release(taken[3])
        elif give_back == "expire":
            chain.tick(60)
        elif give_back == "reclaim":
            chain.release(chain.hour({"cpu": 4}, "house", site="s-4"))
        else:
            chain.pool("cpu", 5, "s-4")
        assert "s-4" in chain.found({"cpu": 1}, cls="spot"), give_back
        for lease in taken:
            if chain.known(lease).is_active:
                chain.release(lease)


def test_a_pool_or_a_site_that_is_new_is_found(chain: Chain) -> None:
    for _ in range(3):
        assert chain.found({"gpu": 1}) == []
    chain.pool("gpu", 1, "s-5")
    assert chain.found({"gpu": 1}) == ["s-5"]
    chain.pool("gpu", 1, "s-9")
    assert chain.found({"gpu": 1}) == ["s-9", "s-5"]
    chain.site("s-9", 36.9, -94.2)
    assert chain.found({"gpu": 1}) == ["s-5", "s-9"]


def test_after_the_ledger_was_rebuilt_the_new_one_is_searched(chain: Chain) -> None:
    assert chain.found({"cpu": 4}, limit=1) == ["s-1"]
    chain.keeper.rebuild()
    lease = chain.lease({"cpu": 4}, site="s-1")  # what is published now speaks of the new ledger
    chain.release(lease)
    chain.lease({"cpu": 4}, site="s-2")
    assert chain.found({"cpu": 4}, limit=2) == ["s-1", "s-3"]


def test_counts_that_are_read_late_are_those_of_the_search(chain: Chain) -> None:
    for number in range(1, 7):
        chain.lease({"cpu": 4}, site=f"s-{number}")
    found = [chain.find({"cpu": 1}) for _ in range(3)]
    chain.site("s-7", 10, 10)
    assert chain.found({"cpu": 1}) == []
    assert [one.passed_over for one in found] == [{"full:cpu": 6}] * 3


def test_a_pool_that_just_came_into_being_is_found_by_who_asked_a_moment_before(chain: Chain) -> None:
    assert chain.found({"cpu": 1}, in_s=-30, limit=1) == ["s-1"]


def test_an_interval_that_can_not_be_is_refused(chain: Chain) -> None:
    with pytest.raises(Invalid, match="start"):
        chain.find({"cpu": 1}, in_s=-61)
    with pytest.raises(ValueError, match="place"):
        chain.finder.find(ask_for({"cpu": 1}), NOW)


@pytest.mark.parametrize("sites", [0, 1])
def test_a_chain_of_one_site_or_none_can_be_searched(sites: int) -> None:
    chain = Chain()
    chain.row(sites, cpu=1)
    ask = ask_for({"cpu": 1}, NOW, NOW + 60, near=Near(0.0, 0.0), limit=100)
    for _ in range(3):
        assert [match.site for match in chain.finder.find(ask, NOW).matches] == ["s-1"][:sites]
    assert [len(found.matches) for found in chain.finder.find_many([ask] * 3, NOW)] == [sites] * 3
    assert chain.finder.find_many([], NOW) == []
    assert len(chain.finder.nearest_sites(0, 0, 5)) == sites
    far = ask_for({"cpu": 2}, NOW, NOW + 60, near=Near(0.0, 0.0, within_km=1))
    for _ in range(3):
        assert chain.finder.find(far, NOW).passed_over == {}


def test_the_nearest_sites_are_named_whatever_they_offer(chain: Chain) -> None:
    chain.pool("cpu", 0, "s-1")
    near = chain.finder.nearest_sites(*BENTONVILLE, 2)
    assert [match.site for match in near] == ["s-1", "s-2"]
    assert len(chain.finder.nearest_sites(*BENTONVILLE, 100)) == 6


# -- against looking at every site ----------------------------------------------------------------------------------


def haversine_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance by another formula than the kernel's."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half = math.sin((phi2 - phi1) / 2) ** 2
    half += math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(min(half, 1.0)))


def looked_for(chain: Chain, ask: Ask) -> tuple[list[tuple[float, str]], Counter[str]]:
    """What a look at every site finds, and why those nearer than the last match were passed over."""
    assert ask.near is not None
    start, end = ask.interval(chain.now)
    reach = math.inf if ask.near.within_km is None else ask.near.within_km
    if ask.near.within_ms is not None:
        reach = min(reach, reach_km(ask.near.within_ms))
    matches: list[tuple[float, str]] = []
    passed_over: Counter[str] = Counter()
    by_distance = sorted(
        (haversine_km(ask.near.lat, ask.near.lon, site.lat, site.lon), site.id) for site in chain.ledger.sites.values()
    )
    for distance, site_id in by_distance:
        if distance > reach or len(matches) == ask.limit:
            break
        why = why_not(chain, ask, site_id, start, end)
        if why is None:
            matches.append((distance, site_id))
        else:
            passed_over[why] += 1
    return matches, passed_over


def why_not(chain: Chain, ask: Ask, site_id: str, start: int, end: int) -> str | None:
    pools = chain.ledger.pools[site_id]
    leases = [
        lease for lease in chain.ledger.leases_of_site.get(site_id, []) if lease.start < end and lease.end > start
    ]
    for kind, quantity in ask.needs.items():
        if kind not in pools:
            return f"no_pool:{kind}"
        counting = [lease for lease in leases if kind in lease.needs and (ask.cls == "spot" or lease.cls != "spot")]
        edges = {start, *(lease.start for lease in counting if lease.start > start)}
        level = max(sum(lease.needs[kind] for lease in counting if lease.start <= edge < lease.end) for edge in edges)
        if level + quantity > pools[kind].size_at(start):
            return f"full:{kind}"
    site = chain.ledger.sites[site_id]
    if ask.attributes and any(site.attributes.get(name) != value for name, value in ask.attributes.items()):
        return "attributes"
    if ask.max_price is not None:
        per_hour = chain.policy.pricing.per_hour(ask.needs, ask.cls, site, pools, start, end)
        if (per_hour if end >= FOREVER else charge_micro(per_hour, end - start)) > ask.max_price:
            return "price"
    return None


def check(chain: Chain, ask: Ask, found: Found, *, reasons: bool = True) -> None:
    matches, passed_over = looked_for(chain, ask)
    assert [match.site for match in found.matches] == [site for _, site in matches]
    assert [match.distance_km for match in found.matches] == pytest.approx([km for km, _ in matches], abs=1e-6)
    if reasons:
        assert found.passed_over == passed_over
    else:
        assert sum(found.passed_over.values()) == sum(passed_over.values())


def busy_chain(random: Random, sites: int, density: float) -> Chain:
    """Sites all over a country, of which about one in 1 / density has room for two cpu today."""
    chain = Chain(PriceBook(entries=[PriceEntry("cpu", "0.05"), PriceEntry("cpu", "0.08", region="west")]))
    for number in range(sites):
        lon = random.uniform(-120, -75)
        region = "west" if lon < -100 else "east"
        chain.site(f"s-{number}", random.uniform(28, 48), lon, region=region, clinic=random.random() < 0.3)
        if random.random() < 0.95:
            chain.pool("cpu", 4, f"s-{number}")
        chain.pool("memory", random.choice([2, 8]), f"s-{number}")
        if random.random() >= density and "cpu" in chain.ledger.pools[f"s-{number}"]:
            chain.lease({"cpu": 3}, NOW - NOW % DAY_S + DAY_S, NOW + 4 * DAY_S, site=f"s-{number}", tenant="full")
    return chain


def some_ask(random: Random) -> Ask:
    start = NOW + DAY_S + random.randrange(0, 2 * DAY_S, 1_800)
    needs: dict[str, float | str] = {"cpu": random.choice([0.5, 1, 2, 2, 3])}
    if random.random() < 0.3:
        needs["memory"] = random.choice([1, 4])
    near = Near(
        random.uniform(25, 50),
        random.uniform(-122, -72),
        random.choice([None, None, 50.0, 300.0, 1_500.0]),
        random.choice([None, None, None, 4.0, 12.0]),
    )
    return ask_for(
        needs,
        start,
        random.choice([start + 1_800, start + 6 * HOUR_S, start + 40 * HOUR_S, start + 60 * DAY_S, None]),
        random.choice(["house", "firm", "spot"]),
        near=near,
        limit=random.choice([1, 1, 2, 5, 20]),
        attributes=random.choice([None, None, None, {"clinic": True}]),
        max_price=random.choice([None, None, None, "0.12"]),
    )


def something_happens(chain: Chain, random: Random, taken: list[Lease]) -> None:
    site = f"s-{random.randrange(len(chain.ledger.sites))}"
    chance = random.random()
    try:
        if chance < 0.5:
            start = chain.now + DAY_S + random.randrange(0, 2 * DAY_S, 3_600)
            cls: Any = random.choice(["house", "firm", "spot", "spot"])
            taken.append(chain.lease({"cpu": random.choice([1, 2])}, start, start + 20 * HOUR_S, cls, site=site))
        elif chance < 0.8 and chain.ledger.leases:
            chain.release(random.choice(list(chain.ledger.leases.values())))
        elif chance < 0.97:
            chain.pool("cpu", random.choice([0, 3, 4, 6]), site)
        else:
            chain.site(site, random.uniform(28, 48), random.uniform(-120, -75))
    except Exception as refusal:
        assert hasattr(refusal, "slug"), refusal


@pytest.mark.parametrize("density", [1.0, 0.5, 0.05, 0.005])
def test_a_search_finds_what_a_look_at_every_site_finds(density: float) -> None:
    random = Random(f"density {density}")
    chain = busy_chain(random, 300, density)
    taken: list[Lease] = []
    for _ in range(150):
        ask = some_ask(random)
        check(chain, ask, chain.finder.find(ask, chain.now), reasons=len(ask.needs) == 1)
        for _ in range(random.randrange(4)):
            something_happens(chain, random, taken)
    asks = [some_ask(random) for _ in range(40)]
    for ask, found in zip(asks, chain.finder.find_many(asks, chain.now), strict=True):
        check(chain, ask, found, reasons=len(ask.needs) == 1)
        again = chain.finder.find(ask, chain.now)
        assert [match.site for match in found.matches] == [match.site for match in again.matches]


@pytest.mark.parametrize("seed", [29, 34, 35, 52])
def test_sites_at_one_place_are_each_found_once(seed: int) -> None:
    random = Random(seed)
    chain = Chain()
    fit: set[str] = set()
    for number in range(200):
        chain.site(f"s-{number}", *BENTONVILLE, clinic=random.random() < 0.05)
        chain.pool("cpu", 4, f"s-{number}")
        if chain.ledger.sites[f"s-{number}"].attributes["clinic"]:
            fit.add(f"s-{number}")
    for limit in (1, 2, 5, 40):
        found = chain.found({"cpu": 1}, limit=limit, attributes={"clinic": True})
        assert len(set(found)) == len(found) == min(limit, len(fit))
        assert set(found) <= fit


def test_neighbours_a_pace_apart_come_in_order() -> None:
    chain = Chain()
    for number in range(40):
        chain.site(f"s-{number}", 36.37 + number * KM / 1_000, -94.21)
        chain.pool("cpu", 4 if number % 3 == 0 else 0, f"s-{number}")
    for _ in range(3):
        assert chain.found({"cpu": 1}, limit=20) == [f"s-{number}" for number in range(0, 40, 3)]
