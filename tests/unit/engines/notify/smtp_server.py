"""A small real SMTP server (RFC 5321, AUTH PLAIN, STARTTLS) on a free port of loopback, in a thread of its
own."""

import asyncio
import base64
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

WITHIN_S = 15.0


class Mail(NamedTuple):
    """``encrypted`` and ``user`` are of the connection that it came by."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    user: str

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


class Mailbox:
    """``replies`` are given to RCPT one after another instead of 250. With ``users`` one must log in."""

    def __init__(self, tls: ssl.SSLContext | None, users: dict[str, str]) -> None:
        self.port = 0
        self.got: list[Mail] = []
        self.replies: list[str] = []
        self.tls = tls
        self.users = users

    def wait_for(self, count: int) -> list[Mail]:
        ends_at = time.monotonic() + WITHIN_S
        while len(self.got) < count:
            assert time.monotonic() < ends_at, f"{len(self.got)} of {count} came"
            time.sleep(0.01)
        return self.got[:count]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = _Conversation(self, reader, writer)
        try:
            await conversation.run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


class _Conversation:
    def __init__(self, box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.box, self.reader, self.writer = box, reader, writer
        self.encrypted, self.user = False, ""
        self.sender, self.recipients = "", list[str]()

    async def run(self) -> None:
        await self.say("220 mail.test ESMTP")
        while line := await self.reader.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if word.upper() == "QUIT":
                await self.say("221 bye")
                return
            await getattr(self, f"on_{word.lower()}", self.unknown)(rest)

    async def on_ehlo(self, _: str) -> None:
        features = ["mail.test", "8BITMIME"]
        if self.box.tls is not None and not self.encrypted:
            features.append("STARTTLS")
        if self.box.users:
            features.append("AUTH PLAIN")
        for feature in features[:-1]:
            await self.say(f"250-{feature}")
        await self.say(f"250 {features[-1]}")

    async def on_starttls(self, _: str) -> None:
        if self.box.tls is None:
            await self.say("502 no TLS here")
            return
        await self.say("220 go ahead")
        await self.writer.start_tls(self.box.tls)
        self.encrypted = True

    async def on_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        if self.box.users.get(user) == password:
            self.user = user
            await self.say("235 welcome")
        else:
            await self.say("535 authentication failed")

    async def on_mail(self, rest: str) -> None:
        if self.box.users and not self.user:
            await self.say("530 log in first")
            return
        self.sender, self.recipients = _address(rest), []
        await self.say("250 ok")

    async def on_rcpt(self, rest: str) -> None:
        reply = self.box.replies.pop(0) if self.box.replies else "250 ok"
        if reply.startswith("2"):
            self.recipients.append(_address(rest))
        await self.say(reply)

    async def on_data(self, _: str) -> None:
        await self.say("354 go on")
        lines: list[bytes] = []
        while (line := await self.reader.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.box.got.append(Mail(self.sender, self.recipients, message, self.encrypted, self.user))
        await self.say("250 taken")

    async def on_rset(self, _: str) -> None:
        await self.say("250 ok")

    async def unknown(self, _: str) -> None:
        await self.say("500 what?")

    async def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, users: dict[str, str] | None = None) -> Iterator[Mailbox]:
    """One that listens; it offers STARTTLS where it has what to do it with."""
    box = Mailbox(tls, users or {})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(box.talk, "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(WITHIN_S)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WITHIN_S)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
