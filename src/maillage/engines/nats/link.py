"""One connection to a NATS server, from the greeting to the moment when it is lost for good.

The client library can connect again by itself, but gives up on some errors, keeps what is published meanwhile, and may
wait for a dead line while it closes. So here a connection lives once, and the line (``line.py``) makes the next one.
"""

import asyncio
import json
import logging
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from maillage.engines.nats.claims import USER, Key
from maillage.engines.nats.identity import seed_of
from maillage.mesh.ports import Unreachable

_log = logging.getLogger(__name__)
CONNECT_S = 5.0
PING_EVERY_S = 2.0
PING_ANSWER_S = 2.5
_PING_LOOKS = 5
_LIBRARY_PINGS_S = 86_400
"""The library's own pings are as good as off: ours also end a connection whose socket does not let go."""
CLOSE_S = 2.0
WAITING_BYTES_MAX = 4 << 20
"""So much may wait for the socket; who sends more waits with it."""
BACK_PRESSURE_S = 0.002
_NEVER_FULL = 1 << 40
"""The library waits for a full socket in a way that cannot be cancelled; so it never finds it full."""
_SEED = re.compile(r"^SU[A-Z2-7]+$", re.MULTILINE)
_STATUS = "Status"
_NO_RESPONDERS = "503"


class Address(NamedTuple):
    """Where to connect, and as whom: ``credentials`` is a file with a token and its seed, or with the bare seed."""

    servers: list[str]
    name: str
    credentials: Path | None
    inbox_prefix: str
    ca: Path | None


class _Client(Client):
    """Shows its public key beside its token: a hub's server reads the token, a leaf server in a store knows the key."""

    public_key: str | None = None

    def _connect_command(self) -> bytes:
        command = super()._connect_command()
        if self.public_key is None:
            return command
        verb, options = command.split(b" ", 1)
        return b" ".join([verb, json.dumps(json.loads(options) | {"nkey": self.public_key}).encode() + b"\r\n"])


class Link:
    """A connection that is up until ``lost`` returns. Whatever waits on it ends with it.

    With ``key_alone`` the server is shown that the key is held, and no token, also where the file has one.
    """

    def __init__(self, address: Address, key_alone: bool = False) -> None:
        self.client = _Client()
        self.inbox = f"{address.inbox_prefix}.{secrets.token_hex(16)}"
        self._address = address
        self._key_alone = key_alone
        self._reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting: set[asyncio.Timeout] = set()
        self._answers: dict[str, asyncio.Future[Msg]] = {}
        self._pinging: asyncio.Task[None] | None = None
        self.complaint: str | None = None

    @property
    def is_lost(self) -> bool:
        return self._reason.done()

    async def open(self, server: str) -> None:
        """Connect to one server. OSError, TimeoutError or the library's errors where that fails."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self.client.connect(
                    server,
                    name=self._address.name,
                    inbox_prefix=self._address.inbox_prefix,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=_LIBRARY_PINGS_S,
                    pending_size=_NEVER_FULL,
                    error_cb=self._hear_complaint,
                    closed_cb=self._closed,
                    **self._proof(),
                )
            await self.client.subscribe(f"{self.inbox}.*", cb=self._answered)
        except BaseException:
            self.abandon("never came up")
            raise
        self._pinging = asyncio.get_running_loop().create_task(self._ping())

    async def lost(self) -> str:
        """Wait until the connection is lost; why it was."""
        return await asyncio.shield(self._reason)

    @asynccontextmanager
    async def within(self, seconds: float, what: str) -> AsyncIterator[None]:
        """Unreachable when it takes longer, the connection is lost, or the server refuses."""
        if self.is_lost:
            raise Unreachable(f"{what}: no connection to the bus")
        try:
            async with asyncio.timeout(seconds) as limit:
                self._waiting.add(limit)
                try:
                    yield
                finally:
                    self._waiting.discard(limit)
        except TimeoutError:
            why = "the connection was lost" if self.is_lost else f"no answer within {seconds:g} s"
            raise Unreachable(f"{what}: {why}") from None
        except MaxPayloadError:
            raise ValueError(
                f"{what}: larger than the {self.client.max_payload:,} bytes that the server takes"
            ) from None
        except (NatsError, OSError) as error:
            raise Unreachable(f"{what}: {error}") from error

    async def request(self, subject: str, body: bytes, seconds: float, headers: Mapping[str, str] | None = None) -> Msg:
        """The answer; Unreachable at once where nobody serves the subject.

        Not the library's own requests: the address of an answer must not be guessable, and theirs count up.
        """
        token = secrets.token_hex(16)
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        try:
            async with self.within(seconds, subject):
                await self.publish(subject, body, headers, reply=f"{self.inbox}.{token}")
                message = await answer
        finally:
            del self._answers[token]
        if status_of(message) == _NO_RESPONDERS:
            raise Unreachable(f"{subject}: nobody serves it")
        return message

    async def publish(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Hand over to the socket. ValueError where body and headers are more than the server takes."""
        size = len(body) + (
            sum(len(f"{name}{value}".encode()) + 4 for name, value in headers.items()) + 14 if headers else 0
        )
        if size > self.client.max_payload:
            most = self.client.max_payload
            raise ValueError(f"{subject}: {size:,} bytes with headers; the server takes {most:,} in one message")
        while self.client.pending_data_size > WAITING_BYTES_MAX:  # noqa: ASYNC110 (nothing tells when it has gone)
            await asyncio.sleep(BACK_PRESSURE_S)
        await self.client.publish(subject, body, reply=reply, headers=dict(headers) if headers else None)

    async def settle(self) -> None:
        """Wait until the server has seen all that was said so far."""
        # The library's ping overtakes what waits to be written, so that has to be gone first.
        while self.client.pending_data_size and not self.is_lost:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await self.client.flush()

    def abandon(self, reason: str) -> None:
        """Let go of the connection at once, without waiting for a line that may be dead."""
        if not self._reason.done():
            self._reason.set_result(reason)
        if self._pinging is not None:
            self._pinging.cancel()
        now = asyncio.get_running_loop().time()
        for limit in self._waiting:
            if not limit.expired():
                limit.reschedule(now)
        # The library closes politely: it writes what is left and waits, on a dead line for a quarter of an hour.
        transport = self.client._transport
        if isinstance(transport, TcpTransport) and transport._io_writer is not None:
            transport._io_writer.transport.abort()

    async def close(self) -> None:
        """Send what is waiting, then close."""
        with suppress(Unreachable, ValueError):
            async with self.within(CLOSE_S, "closing"):
                await self.settle()
        if not self._reason.done():
            self._reason.set_result("closed")
        with suppress(TimeoutError, NatsError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self.client.close()
        self.abandon("closed")

    async def _ping(self) -> None:
        """Ask the server every now and then, and give the connection up when no answer comes."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            pong = asyncio.ensure_future(self.client.flush(_LIBRARY_PINGS_S))
            try:
                # In several looks: a loop that was busy for long makes one look fail, not all of them.
                for _ in range(_PING_LOOKS):
                    await asyncio.wait({pong}, timeout=PING_ANSWER_S / _PING_LOOKS)
                    if pong.done():
                        break
                else:
                    return self.abandon(f"no sign of life for {PING_ANSWER_S:g} s")
                if (error := pong.exception()) is not None:
                    return self.abandon(str(error))
            finally:
                pong.cancel()

    async def _answered(self, message: Msg) -> None:
        answer = self._answers.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _hear_complaint(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if "permissions violation" in text.lower():
            _log.warning("the bus refuses %s: %s", self._address.name, text)
        else:
            self.complaint = text

    async def _closed(self) -> None:
        self.abandon(self.complaint or "closed by the server")

    def _proof(self) -> dict[str, Any]:
        """Credentials are read for each connection, so that renewed ones are taken up by themselves."""
        proof: dict[str, Any] = {}
        if self._address.ca is not None:
            proof["tls"] = ssl.create_default_context(cafile=str(self._address.ca))
        if self._address.credentials is not None:
            seed = seed_of(self._address.credentials.read_text("ascii"))
            self.client.public_key = Key(seed).require(USER, str(self._address.credentials)).public
            proof["user_credentials"] = str(self._address.credentials)
        return proof


def status_of(message: Msg) -> str | None:
    """The status of a message that a server made; None for one that somebody sent."""
    return message.headers.get(_STATUS) if message.headers and not message.data else None


def document(raw: bytes) -> dict[str, Any]:
    """The JSON object that a server answered, or an empty one where it is none."""
    try:
        read = json.loads(raw)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
