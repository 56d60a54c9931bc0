"""The ground of tenants' sessions: an instance of the app on each lease, up before the session comes to it.

Leases, state and doors are as for any session (``OfficeGround``); what is added is the host. A lease is kept once its
instance answers, and given back once its instance has ended.
"""

from collections.abc import Callable

from maillage.kernel.errors import NotFound, Refusal
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.follow.doors import Doors, Visit
from maillage.services.compute.follow.office_ground import OfficeGround
from maillage.services.compute.follow.ports import States
from maillage.services.compute.hosting.ports import Hosts, LogsOfInstances
from maillage.services.compute.live.model import Plan
from maillage.services.compute.model import Instance, LogLine

READY_WITHIN_S = 30.0
"""How long an instance may take to be ready at the next store; the session is served where it is meanwhile."""


class LiveGround:
    """Devices are ids of plans. ``refusals`` has, by device, why its last attempt at a store came to nothing."""

    def __init__(
        self,
        office: Office,
        host: Hosts,
        states: States,
        plan: Callable[[str], Plan | None],
        logs: LogsOfInstances,
        clock: Clock,
    ) -> None:
        self.refusals: dict[str, Refusal] = {}
        self._office = office
        self._host = host
        self._states = states
        self._plan = plan
        self._logs = logs
        self._clock = clock
        self._doors = Doors()
        self._homes: dict[str, Instance] = {}
        self._devices: dict[str, str] = {}

    # -- looking -------------------------------------------------------------------------------------------------

    def home(self, device: str) -> Instance | None:
        """The instance that a session's requests go to."""
        return self._homes.get(device)

    def device_at(self, lease: str) -> str | None:
        """The session that lives at a lease."""
        return self._devices.get(lease)

    async def come_in(self, device: str) -> Visit:
        """Begin a request; see ``Doors``."""
        return await self._doors.come_in(device)

    def note(self, lease: str, text: str) -> None:
        """Say something to the tenant, in the log of the instance on a lease."""
        self._logs.note(lease)(LogLine(self._clock.now() * 1_000, "host", "info", text))

    # -- as Ground -----------------------------------------------------------------------------------------------

    def takes(self, site: str) -> bool:
        return self._host.takes(site)

    async def reserve(self, device: str, site: str, key: str) -> str:
        try:
            return await self._leases(device).reserve(device, site, key)
        except Refusal as refusal:
            self.refusals[device] = refusal
            raise

    async def keep(self, device: str, lease: str) -> None:
        """CodeFault where the app does not come up there."""
        try:
            await self._leases(device).keep(device, lease)
            await self._have_ready(self._known(device).instance(lease))
        except Refusal as refusal:
            self.refusals[device] = refusal
            raise

    async def release(self, device: str, lease: str) -> None:
        await self._host.drop(lease)
        await self._leases(device).release(device, lease)

    async def copy(self, device: str, former: str, following: str) -> int:
        return await self._leases(device).copy(device, former, following)

    async def forget(self, device: str, lease: str) -> None:
        await self._leases(device).forget(device, lease)

    async def freeze(self, device: str) -> None:
        await self._leases(device).freeze(device)

    def thaw(self, device: str) -> None:
        self._doors.thaw(device)

    def switch(self, device: str, lease: str) -> None:
        former, home = self._homes.get(device), self._known(device).instance(lease)
        self._homes[device] = home
        if former is not None:
            self._devices.pop(former.id, None)
            self.note(former.id, f"session {device} moved on to {home.site}: it is {lease} now")
            self.note(lease, f"session {device} came here from {former.site}, where it was {former.id}")
        self._devices[lease] = device
        self.refusals.pop(device, None)
        self._doors.switch(device, lease)

    def close(self, device: str) -> None:
        former = self._homes.get(device)
        self.let_go(device)
        if former is not None:
            self.note(former.id, f"session {device} ended")

    def let_go(self, device: str) -> None:
        """Requests of the session come to another process from now on; who waits here is refused."""
        self._doors.close(device)
        self.refusals.pop(device, None)
        former = self._homes.pop(device, None)
        if former is not None:
            self._devices.pop(former.id, None)

    # -- how -----------------------------------------------------------------------------------------------------

    async def restore(self, device: str) -> None:
        """Have the session's instance run where its host knows nothing of it any more."""
        home = self._homes.get(device)
        if home is not None and self._host.status(home.id) is None:
            await self._host.put(home)

    async def _have_ready(self, instance: Instance) -> None:
        await self._host.put(instance)
        await self._host.settled([instance.id], READY_WITHIN_S)
        status = self._host.status(instance.id)
        if status is None or status.settled == "no":
            told = f"{instance.app} was not ready at {instance.site} within {READY_WITHIN_S:g} s"
            raise CodeFault(told, instance=instance.id, fault="time")
        if status.state != "ready":
            told = f"{instance.app} is {status.state} at {instance.site}: {status.detail}"
            raise CodeFault(told, instance=instance.id, fault="exit")

    def _known(self, device: str) -> Plan:
        plan = self._plan(device)
        if plan is None:
            raise NotFound(f"there is no session {device} any more")
        return plan

    def _leases(self, device: str) -> OfficeGround:
        plan = self._known(device)
        stored_bytes = plan.instance("").limits.stored_bytes
        return OfficeGround(
            self._office,
            plan.tenant,
            plan.needs,
            self._states,
            self._doors,
            stored_bytes,
            plan.lease_class,
            plan.max_price,
        )
