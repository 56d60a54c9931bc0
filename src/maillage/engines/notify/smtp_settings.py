"""The mail server, as the environment says it."""

import os
import ssl
from collections.abc import Mapping

import msgspec

from maillage.kernel.errors import Invalid
from maillage.tenancy.authority import trust
from maillage.tenancy.secrets import secret

HOST, PORT, TLS = "MAILLAGE_SMTP_HOST", "MAILLAGE_SMTP_PORT", "MAILLAGE_SMTP_TLS"
USER, PASSWORD, SENDER = "MAILLAGE_SMTP_USER", "MAILLAGE_SMTP_PASSWORD", "MAILLAGE_SMTP_FROM"
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``tls`` is starttls (the connection begins in the clear and must become TLS), tls (from the beginning) or none.
    ``password`` is never told."""

    host: str
    port: int
    tls: str
    sender: str
    user: str | None = None
    password: str | None = None

    def context(self) -> ssl.SSLContext:
        """Certificates are checked, against MAILLAGE_CA where it is set."""
        given = trust()
        return given if isinstance(given, ssl.SSLContext) else ssl.create_default_context()


def smtp_settings(environment: Mapping[str, str] = os.environ) -> SmtpSettings | None:
    """None where no server is named: then no mail is sent. Invalid where what is said can't be."""
    host = environment.get(HOST)
    if not host:
        return None
    tls = environment.get(TLS) or "starttls"
    if tls not in _PORTS:
        raise Invalid(TLS, f"{tls[:20]!r} is none of {', '.join(_PORTS)}")
    text = environment.get(PORT) or str(_PORTS[tls])
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65_535):
        raise Invalid(PORT, f"{text[:20]!r} is not a port of 1 to 65535")
    sender = environment.get(SENDER)
    if not sender or "@" not in sender or not sender.isprintable():
        raise Invalid(SENDER, f"must be the address that mail comes from, such as alarms@example.com, as {HOST} is set")
    user, password = environment.get(USER) or None, secret(PASSWORD)
    if (user is None) != (password is None):
        raise Invalid(USER, f"and {PASSWORD} (or {PASSWORD}_FILE) go together")
    return SmtpSettings(host=host, port=int(text), tls=tls, sender=sender, user=user, password=password)
