"""What a data folder consists of, as far as it can't be made anew: what a backup takes and a restore lets in.

A chain that owns its ledgers has a journal, and records unless a database server has them. A hub's journal is that of
its mirror; the one of its holdings is in a folder below, as are the keys that speak for the chain on its bus. A node
has its settings and its own key beside its journal. What tenants uploaded is in files named by their content. Of
sensing there is what was measured, and what early warning has learnt; of the house of a site how it is looked after,
and what it used.
"""

import re

RECORDS = "records.db"
JOURNAL = "journal.db"
READINGS = "sensing/readings/readings.db"
DATABASES = (RECORDS, JOURNAL, "holdings/journal.db", READINGS)
"""In the order in which they are to be copied: what the records know of leases is in the journals too."""
SNAPSHOTS = {JOURNAL: "snapshots", "holdings/journal.db": "holdings/snapshots"}
"""Where the snapshots of each journal's ledger are."""
SETTINGS = (
    "secret",  # what webhooks are signed with follows from it
    "hub.json",
    "nats/operator.nk",
    "nats/system.nk",
    "nats/account.nk",
    "node.json",
    "node.nk",
    "node.creds",
    "sensing/warning.learnt",
)
BLOBS = "blobs"
"""Where what was uploaded is."""
HOUSE = "compute/house"
"""Where it is kept how the houses of sites are looked after, and what they used: two files a site."""
_HOUSE = re.compile(rf"{HOUSE}/[0-9a-f]{{32}}\.(json|slots)")
_BLOB = re.compile(rf"{BLOBS}/[0-9a-f]{{64}}")
_SNAPSHOT = re.compile(rf"({'|'.join(SNAPSHOTS.values())})/\d{{20}}\.snapshot")


def belongs(name: str) -> bool:
    """Whether a data folder may have a file of this name, relative to it."""
    return name in DATABASES or name in SETTINGS or any(each.fullmatch(name) for each in (_SNAPSHOT, _BLOB, _HOUSE))


def is_blob(name: str) -> bool:
    """Whether a file of this name, relative to the folder, is one that its content gives the name."""
    return _BLOB.fullmatch(name) is not None


def is_house(name: str) -> bool:
    """Whether a file of this name, relative to the folder, is kept of the house of a site."""
    return _HOUSE.fullmatch(name) is not None
