"""The robot as a whole: a body, a driver, and a line to the broker."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from maillage.devices.line import DeviceLine, Message, Unreachable
from maillage.services.robots.model import Pose
from maillage.services.robots.simulate.body import Body, Model
from maillage.services.robots.simulate.driver import Driver
from maillage.services.robots.simulate.factsheet import factsheet_of
from maillage.services.robots.simulate.faults import Faults
from maillage.services.robots.simulate.hearing import HeardInstantActions, HeardInstantActions20, HeardOrder
from maillage.services.robots.vda5050.header import Version, format_ms
from maillage.services.robots.vda5050.state import (
    AgvPosition,
    BatteryState,
    Connection,
    ConnectionState,
    EdgeState,
    NodeState,
    SafetyState,
    State,
    Visualization,
)
from maillage.services.robots.vda5050.topics import (
    CONNECTION,
    FACTSHEET,
    INSTANT_ACTIONS,
    ORDER,
    STATE,
    VISUALIZATION,
    Address,
    Topics,
)

log = logging.getLogger(__name__)
TICK_S = 0.05


class SimulatedRobot:
    """Speaks over a line of its own, which it does not start or stop.

    With ``time_factor`` its time goes by faster than the machine's, as do its instants; ``run`` False leaves time to
    who calls ``advance``. States come on events and every ``state_every_s`` seconds of the machine, positions every
    ``visualization_every_s``. A line has no last will of its own, so one that vanishes has its will said by itself.
    """

    def __init__(
        self,
        line: DeviceLine,
        address: Address,
        at: Pose,
        model: Model | None = None,
        *,
        topics: Topics | None = None,
        faults: Faults | None = None,
        version: Version = "2.1.0",
        time_factor: float = 1.0,
        state_every_s: float = 10.0,
        visualization_every_s: float = 0.2,
        run: bool = True,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.address = address
        self.body = Body(model or Model(), at)
        self.faults = faults or Faults()
        self.driver = Driver(self.body, self.faults)
        self.online = False
        self._line = line
        self._topics = topics or Topics()
        self._version: Version = version
        self._time_factor = time_factor
        self._state_every_s, self._visualization_every_s = state_every_s, visualization_every_s
        self._run = run
        self._began_ms, self._passed_s = now_ms(), 0.0
        self._header_ids: dict[str, int] = defaultdict(int)
        self._said_at: dict[str, float] = {}
        self.is_garbling = False
        self._ends: list[Callable[[], None]] = []
        self._running: asyncio.Task[None] | None = None

    # -- coming and going --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Come online. Unreachable where the line has no connection."""
        self._ends = [
            self._line.subscribe(self._topics.of(self.address, topic), self._take, 0)
            for topic in (ORDER, INSTANT_ACTIONS)
        ]
        self.online = True
        await self._connection("ONLINE")
        await self._say(FACTSHEET, factsheet_of(self.body.model), retain=True)
        await self.report()
        if self._run:
            self._running = asyncio.get_running_loop().create_task(self._live())

    async def stop(self) -> None:
        """Take its leave."""
        if self.online:
            await self._connection("OFFLINE")
        await self._leave()

    async def vanish(self, with_will: bool = True) -> None:
        """Be cut off: it drives on, and neither hears nor says anything."""
        if with_will and self.online:
            await self._connection("CONNECTIONBROKEN")
        for end in self._ends:
            end()
        self._ends = []
        self.online = False

    async def come_back(self) -> None:
        """Be there again, with its order where it has got to."""
        await self._leave()
        await self.start()

    async def _leave(self) -> None:
        for end in self._ends:
            end()
        self._ends, self.online = [], False
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    # -- time --------------------------------------------------------------------------------------------------------

    async def advance(self, seconds: float) -> None:
        """Let so many of its seconds go by, and report what came of it."""
        self._passed_s += seconds
        for sequence_id in self.driver.advance(seconds):
            await self._misbehave(sequence_id)
        await self._report_if_due()

    async def _live(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            try:
                await self.advance((now - before) * self._time_factor)
            except Unreachable as fault:
                log.debug("%s can't report: %s", "/".join(self.address), fault)
            before = now

    async def _report_if_due(self) -> None:
        now = time.monotonic()
        if self.driver.changed or now - self._said_at.get(STATE, 0.0) >= self._state_every_s:
            await self.report()
        elif self.driver.driving and now - self._said_at.get(VISUALIZATION, 0.0) >= self._visualization_every_s:
            message = Visualization(**self._header(VISUALIZATION), agv_position=self._position())
            await self._say(VISUALIZATION, message)

    async def _misbehave(self, sequence_id: int) -> None:
        faults = self.faults
        if sequence_id == faults.jump_at:
            self.body.x += 50.0
        if sequence_id == faults.garble_at:
            self.is_garbling = True
        if sequence_id == faults.manual_at:
            self.driver.drop_order()
            self.driver.mode = "MANUAL"
        if sequence_id == faults.forget_at:
            self.driver.forget()
        if sequence_id in (faults.vanish_at, faults.silent_at):
            await self.vanish(with_will=sequence_id == faults.vanish_at)

    # -- hearing -----------------------------------------------------------------------------------------------------

    async def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.topic.endswith(f"/{ORDER}"):
                self._hear_order(message.payload)
            else:
                await self._hear_actions(message.payload)
        if self.online:
            await self.report()

    def _hear_order(self, payload: bytes) -> None:
        try:
            self.driver.take(msgspec.json.decode(payload, type=HeardOrder))
        except msgspec.DecodeError as fault:
            self.driver.complain("validationError", str(fault)[:200], topic=ORDER)

    async def _hear_actions(self, payload: bytes) -> None:
        try:
            if self._version == "2.0.0":
                actions = msgspec.json.decode(payload, type=HeardInstantActions20).actions
            else:
                actions = msgspec.json.decode(payload, type=HeardInstantActions).actions
            for action in actions:
                self.driver.act(action)
        except (msgspec.DecodeError, TypeError, ValueError) as fault:
            self.driver.complain("validationError", str(fault)[:200], topic=INSTANT_ACTIONS)
            return
        if any(action.action_type == "factsheetRequest" for action in actions):
            await self._say(FACTSHEET, factsheet_of(self.body.model), retain=True)

    # -- saying ------------------------------------------------------------------------------------------------------

    async def report(self) -> None:
        """Say its state."""
        self.driver.changed = False
        if self.is_garbling:
            await self._publish(STATE, b'{"orderId": 7, "nodeStates": "none"}', False)
            self._said_at[STATE] = time.monotonic()
            return
        driver = self.driver
        state = State(
            **self._header(STATE),
            order_id=driver.order_id,
            order_update_id=driver.update_id,
            last_node_id=driver.last_node_id,
            last_node_sequence_id=driver.last_sequence_id,
            node_states=tuple(
                NodeState(node_id=n.node_id, sequence_id=n.sequence_id, released=n.released) for n in driver.nodes
            ),
            edge_states=tuple(
                EdgeState(edge_id=e.edge_id, sequence_id=e.sequence_id, released=e.released) for e in driver.edges
            ),
            driving=driver.driving,
            paused=driver.paused,
            new_base_request=driver.wants_base,
            action_states=driver.action_states,
            battery_state=BatteryState(battery_charge=round(self.body.battery, 2), charging=self.body.charging),
            operating_mode=driver.mode,
            errors=tuple(driver.errors),
            safety_state=SafetyState(e_stop="NONE", field_violation=False),
            agv_position=self._position(),
        )
        await self._say(STATE, state)

    async def _connection(self, state: ConnectionState) -> None:
        await self._say(CONNECTION, Connection(**self._header(CONNECTION), connection_state=state), 1, True)

    async def _say(self, topic: str, message: Any, qos: int = 0, retain: bool = False) -> None:
        if not self.online:
            return
        self._said_at[topic] = time.monotonic()
        if isinstance(message, dict):
            message = self._camel_header(topic) | message
        await self._publish(topic, msgspec.json.encode(message), retain, qos)

    async def _publish(self, topic: str, payload: bytes, retain: bool, qos: int = 0) -> None:
        if self.online:
            await self._line.publish(self._topics.of(self.address, topic), payload, qos, retain)

    def _position(self) -> AgvPosition:
        body = self.body
        return AgvPosition(
            x=round(body.x, 4),
            y=round(body.y, 4),
            theta=round(body.theta, 4),
            map_id=body.map_id,
            position_initialized=True,
            localization_score=1.0,
        )

    def _header(self, topic: str) -> dict[str, Any]:
        header_id = self._header_ids[topic]
        self._header_ids[topic] += 1
        return {
            "header_id": header_id,
            "timestamp": format_ms(self._began_ms + round(self._passed_s * 1000)),
            "version": self._version,
            "manufacturer": self.address.manufacturer,
            "serial_number": self.address.serial,
        }

    def _camel_header(self, topic: str) -> dict[str, Any]:
        header = self._header(topic)
        return {
            "headerId": header["header_id"],
            "timestamp": header["timestamp"],
            "version": header["version"],
            "manufacturer": header["manufacturer"],
            "serialNumber": header["serial_number"],
        }
