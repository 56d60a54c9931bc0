"""What a token says, and whether it may say it: everything but the signature. Nothing here waits or reads a clock."""

import binascii
from base64 import urlsafe_b64decode
from typing import Any

import msgspec

from maillage.tenancy.oidc.settings import OidcSettings

TOKEN_MAX = 16_384
"""Bytes of a token that are looked at."""
SUBJECT_MAX = 255
"""Characters of a subject, as OpenID Connect bounds it."""
LEEWAY_S = 60
"""How far the issuer's clock and ours may be apart."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that take a private key to make. Those with a shared secret, and none at all, prove nothing here."""


class TokenRefused(Exception):
    """The token does not hold. ``reason`` is a code for the audit, and has nothing of the token in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Token(msgspec.Struct, frozen=True):
    """A token taken apart: nothing of it is proved yet."""

    algorithm: str
    key_id: str | None
    claims: dict[str, Any]


def taken_apart(token: bytes) -> Token:
    """The parts of a signed token; TokenRefused where it is none, or signed in a way that proves nothing."""
    parts = token.split(b".")
    if len(token) > TOKEN_MAX or len(parts) != 3:
        raise TokenRefused("not-a-token")
    header, claims = _object(parts[0]), _object(parts[1])
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise TokenRefused("algorithm")
    if "crit" in header or not isinstance(key_id, str | None):
        raise TokenRefused("header")
    return Token(algorithm, key_id, claims)


def require_claims(claims: dict[str, Any], settings: OidcSettings, now: int) -> int:
    """When the token ends, in seconds UTC. TokenRefused where it is of another issuer, for others, or not of now."""
    if claims.get("iss") != settings.issuer_for(named(claims, settings.tenant_claim)):
        raise TokenRefused("issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not any(one in settings.audiences for one in audiences if isinstance(one, str)):
        raise TokenRefused("audience")
    expires_at, issued_at = _instant(claims, "exp"), _instant(claims, "iat")
    if expires_at is None or issued_at is None:
        raise TokenRefused("no-times")
    if expires_at + LEEWAY_S <= now:
        raise TokenRefused("expired")
    if max(issued_at, _instant(claims, "nbf") or 0) > now + LEEWAY_S:
        raise TokenRefused("not-yet")
    subject = named(claims, settings.subject_claim)
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_MAX:
        raise TokenRefused("subject")
    if settings.any_of and not any(claim in claims for claim in settings.any_of):
        raise TokenRefused("not-an-access-token")
    return expires_at + LEEWAY_S


def named(claims: dict[str, Any], name: str) -> Any:
    """A claim by its name, which may lead into others: ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def words(value: Any) -> list[str]:
    """A list of texts, or a text with blanks between its words."""
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _object(part: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise TokenRefused("not-a-token") from None
    if not isinstance(found, dict):
        raise TokenRefused("not-a-token")
    return found


def _instant(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise TokenRefused("no-times")
    return int(value)
