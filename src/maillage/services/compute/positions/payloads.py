"""What a device publishes: one position, or several as they go to ``POST /v1/sessions/{id}/positions``."""

import msgspec

from maillage.kernel.errors import Malformed
from maillage.services.compute.follow.sessions import Report
from maillage.services.compute.live.documents import PositionDocument, PositionsDocument, reports_of

BYTES_MAX = 64 * 1024
"""A thousand positions fit."""
_SEVERAL = msgspec.json.Decoder(PositionsDocument)
_ONE = msgspec.json.Decoder(PositionDocument)


def decoded(payload: bytes, came_at: int, kept: bool, silence_s: int) -> list[Report]:
    """The reports that a message means, the oldest first; one without an instant is of ``came_at`` (seconds UTC). Where
    the broker had ``kept`` it, nobody knows of when that is, and it is left out.

    Malformed where it is no such document, Invalid where its instants can't be.
    """
    if len(payload) > BYTES_MAX:
        raise Malformed(f"has {len(payload):,} bytes; at most {BYTES_MAX:,} are taken")
    try:
        several = b'"positions"' in payload
        document = _SEVERAL.decode(payload) if several else PositionsDocument([_ONE.decode(payload)])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Malformed(str(fault)) from None
    if kept:
        dated = [position for position in document.positions if position.at is not None]
        document = PositionsDocument(dated)
    return reports_of(document, came_at, silence_s)
