"""Callbacks: whoever creates an instance or a deployment may have its changes of status told to an address.

A subscription is a record. Every process that shares the records looks at all of them in rounds; what is due is claimed
by the one that changes the record first, so a change is told once unless its process died while it did.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Literal
from uuid import uuid4

import msgspec

from maillage.kernel.ports import Clock
from maillage.kernel.times import format_time
from maillage.services.compute.camara.faults import invalid
from maillage.services.compute.camara.names import new_id
from maillage.services.compute.camara.ports import CamaraRecords, Entry
from maillage.services.compute.camara.subscribing import ENDED, SubscriptionRequest, checked
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.targets import parse_target, resolve_by_system, resolved

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CLAIM_S = 30
"""Well above the longest that one request may take."""
ATTEMPTS_MAX = 10
WAIT_MAX_S = 300
TOKEN_ENDS_BEFORE_S = 60
"""How long before the sink's token ends the subscription does, so that its end can still be told."""

Subject = Literal["instance", "deployment"]
Describe = Callable[[Subject, str], Awaitable[dict[str, Any] | None]]
"""What there is to say of an instance or a deployment, ``status`` among it; None where it is no more."""


class Subscription(msgspec.Struct, frozen=True):
    """As it is written down. ``told`` is the status that the sink knows of; before ``due_at`` nothing is sent."""

    subject: Subject
    subject_id: str
    sink: str
    token: str
    token_ends_at: int
    type: str
    ends_at: int
    events_left: int
    told: str
    due_at: int = 0
    attempts: int = 0


class Callbacks:
    """``allow_local`` lets sinks be on this machine, for trying things out."""

    def __init__(
        self, records: CamaraRecords, sender: HttpSender, describe: Describe, clock: Clock, allow_local: bool = False
    ) -> None:
        self._records = records
        self._sender = sender
        self._describe = describe
        self._clock = clock
        self._allow_local = allow_local
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._sender.close()

    async def require(self, request: SubscriptionRequest, subject: Subject) -> None:
        """Fault 400, or Invalid, for a subscription that can't be: known before anything is created.

        Where a name leads is looked at whenever something is sent; an address says it now.
        """
        wanted = checked(request, subject)
        target = parse_target(request.sink, self._allow_local)
        if _is_address(target.host):
            await resolved(target, self._allow_local, resolve_by_system)
        now = self._clock.now()
        if min(wanted.ends_at, wanted.token_ends_at) <= now:
            raise invalid("subscriptionRequest", f"is over already; it is {format_time(now)}")

    async def add(self, tenant: str, request: SubscriptionRequest, subject: Subject, subject_id: str) -> None:
        """From now on, the status of now included where that is asked."""
        wanted, now = checked(request, subject), await self._describe(subject, subject_id)
        subscription = Subscription(
            subject,
            subject_id,
            request.sink,
            wanted.token,
            wanted.token_ends_at,
            wanted.type,
            wanted.ends_at,
            wanted.events_max,
            "" if wanted.initial or now is None else _status(now),
        )
        name = new_id()
        body = msgspec.json.encode(subscription)
        entry = Entry(name, "subscription", tenant, f"subscription {name}", self._clock.now(), body)
        await asyncio.to_thread(self._records.add, entry)

    async def look(self) -> None:
        """One round: tell what has changed of all that is subscribed to."""
        entries = await asyncio.to_thread(self._records.entries, "subscription")
        await asyncio.gather(*(self._look_at(entry) for entry in entries))

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("callbacks could not be looked after; trying again")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look_at(self, entry: Entry) -> None:
        known, now = msgspec.json.decode(entry.body, type=Subscription), self._clock.now()
        if known.due_at > now:
            return
        found = await self._describe(known.subject, known.subject_id)
        reason = _over(known, found, now)
        if reason:
            data = {"subscriptionId": entry.id, "terminationReason": reason}
            await self._tell(entry, known, ENDED, data, None)
        elif found is not None and known.type != ENDED and known.told != _status(found):
            await self._tell(entry, known, known.type, {"subscriptionId": entry.id, **found}, _status(found))

    async def _tell(
        self, entry: Entry, known: Subscription, kind: str, data: dict[str, Any], status: str | None
    ) -> None:
        """``status`` None is the last that is told."""
        claimed = await self._write(entry, msgspec.structs.replace(known, due_at=self._clock.now() + CLAIM_S))
        if claimed is None:
            return
        outcome = await self._sender.send(known.sink, self._headers(known), self._event(known, kind, data))
        attempts = known.attempts + 1
        if outcome.gone or (outcome.taken and status is None) or attempts >= ATTEMPTS_MAX:
            if not outcome.taken:
                log.info("the subscription %s ends: its sink %s", entry.id, outcome.reason)
            await asyncio.to_thread(self._records.drop, "subscription", entry.id)
        elif outcome.taken and status is not None:
            left = known.events_left - 1
            done = msgspec.structs.replace(known, told=status, due_at=0, attempts=0, events_left=left)
            await self._write(claimed, done)
        else:
            wait_s = outcome.retry_after_s or min(2**attempts, WAIT_MAX_S)
            later = msgspec.structs.replace(known, due_at=self._clock.now() + wait_s, attempts=attempts)
            await self._write(claimed, later)

    async def _write(self, entry: Entry, subscription: Subscription) -> Entry | None:
        """None where another process was faster, or it is no more."""
        body = msgspec.json.encode(subscription)
        changed = msgspec.structs.replace(entry, body=body, revision=entry.revision + 1)
        return changed if await asyncio.to_thread(self._records.change, changed) else None

    def _headers(self, known: Subscription) -> dict[str, str]:
        headers = {"x-correlator": str(uuid4())}
        return {**headers, "authorization": f"Bearer {known.token}"} if known.token else headers

    def _event(self, known: Subscription, kind: str, data: dict[str, Any]) -> bytes:
        path = "app-instances" if known.subject == "instance" else "deployments"
        event = {
            "id": str(uuid4()),
            "source": f"/edge-application-management/{path}/{known.subject_id}",
            "specversion": "1.0",
            "type": kind,
            "time": format_time(self._clock.now()),
            "datacontenttype": "application/json",
            "data": data,
        }
        return msgspec.json.encode(event)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _over(known: Subscription, found: dict[str, Any] | None, now: int) -> str:
    """Why a subscription is over; "" while it is not."""
    if found is None:
        return "NETWORK_TERMINATED"
    if known.events_left <= 0:
        return "MAX_EVENTS_REACHED"
    if known.ends_at <= now:
        return "SUBSCRIPTION_EXPIRED"
    return "ACCESS_TOKEN_EXPIRED" if known.token_ends_at - TOKEN_ENDS_BEFORE_S <= now else ""


def _status(found: dict[str, Any]) -> str:
    return json.dumps(found["status"], sort_keys=True)
