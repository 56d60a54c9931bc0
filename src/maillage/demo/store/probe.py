"""The freezer's probe: a device with a profile, credentials, and a line of its own to the store's broker."""

import asyncio
from collections.abc import Callable

import msgspec

from maillage.bootstrap import LocalChain
from maillage.bootstrap.device_lines import device_line
from maillage.demo.store.freezer import Freezer, Measured
from maillage.demo.store.waiting import until
from maillage.devices.line import DeviceLine
from maillage.kernel.times import format_time
from maillage.services.sensing.registry.documents import (
    ContextDocument,
    MeasureDocument,
    NewDevice,
    ProfileFields,
    RuleDocument,
)

PROFILE, DEVICE, UNIT = "freezer-probe", "frz-7", "freezer-7"
NAME = "Freezer 7, ice cream"
LIKE = "freezer"
"""The profile that came with Maillage whose rules hold."""
WARMEST_C = -15.0
"""Where the exposure clock runs: the limit of the rule that warns, 3 K above what quick-frozen food is kept at."""
SEED, BEGINS_MIN = 3, 14 * 60
"""Which freezer it is; its day of doors and defrosts begins at two in the afternoon."""


class Probe:
    """``temperatures`` are what it said, a minute apart; ``food_c`` is how warm the food really became."""

    def __init__(self, chain: LocalChain, now: Callable[[], int]) -> None:
        self._sensing, self._devices, self._now = chain.sensing, chain.devices, now
        self.freezer = Freezer(SEED, BEGINS_MIN)
        self.temperatures: list[float] = []
        self.food_c = self.freezer.food_c
        self._line: DeviceLine | None = None
        self._topic = ""

    async def install(self, site: str) -> None:
        """Register it, give it what it gets in with, and connect it."""
        await self._sensing.registry.put_profile(PROFILE, self._profile())
        device = await self._sensing.registry.create(
            NewDevice(id=DEVICE, site=site, profile=PROFILE, name=NAME, unit=UNIT)
        )
        (self._topic,) = device.topics
        _, password = await asyncio.to_thread(self._devices.admission.add, DEVICE, site, (self._topic,))
        self._line = line = device_line(self._devices, DEVICE, password)
        await line.start()
        await until(lambda: line.connected, f"{DEVICE} is connected")

    async def minute(self) -> Measured:
        """Measure, publish, and return once it was taken and what follows from it is durable."""
        measured = self.freezer.minute()
        at_ms = 1_000 * self._now()
        payload = {"at": format_time(self._now()), **measured._asdict()}
        # Retained, so that the first is there for an intake that takes a moment to subscribe.
        assert self._line is not None, "it was installed"
        await self._line.publish(self._topic, msgspec.json.encode(payload), 1, True)
        intake = self._sensing.intake
        assert intake is not None, "the chain was opened with a broker"
        await until(lambda: (intake.device(DEVICE).taken_ms or 0) >= at_ms, f"a reading of {DEVICE} was taken")
        await self._sensing.coldchain.settle()
        self.temperatures.append(measured.temperature)
        self.food_c = max(self.food_c, self.freezer.food_c)
        return measured

    async def remove(self) -> None:
        """Disconnect it."""
        if self._line is not None:
            await self._line.stop()

    def _profile(self) -> ProfileFields:
        like = self._sensing.registry.profile(LIKE)
        measures = [
            *like.measures,
            MeasureDocument(name="door", unit="1", role="door", minimum=0, maximum=1, resolution=1),
            MeasureDocument(name="defrost", unit="1", role="defrost", minimum=0, maximum=1, resolution=1),
        ]
        rules = [msgspec.convert(msgspec.to_builtins(rule), RuleDocument) for rule in like.rules]
        context = ContextDocument(exposure_limit=WARMEST_C)
        name = "Freezer, by the temperature of its air, with its door and its defrost"
        return ProfileFields(name=name, measures=measures, rules=rules, context=context, time_path="at")
