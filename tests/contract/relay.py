"""A TCP relay that can be cut: silent as a cable that was pulled, or abrupt as a router that resets what it knew."""

import asyncio
from contextlib import suppress


class Relay:
    """Passes bytes on to ``port``. While cut it takes new connections and says nothing, as a dead line does.
    ``near_ports`` are those from which it reached the other side: who comes from another has come past it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.near_ports: set[int] = set()
        self._through = asyncio.Event()
        self._through.set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._takes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> "Relay":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def cut(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self._through.clear()

    def restore(self) -> None:
        """Let new connections pass. The old ones stay silent, as behind a router that has forgotten them: whoever is
        on one has to notice by itself."""
        self._through = asyncio.Event()
        self._through.set()

    def drop(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        tasks = [*self._pumps, *self._takes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        through = self._through
        task = asyncio.current_task()
        assert task is not None
        self._takes.add(task)
        task.add_done_callback(self._takes.discard)
        self._writers.add(writer)
        far_writer: asyncio.StreamWriter | None = None
        try:
            await through.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(far_writer)
            self.near_ports.add(far_writer.get_extra_info("sockname")[1])
            pumps = {
                asyncio.create_task(self._pump(reader, far_writer, through)),
                asyncio.create_task(self._pump(far_reader, writer, through)),
            }
            self._pumps |= pumps
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            self._pumps -= pumps
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, far_writer):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, through: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await through.wait()
                writer.write(data)
                await writer.drain()
