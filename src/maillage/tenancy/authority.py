"""Whom to trust instead of the system's own authorities: who signed the certificates of the chain's hub and bus."""

import os
import ssl
from pathlib import Path

from maillage.kernel.errors import Invalid

AUTHORITY = "MAILLAGE_CA"


def authority() -> Path | None:
    """The file that MAILLAGE_CA names, with certificates in PEM; None where it is not set. Invalid where it is no such
    file."""
    named = os.environ.get(AUTHORITY, "")
    if not named:
        return None
    path = Path(named)
    try:
        ssl.create_default_context(cafile=path)
    except OSError as fault:  # of which SSLError is one
        raise Invalid(AUTHORITY, f"{named} can't be read as certificates in PEM: {fault.strerror or fault}") from None
    return path


def trust() -> ssl.SSLContext | bool:
    """What an HTTP client is to check servers against."""
    path = authority()
    return True if path is None else ssl.create_default_context(cafile=path)
