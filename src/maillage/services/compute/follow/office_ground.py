"""The ground of a chain: leases from its office, state in its stores' key-value stores, doors in this process."""

from maillage.kernel.asks import Ask
from maillage.kernel.errors import LeaseState
from maillage.kernel.leases import ACTIVE, LeaseClass
from maillage.kernel.office import Office
from maillage.kernel.times import FOREVER
from maillage.services.compute.follow.doors import Doors
from maillage.services.compute.follow.ports import States

HOLD_S = 300
"""How long a reservation stands before it expires by itself: enough to copy the state meanwhile, and what nobody comes
back for is lost no longer."""
FREEZE_WAIT_S = 1.0
"""How long requests under way may hold up a switch; the move is given up after that."""


class OfficeGround:
    """Sessions of one tenant, each on an open lease of ``needs``, with state of at most ``state_bytes_max``."""

    def __init__(
        self,
        office: Office,
        tenant: str,
        needs: dict[str, int],
        states: States,
        doors: Doors,
        state_bytes_max: int,
        lease_class: LeaseClass = "firm",
        max_price: int | None = None,
    ) -> None:
        self._office = office
        self._tenant = tenant
        self._needs = needs
        self._states = states
        self._doors = doors
        self._state_bytes_max = state_bytes_max
        self._class = lease_class
        self._max_price = max_price

    def takes(self, site: str) -> bool:  # noqa: ARG002
        return True

    async def reserve(self, device: str, site: str, key: str) -> str:
        ask = Ask(self._needs, None, FOREVER, site, None, self._class, self._max_price, hold_s=HOLD_S)
        lease = await self._office.lease(self._tenant, ask, f"follow.{device}.{key}", site)
        if lease.state not in ACTIVE:
            raise LeaseState(
                f"lease {lease.id} is {lease.state}; ask with a new key", lease=lease.id, state=lease.state
            )
        return lease.id

    async def keep(self, device: str, lease: str) -> None:  # noqa: ARG002
        await self._office.confirm(lease, self._tenant)

    async def release(self, device: str, lease: str) -> None:  # noqa: ARG002
        await self._office.release(lease, self._tenant)

    async def copy(self, device: str, former: str, following: str) -> int:  # noqa: ARG002
        return await self._states.copy(former, following, self._state_bytes_max)

    async def forget(self, device: str, lease: str) -> None:  # noqa: ARG002
        await self._states.forget(lease)

    async def freeze(self, device: str) -> None:
        await self._doors.freeze(device, FREEZE_WAIT_S)

    def thaw(self, device: str) -> None:
        self._doors.thaw(device)

    def switch(self, device: str, lease: str) -> None:
        self._doors.switch(device, lease)

    def close(self, device: str) -> None:
        self._doors.close(device)
