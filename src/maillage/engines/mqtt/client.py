"""An aiomqtt client that can be told to read no further.

The library keeps what comes in without a bound, or drops what is over one. Both are wrong here: a reading may be an
alarm, and the memory of a store's computer ends. So its queue is ours, and while it is full the socket is not read: the
broker's own send buffer fills, and by its rules the broker waits or keeps what is for us.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as PahoClient

PACKETS_AT_ONCE = 64
"""Read in one go where so many have come, before others have their turn."""
CONNECT_S = 3.0
CLOSE_S = 2.0
LOOK_EVERY_S = 0.02

Arrived = Callable[[aiomqtt.Message], None]


class _Handing(asyncio.Queue[aiomqtt.Message]):
    """Hands a message on in the moment when the library wants to keep it."""

    arrived: Arrived

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self.arrived(item)


class PausableClient(aiomqtt.Client):
    """``arrived`` is called with each message, in order, from the event loop. It must not fail."""

    def __init__(self, arrived: Arrived, hostname: str, **options: Any) -> None:
        self._reading: Callable[[], None] | None = None
        self._paused = False
        self._seen = 0

        def count_and_hand_on(message: aiomqtt.Message) -> None:
            self._seen += 1
            arrived(message)

        at_once = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)  # an acknowledgement must not hold up what follows it
        super().__init__(hostname, queue_type=_Handing, socket_options=at_once, **options)
        self._client.connect_timeout = CONNECT_S
        queue = self._queue
        assert isinstance(queue, _Handing)
        queue.arrived = count_and_hand_on

    async def open(self) -> None:
        """Connect. ``aiomqtt.MqttError`` or OSError where that fails, which it does within some 15 s."""
        entering = self._loop.create_task(self.__aenter__())
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The library connects in a thread, which nothing can stop; its socket must not be left behind.
            while not entering.done() and self._client.socket() is None:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)
            entering.cancel()
            await asyncio.wait([entering])
            self.abandon()
            raise
        except BaseException:
            self.abandon()
            raise

    async def until_lost(self) -> None:
        """Returns, or fails with the library's error, when the connection has ended."""
        await asyncio.shield(self._disconnected)

    async def close(self) -> None:
        """Say goodbye, where the broker takes it, and let go."""
        with suppress(aiomqtt.MqttError, TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self.__aexit__(None, None, None)
        self.abandon()

    def pause(self) -> None:
        """Read nothing more from the broker until ``resume``."""
        line = self._client.socket()
        if not self._paused and line is not None:
            self._paused = True
            self._loop.remove_reader(line.fileno())

    def resume(self) -> None:
        """Read on. Does nothing where it was not paused."""
        line = self._client.socket()
        if self._paused and line is not None and self._reading is not None:
            self._paused = False
            self._loop.add_reader(line.fileno(), self._reading)
            self._loop.call_soon(self._reading)  # TLS may hold decoded bytes that no socket tells of

    def abandon(self) -> None:
        """Let go of the connection without a word, as where the broker does not answer any more."""
        self._client._sock_close()
        if self._misc_task is not None:
            self._misc_task.cancel()
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        elif not self._disconnected.cancelled():
            self._disconnected.exception()  # looked at, so that nobody complains that nobody did

    # What follows takes the place of the library's own methods of the same names.

    def _on_socket_open(self, client: PahoClient, userdata: Any, sock: Any) -> None:  # noqa: ARG002
        def read() -> None:
            try:
                for _ in range(PACKETS_AT_ONCE):
                    before = self._seen
                    client.loop_read()
                    pending = getattr(client.socket(), "pending", None)
                    if self._paused or (self._seen == before and not (pending is not None and pending())):
                        break
                else:
                    pending = getattr(client.socket(), "pending", None)
                    if pending is not None and pending():
                        self._loop.call_soon(read)
            except Exception as fault:  # a broken line, told by whatever the library makes of it
                if not self._disconnected.done():
                    self._disconnected.set_exception(fault)

        self._reading = read
        self._paused = False
        # Called in the thread that connects.
        self._loop.call_soon_threadsafe(self._loop.add_reader, sock.fileno(), read)
        self._loop.call_soon_threadsafe(self._begin_upkeep)

    def _begin_upkeep(self) -> None:
        self._misc_task = self._loop.create_task(self._misc_loop())

    async def _misc_loop(self) -> None:
        while True:
            if self._paused:
                # The answer to our ping waits unread behind the messages. That we do not read says nothing of the
                # broker, so it must not count as its silence; ours would be heard, so the pings go on.
                self._client._ping_t = 0
            if self._client.loop_misc() != 0:
                return
            await asyncio.sleep(1)
