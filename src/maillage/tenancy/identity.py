"""Who is asking: by an API key, or by a token of the trusted issuer; and what becomes of those who are neither."""

import math
import time
from collections.abc import Callable

from maillage.kernel.errors import NotAllowed, TooManyRequests
from maillage.tenancy.access import Access
from maillage.tenancy.audit import Audit
from maillage.tenancy.limits import Sources, network_of
from maillage.tenancy.oidc.claims import TokenRefused
from maillage.tenancy.oidc.tokens import Tokens
from maillage.tenancy.principal import Principal

SIGN_IN = "sign-in"
_TOKENS_BEGIN = b"ey"
"""How every JSON object begins in base64: no API key does."""


class Identity:
    """``of_key`` is all that most requests need; what it does not know goes to ``of_other``."""

    def __init__(
        self, access: Access, tokens: Tokens | None, audit: Audit, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._tokens = tokens
        self._audit = audit
        self._monotonic = monotonic
        self._failures = Sources()

    def of_key(self, digest: bytes) -> Principal | None:
        """Whose API key has this SHA-256."""
        return self._access.by_digest(digest)

    async def of_other(self, proof: bytes, digest: bytes, address: str) -> Principal | None:
        """Whose token this is; None where it proves nothing, which the audit is told without the proof.

        TooManyRequests where so much has come from the address that was wrong that it must wait; a proof that holds
        is let in all the same.
        """
        reason = "wrong-key"
        if self._tokens is not None and proof.startswith(_TOKENS_BEGIN):
            try:
                return await self._tokens.principal(proof, digest)
            except TokenRefused as refused:
                reason = f"token-{refused.reason}"
            except NotAllowed as refusal:
                self._audit.refused(None, SIGN_IN, refusal.slug, address, refusal.extra.get("holder", ""))
                raise
        self.require_patience(address)
        self._audit.refused(None, SIGN_IN, reason, address)
        return None

    def require_patience(self, address: str) -> None:
        """Count something wrong that came from an address. TooManyRequests where it has to wait before the next."""
        wait_s = self._failures.take(network_of(address), self._monotonic())
        if wait_s:
            raise TooManyRequests("too many wrong keys came from this address", math.ceil(wait_s))

    def is_in_force(self, principal: Principal, digest: bytes, now: int) -> bool:
        """Whether what was proved a while ago still holds: the key was not revoked, the token has not ended."""
        if principal.credential.startswith("oidc:"):
            return now < principal.expires_at
        return self._access.by_digest(digest) is not None
