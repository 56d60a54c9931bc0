"""What tenancy needs from outside."""

from typing import Protocol

import msgspec


class Tenant(msgspec.Struct, frozen=True):
    """``role`` is operator, tenant or node; ``created_at`` seconds UTC."""

    id: str
    name: str
    role: str
    created_at: int


class ApiKey(msgspec.Struct, frozen=True):
    """``digest`` is the SHA-256 of the whole key: the key itself is never stored.

    From ``expires_at`` (seconds UTC) on it opens nothing; ``per_s`` and ``burst`` bound how often it may ask (None: as
    the server's default says).
    """

    id: str
    tenant: str
    name: str
    digest: str
    created_at: int
    expires_at: int | None = None
    per_s: float | None = None
    burst: int | None = None


class Quota(msgspec.Struct, frozen=True):
    """``most`` thousandths of a kind that a tenant may have leased at any instant, over all sites."""

    tenant: str
    kind: str
    most: int


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what, and what came of it.

    ``at`` is seconds UTC; ``actor`` a tenant's id, or empty where nobody could be made out; ``credential`` names the
    key or token (never holds it); ``action`` is a verb phrase such as ``key.revoke``; ``subject`` what it was done to;
    ``outcome`` ``done`` or the slug of the refusal; ``number`` grows with each entry and is given by the records.
    """

    at: int
    actor: str
    credential: str
    action: str
    subject: str
    outcome: str
    detail: str = ""
    request_id: str = ""
    number: int = 0


class TenancyRecords(Protocol):
    """Tenants, keys, quotas and the audit. Each call is durable when it returns; several processes may share them."""

    def revision(self) -> int:
        """Grows with every change of tenants, keys, quotas, kinds and prices, by whatever process."""
        ...

    def tenants(self) -> list[Tenant]: ...

    def add_tenant(self, tenant: Tenant) -> None:
        """AlreadyExists where the id is taken."""
        ...

    def live_keys(self) -> list[ApiKey]:
        """Keys that were not revoked, oldest first."""
        ...

    def add_key(self, key: ApiKey) -> None:
        """AlreadyExists where the same key was in use before, revoked or not."""
        ...

    def expire_key(self, key_id: str, at: int) -> None:
        """Let a key that is in force end at an instant."""
        ...

    def revoke_key(self, key_id: str, at: int) -> None: ...

    def quotas(self) -> list[Quota]: ...

    def put_quota(self, quota: Quota) -> None: ...

    def drop_quota(self, tenant: str, kind: str) -> None: ...

    def append_audit(self, entries: list[AuditEntry]) -> None:
        """Nothing can change or remove an entry."""
        ...

    def audit(self, after: int, limit: int, actor: str | None = None, action: str | None = None) -> list[AuditEntry]:
        """Entries with a number above ``after``, in order."""
        ...
