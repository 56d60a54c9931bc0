"""The issuer's signing keys: fetched when they are needed, kept, and fetched anew when it has changed them.

An issuer changes its keys without a word; a token signed by a key that is not known is the sign. As anybody can send
such a token, the issuer is asked at most once in a while, by one fetch that all who wait share.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from maillage.kernel.errors import IssuerUnavailable
from maillage.tenancy.oidc.fetching import FetchFailed, fetch_json
from maillage.tenancy.oidc.settings import OidcSettings, is_safe

log = logging.getLogger(__name__)

FRESH_S = 3_600.0
"""Age at which keys are fetched anew beside the work: a key that was withdrawn is trusted for no longer."""
STALE_S = 86_400.0
"""Age beyond which keys count no more, should the issuer be away for so long."""
REFETCH_S = 5.0
RSA_BITS_MIN = 2_048
_BY_CURVE = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("EdDSA",)}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

Fetch = Callable[[str], dict[str, Any]]


class SigningKey(msgspec.Struct, frozen=True):
    """``issuer`` is the only one that it may sign for, where the issuer says so (Entra does)."""

    key: Any
    algorithms: tuple[str, ...]
    issuer: str | None


class IssuerKeys:
    """Use from one event loop; fetching is done in a thread."""

    def __init__(
        self,
        settings: OidcSettings,
        fetch: Fetch = fetch_json,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str | None, SigningKey] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> SigningKey | None:
        """The key of this name (of none, where the issuer has but one); None where the issuer has no such key.
        IssuerUnavailable where that can't be found out now."""
        age_s = self._monotonic() - self._fetched_at
        found = self._known(key_id) if age_s < STALE_S else None
        if found is None:
            await self._fetch_once()
            if self._fetched_at < self._tried_at:  # the last attempt failed
                raise IssuerUnavailable(
                    f"{self._settings.host} does not answer, and the key of this token is not known; try again in a "
                    "moment, or with an API key"
                )
            found = self._known(key_id)
        elif age_s > FRESH_S:
            self._start()
        return found

    def _known(self, key_id: str | None) -> SigningKey | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _fetch_once(self) -> None:
        self._start()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _start(self) -> None:
        under_way = self._fetching is not None and not self._fetching.done()
        if not under_way and self._monotonic() - self._tried_at >= REFETCH_S:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch_keys())

    async def _fetch_keys(self) -> None:
        tried_at = self._monotonic()
        try:
            keys = await asyncio.to_thread(self._read)
        except FetchFailed as fault:
            log.warning("the keys of %s can't be fetched: %s", self._settings.host, fault)
        else:
            self._keys, self._fetched_at = keys, tried_at
        finally:
            self._tried_at = tried_at

    def _read(self) -> dict[str | None, SigningKey]:
        described = self._fetch(self._settings.discovery)
        if described.get("issuer") != self._settings.issuer:
            raise FetchFailed("it describes itself as another issuer than MAILLAGE_OIDC_ISSUER says")
        address = described.get("jwks_uri")
        if not isinstance(address, str) or not is_safe(address):
            raise FetchFailed("it does not say where its keys are, or not by https")
        listed = self._fetch(address).get("keys")
        keys = {}
        for entry in listed if isinstance(listed, list) else []:
            key = _signing_key(entry)
            if key is not None:
                keys[entry.get("kid")] = key
        if not keys:
            raise FetchFailed("it has no key that could sign a token")
        return keys


def _signing_key(entry: Any) -> SigningKey | None:
    """A key of the set, or None for one that is not for checking signatures, weak, or of a sort not known here."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    fitting = _RSA if entry.get("kty") == "RSA" else _BY_CURVE.get(str(entry.get("crv")), ())
    declared = entry.get("alg")
    algorithms = fitting if declared is None else tuple(name for name in fitting if name == declared)
    if not algorithms or not isinstance(entry.get("kid"), str | None):
        return None
    try:
        public = {name: value for name, value in entry.items() if name not in ("d", "p", "q", "dp", "dq", "qi")}
        key = jwt.PyJWK(public, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        return None
    issuer = entry.get("issuer")
    return SigningKey(key, algorithms, issuer if isinstance(issuer, str) else None)
