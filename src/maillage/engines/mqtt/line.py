"""Our line to a broker, over aiomqtt: comes back by itself, with all its subscriptions."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiomqtt

from maillage.devices.line import Message, Take, Unreachable
from maillage.devices.topics import covers, filter_problem, topic_problem, widest
from maillage.engines.mqtt.address import BrokerAddress
from maillage.engines.mqtt.client import PausableClient
from maillage.engines.mqtt.takers import Takers
from maillage.kernel.errors import Invalid

_log = logging.getLogger(__name__)
WAITING_BYTES_MAX = 16 << 20
"""So much may wait for those who take; while it is more, nothing is read from the broker."""
KEEPALIVE_S = 15
ANSWER_S = 10.0
RETRY_FIRST_S = 0.1
RETRY_LAST_S = 5.0
DRAIN_S = 5.0
_REFUSED = 0x80


class MqttLine:
    """``devices.line.DeviceLine``. ``name`` begins the client id, which is another one at each start: two lines to one
    broker do not push each other out."""

    def __init__(
        self,
        address: BrokerAddress,
        name: str = "maillage",
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        self._address, self._clock_ms = address, clock_ms
        self._identifier = f"{name}-{secrets.token_hex(6)}"
        self._takers = Takers(waiting_bytes_max, self._flow)
        self._placed: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._client: PausableClient | None = None
        self._ready = self._ending = False
        self._task: asyncio.Task[None] | None = None
        self._said: list[str] = []

    @property
    def connected(self) -> bool:
        """Whether messages come: there is a connection, and all that was subscribed to is known to the broker."""
        return self._ready

    @property
    def trouble(self) -> str:
        """Why there is no connection, as far as is known."""
        return self._said[-1] if self._said else "" if self._ready else "still connecting"

    async def start(self) -> None:
        if self._task is None:
            self._ending = False
            for taker in self._takers:
                taker.start()
            self._task = asyncio.get_running_loop().create_task(self._hold())

    async def stop(self) -> None:
        """End the connection, then let those who take finish what has come, for five seconds at most."""
        task, self._task = self._task, None
        if task is None:
            return
        # Before Python 3.12 the library may lose a cancellation that comes with an answer of the broker's.
        self._ending = True
        task.cancel()
        await asyncio.wait([task])
        until = asyncio.get_running_loop().time() + DRAIN_S
        await asyncio.gather(*(taker.drain(until) for taker in self._takers))

    def subscribe(self, topic_filter: str, take: Take, qos: int = 1) -> Callable[[], None]:
        if problem := filter_problem(topic_filter):
            raise Invalid("topic_filter", problem)
        if qos not in (0, 1, 2):
            raise Invalid("qos", "is 0, 1 or 2")
        taker = self._takers.add(topic_filter, qos, take)
        if self._task is not None:
            taker.start()
        self._changed.set()

        def end() -> None:
            self._takers.remove(taker)
            self._changed.set()

        return end

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        if problem := topic_problem(topic):
            raise Invalid("topic", problem)
        client = self._client
        if client is None or not self._ready:
            raise Unreachable(f"there is no connection to {self._address.name}: {self.trouble}")
        try:
            await client.publish(topic, payload, qos, retain, timeout=ANSWER_S)
        except (aiomqtt.MqttError, OSError) as fault:
            raise Unreachable(f"{self._address.name} did not take what was published: {fault}") from None

    async def _hold(self) -> None:
        """Connect, again and again, for ever."""
        attempt = 0
        while not self._ending:
            try:
                was_up = await self._live()
                attempt = 0 if was_up else attempt + 1
                if not self._ending:
                    self._say("the connection was lost")
            except (aiomqtt.MqttError, OSError, Invalid, ValueError) as fault:
                attempt = 0 if self._ready else attempt + 1
                self._say(str(fault) or type(fault).__name__)
            finally:
                self._ready, client, self._client = False, self._client, None
                if client is not None:
                    await asyncio.shield(client.close())
            if self._ending:
                return
            # With some chance in it, so that a thousand stores do not come back in one instant.
            longest_s = min(RETRY_FIRST_S * 2.0 ** min(attempt, 10), RETRY_LAST_S)
            await asyncio.sleep(random.uniform(0.5, 1.0) * longest_s)  # noqa: S311

    async def _live(self) -> bool:
        """One connection, from its beginning to its end."""
        trust = await asyncio.to_thread(self._address.trust)
        client = PausableClient(
            self._arrived,
            self._address.host,
            port=self._address.port,
            username=self._address.username,
            password=self._address.password,
            identifier=self._identifier,
            clean_session=True,
            keepalive=KEEPALIVE_S,
            timeout=ANSWER_S,
            tls_context=trust,
            logger=_QUIET,
        )
        await client.open()
        self._client, self._placed = client, {}
        if self._takers.full:
            client.pause()
        lost = asyncio.ensure_future(client.until_lost())
        try:
            while not lost.done() and not self._ending:
                self._changed.clear()
                await self._place(client)
                if self._ending:
                    break
                if not self._ready:
                    self._ready = True
                    self._say(None)
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait([lost, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            if lost.done():
                lost.result()
        finally:
            lost.cancel()
        return True

    async def _place(self, client: PausableClient) -> None:
        """Make the broker's subscriptions those that are wanted now."""
        wanted = widest(taker.topic_filter for taker in self._takers)
        levels = {one: max(taker.qos for taker in self._takers if covers(one, taker.topic_filter)) for one in wanted}
        new = [(one, qos) for one, qos in levels.items() if self._placed.get(one) != qos]
        if new:
            codes: Sequence[Any] = await client.subscribe(new)
            for (one, _), code in zip(new, codes, strict=True):
                if getattr(code, "value", code) >= _REFUSED:
                    self._say(f"{self._address.name} refused the subscription to {one}", up=True)
        gone = [one for one in self._placed if one not in levels]
        if gone:
            await client.unsubscribe(gone)
        self._placed = levels

    def _arrived(self, message: aiomqtt.Message) -> None:
        payload = message.payload
        self._takers.give(Message(message.topic.value, payload, self._clock_ms(), bool(message.retain)))

    def _flow(self, full: bool) -> None:
        if self._client is not None:
            if full:
                self._client.pause()
            else:
                self._client.resume()

    def _say(self, trouble: str | None, up: bool = False) -> None:
        """Log a change, and in one outage nothing twice."""
        if trouble is None:
            _log.info("connected to %s", self._address.name)
            self._said.clear()
        elif up:
            _log.warning("%s", trouble)
        elif trouble not in self._said:
            _log.warning("no connection to %s, trying on: %s", self._address.name, trouble)
            self._said.append(trouble)


_QUIET = logging.getLogger(f"{__name__}.library")
_QUIET.setLevel(logging.ERROR)
"""What the library warns of is told by us."""
