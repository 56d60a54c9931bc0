"""Changes roll out one instance at a time, and back by themselves where the new does not come up."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from maillage.kernel.errors import Invalid
from maillage.services.compute.deployment_documents import DeploymentDocument
from maillage.services.compute.errors import InUse, NoInstance, RevisionStale
from tests.unit.services.compute.deployments_world import LAT, LON, World, answers, played

HERE = {"lat": LAT, "lon": LON}


async def three(world: World, first: str = "one", **fields: object) -> DeploymentDocument:
    """Three instances, each at a site of its own."""
    for number in range(3):
        await world.site(f"wm-{number}", lat=LAT + number / 10)
    app = await world.app()
    await world.version(app, first)
    deployment = await world.deploy(app, near=[HERE], instances=3, needs={"cpu": 1}, health={"path": "/x"}, **fields)
    assert [each.state for each in deployment.placed] == ["ready"] * 3
    return deployment


async def rolled(world: World, deployment: DeploymentDocument, within_s: float = 120) -> DeploymentDocument:
    """The deployment, once it rolls no more."""
    ends_at = asyncio.get_running_loop().time() + within_s
    while (now := await world.look(deployment)).rollout.state == "rolling" or now.rollout.updated < now.rollout.of:
        assert asyncio.get_running_loop().time() < ends_at, now
        await asyncio.sleep(0.2)
    return now


def versions(deployment: DeploymentDocument) -> set[str]:
    return {each.version for each in deployment.placed}


def test_instances_go_over_one_after_another_and_callers_notice_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.runtime.start_s = 0.5
        deployment = await three(world)
        new = await world.version(deployment.app, "two")
        going, answered = True, []

        async def caller() -> None:
            turn = 0
            while going:
                ready = world.host.ready(deployment.app)
                turn += 1
                status, body = await world.ask(ready[turn % len(ready)].id)
                assert status == 200
                answered.append(body)
                await asyncio.sleep(0.005)

        callers = [asyncio.create_task(caller()) for _ in range(10)]
        await asyncio.sleep(0.5)
        changed = await world.change(deployment, version="latest")
        assert (changed.rollout.state, changed.rollout.of, changed.version) == ("rolling", 3, new.digest)
        assert changed.rollout.updated < 3
        done = await rolled(world, deployment)
        going = False
        await asyncio.gather(*callers)
        assert done.rollout.state == "done" and versions(done) == {new.digest}
        assert set(answered) == {b"one", b"two"} and len(answered) > 500
        later = [at for at, _, name in world.runtime.starts if name == "two"]
        assert all(second - first >= 0.5 for first, second in pairwise(later))
        assert {each.id for each in done.placed} == {each.id for each in deployment.placed}
        assert done.former == deployment.version

    played(tmp_path, story)


@pytest.mark.parametrize("sick", [answers(b"", 500), answers(b"", 200, 60)])
def test_the_first_that_does_not_come_up_brings_all_back(tmp_path: Path, sick: object) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        await world.version(deployment.app, "sick")
        changed = await world.change(deployment, version="latest", grace_s=1)
        assert changed.rollout.state == "rolling"
        back = await rolled(world, deployment)
        assert back.rollout.state == "rolled-back" and "/x" in (back.rollout.detail or "")
        assert (back.version, versions(back), back.grace_s) == (deployment.version, {deployment.version}, 5)
        assert len({at for at, _, name in world.runtime.starts if name == "sick"}) <= 2
        for each in back.placed:
            assert await world.ask(each.id) == (200, b"one")
        assert back.former is None and back.revision == 3

    played(tmp_path, story, sick=sick)  # type: ignore[arg-type]


def test_one_that_fails_after_others_went_over_brings_those_back_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        await world.version(deployment.app, "two")
        world.runtime.start_s = 1.0
        await world.change(deployment, version="latest")
        await world.until(lambda: len([name for _, _, name in world.runtime.starts if name == "two"]) == 3)
        world.runtime.broken["two"] = 100
        await world.until(lambda: world.runtime.broken["two"] == 99)
        back = await rolled(world, deployment)
        assert back.rollout.state == "rolled-back" and versions(back) == {deployment.version}
        for each in back.placed:
            assert await world.ask(each.id) == (200, b"one")

    played(tmp_path, story)


def test_the_way_back_is_open_until_it_was_taken(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world, config={"COLOUR": "red"})
        with pytest.raises(Invalid, match="no former version"):
            await world.deployments.roll_back(deployment.id, None, None)
        new = await world.version(deployment.app, "two")
        await world.change(deployment, version=new.digest, config={"COLOUR": "blue"})
        await rolled(world, deployment)
        with pytest.raises(InUse):
            await world.catalogue.drop_version(deployment.app, None, deployment.version)
        await world.deployments.roll_back(deployment.id, None, "acme")
        back = await rolled(world, deployment)
        assert (back.version, back.config, back.former) == (deployment.version, {"COLOUR": "red"}, new.digest)
        assert await world.ask(back.placed[0].id) == (200, b"one")
        await world.deployments.roll_back(deployment.id, back.revision, "acme")
        forth = await rolled(world, deployment)
        assert (forth.version, forth.config) == (new.digest, {"COLOUR": "blue"})

    played(tmp_path, story)


def test_settings_alone_roll_out_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        changed = await world.change(deployment, config={"A": "1"}, outbound=["API.example.com:8443"], public=True)
        assert changed.revision == 2
        done = await rolled(world, deployment)
        assert (done.config, done.outbound, done.public) == ({"A": "1"}, ["api.example.com:8443"], True)
        assert all(each.settings.config == {"A": "1"} for each in world.host.ready(deployment.app))
        same = await world.change(done, config={"A": "1"})
        assert (same.revision, same.rollout.state) == (2, "done")

    played(tmp_path, story)


def test_who_knows_an_older_revision_is_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        changed = await world.change(deployment, grace_s=1)
        await rolled(world, deployment)
        with pytest.raises(RevisionStale) as stale:
            await world.change(deployment, grace_s=2)
        assert stale.value.extra["revision"] == 2
        assert (await world.change(changed, grace_s=2)).revision == 3  # that it is done by now is no change of theirs

    played(tmp_path, story)


def test_of_two_who_change_at_once_one_is_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        both = await asyncio.gather(
            world.change(deployment, grace_s=1), world.change(deployment, grace_s=2), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in both) == ["DeploymentDocument", "RevisionStale"]

    played(tmp_path, story)


def test_a_version_that_needs_more_memory_than_the_leases_have_is_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        await world.version(deployment.app, "large")
        with pytest.raises(Invalid, match="memory"):
            await world.change(deployment, version="latest")
        assert (await world.look(deployment)).revision == 1

    played(tmp_path, story, large=answers(b"large"))


def test_a_change_on_the_way_is_overtaken_by_the_next(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world, "one")
        world.runtime.start_s = 2.0
        await world.version(deployment.app, "two")
        changed = await world.change(deployment, version="latest")
        await asyncio.sleep(1)
        three_digest = (await world.version(deployment.app, "three")).digest
        await world.change(changed, version="latest")
        done = await rolled(world, deployment)
        assert versions(done) == {three_digest} == {done.version}
        assert done.former == deployment.version  # "two" was never seen to work

    played(tmp_path, story, three=answers(b"three"))


def test_a_roll_out_goes_on_after_a_power_cut(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        world.runtime.start_s = 2.0
        new = await world.version(deployment.app, "two")
        await world.change(deployment, version="latest")
        await asyncio.sleep(1.5)
        await world.crash()
        await world.boot()
        done = await rolled(world, deployment)
        assert done.rollout.state == "done" and versions(done) == {new.digest}

    played(tmp_path, story)


def test_a_failing_roll_out_comes_back_after_a_power_cut_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        await world.version(deployment.app, "sick")
        await world.change(deployment, version="latest")
        await world.crash()
        await world.boot()
        back = await rolled(world, deployment, 200)
        assert back.rollout.state == "rolled-back" and versions(back) == {deployment.version}

    played(tmp_path, story, sick=answers(b"", 500))


def test_a_deployment_can_go_while_it_rolls(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        await world.version(deployment.app, "sick")
        await world.change(deployment, version="latest")
        await world.deployments.remove(deployment.id, None)
        await asyncio.sleep(1)
        assert (world.records.deployments(), world.records.instances(), world.runtime.running()) == ([], [], [])

    played(tmp_path, story, sick=answers(b"", 500))


def test_an_instance_that_is_lost_on_the_way_is_no_failure_of_the_version(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        world.runtime.start_s = 2.0
        new = await world.version(deployment.app, "two")
        await world.change(deployment, version="latest")
        await asyncio.sleep(0.5)
        await world.office.release(sorted(deployment.placed, key=lambda each: each.site)[0].id, None)
        done = await rolled(world, deployment)
        assert done.rollout.state == "done" and versions(done) == {new.digest} and len(done.placed) == 3

    played(tmp_path, story)


def test_containers_are_exchanged_one_after_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world, "image/one")
        new = await world.version(deployment.app, "image/two")
        await world.change(deployment, version="latest")
        down = 0
        while (now := await world.look(deployment)).rollout.state == "rolling":
            down = max(down, 3 - len(world.host.ready(deployment.app)))
            await asyncio.sleep(0.002)
        assert down == 1 and versions(now) == {new.digest}

    played(tmp_path, story, **{"image/one": answers(b"one"), "image/two": answers(b"two")})


def test_what_is_gone_answers_nobody(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        deployment = await three(world)
        await world.deployments.remove(deployment.id, None)
        with pytest.raises(NoInstance):
            await world.ask(deployment.placed[0].id)

    played(tmp_path, story)
