"""The stream in which a hub's server keeps what is carried, until every collector has had it."""

from dataclasses import dataclass

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from maillage.engines.bus_rules import KEPT_S_MAX, SAME_ID_S
from maillage.engines.nats.link import Link

STREAM = "EVENTS"
SUBJECTS = "events.>"
KEPT_BYTES_MAX = 4 << 30
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How much is kept: the oldest goes when it is more bytes, or older (seconds)."""

    bytes_max: int = KEPT_BYTES_MAX
    age_s_max: int = KEPT_S_MAX


async def ensure(link: Link, limits: StreamLimits) -> None:
    """Make the stream, or give the one that is there these limits. Unreachable where the server does not do it."""
    config = StreamConfig(
        name=STREAM,
        subjects=[SUBJECTS],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_age=limits.age_s_max,
        max_bytes=limits.bytes_max,
        duplicate_window=min(SAME_ID_S, limits.age_s_max),
    )
    manager = link.client.jetstream(timeout=ANSWER_S)
    async with link.within(3 * ANSWER_S, f"stream {STREAM}"):
        try:
            await manager.update_stream(config)
        except NotFoundError:
            await manager.add_stream(config)
