"""What the faces may ask of the house of a site, in documents."""

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.kernel.quantities import from_thousandths
from maillage.kernel.scribe import View
from maillage.kernel.times import PAST_TOLERANCE_S, format_time, parse_time
from maillage.services.compute.house import KIND
from maillage.services.compute.house.day import day_from, hour_document
from maillage.services.compute.house.documents import (
    HouseDocument,
    HouseReport,
    NewHouse,
    UseDocument,
    settings_of,
    used_of,
)
from maillage.services.compute.house.keeper import Keeper, place_of
from maillage.services.compute.house.measuring import REPORT_COUNTS_S
from maillage.services.compute.house.model import HouseRecord, Use
from maillage.services.compute.house.ports import HouseUse
from maillage.services.compute.house.site import SiteHouse


class HouseDesk:
    """``keeper`` looks after the sites whose ledgers are in this process."""

    def __init__(self, keeper: Keeper, use: HouseUse, office: Office, clock: Clock) -> None:
        self.keeper = keeper
        self._use = use
        self._office = office
        self._clock = clock

    async def put(self, site: str, document: NewHouse) -> HouseDocument:
        """Have a site's house looked after like this. NotFound where the site is not here, Invalid where it has no
        pool of the kind."""
        settings = settings_of(document)
        place = await self._office.read(lambda view: _required_place(view, site))
        if settings.headroom > place[1]:
            size = from_thousandths(place[1])
            raise Invalid("headroom", f"{document.headroom} is more than all that {site} has, {size}")
        former = self.keeper.houses.get(site)
        monitored = former is not None and former.record.monitored
        await self.keeper.put(HouseRecord(site, settings, monitored), *place)
        return await self.show(site)

    async def drop(self, site: str) -> None:
        """Look after it no longer; NotFound where nobody did."""
        self._house(site)
        await self.keeper.drop(site)

    async def report(self, site: str, report: HouseReport) -> UseDocument:
        """Take note of what the house uses; Invalid for what can't be, or is too old to count."""
        self._house(site)
        cpu, now = used_of(report), self._clock.now()
        at = now if report.at is None else parse_time(report.at, "at")
        if at + REPORT_COUNTS_S <= now:
            raise Invalid("at", f"{report.at} is too long ago: a report counts for {REPORT_COUNTS_S} s")
        if at > now + PAST_TOLERANCE_S:
            raise Invalid("at", f"{report.at} is to come; it is {format_time(now)} here")
        await self.keeper.report(site, cpu, min(at, now))
        return _use_document(self._use.use(site))

    async def show(self, site: str) -> HouseDocument:
        """Settings, state, and the day ahead."""
        house = self._house(site)
        if house.outlook is None:
            await self.keeper.fit(house)
        return await self._office.read(lambda view: self._document(view, house))

    def _house(self, site: str) -> SiteHouse:
        house = self.keeper.houses.get(site)
        if house is None:
            raise NotFound(
                f"the house of {site[:64]!r} is not looked after here; 'maillage compute house set' begins it"
            )
        return house

    def _document(self, view: View, house: SiteHouse) -> HouseDocument:
        site, settings, outlook = house.record.site, house.record.settings, house.outlook
        place = _required_place(view, site)
        pool = view.ledger.pools[site][KIND]
        leases = [*self.keeper.standing.own(view, site), *self.keeper.standing.others(view, site)]
        hours = day_from(view.now, pool)
        figures = zip(hours, house.expected(hours), house.kept(hours), strict=True)
        day = [hour_document(hour, expected, kept, pool, leases) for hour, expected, kept in figures]
        learnt = outlook is not None and outlook.learnt
        return HouseDocument(
            site,
            settings.on,
            settings.kind,
            settings.quantile,
            from_thousandths(settings.headroom),
            settings.horizon_h,
            from_thousandths(place[1]),
            _use_document(self._use.use(site)),
            "learnt" if learnt else "learning",
            0 if outlook is None else outlook.weeks,
            0 if outlook is None else from_thousandths(outlook.margin),
            day[0].kept,
            from_thousandths(sum(lease.needs[KIND] for lease in leases if lease.start <= view.now)),
            from_thousandths(house.short),
            day[0].left,
            day,
            format_time(view.now),
        )


def _required_place(view: View, site: str) -> tuple[str, int]:
    if site not in view.ledger.sites:
        raise NotFound(f"there is no site {site[:64]!r} here")
    place = place_of(view, site)
    if place is None:
        others = ", ".join(view.ledger.pools.get(site, {})) or "nothing yet"
        raise Invalid("kind", f"{site} offers no {KIND} to keep for the house; it offers {others}")
    return place


def _use_document(use: Use) -> UseDocument:
    def shown(thousandths: int | None) -> int | float | None:
        return None if thousandths is None else from_thousandths(thousandths)

    at = None if use.reported_at is None else format_time(use.reported_at)
    return UseDocument(shown(use.total), from_thousandths(use.apps), shown(use.reported), at)
