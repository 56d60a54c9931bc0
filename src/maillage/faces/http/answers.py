"""Bare ASGI answers, for what does not go through Litestar."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from maillage.kernel.errors import Invalid, Malformed, Refusal

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

JSON = b"application/json"
PROBLEM = b"application/problem+json"
_encoder = msgspec.json.Encoder()


async def send_json(send: Send, status: int, document: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """A document, as JSON."""
    await send_body(send, status, JSON, _encoder.encode(document), headers)


async def send_problem(send: Send, problem: Mapping[str, Any], headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """A problem, with the status that it names."""
    await send_body(send, problem["status"], PROBLEM, _encoder.encode(problem), headers)


async def send_body(
    send: Send, status: int, content_type: bytes, body: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """A whole answer in one go."""
    fields = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


class TooLarge(Exception):
    """The body is longer than its address allows."""


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request; the gate has already bounded it."""
    message = await receive()
    if not message.get("more_body"):
        return message.get("body", b"")  # type: ignore[no-any-return]
    parts = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


def decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """The document in a body; Malformed where it is no JSON, an ``invalid`` refusal naming the place where it does
    not fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as fault:
        raise unfit(str(fault)) from None
    except (msgspec.DecodeError, RecursionError) as fault:
        raise Malformed(f"the body is not JSON: {fault}") from None
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None


def unfit(message: str) -> Refusal:
    """msgspec's message ("Expected `int`, got `str` - at `$.limit`") as a refusal with its field."""
    problem, _, place = message.partition(" - at `")
    return Invalid(place.rstrip("`").removeprefix("$").removeprefix(".") or "body", problem)
