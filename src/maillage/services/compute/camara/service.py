"""All of CAMARA's APIs, put together."""

import re
from typing import Any

from maillage.kernel.errors import Invalid
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.compute.camara.apps import Apps
from maillage.services.compute.camara.callbacks import Callbacks, Subject
from maillage.services.compute.camara.discovery import Discovery
from maillage.services.compute.camara.endpoints import Endpoints
from maillage.services.compute.camara.instances import Instances
from maillage.services.compute.camara.names import PLAIN_MAX
from maillage.services.compute.camara.networks import Networks
from maillage.services.compute.camara.ports import CamaraRecords
from maillage.services.compute.camara.profiles import Profiles
from maillage.services.compute.camara.spread import Deployments
from maillage.services.compute.camara.zones import Zones
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployments import Deployments as OurDeployments
from maillage.tenancy.webhooks.sending import HttpSender

_PLAIN = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,{PLAIN_MAX - 2}}}[A-Za-z0-9])?")


class Camara:
    """``provider`` is the chain's name as CAMARA shows it; Invalid where that can't be one. ``callbacks`` have to be
    started, and are stopped last."""

    def __init__(
        self,
        office: Office,
        records: CamaraRecords,
        catalogue: Catalogue,
        deployments: OurDeployments,
        networks: Networks,
        provider: str,
        sender: HttpSender,
        allow_local: bool,
        clock: Clock,
    ) -> None:
        if not _PLAIN.fullmatch(provider):
            told = f"a provider is 1 to {PLAIN_MAX} letters, digits and hyphens between them"
            raise Invalid("provider", f"{provider[:70]!r}: {told}")
        self.zones = Zones(office, provider)
        self.profiles = Profiles(records, clock)
        self.discovery = Discovery(self.zones, networks, office.finder.paths, self.profiles)
        self.apps = Apps(records, catalogue, clock)
        self.instances = Instances(records, self.apps, self.zones, office, deployments, clock)
        self.deployments = Deployments(records, self.apps, self.zones, self.instances, clock)
        self.endpoints = Endpoints(records, self.discovery, self.apps, self.instances)
        self.callbacks = Callbacks(records, sender, self._described, clock, allow_local)

    async def _described(self, subject: Subject, subject_id: str) -> dict[str, Any] | None:
        described = self.instances.described if subject == "instance" else self.deployments.described
        return await described(subject_id)
