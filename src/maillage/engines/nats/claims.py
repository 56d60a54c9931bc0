"""The signed texts by which a NATS server knows operator, accounts and users: JSON Web Tokens of version 2 of NATS.

They differ from others in the algorithm's name, in the claim ``nats``, and in that keys are nkeys: base32 with a letter
for the role; see "JWT authentication" in the NATS documentation and ADR-14 of the NATS architecture.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

import nkeys  # type: ignore[import-untyped]

OPERATOR, ACCOUNT, USER = nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER
_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_LETTERS = {OPERATOR: "O", ACCOUNT: "A", USER: "U"}


class Key:
    """An Ed25519 key pair in the role of an operator, an account or a user."""

    def __init__(self, seed: str) -> None:
        self.seed = seed.strip()
        try:
            self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
            self.public: str = self._pair.public_key.decode()
        except Exception as error:  # the library has errors of its own and lets those of others through
            raise ValueError("not the seed of an nkey: it begins with S and has 58 letters and digits") from error

    @classmethod
    def make(cls, role: int) -> "Key":
        return cls(nkeys.encode_seed(secrets.token_bytes(32), role).decode())

    def require(self, role: int, where: str) -> "Key":
        """Itself, or ValueError where the key has another role."""
        if not self.public.startswith(_LETTERS[role]):
            raise ValueError(f"{where}: the key is {self.public[:1]}..., not one that begins with {_LETTERS[role]}")
        return self

    def sign(
        self, subject: str, name: str, nats: Mapping[str, Any], issued_at: int, expires_at: int | None = None
    ) -> str:
        """A token about the public key ``subject``. Instants are seconds UTC."""
        claims = {"iat": issued_at, "iss": self.public, "sub": subject, "name": name, "nats": {**nats, "version": 2}}
        if expires_at is not None:
            claims["exp"] = expires_at
        digest = hashlib.new("sha512_256", _json(claims)).digest()
        claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
        signed = f"{_base64(_json(_HEADER))}.{_base64(_json(claims))}"
        return f"{signed}.{_base64(self._pair.sign(signed.encode()))}"


def check_public_key(text: str, role: int) -> str:
    """The text, if it is the public half of a key of the role; else ValueError."""
    try:
        raw = base64.b32decode(text)
    except ValueError:
        raw = b""
    well_formed = (
        len(raw) == 35 and raw[0] == role and nkeys.crc16(bytearray(raw[:33])).to_bytes(2, "little") == raw[33:]
    )
    if not well_formed:
        raise ValueError(f"{text[:60]!r} is not a public key of NATS that begins with {_LETTERS[role]}")
    return text


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
