"""What apps may be called, how images and versions are named.

An app's name goes into addresses (``/run/<tenant>.<name>``), so it has no dot: the last one ends the tenant's id. The
rule takes every name that CAMARA's Edge Application Management takes (its ``AppManifest``), and ``-`` besides.
"""

import re
from collections.abc import Sequence

from maillage.kernel.errors import Invalid, NotFound
from maillage.services.compute.model import Version

_APP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,63}")
_WANTED = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")
LATEST = "latest"

REFERENCE_MAX = 512
"""Characters of an OCI reference: a name has at most 255, a tag 128, a digest 71, and some separate them."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""The grammar of github.com/distribution/reference, of whose digests only SHA-256 is taken."""


def app_id(tenant: str, name: str) -> str:
    """The id of a tenant's app. Invalid for a name that no app can have."""
    if not _APP.fullmatch(name):
        raise Invalid(
            "name", f"{name[:70]!r}: an app's name is 2 to 64 of A-Z, a-z, 0-9, '_' and '-', and begins with a letter"
        )
    return f"{tenant}.{name}"


def checked_reference(reference: str) -> str:
    """The OCI reference of an image, if it can be one; else Invalid."""
    if len(reference) > REFERENCE_MAX or not _REFERENCE.fullmatch(reference):
        raise Invalid(
            "reference",
            f"{reference[:80]!r} is no reference of an image such as localhost/shop/counter:1.4 or "
            "localhost/shop/counter@sha256:...",
        )
    return reference


def named_version(app: str, versions: Sequence[Version], wanted: str) -> Version:
    """The one that is meant by ``latest`` (the last of them), a digest, or the first digits of one (6 or more). Invalid
    for what is none of these or fits several, NotFound where there is none."""
    if wanted == LATEST:
        if not versions:
            raise NotFound(f"{app} has no version yet; upload one")
        return versions[-1]
    digits = _WANTED.fullmatch(wanted)
    if digits is None:
        raise Invalid("version", f"{wanted[:80]!r} is neither 'latest' nor a digest nor 6 or more digits of one")
    found = [version for version in versions if version.digest.startswith(f"sha256:{digits[1]}")]
    if not found:
        raise NotFound(f"{app} has no version {wanted!r}")
    if len(found) > 1:
        raise Invalid("version", f"{wanted!r} fits {len(found)} versions of {app}; give more digits")
    return found[0]
