"""Everything that happens, as it happens: CloudEvents over server-sent events."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import HeaderParameter
from litestar.response import Stream

from maillage.bootstrap import Chain
from maillage.faces.http.routes.parameters import Caller, TheChain
from maillage.kernel.cloudevents import cloud_event
from maillage.kernel.errors import Invalid
from maillage.tenancy.access import Principal

KEEP_ALIVE_S = 15.0
"""A comment is sent after so much silence, so that whatever stands between does not close the line."""

_encoder = msgspec.json.Encoder()


@get("/v1/events", summary="CloudEvents as they happen; Last-Event-ID resumes after it", media_type="text/event-stream")
async def events(
    request: Request[Any, Any, Any],
    chain: TheChain,
    principal: Caller,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", max_length=20, description="the last `id:` seen; -1 for all"),
    ] = None,
) -> Stream:
    pos = chain.feed.end if last_event_id is None else _position(last_event_id) + 1
    lines = _lines(chain, principal, pos, request.scope["in_force"])  # type: ignore[typeddict-item]
    return Stream(lines, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _lines(chain: Chain, principal: Principal, pos: int, in_force: Callable[[], bool]) -> AsyncIterator[bytes]:
    yield b": maillage\n\n"  # headers and a first byte at once: the client knows that it is connected
    async for item in chain.feed.follow(pos, KEEP_ALIVE_S):
        if not in_force():  # the key was revoked meanwhile
            return
        if item is None:
            yield b": still here\n\n"
            continue
        number, event = item
        if principal.sees is None or chain.office.whose(event) == principal.sees:
            yield b"id: %d\ndata: %b\n\n" % (number, _encoder.encode(cloud_event(event)))


def _position(text: str) -> int:
    if text != "-1" and not (text.isascii() and text.isdigit()):
        raise Invalid("Last-Event-ID", f"{text!r} is not the id of an event of this stream")
    return int(text)


HANDLERS = [events]
