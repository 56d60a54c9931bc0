"""Collecting what is carried: a durable consumer of the stream, asked for a handful of messages at a time."""

import asyncio
import json
import logging
import random
import secrets
from collections import deque
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from maillage.engines.bus_rules import retry_after_s
from maillage.engines.nats.line import Line
from maillage.engines.nats.link import Link, status_of
from maillage.engines.nats.stream import ANSWER_S, STREAM, StreamLimits, ensure
from maillage.engines.nats.takers import message_of
from maillage.mesh.ports import Hear, Unreachable

_log = logging.getLogger(__name__)
BATCH = 64
PULL_S = 5.0
ACK_WAIT_S = 15.0
"""After so long without a word the server gives a message to another, or again."""
IN_FLIGHT_MAX = 256
AGAIN_S = 1.0
_PULL_IS_OVER = ("404", "408")


class Collecting:
    """One collector at work: it hands over one message after another and starts anew after whatever goes wrong."""

    def __init__(self, line: Line, subject: str, name: str, handler: Hear, stream: "StreamWish") -> None:
        self._line, self._subject, self._name, self._handler, self._stream = line, subject, name, handler, stream
        self._waiting: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._stopped = self._busy = False
        self._said: str | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def running(self) -> list[asyncio.Task[None]]:
        return [] if self._task.done() else [self._task]

    async def stop(self) -> None:
        self._stopped = True
        if not self._busy:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._stopped:
            link = await self._line.up()
            try:
                await self._collect(link)
            except Unreachable as error:
                self._say(str(error))
            await asyncio.sleep(random.uniform(0.2, 1.0) * AGAIN_S)  # noqa: S311

    async def _collect(self, link: Link) -> None:
        await self._ensure_consumer(link)
        self._say(None)
        inbox = f"{link.inbox}-{secrets.token_hex(16)}"
        async with link.within(ANSWER_S, "collecting"):
            subscription = await link.client.subscribe(f"{inbox}.*", cb=self._take)
        alive = asyncio.get_running_loop().create_task(self._keep_alive())
        try:
            pulls = 0
            while not self._stopped:
                pulls += 1
                await self._pull(link, f"{inbox}.{pulls}")
        finally:
            alive.cancel()
            with suppress(Unreachable):
                async with link.within(ANSWER_S, "collecting"):
                    # In this order: what is given back must not come here again.
                    await subscription.drain()  # type: ignore[no-untyped-call]
                    await self._give_back()
            self._waiting.clear()

    async def _ensure_consumer(self, link: Link) -> None:
        config = ConsumerConfig(
            durable_name=self._name,
            filter_subject=self._subject,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=IN_FLIGHT_MAX,
        )
        manager = link.client.jetstream(timeout=ANSWER_S)
        async with link.within(3 * ANSWER_S, f"collector {self._name}"):
            try:
                await manager.add_consumer(STREAM, config)
            except NotFoundError:
                if self._stream.limits is None:
                    raise
                await ensure(link, self._stream.limits)
                await manager.add_consumer(STREAM, config)

    async def _pull(self, link: Link, reply: str) -> None:
        """Ask for messages and hand over those that come, until the server says that this was all."""
        ask = {"batch": BATCH, "expires": int(PULL_S * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._name}"
        async with link.within(ANSWER_S, subject):
            await link.publish(subject, json.dumps(ask).encode(), reply=reply)
        left = BATCH
        while left and not self._stopped:
            message = await self._next(link)
            status = status_of(message)
            if status is None:
                await self._hand_over(message)
                left -= 1
            elif message.subject != reply:
                continue
            elif status in _PULL_IS_OVER:
                return
            else:
                raise Unreachable(f"collector {self._name}: {status} {(message.headers or {}).get('Description', '')}")

    async def _next(self, link: Link) -> Msg:
        if not self._waiting:
            async with link.within(PULL_S + ANSWER_S, f"collector {self._name}"):
                while not self._waiting:
                    self._news.clear()
                    await self._news.wait()
        return self._waiting[0] if status_of(self._waiting[0]) is None else self._waiting.popleft()

    async def _hand_over(self, message: Msg) -> None:
        self._busy = True
        try:
            await self._handler(message_of(message))
        except Exception:
            _log.exception("a message on %s comes again: its handler failed", message.subject)
            self._waiting.popleft()
            with suppress(NatsError, OSError):
                await message.nak(delay=retry_after_s(message.metadata.num_delivered or 1))
        else:
            self._waiting.popleft()
            with suppress(NatsError, OSError):  # an acknowledgement that is lost only makes the message come again
                await message.ack()
        finally:
            self._busy = False

    async def _take(self, message: Msg) -> None:
        self._waiting.append(message)
        self._news.set()

    async def _keep_alive(self) -> None:
        """Tell the server that what waits behind a slow handler is not forgotten."""
        while True:
            await asyncio.sleep(ACK_WAIT_S / 3)
            with suppress(NatsError, OSError):
                for message in [each for each in self._waiting if status_of(each) is None]:
                    await message.in_progress()

    async def _give_back(self) -> None:
        """What was not handed over may go to another, once the last pull has run out: servers before 2.10.14 (of pull
        request 5305 to nats-server) lose their place when they first try one whose asker has gone."""
        for message in self._waiting:
            if status_of(message) is None:
                await message.nak(delay=PULL_S + 0.5)

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self._said:
            _log.warning("collector %s waits, and goes on trying: %s", self._name, trouble)
        self._said = trouble


class StreamWish:
    """The stream's limits, where this bus is to see to it that the stream is there."""

    def __init__(self) -> None:
        self.limits: StreamLimits | None = None
