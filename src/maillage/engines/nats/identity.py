"""Who is who on a chain's bus, and what each may say and hear.

The chain is its own authority: an operator key signs the chain's account, the account's key signs a token for every
hub and node. A server that knows the operator and the account needs to hear of no store: a store's token proves itself.
A node's seed never leaves the node; the hub signs its public half.
"""

import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from maillage.engines.nats.claims import ACCOUNT, OPERATOR, USER, Key, check_public_key
from maillage.kernel.sites import SITE_ID

CONTROL_LINE_BYTES_MAX = 1 << 20
"""The line by which a client connects holds its token, and that names every site of a node, about 40 bytes for each.
The server's own limit of 4 KiB would do for about 50 sites."""
TOKEN_BYTES_MAX = CONTROL_LINE_BYTES_MAX - 2_048
DAY_S = 86_400
NODE_TOKEN_S = 400 * DAY_S
HUB_TOKEN_S = 30 * DAY_S
HUB_INBOXES = "_INBOX.hub"
NODE_INBOXES = "_INBOX.node"
_ISSUED_AT = 1_700_000_000
"""Operator and accounts are signed as of one fixed instant, so that the same keys give the same texts at any time on
any hub, and a server that reads its configuration again finds nothing changed but what has changed."""
_FILES = {"operator": OPERATOR, "system": ACCOUNT, "account": ACCOUNT}
_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}
_ACCOUNT_LIMITS = _UNLIMITED | {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
_STORAGE = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


class ServerClaims(NamedTuple):
    """What a hub's server is configured with: the operator's token and those of the two accounts, by public key."""

    operator: str
    system: str
    system_token: str
    account: str
    account_token: str


class ChainIdentity:
    """The keys that speak for a chain on its bus."""

    def __init__(self, operator: Key, system: Key, account: Key) -> None:
        self._operator = operator.require(OPERATOR, "operator")
        self._system = system.require(ACCOUNT, "system account")
        self._account = account.require(ACCOUNT, "account")

    @classmethod
    def load_or_make(cls, folder: Path, environment: Mapping[str, str] | None = None) -> "ChainIdentity":
        """The keys in ``folder``, made the first time, readable by their owner only.

        A seed in MAILLAGE_NATS_OPERATOR_SEED, _SYSTEM_SEED or _ACCOUNT_SEED goes before the file of that key, and
        MAILLAGE_NATS_..._SEED_FILE names another file for it: several hubs of a chain need the same keys.
        """
        given = os.environ if environment is None else environment
        return cls(*(_key(folder, name, role, given) for name, role in _FILES.items()))

    @property
    def account(self) -> str:
        return self._account.public

    def claims(self, revoked: Mapping[str, int] | None = None) -> ServerClaims:
        """What a server must know. ``revoked`` has the public keys that count no more, each with the instant (seconds
        UTC) up to which what was signed for it is void."""
        chain: dict[str, Any] = {"type": "account", "limits": _ACCOUNT_LIMITS | _STORAGE}
        chain["default_permissions"] = {"pub": {}, "sub": {}}
        if revoked:
            chain["revocations"] = {check_public_key(key, USER): at for key, at in sorted(revoked.items())}
        system = {"type": "account", "limits": _ACCOUNT_LIMITS, "default_permissions": {"pub": {}, "sub": {}}}
        operator = {"type": "operator", "system_account": self._system.public}
        sign = self._operator.sign
        return ServerClaims(
            operator=sign(self._operator.public, "maillage", operator, _ISSUED_AT),
            system=self._system.public,
            system_token=sign(self._system.public, "SYS", system, _ISSUED_AT),
            account=self._account.public,
            account_token=sign(self._account.public, "CHAIN", chain, _ISSUED_AT),
        )

    def hub_creds(self, hub_id: str, now: int | None = None, valid_s: int = HUB_TOKEN_S) -> str:
        """The text of a credentials file for a hub, with a fresh key: it may say and hear everything in the chain."""
        key = Key.make(USER)
        token = self._user_token(key.public, _checked(hub_id), {}, now, valid_s)
        return creds_text(token, key.seed)

    def node_creds(
        self, node_id: str, public_key: str, sites: Collection[str], now: int | None = None, valid_s: int = NODE_TOKEN_S
    ) -> str:
        """The token of a node that owns ``sites``; its credentials are this and the seed that only the node has.

        ValueError where the sites are more than fit in the line that a server reads.
        """
        check_public_key(public_key, USER)
        token = self._user_token(public_key, _checked(node_id), node_permissions(node_id, sites), now, valid_s)
        if len(token) > TOKEN_BYTES_MAX:
            raise ValueError(
                f"node {node_id}: {len(sites):,} sites are too many for one token: give some to another node"
            )
        return token

    def _user_token(self, public: str, name: str, allowed: Mapping[str, Any], now: int | None, valid_s: int) -> str:
        issued_at = int(time.time()) if now is None else now
        claims = {"type": "user", "pub": {}, "sub": {}, **_UNLIMITED, **allowed}
        return self._account.sign(public, name, claims, issued_at, issued_at + valid_s)


def node_permissions(node_id: str, sites: Collection[str]) -> dict[str, Any]:
    """What a node may hear: asks to its own sites and to itself, and its own inbox. What it may say: its own events,
    that it is alive, what it asks the hub, and answers to hubs.

    The server's own rule for answers ("allow_responses") does not reach through a leaf server, so a node may write to
    the inboxes of hubs, whose addresses nobody can guess: one has to have been asked to know where the answer goes.
    Of a site it is the word after it that is left open: servers before 2.10.25 do not tell the hub through a leaf of a
    queue on a subject that is allowed by its full name (issue 6281 of nats-server).
    """
    hear = [*(f"site.{_checked(site)}.*" for site in sites), f"node.{node_id}.>", f"{node_inbox(node_id)}.>"]
    say = [f"events.{node_id}", f"node.{node_id}.alive", f"hub.ask.{node_id}", f"{HUB_INBOXES}.>"]
    return {"sub": {"allow": [*hear, "hub.changed"]}, "pub": {"allow": say}}


def hub_inbox(hub_id: str) -> str:
    """Where the answers to a hub come: the inbox prefix of its bus."""
    return f"{HUB_INBOXES}.{_checked(hub_id)}"


def node_inbox(node_id: str) -> str:
    """Where the answers to a node come, which no other node may listen to: the inbox prefix of its bus."""
    return f"{NODE_INBOXES}.{_checked(node_id)}"


def make_node_key() -> tuple[str, str]:
    """A new key of a node: (seed, public key)."""
    key = Key.make(USER)
    return key.seed, key.public


def creds_text(token: str, seed: str) -> str:
    """The text of a credentials file, as NATS tools write it. It holds the seed: readable by its owner only."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def seed_of(creds: str) -> str:
    """The seed in the text of a credentials file; ValueError where there is none."""
    lines = iter(creds.splitlines())
    for line in lines:
        if "BEGIN USER NKEY SEED" in line:
            return next(lines, "").strip()
    raise ValueError("the credentials file holds no seed: it is not one that NATS tools or the hub wrote")


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all, in place of the one that was there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _key(folder: Path, name: str, role: int, given: Mapping[str, str]) -> Key:
    variable = f"MAILLAGE_NATS_{name.upper()}_SEED"
    if variable in given:
        return Key(given[variable]).require(role, variable)
    path = Path(given.get(f"{variable}_FILE", folder / f"{name}.nk"))
    if not path.exists():
        if f"{variable}_FILE" in given:
            raise FileNotFoundError(f"{variable}_FILE: there is no file {path}")
        write_secret(path, Key.make(role).seed + "\n")
    return Key(path.read_text("ascii")).require(role, str(path))


def _checked(member_or_site: str) -> str:
    if not SITE_ID.fullmatch(member_or_site):
        raise ValueError(f"{member_or_site[:40]!r}: an id on the bus is 1 to 64 of A-Z, a-z, 0-9, _ and -")
    return member_or_site
