"""Tenants and their API keys, held in memory and kept in step with the records.

A key is 256 random bits, so a plain SHA-256 of it is all that needs to be stored: there is nothing to guess from.
"""

import hashlib
import re
import secrets
import threading

import msgspec

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.ports import Clock
from maillage.kernel.times import FOREVER, HORIZON_S
from maillage.tenancy.limits import Rate, checked_rate
from maillage.tenancy.ports import ApiKey, TenancyRecords, Tenant
from maillage.tenancy.principal import OPERATOR_TENANT, ROLES, Principal

__all__ = ["OPERATOR_TENANT", "ROLES", "Access", "Principal"]

TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ADMIN_KEY_MIN = 16
OVERLAP_MAX_S = 30 * 86_400
NO_RATE = Rate()


class Access:
    """Looking a key up takes no lock and waits for nothing. What changes something waits for the records (from async
    code call it in a thread), which come first: a change that they refuse is not made here either."""

    def __init__(self, records: TenancyRecords, clock: Clock, rate: Rate = NO_RATE) -> None:
        self._records = records
        self._clock = clock
        self._rate = rate
        self._changing = threading.RLock()
        self._revision: int | None = None
        self._local: dict[bytes, Principal] = {}
        self._tenants: dict[str, Tenant] = {}
        self._keys: dict[str, ApiKey] = {}
        self._principals: dict[bytes, Principal] = {}
        self._read()

    # -- who is asking -------------------------------------------------------------------------------------------

    def principal(self, key: bytes) -> Principal | None:
        """Whose key this is, or None. The table is looked up by digest, so timing tells nothing of other keys."""
        return self.by_digest(hashlib.sha256(key).digest())

    def by_digest(self, digest: bytes) -> Principal | None:
        found = self._principals.get(digest)
        if found is None or (found.expires_at != FOREVER and found.expires_at <= self._clock.now()):
            return None
        return found

    def refresh(self) -> bool:
        """Read tenants and keys again if the records changed, by whatever process; whether they had. Any thread."""
        with self._changing:
            revision = self._records.revision()
            if revision == self._revision:
                return False
            self._read()
            self._revision = revision  # as it was before the reading: what came meanwhile is read the next time
            return True

    # -- tenants -------------------------------------------------------------------------------------------------

    def tenants(self) -> list[Tenant]:
        return sorted(self._tenants.values(), key=lambda tenant: tenant.id)

    def tenant(self, tenant_id: str) -> Tenant:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            raise NotFound(f"there is no tenant {tenant_id[:64]!r}")
        return tenant

    def find_tenant(self, tenant_id: str) -> Tenant | None:
        return self._tenants.get(tenant_id)

    def add_tenant(self, tenant_id: str, name: str, role: str) -> Tenant:
        """A new tenant; AlreadyExists for one that exists with another name or role, itself when nothing differs."""
        if not TENANT_ID.fullmatch(tenant_id):
            raise Invalid("id", f"{tenant_id[:40]!r}: a tenant's id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
        if role not in ROLES:
            raise Invalid("role", f"{role[:40]!r} is not a role; the roles are {', '.join(ROLES)}")
        with self._changing:
            known = self._tenants.get(tenant_id)
            if known is not None and (known.name, known.role) == (name, role):
                return known
            tenant = Tenant(tenant_id, name, role, self._clock.now())
            self._records.add_tenant(tenant)
            self._tenants[tenant_id] = tenant
            return tenant

    # -- keys ----------------------------------------------------------------------------------------------------

    def first_key(self, given: str | None) -> str | None:
        """Make sure that an operator can get in: take over a key that was given, or make one when there is none.

        Returns the key if it is new, to be shown once.
        """
        with self._changing:
            self._ensure_operator()
            if given is not None:
                if len(given) < ADMIN_KEY_MIN or not given.isascii() or not given.isprintable() or " " in given:
                    raise Invalid(
                        "MAILLAGE_ADMIN_KEY", f"must be {ADMIN_KEY_MIN} or more printable characters, no blanks"
                    )
                if self.principal(given.encode()) is None:
                    self._store(OPERATOR_TENANT, "given at start", given)
                return None
            if any(self._tenants[key.tenant].role == "operator" for key in self._in_force()):
                return None
            return self.add_key(OPERATOR_TENANT, "first")[1]

    def local_key(self) -> str:
        """An operator's key that lives in this process only, for a command line that works on its own folder."""
        with self._changing:
            self._ensure_operator()
            key = _new_key("local")
            digest = hashlib.sha256(key.encode()).digest()
            self._local[digest] = self._principals[digest] = Principal(OPERATOR_TENANT, "operator", "local")
            return key

    def keys(self, tenant_id: str) -> list[ApiKey]:
        """A tenant's keys that are in force."""
        self.tenant(tenant_id)
        return [key for key in self._in_force() if key.tenant == tenant_id]

    def key(self, key_id: str) -> ApiKey:
        key = self._keys.get(key_id)
        if key is None:
            raise NotFound(f"there is no key {key_id[:64]!r}, or it was revoked")
        return key

    def add_key(
        self,
        tenant_id: str,
        name: str,
        expires_at: int | None = None,
        per_s: float | None = None,
        burst: int | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key of a tenant: its record, and the key itself, which is not kept."""
        checked_rate(per_s, burst)
        if expires_at is not None and not self._clock.now() < expires_at <= self._clock.now() + HORIZON_S:
            raise Invalid("expires_at", "must lie ahead, by at most 50 years")
        with self._changing:
            self.tenant(tenant_id)
            key = _new_key(secrets.token_hex(4))
            return self._store(tenant_id, name, key, expires_at, per_s, burst), key

    def rotate_key(self, key_id: str, overlap_s: int) -> tuple[ApiKey, str, ApiKey]:
        """A new key in the place of one: the new record, the new key itself, and the old record, which ends after the
        overlap (or when it would have ended anyway). A key that was to live for so long is followed by one that lives
        as long again."""
        if not 0 <= overlap_s <= OVERLAP_MAX_S:
            raise Invalid("overlap_s", f"goes from 0 to {OVERLAP_MAX_S} (30 days)")
        now = self._clock.now()
        with self._changing:
            old = self.key(key_id)
            if old.expires_at is not None and old.expires_at <= now:
                raise NotFound(f"the key {key_id[:64]!r} has expired; make a new one")
            expires_at = None if old.expires_at is None else now + (old.expires_at - old.created_at)
            ends_at = now + overlap_s if old.expires_at is None else min(now + overlap_s, old.expires_at)
            record, key = self.add_key(old.tenant, old.name, expires_at, old.per_s, old.burst)
            try:
                self._records.expire_key(key_id, ends_at)
            except BaseException:
                self.revoke_key(record.id)  # nobody has seen it, so nobody could end it later
                raise
            ending = msgspec.structs.replace(old, expires_at=ends_at)
            self._enter(ending)
            return record, key, ending

    def revoke_key(self, key_id: str) -> ApiKey:
        """From now on the key opens nothing; the record that it had."""
        with self._changing:
            key = self.key(key_id)
            self._records.revoke_key(key_id, self._clock.now())
            del self._keys[key_id], self._principals[bytes.fromhex(key.digest)]
            return key

    # -- shared --------------------------------------------------------------------------------------------------

    def _in_force(self) -> list[ApiKey]:
        now = self._clock.now()
        return [key for key in list(self._keys.values()) if key.expires_at is None or key.expires_at > now]

    def _ensure_operator(self) -> None:
        if OPERATOR_TENANT not in self._tenants:
            self.add_tenant(OPERATOR_TENANT, "the chain's operator", "operator")

    def _store(
        self,
        tenant_id: str,
        name: str,
        key: str,
        expires_at: int | None = None,
        per_s: float | None = None,
        burst: int | None = None,
    ) -> ApiKey:
        digest = hashlib.sha256(key.encode()).hexdigest()
        record = ApiKey(secrets.token_hex(8), tenant_id, name, digest, self._clock.now(), expires_at, per_s, burst)
        self._records.add_key(record)
        self._enter(record)
        return record

    def _enter(self, key: ApiKey) -> None:
        former = self._keys.get(key.id)
        self._keys[key.id] = key
        self._principals[bytes.fromhex(key.digest)] = self._principal(key, former)

    def _read(self) -> None:
        """Take over what the records hold, in new tables put in place whole: whoever looks meanwhile sees the old."""
        keys = {key.id: key for key in self._records.live_keys()}
        tenants = {tenant.id: tenant for tenant in self._records.tenants()}  # later, so that no key lacks its tenant
        self._tenants = tenants
        principals = {bytes.fromhex(key.digest): self._principal(key, self._keys.get(key.id)) for key in keys.values()}
        self._keys, self._principals = keys, principals | self._local

    def _principal(self, key: ApiKey, former: ApiKey | None) -> Principal:
        """A key whose limit did not change keeps its bucket as full as it is."""
        known = None if former is None else self._principals.get(bytes.fromhex(former.digest))
        if known is not None and former is not None and (former.per_s, former.burst) == (key.per_s, key.burst):
            bucket = known.bucket
        else:
            bucket = self._rate.bucket(key.per_s, key.burst)
        expires_at = FOREVER if key.expires_at is None else key.expires_at
        return Principal(key.tenant, self._tenants[key.tenant].role, f"key:{key.id}", expires_at, bucket)


def _new_key(label: str) -> str:
    return f"mlg_{label}_{secrets.token_urlsafe(32)}"
