"""One message on its way to one contact."""

from typing import Any, Literal

import msgspec

DeliveryState = Literal["waiting", "delivered", "failed", "cancelled"]
RETRY_S = (5, 15, 60, 120, 300, 600, 900, 1_800)
"""After each failed attempt; after the last of these it is given up. Close together at first: somebody is to get up."""
REASON_MAX = 200


class Message(msgspec.Struct, frozen=True):
    """The same over all attempts and to whatever channel. ``data`` is for programs."""

    id: str
    at: int
    type: str
    subject: str
    text: str
    data: dict[str, Any]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """``channel`` is email or webhook, ``target`` the address; ``due_at`` and ``settled_at`` are seconds UTC."""

    id: str
    alarm: str
    site: str
    contact: str
    channel: str
    target: str
    message: Message
    due_at: int
    state: DeliveryState = "waiting"
    attempts: int = 0
    reason: str = ""
    settled_at: int | None = None

    def delivered(self, now: int) -> "Delivery":
        return msgspec.structs.replace(self, state="delivered", attempts=self.attempts + 1, reason="", settled_at=now)

    def failed(self, now: int, reason: str, never: bool) -> "Delivery":
        """Put off, or given up."""
        attempts, told = self.attempts + 1, reason[:REASON_MAX]
        if never or attempts > len(RETRY_S):
            return msgspec.structs.replace(self, state="failed", attempts=attempts, reason=told, settled_at=now)
        return msgspec.structs.replace(self, attempts=attempts, reason=told, due_at=now + RETRY_S[attempts - 1])

    def cancelled(self, now: int, reason: str) -> "Delivery":
        return msgspec.structs.replace(self, state="cancelled", reason=reason, settled_at=now)
