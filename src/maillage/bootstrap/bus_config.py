"""Configurations of the servers that carry the bus, printed for whoever runs them."""

from pathlib import Path

from maillage.bootstrap.hub import IDENTITY_FOLDER
from maillage.bootstrap.node import CREDENTIALS_FILE, known_settings, own_key
from maillage.engines.nats.config import Tls, nats_config_hub, nats_config_node
from maillage.engines.nats.identity import ChainIdentity
from maillage.kernel.errors import Invalid
from maillage.tenancy.secrets import secret

Address = tuple[str, int]
BUS_FOLDER = "bus"


def hub_bus_config(
    folder: Path,
    store: Path | None,
    listen: Address,
    leaf: Address,
    advertise: str | None,
    certificate: Path | None,
    private_key: Path | None,
) -> str:
    """The hub's server, with the keys of nodes that were revoked; makes the chain's signing keys the first time."""
    import os

    from maillage.engines.records.mesh import SqlMeshRecords
    from maillage.engines.records.opening import open_database

    identity = ChainIdentity.load_or_make(folder / IDENTITY_FOLDER, os.environ)
    database = open_database(secret("MAILLAGE_DATABASE_URL") or "", folder)
    try:
        nodes = SqlMeshRecords(database).nodes()
    finally:
        database.close()
    revoked = {node.public_key: node.revoked_at for node in nodes if node.revoked_at is not None}
    tls = None if certificate is None else Tls(certificate.resolve(), private_key and private_key.resolve())
    where = (store or folder / BUS_FOLDER).resolve()
    return nats_config_hub(identity.claims(revoked), where, *listen, *leaf, advertise, tls)


def node_bus_config(folder: Path, hub_urls: list[str], listen: Address, ca: Path | None) -> str:
    """The leaf server of the store in which this node is."""
    credentials = folder / CREDENTIALS_FILE
    if known_settings(folder) is None:
        raise Invalid("node", f"{folder} holds no node that has joined; run 'maillage node' with its token first")
    if not credentials.exists():
        raise Invalid("node", "its bus admits everybody, so there are no credentials that a leaf server could show")
    tls = None if ca is None else Tls(ca=ca.resolve())
    return nats_config_node(hub_urls, credentials.resolve(), own_key(folder)[1], *listen, tls)
