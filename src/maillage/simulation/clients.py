"""Clients: they ask, confirm, extend, release and report as tenants do, and repeat with the same key what got lost."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import msgspec

from maillage.kernel.documents import CapacityPlanDocument, LeaseDocument
from maillage.kernel.errors import Category, NotFound, Refusal
from maillage.kernel.times import HOUR_S
from maillage.simulation.asks import Wishes
from maillage.simulation.memory import Memory, Told
from maillage.simulation.process import Lost, SimProcess
from maillage.simulation.stage import Store
from maillage.simulation.world import World

THINK_S = 0.4
"""Mean time between two actions of a client."""
TRIES_MAX = 6
FEE_MICRO = 2_500_000
KEY_SPAN_S = 12 * HOUR_S
"""A key is repeated within this time: well within its day, whatever a clock does."""
TENANTS = ("acme", "birch", "cobalt", "dune")

Door = Callable[[Random], SimProcess]
"""Whom a client asks, by chance where there are several."""


class _Asked(msgspec.Struct):
    """An ask under a key: its words, what stands for them, and when it was first made (the world's seconds)."""

    key: str
    method: str
    body: Any
    digest: Any
    at: float


class Client:
    """One of those who act at the same time."""

    def __init__(
        self, world: World, number: int, stores: Sequence[Store], door: Door, memory: Memory, sees_all: bool
    ) -> None:
        """``sees_all``: whom it asks knows every lease that was acknowledged, by whomever."""
        self._world = world
        self._name = f"c{number}"
        self._tenant = TENANTS[number % len(TENANTS)]
        self._random = world.random(f"client {number}")
        self._wishes = Wishes(self._random, stores)
        self._stores = stores
        self._door = door
        self._memory = memory
        self._sees_all = sees_all
        self._leases: list[str] = []
        self._asked: list[_Asked] = []
        self._keys = 0
        self._actions: tuple[tuple[Callable[[], Any], int], ...] = (
            (self._lease, 46),
            (self._batch, 5),
            (self._several, 4),
            (self._repeat, 8),
            (self._misuse_key, 2),
            (self._confirm, 12),
            (self._extend, 6),
            (self._release, 8),
            (self._look, 3),
            (self._measure, 3),
            (self._charge, 1),
            (self._resize, 3),
        )

    async def act(self, steps: Iterator[int]) -> None:
        """Do one thing after another until the steps that all clients share are used up."""
        actions = [action for action, _ in self._actions]
        weights = [weight for _, weight in self._actions]
        for _ in steps:
            await self._world.sleep(self._random.expovariate(1 / THINK_S))
            (action,) = self._random.choices(actions, weights)
            await action()

    # -- asks ----------------------------------------------------------------------------------------------------

    async def _lease(self) -> None:
        ask = self._wishes.ask(self._world.time.seconds())
        await self._ask("lease", ask)

    async def _batch(self) -> None:
        now = self._world.time.seconds()
        await self._ask("lease_batch", [self._wishes.ask(now) for _ in range(self._random.randint(2, 6))])

    async def _several(self) -> None:
        await self._ask("lease_all", self._wishes.for_several(self._world.time.seconds()))

    async def _ask(self, method: str, body: Any) -> None:
        if self._random.random() < 0.3:
            await self._attempt(_Asked("", method, body, _digests(method, body, None), 0.0))
            return
        self._keys += 1
        key = f"{self._name}-{self._keys}"
        asked = _Asked(key, method, body, _digests(method, body, key), self._world.time.seconds())
        self._asked.append(asked)
        for _ in range(TRIES_MAX):
            if await self._attempt(asked) or self._world.time.seconds() - asked.at > KEY_SPAN_S:
                return
            self._world.note("retries")
            await self._world.sleep(self._random.expovariate(1.0))

    async def _repeat(self) -> None:
        """Ask again under a key that was used, as who is not sure does."""
        if self._asked:
            asked = self._random.choice(self._asked[-20:])
            if self._world.time.seconds() - asked.at < KEY_SPAN_S:
                await self._attempt(asked)

    async def _misuse_key(self) -> None:
        """Use a key for another body: must not be granted a second time."""
        if self._asked:
            asked = self._random.choice(self._asked[-20:])
            if self._world.time.seconds() - asked.at < KEY_SPAN_S and asked.method == "lease":
                ask = self._wishes.ask(self._world.time.seconds())
                await self._attempt(_Asked(asked.key, "lease", ask, f"other than {asked.key}", asked.at))

    async def _attempt(self, asked: _Asked) -> bool:
        """One try; whether its outcome is known."""
        self._world.note("asks")
        answer = await self._call(asked.method, self._tenant, asked.body, asked.key or None, asked.digest)
        if answer is None:
            return False
        items = answer if isinstance(answer, list) else [answer]
        leases = [(number, item) for number, item in enumerate(items) if isinstance(item, LeaseDocument)]
        for number, lease in leases:
            self._granted(lease, _key_of(asked, number))
        if asked.method == "lease_all" and asked.key and leases:
            told = self._memory.together.setdefault((self._tenant, asked.key), [])
            told.append(sorted(lease.id for _, lease in leases))
        return True

    def _granted(self, lease: LeaseDocument, key: str | None) -> None:
        self._world.note("granted", f"{lease.id} {lease.state} {key}")
        self._memory.told.append(Told("lease", self._world.time.seconds(), lease, key))
        self._leases.append(lease.id)

    # -- what is done to leases ----------------------------------------------------------------------------------

    async def _confirm(self) -> None:
        await self._move("confirm")

    async def _release(self) -> None:
        await self._move("release")

    async def _extend(self) -> None:
        end = int(self._world.time.seconds()) + self._random.randrange(12 * HOUR_S)
        await self._move("extend", end)

    async def _move(self, step: str, *args: int) -> None:
        if not self._leases:
            return
        lease_id = self._random.choice(self._leases[-30:])
        answer = await self._call(step, lease_id, *args, self._tenant)
        if isinstance(answer, LeaseDocument):
            self._world.note(f"{step}s", answer.id)
            self._memory.told.append(Told(step, self._world.time.seconds(), answer, None, *args))

    async def _look(self) -> None:
        if self._leases:
            lease_id = self._random.choice(self._leases)
            answer = await self._call("get_lease", lease_id, self._tenant)
            if isinstance(answer, NotFound) and self._sees_all:
                self._world.fault(f"{lease_id} was granted to {self._tenant}, and then there was no such lease")
            elif isinstance(answer, LeaseDocument):
                self._world.note("looks", answer.id)

    async def _measure(self) -> None:
        if self._leases:
            lease_id, amount = self._random.choice(self._leases), self._random.randint(1, 9_000)
            self._memory.metering(lease_id, amount)
            answer = await self._call("measure", lease_id, {"cpu_hours": amount})
            if isinstance(answer, LeaseDocument):
                self._world.note("measured", lease_id)
                self._memory.was_metered(lease_id, amount)

    async def _charge(self) -> None:
        """What is charged twice for the same costs once."""
        if self._leases:
            lease_id, line = self._random.choice(self._leases[-30:]), f"fee {self._random.randint(1, 3)}"
            answer = await self._call("charge", lease_id, line, FEE_MICRO)
            if isinstance(answer, LeaseDocument):
                self._world.note("charged", lease_id)

    async def _resize(self) -> None:
        """The store needs more of its own, or has more to give."""
        store = self._random.choice(self._stores)
        kind = self._random.choice(list(store.pools))
        plan = store.pools[kind]
        most = int(plan.size)
        wanted = msgspec.structs.replace(plan, size=self._random.randint(most // 2, most + most // 4))
        if isinstance(wanted, CapacityPlanDocument):
            await self._call("set_capacity", store.site.id, kind, wanted)
            self._world.note("resizes", store.site.id)

    # -- calling -------------------------------------------------------------------------------------------------

    async def _call(self, method: str, *args: Any) -> Any:
        """The answer, or a refusal that is one; None where it is not known what became of it."""
        process = self._door(self._random)
        try:
            return await process.call(method, *args)
        except Refusal as refusal:
            if refusal.category is Category.UNAVAILABLE:
                self._world.note("unavailable", f"{method} {refusal.slug}")
                return None
            self._world.note("refused", f"{method} {refusal.slug}")
            return refusal
        except Lost:
            self._world.note("lost", method)
        except Exception as fault:
            self._world.crashed(f"{process.name} at {method}", fault)
        return None


def _digests(method: str, body: Any, key: str | None) -> Any:
    if method == "lease_batch":
        return [None if key is None else f"{key}#{number}" for number in range(len(body))]
    return key


def _key_of(asked: _Asked, number: int) -> str | None:
    """The key by which an owner knows one of the leases; those of an ask for several go by names of their own."""
    if not asked.key or asked.method == "lease_all":
        return None
    return f"{asked.key}#{number}" if asked.method == "lease_batch" else asked.key
