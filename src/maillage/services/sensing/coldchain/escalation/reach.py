"""Whether the contacts of a plan can be reached from this server at all."""

from collections.abc import Mapping

from maillage.kernel.errors import Invalid
from maillage.services.sensing.coldchain.escalation.plan import Plan
from maillage.services.sensing.coldchain.ports import Channel


def reached(plan: Plan, site: str, channels: Mapping[str, Channel]) -> dict[str, str]:
    """The secrets that receivers verify messages with, by contact. Invalid for a contact that nothing can be sent to,
    be it since this server has no such channel."""
    secrets: dict[str, str] = {}
    for name, contact in plan.contacts.items():
        kind, target = ("email", contact.email) if contact.email is not None else ("webhook", contact.webhook)
        channel = channels.get(kind)
        if channel is None:
            raise Invalid(f"contacts.{name}.{kind}", f"this server is not set up to send by {kind}")
        try:
            channel.check(target or "")
        except Invalid as refusal:
            raise Invalid(f"contacts.{name}.{kind}", refusal.detail.partition(": ")[2]) from None
        secret = channel.secret(site, name)
        if secret is not None:
            secrets[name] = secret
    return secrets
