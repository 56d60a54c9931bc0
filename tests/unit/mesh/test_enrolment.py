"""Joining the mesh: a token works once, for its sites and one new node, and who was replaced speaks for nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from maillage.kernel.errors import Invalid, NotFound, SiteUnreachable
from maillage.mesh.enrolment import EXPIRES_MAX_S, Joined
from maillage.mesh.errors import EnrolmentRefused
from tests.kernel_world import NOW, ask_for
from tests.mesh_world import PUBLIC_KEY, SITES, MeshWorld, refusal_in, until


def owners(world: MeshWorld) -> dict[str, str | None]:
    return {entry.site.id: entry.node for entry in world.records.sites() if entry.node is not None}


def test_a_token_gives_a_node_its_sites_and_their_records(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        enrolment, token = await hub.enrolments.invite("n1", ["wm-1", "wm-2"])
        assert token not in repr(await hub.enrolments.all()) and enrolment.used_at is None
        joined = await hub.enrolments.join(token, PUBLIC_KEY, ["wm-1", "wm-2"])
        assert joined == Joined("n1", ["bus"], None, SITES[:2])
        assert owners(world) == {"wm-1": "n1", "wm-2": "n1"}
        assert (await hub.enrolments.all())[0].used_at == NOW
        assert hub.hub.directory.owns("n1", "wm-2") and not hub.hub.directory.owns("n1", "wm-3")

    world.run(test)


def test_a_node_may_join_for_some_of_its_sites(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        _, token = await hub.enrolments.invite("n1", ["wm-1", "wm-2"])
        assert [site.id for site in (await hub.enrolments.join(token, PUBLIC_KEY, ["wm-2"])).sites] == ["wm-2"]
        assert owners(world) == {"wm-2": "n1"}

    world.run(test)


def test_of_many_that_use_a_token_at_once_through_two_hubs_one_joins(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hubs = [await world.hub("h1"), await world.hub("h2")]
        _, token = await hubs[0].enrolments.invite("n1", ["wm-1"])
        keys = ["U" + letter * 55 for letter in "ABCDEFGH"]
        answers = await asyncio.gather(
            *(hubs[n % 2].enrolments.join(token, key, ["wm-1"]) for n, key in enumerate(keys)), return_exceptions=True
        )
        joined = [n for n, answer in enumerate(answers) if isinstance(answer, Joined)]
        assert len(joined) == 1
        assert all(isinstance(answer, EnrolmentRefused) for n, answer in enumerate(answers) if n not in joined)
        assert [node.public_key for node in world.records.nodes()] == [keys[joined[0]]]

    world.run(test)


async def used(world: MeshWorld, token: str) -> str:
    await world.hubs[0].enrolments.join(token, PUBLIC_KEY, ["wm-1"])
    return token


async def expired(world: MeshWorld, token: str) -> str:
    world.clock.advance(60)
    return token


async def made_up(_: MeshWorld, token: str) -> str:
    return token[:-1] + ("A" if token[-1] != "A" else "B")


@pytest.mark.parametrize("spoil", [used, expired, made_up])
def test_a_token_that_is_no_longer_or_never_was_admits_nobody(
    world: MeshWorld, spoil: Callable[[MeshWorld, str], Awaitable[str]]
) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        _, token = await hub.enrolments.invite("n1", ["wm-1"], 60)
        token = await spoil(world, token)
        before = owners(world)
        refusal = await refusal_in(hub.enrolments.join(token, PUBLIC_KEY, ["wm-1"]))
        assert isinstance(refusal, EnrolmentRefused) and owners(world) == before

    world.run(test)


@pytest.mark.parametrize("sites", [["wm-3"], ["wm-1", "wm-3"], ["nowhere"]])
def test_a_token_admits_to_its_own_sites_only_and_is_not_used_up_by_others(world: MeshWorld, sites: list[str]) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        _, token = await hub.enrolments.invite("n1", ["wm-1", "wm-2"])
        assert isinstance(await refusal_in(hub.enrolments.join(token, PUBLIC_KEY, sites)), EnrolmentRefused)
        assert owners(world) == {}
        assert (await hub.enrolments.join(token, PUBLIC_KEY, ["wm-1"])).node == "n1"

    world.run(test)


@pytest.mark.parametrize(("key", "sites"), [("", ["wm-1"]), ("U" + "a" * 55, ["wm-1"]), (PUBLIC_KEY, [])])
def test_who_joins_names_a_key_and_each_site_once(world: MeshWorld, key: str, sites: list[str]) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        _, token = await hub.enrolments.invite("n1", ["wm-1"])
        assert isinstance(await refusal_in(hub.enrolments.join(token, key, sites)), Invalid)
        assert isinstance(await refusal_in(hub.enrolments.join(token, PUBLIC_KEY, ["wm-1", "wm-1"])), Invalid)
        assert (await hub.enrolments.join(token, PUBLIC_KEY, ["wm-1"])).node == "n1"

    world.run(test)


@pytest.mark.parametrize(
    "asked",
    [
        ("n.1", ["wm-1"], 600),
        ("~h1", ["wm-1"], 600),
        ("", ["wm-1"], 600),
        ("n" * 65, ["wm-1"], 600),
        ("n1", [], 600),
        ("n1", ["wm-1", "wm-1"], 600),
        ("n1", ["nowhere"], 600),
        ("n1", ["wm-1~h1"], 600),
        ("n1", ["wm-1"], 59),
        ("n1", ["wm-1"], EXPIRES_MAX_S + 1),
    ],
)
def test_an_invitation_that_can_not_be_is_refused(world: MeshWorld, asked: tuple[str, list[str], int]) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        assert isinstance(await refusal_in(hub.enrolments.invite(*asked)), Invalid)
        assert await hub.enrolments.all() == []

    world.run(test)


def test_a_node_that_was_revoked_does_not_come_back_under_its_name(world: MeshWorld) -> None:
    """Not even with a token that was made before."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        tokens = [(await hub.enrolments.invite("n1", ["wm-1"]))[1] for _ in range(2)]
        await hub.enrolments.join(tokens[0], PUBLIC_KEY, ["wm-1"])
        await hub.enrolments.revoke("n1")
        await hub.enrolments.revoke("n1")
        assert owners(world) == {}
        assert isinstance(await refusal_in(hub.enrolments.join(tokens[1], PUBLIC_KEY, ["wm-1"])), EnrolmentRefused)
        assert isinstance(await refusal_in(hub.enrolments.invite("n1", ["wm-1"])), Invalid)
        assert hub.hub.directory.is_revoked("n1")
        assert isinstance(await refusal_in(hub.enrolments.revoke("n9")), NotFound)

    world.run(test)


def test_a_node_that_was_replaced_loses_its_sites(world: MeshWorld) -> None:
    """It is still up: what it says is not believed, and what it has is not asked for."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        former = await world.node("n1", ["wm-1"])
        await world.settled()
        former.bus.cut()
        fresh = await world.joined("n1b", ["wm-1"])
        former.bus.restore()
        await former.office.lease("local", ask_for({"cpu": 1}, None, NOW + 3_600, site="wm-1"), None, None)
        await until(lambda: any(node == "n1" for node, _ in hub.refused))
        await until(lambda: hub.hub.directory.is_reachable("n1b"))
        assert not hub.hub.directory.is_reachable("n1") and hub.hub.directory.owner("wm-1") == "n1b"
        await until(lambda: hub.hub.mirror.position("n1b") >= fresh.journal.end())
        assert not [lease for lease in hub.ledger.leases.values() if lease.tenant == "local"]

    world.run(test)


def test_a_node_is_replaced_whole(world: MeshWorld) -> None:
    """A node that lost one store of two would still speak for both."""

    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        await world.node("n1", ["wm-1", "wm-2"])
        refusal = await refusal_in(hub.enrolments.invite("n2", ["wm-1"]))
        assert isinstance(refusal, Invalid) and "n1" in refusal.detail
        _, token = await hub.enrolments.invite("n2", ["wm-1", "wm-2", "wm-3"])
        assert isinstance(await refusal_in(hub.enrolments.join(token, PUBLIC_KEY, ["wm-1"])), EnrolmentRefused)
        assert owners(world) == {"wm-1": "n1", "wm-2": "n1"}
        await hub.enrolments.join(token, PUBLIC_KEY, ["wm-1", "wm-2"])
        assert owners(world) == {"wm-1": "n2", "wm-2": "n2"} and hub.hub.directory.is_revoked("n1")

    world.run(test)


def test_the_sites_of_a_revoked_node_wait_for_another(world: MeshWorld) -> None:
    async def test(world: MeshWorld) -> None:
        hub = await world.hub()
        former = await world.node("n1", ["wm-1", "wm-2"])
        await world.settled()
        await hub.enrolments.revoke("n1")
        at_1: Any = ask_for({"cpu": 1}, None, NOW + 3_600, site="wm-1")
        assert isinstance(await refusal_in(hub.office.lease("acme", at_1, "k", "d")), SiteUnreachable)
        await world.nodes.pop("n1").stop()
        await world.joined("n2", ["wm-1"])
        await world.joined("n3", ["wm-2"])
        await world.settled()
        assert (await hub.office.lease("acme", at_1, "k", "d")).site == "wm-1"
        assert former.leases == []

    world.run(test)
