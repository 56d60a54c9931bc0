"""Secrets and signatures. No secret is stored: each follows from the master secret, the webhook's id and a number."""

import base64
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

SECRET_PREFIX = "whsec_"  # noqa: S105  this is what secrets begin with
_SALT = b"maillage webhooks"


class Secrets:
    """``master`` is called when it is first needed; its Refusal is that of the call that needed it."""

    def __init__(self, master: Callable[[], bytes]) -> None:
        self._master = master
        self._derived_from: bytes | None = None

    def of(self, webhook_id: str, version: int) -> str:
        """A webhook's secret by its number, as its receiver gets it: HKDF-SHA256 (RFC 5869) of the master secret, 32
        bytes, for which one round of its second step is enough."""
        if self._derived_from is None:
            self._derived_from = hmac.digest(_SALT, self._master(), "sha256")
        secret = hmac.digest(self._derived_from, f"{webhook_id} {version}".encode() + b"\x01", "sha256")
        return SECRET_PREFIX + base64.b64encode(secret).decode()


def signed_headers(secrets: Sequence[str], message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks for a message sent at ``at`` (seconds UTC), with a signature by each secret."""
    when = datetime.fromtimestamp(at, UTC)
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, when, text) for secret in secrets),
    }
