"""CAMARA's APIs over a chain: the records they keep, and what the environment says of the chain's name and networks."""

import os
from pathlib import Path

from maillage.engines.records.camara import SqlCamaraRecords
from maillage.engines.records.database import Database
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.compute.camara.networks import Networks, read_networks
from maillage.services.compute.camara.service import Camara
from maillage.services.compute.catalogue import Catalogue
from maillage.services.compute.deployments import Deployments
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.wiring import ALLOW_LOCAL

PROVIDER, NETWORKS = "MAILLAGE_PROVIDER", "MAILLAGE_DEVICE_NETWORKS"
PROVIDER_DEFAULT = "Maillage"


def open_camara(
    database: Database, office: Office, catalogue: Catalogue, deployments: Deployments, clock: Clock
) -> Camara:
    """Invalid where the environment names no provider that can be one, or a file of networks that can't be read."""
    file = os.environ.get(NETWORKS)
    networks = read_networks(Path(file)) if file else Networks()
    provider = os.environ.get(PROVIDER) or PROVIDER_DEFAULT
    allow_local = os.environ.get(ALLOW_LOCAL) == "1"
    sender = HttpSender(clock, allow_local)
    records = SqlCamaraRecords(database)
    return Camara(office, records, catalogue, deployments, networks, provider, sender, allow_local, clock)
