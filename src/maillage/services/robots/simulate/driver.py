"""The robot's driver: takes orders and updates, follows them, does actions, pauses and cancels. Time is handed in."""

import math
from collections import deque

from maillage.services.robots.model import ActionStatus
from maillage.services.robots.simulate.body import Body
from maillage.services.robots.simulate.faults import Faults
from maillage.services.robots.simulate.hearing import HeardAction, HeardEdge, HeardNode, HeardOrder
from maillage.services.robots.vda5050.state import ActionState, ErrorReference, OperatingMode, RobotError

NODE_ACTIONS = ("startCleaning", "stopCleaning", "startCharging", "stopCharging", "wait")
INSTANT_ACTIONS = ("cancelOrder", "startPause", "stopPause", "stateRequest", "factsheetRequest", "initPosition")
NEAR_M = 0.5
"""How near its first node a robot has to stand to take an order, where the order allows no more."""
INSTANT_STATES_KEPT = 20


class Driver:
    """``changed`` says that there is something to report."""

    def __init__(self, body: Body, faults: Faults) -> None:
        self.body = body
        self.faults = faults
        self.mode: OperatingMode = "AUTOMATIC"
        self.order_id, self.update_id = "", 0
        self.last_node_id, self.last_sequence_id = "", 0
        self.nodes: deque[HeardNode] = deque()
        self.edges: deque[HeardEdge] = deque()
        self.paused = False
        self.driving = False
        self.errors: list[RobotError] = []
        self.changed = False
        self._actions: dict[str, ActionState] = {}
        self._instants: deque[str] = deque()
        self._to_do: deque[HeardAction] = deque()
        self._left_s = 0.0
        self._here: HeardNode | None = None

    @property
    def action_states(self) -> tuple[ActionState, ...]:
        return tuple(self._actions.values())

    @property
    def busy(self) -> bool:
        return bool(self.nodes or self._to_do)

    @property
    def wants_base(self) -> bool:
        """Whether it is about to run out of released nodes."""
        released = sum(node.released for node in self.nodes)
        return released < len(self.nodes) and released <= 2

    # -- orders ------------------------------------------------------------------------------------------------------

    def take(self, order: HeardOrder) -> None:
        """Take an order or an update, or say why not."""
        if self.faults.deaf or (order.order_id == self.order_id and order.order_update_id == self.update_id):
            return
        update = order.order_id == self.order_id
        kind, problem = self._refusal(order, update)
        if kind:
            self.complain(kind, problem, orderId=order.order_id, orderUpdateId=str(order.order_update_id))
            return
        self.errors = [error for error in self.errors if error.about("orderId") is None]
        nodes = list(order.nodes)
        if update:
            self.nodes = deque(node for node in self.nodes if node.released)
            self.edges = deque(edge for edge in self.edges if edge.released)
            nodes = nodes[1:]
        else:
            self.nodes, self.edges = deque(), deque()
            for action_id in [each for each in self._actions if each not in self._instants]:
                del self._actions[action_id]
        self.order_id, self.update_id = order.order_id, order.order_update_id
        self.nodes.extend(nodes)
        self.edges.extend(order.edges)
        for action in (action for node in nodes if node.released for action in node.actions):
            self._set(action, "WAITING")
        self.changed = True

    def _refusal(self, order: HeardOrder, update: bool) -> tuple[str, str]:
        problem = order.problem()
        if problem:
            return "validationError", problem
        if self.mode != "AUTOMATIC":
            return "orderError", f"in mode {self.mode}"
        unknown = [a.action_type for node in order.nodes for a in node.actions if a.action_type not in NODE_ACTIONS]
        if unknown:
            return "orderError", f"does not know {unknown[0]}"
        wanted = self.faults.reject_updates if update else self.faults.reject
        if wanted:
            return wanted, "does not like it"
        first = order.nodes[0]
        if update:
            return self._stitched(order, first)
        if self.busy:
            return "orderError", f"still at {self.order_id}"
        where = first.node_position
        allowed_m = max(where.within_m, NEAR_M)
        if where.map_id != self.body.map_id or self.body.distance_m(where.x, where.y) > allowed_m:
            return "noRouteError", "does not stand at the first node"
        return "", ""

    def _stitched(self, order: HeardOrder, first: HeardNode) -> tuple[str, str]:
        if order.order_update_id < self.update_id:
            return "orderUpdateError", f"already has update {self.update_id}"
        base = [node.sequence_id for node in self.nodes if node.released]
        end = base[-1] if base else self.last_sequence_id
        if first.sequence_id != end:
            return "orderUpdateError", f"begins at {first.sequence_id}, the base ends at {end}"
        return "", ""

    # -- instant actions ---------------------------------------------------------------------------------------------

    def act(self, action: HeardAction) -> None:
        """Do something at once."""
        self._instants.append(action.action_id)
        while len(self._instants) > INSTANT_STATES_KEPT:
            self._actions.pop(self._instants.popleft(), None)
        if action.action_type not in INSTANT_ACTIONS:
            self._set(action, "FAILED", f"does not know {action.action_type}")
            self.complain("instantActionError", f"does not know {action.action_type}", actionId=action.action_id)
            return
        if action.action_type == "cancelOrder" and not self.busy:
            self._set(action, "FAILED", "no order")
            self.complain("noOrderToCancel", "there is no order", actionId=action.action_id)
            return
        if action.action_type == "initPosition":
            self.body.x, self.body.y = float(action.parameter("x")), float(action.parameter("y"))
            self.body.theta, self.body.map_id = float(action.parameter("theta")), str(action.parameter("mapId"))
            self.last_node_id = str(action.parameter("lastNodeId") or "")
        elif action.action_type == "cancelOrder":
            self.drop_order()
        elif action.action_type in ("startPause", "stopPause"):
            self.paused = action.action_type == "startPause"
            self.driving = False
        self._set(action, "FINISHED")

    def drop_order(self) -> None:
        """Stop where it is; what was to be done is not."""
        self.nodes.clear()
        self.edges.clear()
        self._to_do.clear()
        self.driving = self.body.cleaning = self.paused = False
        for state in list(self._actions.values()):
            if state.action_status in ("WAITING", "INITIALIZING", "RUNNING", "PAUSED"):
                self._actions[state.action_id] = _changed(state, "FAILED")
        self.changed = True

    def forget(self) -> None:
        """As after a restart: no order, and nothing of one."""
        self.drop_order()
        self.order_id, self.update_id, self.last_node_id, self.last_sequence_id = "", 0, "", 0
        self._actions.clear()

    # -- time --------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> list[int]:
        """Let time go by; the sequence ids of the nodes that were reached."""
        reached: list[int] = []
        while seconds > 1e-9:
            if self.paused or self.mode != "AUTOMATIC" or self.body.battery <= 0.0:
                self._stand(seconds)
                break
            if self._to_do:
                seconds = self._work(seconds)
                continue
            if not self.nodes or not self.nodes[0].released:
                self._stand(seconds)
                break
            seconds = self._drive(seconds, reached)
        if self.body.cleaning and self.body.water_l <= 0.0:
            self.complain("waterEmpty", "it sweeps, and does not scrub")
        if self.body.battery <= 0.0:
            self.complain("batteryEmpty", "a person has to bring it to its dock", "FATAL")
        return reached

    def _stand(self, seconds: float) -> None:
        if self.driving:
            self.driving, self.changed = False, True
        self.body.rest(seconds)

    def _drive(self, seconds: float, reached: list[int]) -> float:
        node = self.nodes[0]
        # The first node of an order has no edge before it: the robot stands there already, or nearly so.
        edge = self.edges[0] if self.edges and self.edges[0].sequence_id == node.sequence_id - 1 else None
        speed_mps = self.body.model.speed_mps
        if edge is not None and edge.max_speed is not None:
            speed_mps = min(speed_mps, edge.max_speed)
        where = node.node_position
        if not self.driving and self.body.distance_m(where.x, where.y) > 1e-9:
            self.driving = self.changed = True
        seconds = self.body.drive(where.x, where.y, speed_mps, seconds)
        if self.body.distance_m(where.x, where.y) > 1e-9:
            return seconds
        if where.theta is not None:
            self.body.theta = math.remainder(where.theta, math.tau)
        self.nodes.popleft()
        if edge is not None:
            self.edges.popleft()
        self.last_node_id, self.last_sequence_id = node.node_id, node.sequence_id
        reached.append(node.sequence_id)
        self._here = node
        self._to_do.extend(node.actions)
        self._left_s = self.body.model.action_s
        self.driving, self.changed = bool(self.nodes) and not self._to_do, True
        return seconds

    def _work(self, seconds: float) -> float:
        action = self._to_do[0]
        if self._actions[action.action_id].action_status == "WAITING":
            self._set(action, "RUNNING")
            self._left_s = self.body.model.action_s
            if action.action_type == "wait":
                self._left_s = float(action.parameter("seconds") or 0.0)
        spent_s = min(seconds, self._left_s)
        self._left_s -= spent_s
        self.body.rest(spent_s)
        if self._left_s <= 1e-9:
            self._finish(self._to_do.popleft())
        return seconds - spent_s

    def _finish(self, action: HeardAction) -> None:
        if action.action_type == self.faults.fail_action:
            self._set(action, "FAILED", "would not")
            self.complain("orderActionError", f"{action.action_type} failed", actionId=action.action_id)
            return
        result = ""
        match action.action_type:
            case "startCleaning" | "stopCleaning":
                self.body.cleaning = action.action_type == "startCleaning"
                result = f"{self.body.water_l:.1f} l of water left"
            case "startCharging":  # the dock fills up its tank as well
                self.body.charging, self.body.water_l = True, self.body.model.water_l
            case "stopCharging":
                self.body.charging = False
        self._set(action, "FINISHED", result)

    # -- telling -----------------------------------------------------------------------------------------------------

    def _set(self, action: HeardAction, status: ActionStatus, result: str = "") -> None:
        self._actions[action.action_id] = ActionState(
            action_id=action.action_id,
            action_type=action.action_type,
            action_status=status,
            result_description=result,
        )
        self.changed = True

    def complain(self, kind: str, description: str, level: str = "WARNING", **about: str) -> None:
        """Report an error, once."""
        references = tuple(ErrorReference(reference_key=key, reference_value=about[key]) for key in about)
        error = RobotError(
            error_type=kind, error_level=level, error_description=description, error_references=references
        )
        if error not in self.errors:
            self.errors.append(error)
            self.changed = True


def _changed(state: ActionState, status: ActionStatus) -> ActionState:
    return ActionState(action_id=state.action_id, action_type=state.action_type, action_status=status)
