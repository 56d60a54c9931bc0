"""Quotas of tenants, in the records and in the policy by which leases are granted."""

import threading

from maillage.kernel.errors import NotFound
from maillage.kernel.policy import Policy
from maillage.tenancy.ports import Quota, TenancyRecords


class Quotas:
    """Changes hold for whatever is asked next in this process; others hear of them by ``refresh``. Any thread."""

    def __init__(self, records: TenancyRecords, policy: Policy) -> None:
        self._records = records
        self._policy = policy
        self._changing = threading.Lock()
        self.refresh()

    def refresh(self) -> None:
        """Take over what the records hold."""
        with self._changing:
            quotas: dict[str, dict[str, int]] = {}
            for quota in self._records.quotas():
                quotas.setdefault(quota.tenant, {})[quota.kind] = quota.most
            self._policy.quotas = quotas

    def of(self, tenant: str) -> list[Quota]:
        """A tenant's quotas, by kind."""
        return [Quota(tenant, kind, most) for kind, most in sorted(self._policy.quotas.get(tenant, {}).items())]

    def put(self, quota: Quota) -> None:
        """Let a tenant have so much of a kind and no more. What it has above that stays; nothing more is granted."""
        self._policy.require_kind(quota.kind)
        with self._changing:
            self._records.put_quota(quota)
            self._replace(quota.tenant, {**self._policy.quotas.get(quota.tenant, {}), quota.kind: quota.most})

    def drop(self, tenant: str, kind: str) -> None:
        """Bound a tenant's use of a kind no longer."""
        with self._changing:
            kept = dict(self._policy.quotas.get(tenant, {}))
            if kept.pop(kind, None) is None:
                raise NotFound(f"{tenant[:64]} has no quota of {kind[:64]!r}")
            self._records.drop_quota(tenant, kind)
            self._replace(tenant, kept)

    def _replace(self, tenant: str, quotas: dict[str, int]) -> None:
        """By a new table put in place whole: whoever grants meanwhile reads the old one to its end."""
        others = {name: of for name, of in self._policy.quotas.items() if name != tenant}
        self._policy.quotas = {**others, tenant: quotas} if quotas else others
