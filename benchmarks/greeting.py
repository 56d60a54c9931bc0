"""The function that the compute scenarios call, in each of its forms: it greets the caller with the path."""

from pathlib import Path
from typing import Any, Literal

Kind = Literal["component", "command"]
KINDS: tuple[Kind, ...] = ("component", "command")
PATH = "/a/b"
ANSWER = f"hello from {PATH}"
_CODE = Path(__file__).parent / "code"
_WORDS = b"of one of many apps"
_HEADERS = [(b"content-type", b"text/plain")]


def code(kind: Kind, number: int = 0) -> bytes:
    """WebAssembly, other bytes for each number."""
    import wasmtime  # the ASGI application of this module does without

    text = (_CODE / f"greeting-{kind}.wat").read_bytes()
    return bytes(wasmtime.wat2wasm(text.replace(_WORDS, b"of app %012d" % number)))


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The same as an ASGI application, without anything around it."""
    if scope["type"] != "http":
        return
    await receive()
    body = b"hello from " + scope["path"].encode()
    headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
