"""Serving a chain over HTTP until told to stop."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from maillage.bootstrap import Chain
from maillage.faces.http.app import build_app

STOP_WITHIN_S = 5.0


async def serve(chain: Chain, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; port 0 takes a free one. OSError when the address can't be had.

    ``on_listening`` gets the URL once connections are taken.
    """
    port = _bindable(host, port)
    logging.getLogger("_granian").setLevel(logging.WARNING)
    async with chain:
        app = build_app(chain)
        server = Server(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,  # HTTP/2 may send a body without announcing it: the gate could not bound it
            websockets=False,
            log_enabled=False,
            backlog=1024,
        )
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        running = loop.create_task(server.serve())
        await _until_answering(host, port, running)
        shown = f"[{host}]" if ":" in host else host
        on_listening(f"http://{shown}:{port}")
        stopping = loop.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({running}, timeout=STOP_WITHIN_S)
        running.cancel()
    # Streams that never end (followers of events) would keep the server's threads alive past this point.
    os._exit(0)


def _bindable(host: str, port: int) -> int:
    """The port to take, after making sure that it can be taken: a clear error here beats one from a worker."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


async def _until_answering(host: str, port: int, running: asyncio.Task[Any]) -> None:
    connect_to = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(connect_to, port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return
    await running
