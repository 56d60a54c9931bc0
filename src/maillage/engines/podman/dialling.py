"""Connections for the HTTP client by a function that makes them, instead of by host and port."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpcore

Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Dialling(httpcore.AsyncNetworkBackend):
    """Whatever host is asked for, ``dial`` says where it goes."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(*await self._dial())
        except OSError as fault:
            raise httpcore.ConnectError(str(fault)) from None


class _Stream(httpcore.AsyncNetworkStream):
    """Time limits are the caller's: it bounds a request as a whole."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, *_: Any, **__: Any) -> bytes:
        try:
            return await self._reader.read(max_bytes)
        except OSError as fault:
            raise httpcore.ReadError(str(fault)) from None

    async def write(self, buffer: bytes, *_: Any, **__: Any) -> None:
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as fault:
            raise httpcore.WriteError(str(fault)) from None

    async def aclose(self) -> None:
        self._writer.transport.abort()  # an app that reads nothing more must not hold us up

    def get_extra_info(self, info: str) -> Any:
        """The client asks whether an idle connection has something to read, which then is its end."""
        return self._reader.at_eof() if info == "is_readable" else None
