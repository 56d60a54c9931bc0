"""E-mail by SMTP, each message over a connection of its own: pages are few, and a kept connection may be dead."""

import asyncio
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from maillage.engines.notify.smtp_settings import SmtpSettings
from maillage.kernel.errors import Invalid
from maillage.services.sensing.coldchain.escalation.deliveries import Message
from maillage.services.sensing.coldchain.ports import Sent

WITHIN_S = 20.0
"""For each step of the conversation."""
AT_ONCE = 4


class MailChannel:
    """``services.sensing.coldchain.ports.Channel``. ``tls`` replaces the context of the settings."""

    def __init__(self, settings: SmtpSettings, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls
        # Threads of its own: a mail server that never answers must not hold those that write to the disk.
        self._threads = ThreadPoolExecutor(AT_ONCE, "alarm-mail")

    async def send(self, site: str, contact: str, target: str, message: Message) -> Sent:  # noqa: ARG002
        """The server has it, or not. What it will never take (5xx for the address) is not tried again."""
        mail = self._mail(target, message)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, mail, target)

    def check(self, target: str) -> None:
        """Plans have looked at it already."""
        if not target.isascii():
            raise Invalid("email", "must be ASCII; a domain of other letters has a form that begins with xn--")

    def secret(self, site: str, contact: str) -> str | None:  # noqa: ARG002
        """Mails are not signed."""
        return None

    async def close(self) -> None:
        """What is being sent goes on by itself, within its time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _mail(self, target: str, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._settings.sender
        mail["To"] = target
        # What devices are called comes from elsewhere, and must not end a header.
        mail["Subject"] = "".join(sign if sign.isprintable() else " " for sign in message.subject)
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
        mail["Message-ID"] = f"<{message.id}@{self._settings.sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        mail["X-Priority"] = "1"
        mail.set_content(message.text)
        return mail

    def _deliver(self, mail: EmailMessage, target: str) -> Sent:
        settings = self._settings
        try:
            with self._connected() as server:
                if settings.tls == "starttls":
                    server.starttls(context=self._tls or settings.context())
                if settings.user is not None and settings.password is not None:
                    server.login(settings.user, settings.password)
                server.send_message(mail, settings.sender, [target])
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            return Sent(False, f"the address was refused: {code} {_text(said)}", never=code >= 500)
        except smtplib.SMTPAuthenticationError as fault:
            return Sent(False, f"the mail server does not take the password: {fault.smtp_code}")
        except smtplib.SMTPResponseException as fault:
            return Sent(False, f"the mail server said {fault.smtp_code} {_text(fault.smtp_error)}")
        except (smtplib.SMTPException, OSError) as fault:
            return Sent(False, f"{settings.host}:{settings.port}: {fault or type(fault).__name__}")
        return Sent(True)

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        name = socket.gethostname().encode("ascii", "ignore").decode() or "localhost"
        if settings.tls == "tls":
            context = self._tls or settings.context()
            return smtplib.SMTP_SSL(settings.host, settings.port, name, timeout=WITHIN_S, context=context)
        return smtplib.SMTP(settings.host, settings.port, name, timeout=WITHIN_S)


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
