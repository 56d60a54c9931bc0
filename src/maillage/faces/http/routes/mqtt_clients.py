"""Who may connect to the stores' broker, for the stores' own people and systems; and the clients by which the devices
of tenants' sessions say where they are."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from maillage.bootstrap import Chain, LocalChain
from maillage.devices.clients import FILTERS_MAX, DeviceClient
from maillage.devices.errors import NoDevicesHere
from maillage.faces.http.routes.mqtt_rights import Rights, rights_of_device, rights_of_robot
from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.errors import Invalid, NotAllowed
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import format_time
from maillage.services.compute.positions.clients import is_for_sessions
from maillage.services.compute.positions.service import Positions
from maillage.services.compute.positions.topics import can_reach
from maillage.tenancy.access import Principal

Text = Annotated[str, Meta(min_length=1, max_length=64)]
FilterTexts = Annotated[list[Annotated[str, Meta(max_length=1_024)]], Meta(max_length=FILTERS_MAX)]


class NewMqttClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to be let in: a device of the registry, a robot, or whoever is given these filters. Without an ``id`` a
    device's or robot's own is taken."""

    id: Text | None = None
    site: Text | None = None
    device: Text | None = None
    robot: Text | None = None
    publish: FilterTexts = []
    subscribe: FilterTexts = []


class MqttClientDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A client: ``id`` is its user name. ``publish`` and ``subscribe`` are filters of the topics that it may publish to
    and may receive; ``site`` is null where it is of no store in particular."""

    id: str
    site: str | None
    publish: list[str]
    subscribe: list[str]
    made_at: str


class MqttClientWithPassword(MqttClientDocument, frozen=True, kw_only=True):
    """The password is shown this once."""

    password: str


class MqttClientDocuments(msgspec.Struct, frozen=True):
    """A page of clients, in order of id."""

    items: list[MqttClientDocument]
    next: str | None


class SessionClientDocument(msgspec.Struct, frozen=True):
    """By what a session's device says where it is. ``id`` is its user name, ``broker`` the address as this server knows
    it. The password is shown this once."""

    id: str
    password: str
    topic: str
    broker: str


class SessionClientState(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard by a session's client since the server started. ``superseded`` messages were overtaken before
    they were looked at, ``malformed`` ones could not be read; ``taken`` positions went to the session, ``late`` ones
    were not newer than what was known, ``failed`` ones the session could not take. ``fault`` is what was wrong
    last."""

    id: str
    topic: str
    broker: str
    made_at: str
    heard_at: str | None
    messages: int
    superseded: int
    malformed: int
    taken: int
    late: int
    failed: int
    fault: str | None
    fault_at: str | None


@get("/v1/mqtt-clients", summary="Who may connect to the stores' broker, in order of id")
async def list_mqtt_clients(
    chain: TheChain,
    principal: Caller,
    site: Annotated[str | None, QueryParameter(max_length=64, description="only clients of this site")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> MqttClientDocuments:
    principal.require_staff()
    found = [each for each in chain.devices.admission.clients(site) if cursor is None or each.id > cursor]
    some = [_document(client) for client in found[:limit]]
    return MqttClientDocuments(some, some[-1].id if len(found) > limit else None)


@post("/v1/mqtt-clients", summary="Let somebody in at the stores' broker; the password is shown this once")
async def add_mqtt_client(data: JSONBody[NewMqttClient], chain: TheChain, principal: Caller) -> MqttClientWithPassword:
    principal.require_staff()
    admission = chain.devices.admission
    client_id, site, rights = _wanted(chain, data)
    _may_have(principal, rights)
    client, password = await to_the_end(admission.add, client_id, site, rights.publish, rights.subscribe)
    told = f"publish {', '.join(client.publish) or 'nothing'}; subscribe {', '.join(client.subscribe) or 'nothing'}"
    await chain.audit.done(principal, "mqtt_client.add", client.id, told[:200])
    return _with_password(client, password)


@post(
    "/v1/mqtt-clients/{client:str}/rotate",
    summary="A new password; the old one ends at once, with the connection",
    status_code=200,
)
async def rotate_mqtt_client(client: FromPath[str], chain: TheChain, principal: Caller) -> MqttClientWithPassword:
    principal.require_staff()
    admission = chain.devices.admission
    _may_have(principal, Rights.of(admission.client(client)))
    password = await to_the_end(admission.rotate, client)
    await chain.audit.done(principal, "mqtt_client.rotate", client)
    return _with_password(admission.client(client), password)


@delete("/v1/mqtt-clients/{client:str}", summary="Let somebody in no more; the connection ends")
async def revoke_mqtt_client(client: FromPath[str], chain: TheChain, principal: Caller) -> None:
    principal.require_staff()
    admission = chain.devices.admission
    _may_have(principal, Rights.of(admission.client(client)))
    await to_the_end(admission.revoke, client)
    await chain.audit.done(principal, "mqtt_client.revoke", client)


@post(
    "/v1/sessions/{session:str}/mqtt-client",
    summary="Let a session's device say where it is by MQTT; the password is shown this once",
)
async def give_session_client(session: FromPath[str], chain: TheChain, principal: Caller) -> SessionClientDocument:
    _may_change(principal)
    positions, broker = _positions(chain)
    client, password = await positions.clients.give(session, principal.sees)
    await chain.audit.done(principal, "session.mqtt_client", session)
    return SessionClientDocument(client.id, password, client.publish[0], broker)


@get("/v1/sessions/{session:str}/mqtt-client", summary="What was heard of a session's device by MQTT")
async def get_session_client(session: FromPath[str], chain: TheChain, principal: Caller) -> SessionClientState:
    positions, broker = _positions(chain)
    client = positions.clients.of(session, principal.sees)
    counts = positions.of(session)
    return SessionClientState(
        id=client.id,
        topic=client.publish[0],
        broker=broker,
        made_at=format_time(client.made_at),
        heard_at=format_time(counts.heard_at) if counts.heard_at else None,
        messages=counts.messages,
        superseded=counts.superseded,
        malformed=counts.malformed,
        taken=counts.taken,
        late=counts.late,
        failed=counts.failed,
        fault=counts.fault or None,
        fault_at=format_time(counts.fault_at) if counts.fault_at else None,
    )


def _wanted(chain: Chain, asked: NewMqttClient) -> tuple[str, str, Rights]:
    """Name, site ("" for none) and rights of a new client; Invalid and NotFound for what can't be."""
    filters = bool(asked.publish or asked.subscribe)
    if (asked.device is not None) + (asked.robot is not None) + filters != 1:
        raise Invalid("device", "say one of three: a device, a robot, or filters to publish and subscribe to")
    if asked.id is not None and is_for_sessions(asked.id):
        raise Invalid("id", f"{asked.id[:40]!r}: ids such as this are those of sessions; take another")
    if asked.device is not None:
        device = chain.sensing.registry.device(asked.device)
        own, site, rights = device.id, device.site, rights_of_device(chain, device)
    elif asked.robot is not None:
        robot = chain.robots.fleet.robot(asked.robot)
        own, site, rights = robot.id, robot.site, rights_of_robot(robot)
    else:
        if asked.id is None:
            raise Invalid("id", "is needed where a client is given filters; it is its user name")
        own, site, rights = asked.id, asked.site or "", Rights(tuple(asked.publish), tuple(asked.subscribe))
    if asked.site is not None and asked.site != site:
        raise Invalid("site", f"{own} is at {site}; leave the site out")
    if site and site not in chain.ledger.sites:
        raise Invalid("site", f"the chain has no site {site[:64]!r} here")
    return asked.id or own, site, rights


def _may_have(principal: Principal, rights: Rights) -> None:
    if principal.role == "node" and any(map(can_reach, (*rights.publish, *rights.subscribe))):
        raise NotAllowed("where sessions' devices are is for tenants and operators; this key is a node's")


def _may_change(principal: Principal) -> None:
    if principal.role == "node":
        raise NotAllowed("sessions are for tenants and operators to change; this key is a node's")


def _positions(chain: Chain) -> tuple[Positions, str]:
    if not isinstance(chain, LocalChain) or chain.positions is None or chain.mqtt_name is None:
        raise NoDevicesHere("no broker and no sessions are at this server: its devices say where they are over HTTP")
    return chain.positions, chain.mqtt_name


def _document(client: DeviceClient) -> MqttClientDocument:
    return MqttClientDocument(
        id=client.id,
        site=client.site or None,
        publish=list(client.publish),
        subscribe=list(client.subscribe),
        made_at=format_time(client.made_at),
    )


def _with_password(client: DeviceClient, password: str) -> MqttClientWithPassword:
    return MqttClientWithPassword(**msgspec.structs.asdict(_document(client)), password=password)


HANDLERS = [
    list_mqtt_clients,
    add_mqtt_client,
    rotate_mqtt_client,
    revoke_mqtt_client,
    give_session_client,
    get_session_client,
]
