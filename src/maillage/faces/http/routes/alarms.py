"""Alarms of the cold chain, what people do about them, and who is told: for the store's own people and systems."""

from typing import Annotated, Literal

from litestar import get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.services.sensing.coldchain.documents import (
    Acknowledge,
    Action,
    AlarmDocument,
    AlarmDocuments,
    Downgrade,
    PlanDocument,
    Snooze,
    Verify,
)
from maillage.services.sensing.coldchain.escalation.plan import Plan
from maillage.services.sensing.coldchain.model import State


@get("/v1/alarms", summary="Alarms, the newest first")
async def list_alarms(
    chain: TheChain,
    principal: Caller,
    site: Annotated[str | None, QueryParameter(max_length=64)] = None,
    alarm_state: Annotated[
        State | Literal["open"] | None,
        QueryParameter(name="state", description="`open`: all that are neither cleared nor verified"),
    ] = None,
    unit: Annotated[str | None, QueryParameter(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> AlarmDocuments:
    principal.require_staff()
    return await chain.sensing.coldchain.alarms(site, alarm_state, unit, cursor, limit)


@get("/v1/alarms/{alarm:str}", summary="One alarm, its history, and who was told of it")
async def get_alarm(alarm: FromPath[str], chain: TheChain, principal: Caller) -> AlarmDocument:
    principal.require_staff()
    return await chain.sensing.coldchain.alarm(alarm)


@post("/v1/alarms/{alarm:str}/acknowledge", summary="Somebody has seen it: nobody is paged any more", status_code=200)
async def acknowledge_alarm(
    alarm: FromPath[str], data: JSONBody[Acknowledge], chain: TheChain, principal: Caller
) -> AlarmDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.acknowledge(alarm, data, principal.credential)
    await chain.audit.done(principal, "alarm.acknowledge", alarm, f"by {data.by}")
    return document


@post("/v1/alarms/{alarm:str}/snooze", summary="Page nobody until an instant, at most 4 hours ahead", status_code=200)
async def snooze_alarm(
    alarm: FromPath[str], data: JSONBody[Snooze], chain: TheChain, principal: Caller
) -> AlarmDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.snooze(alarm, data, principal.credential)
    await chain.audit.done(principal, "alarm.snooze", alarm, f"by {data.by} until {document.snoozed_until}")
    return document


@post("/v1/alarms/{alarm:str}/downgrade", summary="What is critical is a warning here", status_code=200)
async def downgrade_alarm(
    alarm: FromPath[str], data: JSONBody[Downgrade], chain: TheChain, principal: Caller
) -> AlarmDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.downgrade(alarm, data, principal.credential)
    await chain.audit.done(principal, "alarm.downgrade", alarm, f"by {data.by}")
    return document


@post("/v1/alarms/{alarm:str}/action", summary="What was done, and what became of the product", status_code=200)
async def correct_alarm(
    alarm: FromPath[str], data: JSONBody[Action], chain: TheChain, principal: Caller
) -> AlarmDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.correct(alarm, data, principal.credential)
    await chain.audit.done(principal, "alarm.action", alarm, f"by {data.by}: {data.disposition}")
    return document


@post("/v1/alarms/{alarm:str}/verify", summary="Vouch for what was done about a cleared alarm", status_code=200)
async def verify_alarm(
    alarm: FromPath[str], data: JSONBody[Verify], chain: TheChain, principal: Caller
) -> AlarmDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.verify(alarm, data, principal.credential)
    await chain.audit.done(principal, "alarm.verify", alarm, f"by {data.by}, {data.role}")
    return document


@get("/v1/sites/{site:str}/escalation", summary="Who is told of a site's alarms, and when")
async def get_escalation(site: FromPath[str], chain: TheChain, principal: Caller) -> PlanDocument:
    principal.require_staff()
    return chain.sensing.coldchain.plan(site)


@put("/v1/sites/{site:str}/escalation", summary="Have others told of a site's alarms, from now on")
async def put_escalation(site: FromPath[str], data: JSONBody[Plan], chain: TheChain, principal: Caller) -> PlanDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.set_plan(site, data, principal.tenant, principal.credential)
    told = f"{len(document.steps)} steps, {len(document.contacts)} contacts"
    await chain.audit.done(principal, "escalation.set", site, told)
    return document


HANDLERS = [
    list_alarms,
    get_alarm,
    acknowledge_alarm,
    snooze_alarm,
    downgrade_alarm,
    correct_alarm,
    verify_alarm,
    get_escalation,
    put_escalation,
]
