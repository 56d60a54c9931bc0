"""Who may do what: tenants, their API keys, and the three roles.

A key is 256 random bits, so a plain SHA-256 of it is all that needs to be stored: there is nothing to guess from.
"""

import hashlib
import re
import secrets

import msgspec

from maillage.kernel.errors import Invalid, NotAllowed, NotFound
from maillage.kernel.leases import LeaseClass
from maillage.kernel.ports import Clock
from maillage.tenancy.ports import ApiKey, TenancyRecords, Tenant

TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ROLES = ("operator", "tenant", "node")
OPERATOR_TENANT = "operator"
"""The tenant that the first admin key belongs to."""
ADMIN_KEY_MIN = 16


class Principal(msgspec.Struct, frozen=True):
    """Who is asking."""

    tenant: str
    role: str

    @property
    def sees(self) -> str | None:
        """The tenant whose leases this principal may see and move; None for those of all."""
        return self.tenant if self.role == "tenant" else None

    def require_operator(self) -> None:
        if self.role != "operator":
            raise NotAllowed(f"only an operator's key may do that; this one is a {self.role}'s")

    def require_staff(self) -> None:
        if self.role == "tenant":
            raise NotAllowed("only an operator's or a node's key may do that; this one is a tenant's")

    def require_class(self, lease_class: LeaseClass) -> None:
        if lease_class == "house" and self.role == "tenant":
            raise NotAllowed("house leases are for the shop's own work; a tenant asks for firm or spot")


class Access:
    """Keys by digest, read once from the records and kept in step with them."""

    def __init__(self, records: TenancyRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._tenants = {tenant.id: tenant for tenant in records.tenants()}
        self._keys = {key.id: key for key in records.live_keys()}
        self._principals = {bytes.fromhex(key.digest): self._principal(key.tenant) for key in self._keys.values()}

    def principal(self, key: bytes) -> Principal | None:
        """Whose key this is, or None. The table is looked up by digest, so timing tells nothing of other keys."""
        return self._principals.get(hashlib.sha256(key).digest())

    def first_key(self, given: str | None) -> str | None:
        """Make sure that an operator can get in: take over a key that was given, or make one when there is none.

        Returns the key if it is new, to be shown once.
        """
        self._ensure_operator()
        if given is not None:
            if len(given) < ADMIN_KEY_MIN or not given.isascii() or not given.isprintable() or " " in given:
                raise Invalid("MAILLAGE_ADMIN_KEY", f"must be {ADMIN_KEY_MIN} or more printable characters, no blanks")
            if self.principal(given.encode()) is None:
                self._store(OPERATOR_TENANT, "given at start", given)
            return None
        if any(self._tenants[key.tenant].role == "operator" for key in self._keys.values()):
            return None
        return self.add_key(OPERATOR_TENANT, "first")[1]

    def local_key(self) -> str:
        """An operator's key that lives in this process only, for a command line that works on its own folder."""
        self._ensure_operator()
        key = _new_key("local")
        self._principals[hashlib.sha256(key.encode()).digest()] = Principal(OPERATOR_TENANT, "operator")
        return key

    def tenants(self) -> list[Tenant]:
        return sorted(self._tenants.values(), key=lambda tenant: tenant.id)

    def tenant(self, tenant_id: str) -> Tenant:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            raise NotFound(f"there is no tenant {tenant_id[:64]!r}")
        return tenant

    def add_tenant(self, tenant_id: str, name: str, role: str) -> Tenant:
        """A new tenant; AlreadyExists for one that exists with another name or role, itself when nothing differs."""
        if not TENANT_ID.fullmatch(tenant_id):
            raise Invalid("id", f"{tenant_id[:40]!r}: a tenant's id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
        if role not in ROLES:
            raise Invalid("role", f"{role[:40]!r} is not a role; the roles are {', '.join(ROLES)}")
        known = self._tenants.get(tenant_id)
        if known is not None and (known.name, known.role) == (name, role):
            return known
        tenant = Tenant(tenant_id, name, role, self._clock.now())
        self._records.add_tenant(tenant)
        self._tenants[tenant_id] = tenant
        return tenant

    def keys(self, tenant_id: str) -> list[ApiKey]:
        self.tenant(tenant_id)
        return [key for key in self._keys.values() if key.tenant == tenant_id]

    def add_key(self, tenant_id: str, name: str) -> tuple[ApiKey, str]:
        """A new key of a tenant: its record, and the key itself, which is not kept."""
        self.tenant(tenant_id)
        key = _new_key(secrets.token_hex(4))
        return self._store(tenant_id, name, key), key

    def revoke_key(self, key_id: str) -> None:
        """From now on the key opens nothing."""
        key = self._keys.get(key_id)
        if key is None:
            raise NotFound(f"there is no key {key_id[:64]!r}, or it was revoked")
        self._records.revoke_key(key_id, self._clock.now())
        del self._keys[key_id], self._principals[bytes.fromhex(key.digest)]

    def _ensure_operator(self) -> None:
        if OPERATOR_TENANT not in self._tenants:
            self.add_tenant(OPERATOR_TENANT, "the chain's operator", "operator")

    def _store(self, tenant_id: str, name: str, key: str) -> ApiKey:
        digest = hashlib.sha256(key.encode())
        record = ApiKey(secrets.token_hex(8), tenant_id, name, digest.hexdigest(), self._clock.now())
        self._records.add_key(record)
        self._keys[record.id] = record
        self._principals[digest.digest()] = self._principal(tenant_id)
        return record

    def _principal(self, tenant_id: str) -> Principal:
        return Principal(tenant_id, self._tenants[tenant_id].role)


def _new_key(label: str) -> str:
    return f"mlg_{label}_{secrets.token_urlsafe(32)}"
