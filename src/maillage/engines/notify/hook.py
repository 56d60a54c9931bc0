"""Webhooks for pages: CloudEvents signed as Standard Webhooks has it, like those of tenants."""

import msgspec

from maillage.kernel.cloudevents import CloudEvent
from maillage.kernel.errors import Refusal
from maillage.kernel.ports import Clock
from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.escalation.deliveries import Message
from maillage.services.sensing.coldchain.ports import Sent
from maillage.tenancy.webhooks.ports import Sender
from maillage.tenancy.webhooks.signing import Secrets, signed_headers
from maillage.tenancy.webhooks.targets import parse_target

_VERSION = 1


class HookChannel:
    """``services.sensing.coldchain.ports.Channel``. A contact's secret follows from the server's own, its site and its
    name; with another name it has another one. ``allow_local`` as for tenants' webhooks."""

    def __init__(self, sender: Sender, secrets: Secrets, clock: Clock, allow_local: bool) -> None:
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self._allow_local = allow_local

    async def send(self, site: str, contact: str, target: str, message: Message) -> Sent:
        """The same body and ``webhook-id`` at each attempt."""
        event = CloudEvent(
            "1.0",
            message.id,
            f"/sites/{site}",
            message.type,
            format_time(message.at),
            f"alarms/{message.data['alarm']}",
            "application/json",
            "0",
            {**message.data, "subject": message.subject},
        )
        body = msgspec.json.encode(event)
        try:
            secret = self._secrets.of(_name(site, contact), _VERSION)
        except Refusal as refusal:
            return Sent(False, refusal.detail)
        headers = signed_headers([secret], message.id, self._clock.now(), body)
        outcome = await self._sender.send(target, headers, body)
        return Sent(outcome.taken, outcome.reason, outcome.gone)

    def check(self, target: str) -> None:
        """Invalid for what is no address that anything may be sent to, as far as its text says."""
        parse_target(target, self._allow_local)

    def secret(self, site: str, contact: str) -> str | None:
        """NoMasterSecret where the server has none to derive it from."""
        return self._secrets.of(_name(site, contact), _VERSION)

    async def close(self) -> None:
        await self._sender.close()


def _name(site: str, contact: str) -> str:
    return f"alarms {site} {contact}"
