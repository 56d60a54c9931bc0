"""A real OpenID Connect issuer on this machine: it describes itself, lists its keys, and signs tokens."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "api://maillage"


class Issuer:
    """``asked`` lists the paths that were asked for; ``document`` and ``listed`` replace what is answered; while
    ``down`` it answers 500."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down = False
        self.document: dict[str, Any] | None = None
        self.listed: list[Any] | None = None
        self.path = ""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = json.dumps(issuer.answer(self.path)).encode()
                self.send_response(500 if issuer.down else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.new_key("key-1")

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return self.base + self.path

    def answer(self, path: str) -> dict[str, Any]:
        if path.endswith("/.well-known/openid-configuration"):
            return self.document or {"issuer": self.url, "jwks_uri": f"{self.base}/keys"}
        listed = [self.jwk(name) for name in self.keys] if self.listed is None else self.listed
        return {"keys": listed}

    def new_key(self, name: str, bits: int = 2048) -> None:
        self.keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def new_curve_key(self, name: str) -> None:
        self.keys[name] = ec.generate_private_key(ec.SECP256R1())

    def jwk(self, name: str, **more: Any) -> dict[str, Any]:
        public = self.keys[name].public_key()
        is_curve = isinstance(public, ec.EllipticCurvePublicKey)
        algorithm: Any = jwt.algorithms.ECAlgorithm if is_curve else jwt.algorithms.RSAAlgorithm
        return {**json.loads(algorithm.to_jwk(public)), "kid": name, "use": "sig", **more}

    def token(
        self, now: int, key: str = "key-1", alg: str = "RS256", headers: dict[str, Any] | None = None, **claims: Any
    ) -> bytes:
        """A token signed by a key; a claim or header that is given as None is left out."""
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "nbf": now,
            "exp": now + 3_600,
            "roles": ["maillage.operator"],
            **claims,
        }
        said = {name: value for name, value in whole.items() if value is not None}
        named = {name: value for name, value in {"kid": key, **(headers or {})}.items() if value is not None}
        return jwt.encode(said, self.keys[key], alg, headers=named).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()
    try:
        yield issuer
    finally:
        issuer.close()


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> bytes:
    """A token put together by hand."""
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (*parts, signature))
