"""Which issuer is trusted, and what the claims of its tokens mean here."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from maillage.kernel.errors import Invalid

PREFIX = "MAILLAGE_OIDC_"
OPERATOR_ROLE, TENANT_ROLE = "maillage.operator", "maillage.tenant"
DIRECTORY = "{tenantid}"
"""Where Entra puts the directory's id into the issuer of tokens that any directory may issue."""
_ANY_DIRECTORY = ("organizations", "common")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class OidcSettings(msgspec.Struct, frozen=True):
    """``discovery`` is where the issuer describes itself, ``issuer`` what ``iss`` must be, perhaps with DIRECTORY for
    the id in the tenant claim. A token must be for one of ``audiences``.

    The claims are named: who the holder is, which tenant, which roles, which scopes; and, where it is set, at which
    address the device is that the token was given for. A token with scopes must have
    ``scope``, where that is set; one without is let through only where ``apps_have_no_scope``. ``any_of`` are claims
    of which one must be there. Where any directory may issue, only ``operator_directory`` makes operators.
    """

    discovery: str
    issuer: str
    audiences: tuple[str, ...]
    subject_claim: str = "sub"
    tenant_claim: str = "tenant"
    roles_claim: str = "roles"
    scope_claim: str = "scope"
    device_claim: str = ""
    scope: str | None = None
    apps_have_no_scope: bool = False
    any_of: tuple[str, ...] = ()
    operator_directory: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.issuer).hostname or ""

    def issuer_for(self, directory: object) -> str:
        """What ``iss`` must be in a token with this tenant claim."""
        return self.issuer.replace(DIRECTORY, directory) if isinstance(directory, str) else self.issuer

    def may_operate(self, directory: object) -> bool:
        return DIRECTORY not in self.issuer or (directory is not None and directory == self.operator_directory)


_PRESETS: dict[str, dict[str, object]] = {
    "": {},
    # An access token names the application it was given to (azp; appid in version 1.0), an ID token does not. What an
    # application gets for itself has roles and no scope.
    "entra": {
        "subject_claim": "oid",
        "tenant_claim": "tid",
        "scope_claim": "scp",
        "apps_have_no_scope": True,
        "any_of": ("azp", "appid"),
    },
}
_CLAIMS = ("subject_claim", "tenant_claim", "roles_claim", "scope_claim", "device_claim")


def oidc_from(environ: Mapping[str, str]) -> OidcSettings | None:
    """The settings in the environment; None where it names no issuer. Invalid where they can't be meant so."""
    given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX) and value}
    known = {"ISSUER", "AUDIENCE", "PRESET", "SCOPE", "OPERATOR_DIRECTORY", *(claim.upper() for claim in _CLAIMS)}
    for name in given:
        if name not in known:
            raise Invalid(PREFIX + name, f"is no setting; there are {', '.join(sorted(PREFIX + one for one in known))}")
    if not given:
        return None
    url = given.get("ISSUER", "")
    audiences = tuple(part.strip() for part in given.get("AUDIENCE", "").split(",") if part.strip())
    if not url or not audiences:
        raise Invalid(f"{PREFIX}ISSUER", f"and {PREFIX}AUDIENCE go together: who issues the tokens, and for whom")
    if not is_safe(url):
        raise Invalid(f"{PREFIX}ISSUER", f"{url[:200]!r} should be an address such as https://login.example.com/realm")
    preset = given.get("PRESET", "")
    if preset not in _PRESETS:
        raise Invalid(f"{PREFIX}PRESET", f"{preset[:40]!r} is not known; there is 'entra'")
    named = {claim: given[claim.upper()] for claim in _CLAIMS if claim.upper() in given}
    settings = OidcSettings(
        f"{url.rstrip('/')}/.well-known/openid-configuration",
        _issuer(url) if preset == "entra" else url,
        audiences,
        scope=given.get("SCOPE"),
        operator_directory=given.get("OPERATOR_DIRECTORY"),
    )
    return msgspec.structs.replace(settings, **{**_PRESETS[preset], **named})


def is_safe(url: str) -> bool:
    """Whether what is read at an address may decide who gets in: only https, but for this machine's own addresses."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _issuer(url: str) -> str:
    """Entra's addresses for tokens of any directory stand for as many issuers, each with its directory's id."""
    parts = [DIRECTORY if part in _ANY_DIRECTORY else part for part in url.split("/")]
    return "/".join(parts)
