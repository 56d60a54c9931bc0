"""However leases come and go, at whatever sites, and whenever a quota begins: the ledger's count of a tenant is what a
look at every lease gives, no instant goes above the quota, and nothing that fits is refused for it."""

import contextlib
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from maillage.kernel.errors import QuotaExceeded, Refusal
from maillage.kernel.leases import Lease
from maillage.kernel.times import FOREVER, PAST_TOLERANCE_S
from tests.kernel_world import World

SITES, KINDS, TENANTS = ("wm-1", "wm-2"), ("cpu", "memory"), ("acme", "other")
NEEDS = st.dictionaries(st.sampled_from(KINDS), st.integers(1, 3).map(lambda units: units * 1_000), min_size=1)
STARTS_IN_S = st.sampled_from([None, 0, -1, -59, 30, 600, 3_600])
LASTS_S = st.sampled_from([30, 61, 600, 3_600, 7_200, None])


class QuotaMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize()
    def open_the_stores(self) -> None:
        for site in SITES:
            for kind in KINDS:
                self.world.pool(kind, 12, site)
        self.set_quota("acme", "cpu", 4_000)

    @rule(
        tenant=st.sampled_from(TENANTS),
        kind=st.sampled_from(KINDS),
        most=st.sampled_from([0, 2_000, 4_000, 9_000, None]),
    )
    def set_quota(self, tenant: str, kind: str, most: int | None) -> None:
        limits = {name: dict(of) for name, of in self.world.policy.quotas.items()}
        limits.setdefault(tenant, {}).pop(kind, None)
        if most is not None:
            limits[tenant][kind] = most
        self.world.policy.quotas = {name: of for name, of in limits.items() if of}

    @rule(
        tenant=st.sampled_from(TENANTS),
        site=st.sampled_from(SITES),
        needs=NEEDS,
        in_s=STARTS_IN_S,
        lasts_s=LASTS_S,
        cls=st.sampled_from(["firm", "firm", "spot"]),
        hold_s=st.sampled_from([None, None, 60, 600]),
    )
    def ask(
        self,
        tenant: str,
        site: str,
        needs: dict[str, int],
        in_s: int | None,
        lasts_s: int | None,
        cls: Any,
        hold_s: Any,
    ) -> None:
        self.world.tick()
        start = self.now if in_s is None else self.now + in_s
        end = FOREVER if lasts_s is None else max(start, self.now) + lasts_s
        fits = any(self.fits(tenant, needs, begin, end) for begin in {start, max(start, self.now)})
        units: Any = {kind: quantity // 1_000 for kind, quantity in needs.items()}
        try:
            lease = self.world.lease(units, start, end, cls, site=site, tenant=tenant, hold_s=hold_s)
        except QuotaExceeded:
            assert not fits
        except Refusal:
            assert fits, "the quota is looked at first"
        else:
            assert fits
            for kind in needs:
                most = self.world.policy.quotas.get(tenant, {}).get(kind)
                assert most is None or self.peak(tenant, kind, lease.start, lease.end) <= most

    @precondition(lambda self: self.world.ledger.leases)
    @rule(number=st.integers(0, 50), by_s=st.sampled_from([30, 600, 7_200, FOREVER]))
    def extend(self, number: int, by_s: int) -> None:
        self.world.tick()
        lease = self.pick(number)
        end = min(lease.end + by_s, FOREVER)
        fits = lease.end == end or self.fits(lease.tenant, lease.needs, lease.end, end)
        try:
            self.world.extend(lease.id, end)
        except QuotaExceeded:
            assert not fits
        except Refusal:
            pass
        else:
            assert fits

    @precondition(lambda self: self.world.ledger.leases)
    @rule(number=st.integers(0, 50), confirm=st.booleans())
    def move(self, number: int, confirm: bool) -> None:
        with contextlib.suppress(Refusal):
            (self.world.confirm if confirm else self.world.release)(self.pick(number).id)

    @rule(seconds=st.sampled_from([1, 59, 61, 600, 3_600]))
    def time_passes(self, seconds: int) -> None:
        self.world.tick(seconds)

    @precondition(lambda self: self.world.ledger.leases)
    @rule(number=st.integers(0, 50), needs=NEEDS, in_s=st.sampled_from([-59, -30, -1]))
    def what_ended_a_moment_ago_is_asked_for_again(self, number: int, needs: dict[str, int], in_s: int) -> None:
        """By a ledger that has just begun to count."""
        lease = self.pick(number)
        self.move(number, confirm=False)
        self.world.tick(20)
        self.restart(with_snapshot=False)
        self.ask(lease.tenant, lease.site, needs, in_s, 600, "firm", None)

    @rule(with_snapshot=st.booleans())
    def restart(self, with_snapshot: bool) -> None:
        if with_snapshot:
            self.world.take_snapshot()
        self.world.restart()

    @invariant()
    def the_count_is_what_a_look_at_every_lease_gives(self) -> None:
        for tenant, holdings in self.world.ledger.watched.items():
            for kind in KINDS:
                curve = holdings.curves.get(kind)
                for instant in self.instants(self.now - PAST_TOLERANCE_S, FOREVER):
                    counted = 0 if curve is None else curve.peak(instant, instant + 1)
                    assert counted == self.level(tenant, kind, instant)

    @invariant()
    def the_ledger_is_what_the_journal_adds_up_to(self) -> None:
        self.world.check_replay()

    # -- a look at every lease -----------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return max(self.world.now, self.world.ledger.now)

    def pick(self, number: int) -> Lease:
        leases = list(self.world.ledger.leases.values())
        return leases[-1 - number % len(leases)]

    def level(self, tenant: str, kind: str, instant: int) -> int:
        leases = self.world.ledger.leases.values()
        return sum(
            lease.needs.get(kind, 0)
            for lease in leases
            if lease.tenant == tenant and lease.start <= instant < lease.end
        )

    def instants(self, start: int, end: int) -> list[int]:
        edges = {edge for lease in self.world.ledger.leases.values() for edge in (lease.start, lease.end)}
        return sorted({start} | {edge for edge in edges if start <= edge < end})

    def peak(self, tenant: str, kind: str, start: int, end: int) -> int:
        return max(self.level(tenant, kind, instant) for instant in self.instants(start, end))

    def fits(self, tenant: str, needs: dict[str, int], start: int, end: int) -> bool:
        limits = self.world.policy.quotas.get(tenant, {})
        return all(
            kind not in limits or self.peak(tenant, kind, start, end) + quantity <= limits[kind]
            for kind, quantity in needs.items()
        )


def test_the_ledger_counts_as_a_look_at_every_lease_does() -> None:
    run_state_machine_as_test(QuotaMachine, settings=settings(max_examples=40))


@pytest.mark.long
def test_the_ledger_counts_as_a_look_at_every_lease_does_for_long() -> None:
    run_state_machine_as_test(QuotaMachine, settings=settings())
