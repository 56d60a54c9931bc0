"""Bearer tokens: checked once, remembered for a while, and turned into whoever they stand for."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from maillage.kernel.errors import NotAllowed
from maillage.kernel.ports import Clock
from maillage.tenancy.limits import Bucket, Rate
from maillage.tenancy.oidc.claims import TokenRefused, named, require_claims, taken_apart, words
from maillage.tenancy.oidc.keys import IssuerKeys, SigningKey
from maillage.tenancy.oidc.settings import DIRECTORY, OPERATOR_ROLE, TENANT_ROLE, OidcSettings
from maillage.tenancy.ports import Tenant
from maillage.tenancy.principal import OPERATOR_TENANT, Principal

REMEMBERED_S = 300
"""How long a checked token is taken at its word before its signature is checked again, by keys that may be others."""
REMEMBERED_MAX = 10_000


class _Checked(msgspec.Struct, frozen=True):
    principal: Principal
    again_at: int


class Tokens:
    """Use from one event loop. ``find_tenant`` knows the tenants of the chain."""

    def __init__(
        self,
        settings: OidcSettings,
        keys: IssuerKeys,
        find_tenant: Callable[[str], Tenant | None],
        clock: Clock,
        rate: Rate,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._find_tenant = find_tenant
        self._clock = clock
        self._rate = rate
        self._checked: dict[bytes, _Checked] = {}
        self._buckets: dict[str, Bucket | None] = {}

    async def principal(self, token: bytes, digest: bytes | None = None) -> Principal:
        """Whom a token stands for (``digest`` is its SHA-256, where that is known already).

        TokenRefused where it does not hold, NotAllowed where it holds and gives no right here, IssuerUnavailable where
        it can't be checked now.
        """
        digest = hashlib.sha256(token).digest() if digest is None else digest
        now = self._clock.now()
        known = self._checked.get(digest)
        if known is not None and now < known.again_at:
            return known.principal
        principal = await self._check(token, now)
        _bound(self._checked)
        self._checked[digest] = _Checked(principal, min(now + REMEMBERED_S, principal.expires_at))
        return principal

    async def _check(self, token: bytes, now: int) -> Principal:
        # Whatever can be refused without a key is refused first: nobody can make us ask the issuer in vain.
        said = taken_apart(token)
        require_claims(said.claims, self._settings, now)
        key = await self._keys.find(said.key_id)
        if key is None or said.algorithm not in key.algorithms:
            raise TokenRefused("key")
        claims = _signed_claims(token, key, said.algorithm)
        if key.issuer is not None and claims.get("iss") != self._by_directory(key.issuer, claims):
            raise TokenRefused("key")
        return self._mapped(claims, require_claims(claims, self._settings, now))

    def _by_directory(self, issuer: str, claims: dict[str, Any]) -> str:
        return issuer.replace(DIRECTORY, str(named(claims, self._settings.tenant_claim)))

    def _mapped(self, claims: dict[str, Any], expires_at: int) -> Principal:
        """The role and the tenant that the claims give, or NotAllowed with what is missing."""
        settings = self._settings
        credential = f"oidc:{settings.host}:{named(claims, settings.subject_claim)}"
        scopes, roles = named(claims, settings.scope_claim), words(named(claims, settings.roles_claim))
        scopes_needed = settings.scope is not None and not (scopes is None and settings.apps_have_no_scope)
        if scopes_needed and settings.scope not in words(scopes):
            raise NotAllowed(
                f"the token lacks the scope {settings.scope} (claim {settings.scope_claim})", holder=credential
            )
        # What an application gets for itself has its scopes among the roles.
        given = (
            frozenset(roles if scopes is None and settings.apps_have_no_scope else words(scopes)),
            self._device(claims),
        )
        directory = named(claims, settings.tenant_claim)
        if OPERATOR_ROLE in roles and settings.may_operate(directory):
            return Principal(OPERATOR_TENANT, "operator", credential, expires_at, self._bucket(credential), *given)
        if TENANT_ROLE not in roles:
            raise NotAllowed(
                f"the token has neither the role {OPERATOR_ROLE} nor {TENANT_ROLE} (claim {settings.roles_claim})"
                + ("; operators come from one directory only" if OPERATOR_ROLE in roles else ""),
                holder=credential,
            )
        tenant = self._find_tenant(directory) if isinstance(directory, str) else None
        if tenant is None or tenant.role != "tenant":
            raise NotAllowed(
                f"the token's claim {settings.tenant_claim} does not name a tenant of this chain; an operator can "
                "enter it",
                holder=credential,
            )
        return Principal(tenant.id, "tenant", credential, expires_at, self._bucket(credential), *given)

    def _device(self, claims: dict[str, Any]) -> str:
        device = named(claims, self._settings.device_claim) if self._settings.device_claim else None
        return device if isinstance(device, str) else ""

    def _bucket(self, credential: str) -> Bucket | None:
        """One for all tokens of a holder: a new token is no new allowance."""
        if credential not in self._buckets:
            _bound(self._buckets)
            self._buckets[credential] = self._rate.bucket()
        return self._buckets[credential]


def _signed_claims(token: bytes, key: SigningKey, algorithm: str) -> dict[str, Any]:
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],  # one that the key itself is for
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefused("signature") from None
    return claims


def _bound(table: dict[Any, Any]) -> None:
    """Room for one more: what came first goes."""
    if len(table) >= REMEMBERED_MAX:
        del table[next(iter(table))]
