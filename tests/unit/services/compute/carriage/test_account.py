"""A node's account of its instances, and a hub that misses parts of it: in the end the hub knows what is so."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines.clocks import ManualClock
from maillage.kernel.sites import Site
from maillage.mesh.directory import Directory
from maillage.mesh.messages import Alive
from maillage.mesh.ports import NodeRecord, SiteEntry
from maillage.services.compute.carriage import reporting
from maillage.services.compute.carriage.known import Known
from maillage.services.compute.carriage.messages import InstancesWanted, word_of
from maillage.services.compute.carriage.reporting import Reporting
from maillage.services.compute.hosting.ports import StatusListener
from maillage.services.compute.limits import limits_of
from maillage.services.compute.model import Instance, InstanceState, InstanceStatus, Settings
from tests.kernel_world import NOW

IDS = [f"wm-1~{number}" for number in range(6)]
STATES: list[InstanceState] = ["starting", "ready", "failed"]


def instance(name: str, port: int = 8_080) -> Instance:
    settings = Settings(port=port)
    limits = limits_of({"cpu": 1_000}, settings, "component")
    digest = "sha256:" + "0" * 64
    return Instance(name, "d1", "acme.web", "acme", "wm-1", digest, "component", "", settings, limits)


class Hosted:
    """A host whose instances come, change and go as a test says."""

    def __init__(self) -> None:
        self.instances: dict[str, Instance] = {}
        self.states: dict[str, InstanceState] = {}
        self._listeners: list[StatusListener] = []

    def told(self, instance_id: str) -> Instance | None:
        return self.instances.get(instance_id)

    def all_told(self) -> list[Instance]:
        return list(self.instances.values())

    def status(self, instance_id: str) -> InstanceStatus | None:
        found = self.instances.get(instance_id)
        return None if found is None else InstanceStatus(found.id, found.digest, self.states[found.id], NOW)

    def subscribe(self, listener: StatusListener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def change(self, name: str, state: InstanceState) -> None:
        self.instances.setdefault(name, instance(name))
        self.states[name] = state
        status = self.status(name)
        assert status is not None
        for listener in self._listeners:
            listener(status)


class Records:
    """A chain of one site and one node; all of IDS are wanted."""

    def sites(self) -> list[SiteEntry]:
        return [SiteEntry(Site("wm-1", "a store", 36.0, -94.0, "Etc/UTC"), "n1")]

    def nodes(self) -> list[NodeRecord]:
        return [NodeRecord("n1", "U", NOW)]

    def instances(self, deployment_id: str | None = None) -> list[Instance]:
        return [instance(name) for name in IDS]


async def a_hub() -> Known:
    records: Any = Records()
    clock = ManualClock(NOW)
    directory = Directory(records, clock)
    await directory.load()
    directory.heard("n1", Alive(0, NOW, "0"))
    known = Known(directory, records, lambda _: False, clock)
    await known.load()
    return known


def catch_up(known: Known, account: Reporting) -> None:
    for _ in range(20):
        page = account.page(InstancesWanted(*known.position("n1")))
        known.hear_page("n1", page)
        if not page.more:
            return
    raise AssertionError("it has no end")


Step = tuple[str, str, InstanceState]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["change", "change", "drop", "ask", "lose", "node restarts", "hub restarts"]),
        st.sampled_from(IDS),
        st.sampled_from(STATES),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_lost_the_hub_knows_in_the_end_what_is_so(steps: list[Step]) -> None:
    async def whole() -> None:
        host, words = Hosted(), [""]
        account = Reporting(host, words.append)
        account.start()
        known = await a_hub()
        for what, name, state in steps:
            match what:
                case "change":
                    host.change(name, state)
                case "drop":
                    host.instances.pop(name, None)
                    account.changed(name)
                case "ask":
                    known.hear_page("n1", account.page(InstancesWanted(*known.position("n1"))))
                case "lose":
                    account.page(InstancesWanted(*known.position("n1")))
                case "node restarts":
                    account.stop()
                    account = Reporting(host, words.append)
                    account.start()
                case "hub restarts":
                    known = await a_hub()
        catch_up(known, account)
        assert {name: known.status(name) for name in IDS} == {name: host.status(name) for name in IDS}
        assert words[-1] == word_of(*known.position("n1")), "then there is nothing more to ask"

    page_items, gone_max = reporting.PAGE_ITEMS, reporting.GONE_MAX
    reporting.PAGE_ITEMS, reporting.GONE_MAX = 2, 2
    try:
        asyncio.run(whole())
    finally:
        reporting.PAGE_ITEMS, reporting.GONE_MAX = page_items, gone_max


def test_a_hub_that_missed_more_than_is_still_told_of_hears_all_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "GONE_MAX", 2)

    async def whole() -> None:
        host = Hosted()
        account = Reporting(host, lambda _: None)
        account.start()
        known = await a_hub()
        for name in IDS:
            host.change(name, "ready")
        catch_up(known, account)
        assert len(known.ready("acme.web")) == len(IDS)
        for name in IDS[1:]:
            del host.instances[name]
            account.changed(name)
        assert account.page(InstancesWanted(*known.position("n1"))).since == 0
        catch_up(known, account)
        assert [each.id for each in known.ready("acme.web")] == IDS[:1]
        assert known.status(IDS[1]) is None

    asyncio.run(whole())


def test_what_was_told_otherwise_than_is_wanted_is_to_be_put_again() -> None:
    async def whole() -> None:
        host = Hosted()
        host.instances[IDS[0]] = instance(IDS[0], port=9_090)
        host.states[IDS[0]] = "ready"
        account = Reporting(host, lambda _: None)
        account.start()
        known = await a_hub()
        assert known.is_told(instance(IDS[0])), "as long as nothing is known there is nothing to do"
        catch_up(known, account)
        assert not known.is_told(instance(IDS[0]))
        assert known.is_told(instance(IDS[0], port=9_090))
        assert not known.is_told(instance(IDS[1])), "it is not there"

    asyncio.run(whole())
