"""Which topics a device or a robot needs at the broker, and that its client has them as long as it is there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from maillage.bootstrap import Chain
from maillage.devices.admission import Admission
from maillage.devices.clients import DeviceClient
from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.threads import to_the_end
from maillage.services.compute.positions.topics import can_reach
from maillage.services.robots.model import Robot
from maillage.services.robots.vda5050.topics import FROM_ROBOTS, INSTANT_ACTIONS, ORDER, Address, Topics
from maillage.services.sensing.model import Device
from maillage.services.sensing.payloads.sparkplug.nodes import NAMESPACE, source_of
from maillage.services.sensing.registry.topics import topics_of

_turns: "WeakKeyDictionary[Admission, asyncio.Lock]" = WeakKeyDictionary()


class Rights(NamedTuple):
    """Filters of what may be published and received."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...] = ()

    @classmethod
    def of(cls, client: DeviceClient) -> "Rights":
        """In whichever order they were given."""
        return cls(tuple(sorted(client.publish)), tuple(sorted(client.subscribe)))


def rights_of_robot(robot: Robot) -> Rights:
    """What a robot says and hears by VDA 5050."""
    topics, address = Topics(), Address(robot.manufacturer, robot.serial)
    said = (topics.of(address, topic) for topic in FROM_ROBOTS)
    heard = (topics.of(address, topic) for topic in (ORDER, INSTANT_ACTIONS))
    return Rights(tuple(sorted(said)), tuple(sorted(heard)))


def rights_of_device(chain: Chain, device: Device) -> Rights:
    """The topics of a device by its profile; for an edge node of Sparkplug those of the node. Invalid for a device that
    has none of its own: one that is retired, or that a node speaks for."""
    profile = chain.sensing.registry.kept.profile(device.profile)
    if device.retired_at is not None or profile is None:
        raise Invalid("device", f"{device.id} is retired; PUT it to have it in service again")
    topics = sorted(topics_of(profile, device))
    if profile.format == "sparkplug_b":
        return _rights_of_node(device, topics[0])
    return Rights(tuple(topics))


@asynccontextmanager
async def devices_change(chain: Chain, devices: Callable[[], Iterable[Device]]) -> AsyncIterator[None]:
    """Around what changes devices: clients that had exactly the topics of one have those that it has afterwards. Where
    it has none then, they end."""
    async with _turn(chain):
        some = devices() if chain.devices.admission.clients() else ()
        former = {device.id: _rights_in_service(chain, device) for device in some}
        try:
            yield
        finally:
            by_rights = _by_rights(chain) if former else {}
            for device_id, rights in former.items():
                clients = [] if rights is None else by_rights.get(rights, [])
                if clients:
                    now = _rights_now(chain, device_id)
                    if now != rights:
                        await _have(chain, clients, now)


@asynccontextmanager
async def robot_changes(chain: Chain, robot_id: str) -> AsyncIterator[None]:
    """Around what may remove a robot: its clients end with it."""
    if not chain.has_devices:
        yield
        return
    async with _turn(chain):
        rights = rights_of_robot(chain.robots.fleet.robot(robot_id))
        try:
            yield
        finally:
            try:
                chain.robots.fleet.robot(robot_id)
            except NotFound:
                await _have(chain, _by_rights(chain).get(rights, []), None)


def _rights_of_node(device: Device, topic: str) -> Rights:
    found = source_of(topic)
    if found is None:
        raise Invalid("device", f"{device.id}: {topic} is no topic of Sparkplug's; look at its profile")
    group, node, behind = found[0]
    publish, subscribe = f"{NAMESPACE}/{group}/+/{node}/#", f"{NAMESPACE}/{group}/NCMD/{node}"
    if behind is not None:
        told = f"the edge node {node} speaks for {device.id}: let that in, with publish {publish!r}"
        raise Invalid("device", f"{told} and subscribe {subscribe!r}")
    return Rights((publish,), (subscribe,))


def _rights_in_service(chain: Chain, device: Device) -> Rights | None:
    """Also of one that is retired, as it would have them: what a former change left undone is done by the next."""
    try:
        return rights_of_device(chain, msgspec.structs.replace(device, retired_at=None))
    except Invalid:
        return None


def _rights_now(chain: Chain, device_id: str) -> Rights | None:
    """None also where a profile leads into topics of sessions, which no device gets by itself."""
    try:
        rights = rights_of_device(chain, chain.sensing.registry.device(device_id))
    except (Invalid, NotFound):
        return None
    return None if any(map(can_reach, rights.publish)) else rights


def _by_rights(chain: Chain) -> dict[Rights, list[str]]:
    found: dict[Rights, list[str]] = {}
    for client in chain.devices.admission.clients():
        found.setdefault(Rights.of(client), []).append(client.id)
    return found


async def _have(chain: Chain, clients: list[str], rights: Rights | None) -> None:
    admission = chain.devices.admission
    for client_id in clients:
        try:
            if rights is None:
                await to_the_end(admission.revoke, client_id)
            else:
                await to_the_end(admission.allow, client_id, rights.publish, rights.subscribe)
        except NotFound:
            continue  # somebody was quicker


def _turn(chain: Chain) -> asyncio.Lock:
    """One change after the other: each has to see what the former one left."""
    return _turns.setdefault(chain.devices.admission, asyncio.Lock())
