"""Serving a chain over HTTP until told to stop, and stopping so that whoever was told something was told the truth."""

import asyncio
import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from maillage.bootstrap import Chain
from maillage.faces.http.app import build_app
from maillage.faces.operations.memory import give_back_large_blocks

log = logging.getLogger(__name__)

STOP_WITHIN_S = 5.0
"""How long a stop waits for requests that are under way; what hangs longer is cut off."""
LEAVE_WITHIN_S = 2.0
"""How long the process may take to end once all is written and closed."""


async def serve(
    chain: Chain, host: str, port: int, on_listening: Callable[[str], None], public_metrics: bool = False
) -> None:
    """Serve until SIGINT or SIGTERM; port 0 takes a free one. OSError when the address can't be had.

    ``on_listening`` gets the URL once connections are taken. ``/metrics`` is for anybody who reaches a loopback
    address, or with ``public_metrics`` any other; else for operators.
    """
    give_back_large_blocks()
    port = _bindable(host, port)
    logging.getLogger("_granian").setLevel(logging.WARNING)
    async with chain:
        chain.webhooks.start()
        server = Server(
            build_app(chain, open_metrics=public_metrics or is_loopback(host)),
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
        url = f"http://{shown}:{port}"
        log.info("listening", extra={"facts": {"url": url}})
        on_listening(url)
        stopping = loop.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await _let_finish(chain, server, running)
    log.info("stopped")
    if not stop.is_set():
        raise RuntimeError("the HTTP server ended by itself")
    _see_that_the_process_ends()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _let_finish(chain: Chain, server: Server, running: asyncio.Task[Any]) -> None:
    """Take no more connections, end the streams of followers, and wait until all else is answered."""
    log.info("stopping")
    chain.feed.close()
    server.stop()  # type: ignore[no-untyped-call]
    finished, _ = await asyncio.wait({running}, timeout=STOP_WITHIN_S)
    if not finished:
        log.warning("after %g s requests are still under way, and are cut off", STOP_WITHIN_S)
        running.cancel()


def _see_that_the_process_ends() -> None:
    """What is still connected keeps threads of the server alive, and these the process."""

    def leave() -> None:
        logging.shutdown()
        os._exit(0)

    late = threading.Timer(LEAVE_WITHIN_S, leave)
    late.daemon = True
    late.start()


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
