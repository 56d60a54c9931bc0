"""Passwords of devices: made here, shown once, kept as a hash.

The hash has the form that Mosquitto's password file has (``$7$``: PBKDF2 with SHA-512), so that what is kept serves our
own broker and another one alike. A password is 192 random bits: there is nothing to guess from, so Mosquitto's own
default of 101 iterations does, and checking costs a tenth of a millisecond.
"""

import base64
import hashlib
import hmac
import re
import secrets

PASSWORD_BYTES = 24
"""As text 32 characters: more than that is refused by the set-up pages of some devices."""
ITERATIONS = 101
_SALT_BYTES = 12
_HASH = re.compile(r"\$7\$([1-9]\d{0,6})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})")


def new_password() -> str:
    """One that nobody had before."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def hash_of(password: str) -> str:
    """What is kept of a password, with a salt of its own."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"$7${ITERATIONS}${_base64(salt)}${_base64(_derived(password, salt, ITERATIONS))}"


def fits(password: str, kept: str) -> bool:
    """Whether a hash is this password's; False also for what is no hash."""
    found = _HASH.fullmatch(kept)
    if found is None:
        return False
    salt, expected = base64.b64decode(found[2]), base64.b64decode(found[3])
    return hmac.compare_digest(_derived(password, salt, int(found[1])), expected)


def _derived(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode("utf-8", "surrogatepass"), salt, iterations)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
