"""Invocations: nearest first, the next where that is safe, and nothing told to those it is not for."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from maillage.kernel.errors import NotFound
from maillage.services.compute import invocations as module
from maillage.services.compute.errors import BodyTooLarge, Busy, CodeFault, NoInstance
from maillage.services.compute.invocations import Answer
from maillage.services.compute.ports import Inbound, Outbound
from maillage.services.compute.replay import KEPT_MAX
from maillage.tenancy.principal import Principal
from tests.unit.services.compute.app_world import ACME, NEAR, OPERATOR, OTHER, Stores, answer, chunks, limits, refusing

BUSY = Busy("all hands full")
TRAPPED = CodeFault("it trapped", fault="trap")
OUT_OF_FUEL = CodeFault("it spent its fuel", fuel=1, fault="fuel")


@pytest.fixture
def stores() -> Stores:
    return Stores()


def asking(
    stores: Stores,
    method: str = "GET",
    *body: bytes,
    near: tuple[float, float] | None = None,
    app: str = "acme.web",
    caller: Principal | None = ACME,
) -> Coroutine[Any, Any, Answer]:
    return stores.invocations.invoke(app, Inbound(method, "/a", "b=c", [], chunks(*body)), near, caller)


async def read(given: Outbound) -> bytes:
    return b"".join([chunk async for chunk in given.body])


def asked(stores: Stores, *args: Any, **more: Any) -> bytes:
    """The body of the answer."""

    async def whole() -> bytes:
        return await read(await asking(stores, *args, **more))

    return asyncio.run(whole())


def headers_of(stores: Stores, *args: Any, **more: Any) -> dict[str, str]:
    async def whole() -> dict[str, str]:
        given = await asking(stores, *args, **more)
        await read(given)
        return dict(given.headers)

    return asyncio.run(whole())


# -- which instance ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", NEAR)
def test_the_nearest_instance_to_the_caller_answers(stores: Stores, place: str) -> None:
    for site in NEAR:
        stores.put(site)
    assert headers_of(stores, near=NEAR[place])["x-maillage-site"] == place


def test_without_a_position_the_point_that_it_was_deployed_near_counts(stores: Stores) -> None:
    for site in NEAR:
        stores.put(site, points=[NEAR["nice"], NEAR["paris"]])
    assert headers_of(stores)["x-maillage-site"] == "nice"
    assert headers_of(stores, near=NEAR["lyon"])["x-maillage-site"] == "lyon"


def test_without_any_place_the_one_with_least_to_do_answers(stores: Stores) -> None:
    first, second = stores.put("lyon"), stores.put("paris")

    async def two() -> None:
        one = await asking(stores)
        other = await asking(stores)
        assert [one.instance.id, other.instance.id] == [first, second]
        await read(one)
        third = await asking(stores)
        assert third.instance.id == first

    asyncio.run(two())


def test_the_answer_says_where_it_came_from_and_an_app_can_t_say_it_instead(stores: Stores) -> None:
    async def lying(_: Inbound) -> Outbound:
        return answer(b"x", headers=[("x-maillage-site", "elsewhere"), ("x-own", "1")])

    instance = stores.put("lyon", lying)
    headers = headers_of(stores)
    assert (headers["x-maillage-site"], headers["x-maillage-instance"], headers["x-own"]) == ("lyon", instance, "1")
    assert headers["server-timing"].startswith("find;dur=")


# -- the next one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [BUSY, NotFound("it is gone"), NoInstance("it stops")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_never_begun_goes_to_the_next_whatever_the_method(
    stores: Stores, refusal: Exception, method: str
) -> None:
    stores.put("lyon", refusing(refusal))
    second = stores.put("paris")
    assert headers_of(stores, method, b"body", near=NEAR["lyon"])["x-maillage-instance"] == second


def test_the_next_one_gets_the_whole_body_though_the_first_had_read_it(stores: Stores) -> None:
    stores.put("lyon", refusing(TRAPPED, read_first=True))
    stores.put("paris")
    assert asked(stores, "PUT", b"one", b" two", near=NEAR["lyon"]) == b"PUT /a?b=c one two"


@pytest.mark.parametrize(
    ("method", "refusal", "repeated"),
    [
        ("GET", TRAPPED, True),
        ("DELETE", CodeFault("it ended", fault="exit"), True),
        ("POST", TRAPPED, False),
        ("PATCH", TRAPPED, False),
        ("GET", OUT_OF_FUEL, False),
        ("GET", CodeFault("it took too long", fault="time"), False),
        ("GET", CodeFault("rubbish", fault="answer"), False),
    ],
)
def test_a_fault_is_tried_elsewhere_only_where_that_is_safe_and_may_help(
    stores: Stores, method: str, refusal: CodeFault, repeated: bool
) -> None:
    first, second = stores.put("lyon", refusing(refusal)), stores.put("paris")
    if repeated:
        asked(stores, method, near=NEAR["lyon"])
        assert stores.asked == [first, second]
    else:
        with pytest.raises(CodeFault):
            asked(stores, method, near=NEAR["lyon"])
        assert stores.asked == [first]


def test_a_body_that_is_too_long_to_keep_is_sent_once(stores: Stores) -> None:
    stores.put("lyon", refusing(TRAPPED, read_first=True))
    stores.put("paris")
    with pytest.raises(CodeFault):
        asked(stores, "PUT", b"x" * KEPT_MAX, b"y", near=NEAR["lyon"])
    assert len(stores.asked) == 1


def test_a_long_body_that_nobody_has_read_yet_goes_to_the_next(stores: Stores) -> None:
    stores.put("lyon", refusing(BUSY))
    stores.put("paris")
    assert len(asked(stores, "POST", b"x" * KEPT_MAX, b"y", near=NEAR["lyon"])) > KEPT_MAX


def test_after_a_few_it_gives_up(stores: Stores) -> None:
    for _ in range(5):
        stores.put("lyon", refusing(BUSY))
    with pytest.raises(Busy):
        asked(stores)
    assert len(stores.asked) == module.TRIES_MAX


def test_where_all_are_gone_that_is_told_of_the_app(stores: Stores) -> None:
    stores.put("lyon", refusing(NotFound("it is gone")))
    with pytest.raises(NoInstance):
        asked(stores)


def test_the_headers_say_how_many_were_tried(stores: Stores) -> None:
    stores.put("lyon", refusing(BUSY))
    stores.put("paris")
    assert headers_of(stores, near=NEAR["lyon"])["server-timing"].endswith('tries;desc="2"')


# -- bounds --------------------------------------------------------------------------------------------------------


def test_a_body_above_the_limit_is_refused_as_it_comes(stores: Stores) -> None:
    stores.put("lyon", limits=limits(request_bytes=10))
    assert asked(stores, "POST", b"x" * 10).endswith(b"x")
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        asked(stores, "POST", b"x" * 10, b"y")


def test_an_instance_that_hangs_is_cut_off(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLACK_S", 0.01)

    async def hangs(request: Inbound) -> Outbound:
        async for _ in request.body:
            pass
        await asyncio.sleep(30)
        raise AssertionError

    instance = stores.put("lyon", hangs, limits=limits(request_s=0.05))
    with pytest.raises(CodeFault) as caught:
        asked(stores)
    assert caught.value.extra == {"instance": instance, "fault": "time"}
    assert stores.invocations._under_way == {}


def test_a_body_that_never_ends_is_cut_off_too(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLACK_S", 0.01)
    monkeypatch.setattr(module, "BODY_S", 0.1)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.005)

    stores.put("lyon", limits=limits(request_s=0.05))
    with pytest.raises(CodeFault):
        asyncio.run(stores.invocations.invoke("acme.web", Inbound("POST", "/", "", [], drip()), None, ACME))


def test_answers_that_nobody_reads_count_until_they_are_read_or_given_up(stores: Stores) -> None:
    stores.put("lyon", limits=limits(concurrency=1, waiting=1))

    async def several() -> None:
        one, other = await asking(stores), await asking(stores)
        with pytest.raises(Busy):
            await asking(stores)
        await read(one)
        await other.body.aclose()  # type: ignore[attr-defined]
        await read(await asking(stores))
        assert stores.invocations._under_way == {}

    asyncio.run(several())


def test_whoever_goes_away_while_it_waits_counts_no_longer(stores: Stores) -> None:
    began = asyncio.Event()

    async def hangs(_: Inbound) -> Outbound:
        began.set()
        await asyncio.sleep(30)
        raise AssertionError

    stores.put("lyon", hangs)

    async def leave() -> None:
        waiting = asyncio.create_task(asking(stores))
        await began.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert stores.invocations._under_way == {}

    asyncio.run(leave())


# -- for whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [ACME, OPERATOR])
def test_its_tenant_and_an_operator_may_call_an_app(stores: Stores, caller: Principal) -> None:
    stores.put("lyon")
    assert asked(stores, caller=caller) == b"GET /a?b=c "


@pytest.mark.parametrize("caller", [OTHER, None])
def test_a_public_app_is_there_for_all(stores: Stores, caller: Principal | None) -> None:
    stores.put("lyon", public=True)
    assert asked(stores, caller=caller) == b"GET /a?b=c "


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("caller", [OTHER, None])
def test_anothers_app_is_like_one_that_does_not_exist(stores: Stores, caller: Principal | None, ready: bool) -> None:
    stores.put("lyon", ready=ready)

    def told(app: str) -> str:
        with pytest.raises(NotFound) as caught:
            asked(stores, app=app, caller=caller)
        return caught.value.detail

    assert told("acme.web") == told("acme.nil").replace("nil", "web")
    assert stores.asked == []


def test_where_nothing_is_ready_its_own_people_are_told_so(stores: Stores) -> None:
    stores.put("lyon", ready=False)
    with pytest.raises(NoInstance):
        asked(stores)
    with pytest.raises(NotFound):
        asked(stores, app="acme.nil")


def test_a_public_app_of_which_nothing_is_ready_is_still_known(stores: Stores) -> None:
    stores.put("lyon", public=True, ready=False)
    assert asyncio.run(stores.invocations.is_public("acme.web"))
    with pytest.raises(NoInstance):
        asked(stores, caller=None)


def test_deployments_are_not_looked_up_for_every_request(stores: Stores) -> None:
    for site in NEAR:
        stores.put(site, points=[NEAR["nice"]])
    for _ in range(10):
        asked(stores)
    assert stores.looked_up == 1
