"""The paged list of zones, of Edge Application Management."""

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta

from maillage.faces.http.camara.calls import Call, Reply
from maillage.services.compute.camara.zones import Zone

Text = Annotated[str, Meta(max_length=64)]


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """Which zones a list is to hold, and which page of it."""

    page: Annotated[int, Meta(ge=1, lt=1 << 31)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20
    country_code: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] | None = None
    edge_cloud_provider: Text | None = None
    edge_cloud_region: Text | None = None
    status: Literal["active", "inactive", "unknown"] | None = None

    def fits(self, zone: Zone) -> bool:
        return (
            self.country_code in (None, zone.country)
            and self.edge_cloud_provider in (None, zone.provider)
            and self.edge_cloud_region in (None, zone.region)
            and self.status in (None, zone.status)
        )


async def zones(call: Call) -> Reply:
    """A page of the zones that fit."""
    wanted: Wanted = call.parameters(Wanted)
    fitting = [zone for zone in call.camara.zones.all() if wanted.fits(zone)]
    pages = -(-len(fitting) // wanted.per_page)
    first = (wanted.page - 1) * wanted.per_page
    shown = [zone.managed_document() for zone in fitting[first : first + wanted.per_page]]
    pagination: dict[str, Any] = {
        "page": wanted.page,
        "perPage": wanted.per_page,
        "totalCount": len(fitting),
        "totalPages": pages,
    }
    headers = [("x-total-count", str(len(fitting))), ("x-total-pages", str(pages))]
    if pages:
        headers.append(("link", _links(call, wanted, pages)))
    return Reply(200, {"edgeCloudZones": shown, "pagination": pagination}, tuple(headers))


def _links(call: Call, wanted: Wanted, pages: int) -> str:
    """As RFC 8288 has them, with all that was asked; beyond the last page there is a way back, to the last."""
    numbers = {"first": 1, "prev": min(wanted.page - 1, pages), "next": wanted.page + 1, "last": pages}
    asked = [(name, value) for name, value in parse_qsl(call.query) if name not in ("page", "perPage")]
    links = []
    for rel, number in numbers.items():
        if 1 <= number <= pages:
            query = urlencode([*asked, ("page", number), ("perPage", wanted.per_page)])
            links.append(f'<{call.root}/edge-cloud-zones?{query}>; rel="{rel}"')
    return ", ".join(links)
