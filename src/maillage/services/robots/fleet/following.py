"""What a robot's state means for its mission, and what is to be done about it. No waiting, no messages: decisions only.

| the robot | the mission |
| --- | --- |
| takes the order, drives, pauses | accepted, running, paused |
| is through with all nodes and actions | finished |
| refuses the order, or an update | failed: rejected; failed: update_rejected, once the rest is called off |
| fails at a required action | failed: action_failed, once the rest is called off |
| is taken over (MANUAL, SERVICE, TEACHIN) | failed: taken_over |
| comes back without the order, or with another | failed: order_dropped; failed: other_order |
| never answers the order, however often it is sent | failed: no_answer |
| can't be heard for too long | lost: out_of_touch |
| was told to cancel, and stands | cancelled |
"""

import math
from typing import Literal, NamedTuple

import msgspec

from maillage.services.robots.fleet.orders import actions_done, reached_node
from maillage.services.robots.fleet.windows import Pace, next_part
from maillage.services.robots.model import Mission, MissionReason, MissionState, Progress, Waypoint
from maillage.services.robots.ports import Sent
from maillage.services.robots.vda5050.state import DRIVABLE, RobotError, State

REJECTIONS = frozenset(("validationerror", "ordererror", "orderupdateerror", "norouteerror", "ordernoroute"))
"""Types of errors that refuse an order; robots write them in different cases, and some with a detail behind."""
_TO_BE_DONE = frozenset(("WAITING", "INITIALIZING", "RUNNING", "PAUSED"))


class Patience(NamedTuple):
    """Seconds: how long an order, or a cancelling, waits for its answer before it is sent again; how often an order is
    sent in all; how long a robot may be out of touch before its mission is lost, and an order may wait to be sent; how
    often robots are looked at while they say nothing."""

    answer_s: float = 5.0
    tries: int = 4
    lost_s: float = 120.0
    send_s: float = 60.0
    look_s: float = 1.0


class Sight(NamedTuple):
    """What is seen of a robot. ``state`` None: out of touch, for ``out_s`` seconds. ``errors`` came since the last
    look. ``order_age_s`` went by since the last order message left, ``tries`` of the same were sent; ``cancel_age_s``
    since the last cancelOrder, and ``cancel_status`` is how that action does; inf and None where there was none."""

    state: State | None
    out_s: float = 0.0
    errors: tuple[RobotError, ...] = ()
    order_age_s: float = math.inf
    tries: int = 0
    cancel_age_s: float = math.inf
    cancel_status: str | None = None
    waiting_s: float = 0.0
    """How long the mission is queued."""


Send = Literal["order", "cancel"]


class Step(NamedTuple):
    """How the mission is now, and what is to be sent: the order as far as ``sent`` says, or a cancelOrder."""

    progress: Progress
    sent: Sent | None = None
    send: Send | None = None


class Follower:
    """Follows one mission. ``nodes`` are those of its order."""

    def __init__(self, mission: Mission, nodes: tuple[Waypoint, ...], pace: Pace, patience: Patience) -> None:
        self._mission = mission
        self._nodes = nodes
        self._pace = pace
        self._patience = patience
        self._offset = len(nodes) - len(mission.path)

    def waypoint(self, node: int) -> int:
        """The waypoint that a node of the order is, -1 for what comes before the first."""
        return max(-1, min(node, len(self._nodes) - 1) - self._offset)

    def look(self, progress: Progress, sent: Sent | None, sight: Sight) -> Step:
        """The next step from what is seen."""
        state = sight.state
        if state is None:
            return self._out_of_touch(msgspec.structs.replace(progress, in_touch=False), sight)
        progress = msgspec.structs.replace(progress, in_touch=True)
        if state.operating_mode not in DRIVABLE:
            return self._over(progress, "taken_over", f"a person took the robot over: {state.operating_mode}")
        if sent is None:
            return self._queued(progress, sight)
        if state.order_id != self._mission.order_id:
            return self._without_order(progress, state, sent, sight)
        progress = self._seen(progress, state)
        if progress.cancelling:
            return self._cancelling(progress, state, sent, sight)
        return self._under_way(progress, state, sent, sight)

    # -- before and beside the order ---------------------------------------------------------------------------------

    def _queued(self, progress: Progress, sight: Sight) -> Step:
        if progress.cancelling:
            return Step(_ended(progress, "cancelled"))
        if sight.waiting_s > self._patience.send_s:
            detail = "the order could not be sent: the broker can't be reached"
            return Step(_ended(progress, "failed", "no_answer", detail))
        return Step(progress, None, "order")

    def _out_of_touch(self, progress: Progress, sight: Sight) -> Step:
        if sight.out_s <= self._patience.lost_s:
            return Step(progress)
        detail = f"the robot can't be heard for more than {self._patience.lost_s:g} s"
        return Step(_ended(progress, "lost", "out_of_touch", detail))

    def _without_order(self, progress: Progress, state: State, sent: Sent, sight: Sight) -> Step:
        refused = self._refusal(sight.errors) if progress.state in ("queued", "sent") else None
        if refused is not None:
            return self._over(progress, "rejected", refused)
        if progress.state not in ("queued", "sent"):
            other = state.order_id if state.node_states else ""
            told = f"follows the order {other[:60]!r} now" if other else "no longer knows the order"
            return self._over(progress, "other_order" if other else "order_dropped", f"the robot {told}")
        if progress.cancelling and sight.order_age_s > self._patience.answer_s:
            return self._over(progress, "", "")
        if sight.order_age_s <= self._patience.answer_s:
            return Step(progress)
        if sight.tries >= self._patience.tries:
            return self._over(progress, "no_answer", f"the robot did not take the order, sent {sight.tries} times")
        return Step(progress, sent, "order")

    # -- with the order ----------------------------------------------------------------------------------------------

    def _seen(self, progress: Progress, state: State) -> Progress:
        return msgspec.structs.replace(
            progress,
            reached=max(progress.reached, self.waypoint(reached_node(state))),
            actions=actions_done(self._mission, state, progress.actions),
            state=self._moving(progress, state),
        )

    def _moving(self, progress: Progress, state: State) -> MissionState:
        if state.paused:
            return "paused"
        begun = state.driving or reached_node(state) > 0 or any(each.status != "WAITING" for each in progress.actions)
        return "running" if begun or progress.state in ("running", "paused") else "accepted"

    def _under_way(self, progress: Progress, state: State, sent: Sent, sight: Sight) -> Step:
        failed = self._failed_action(progress)
        if failed:
            return self._call_off(progress, "action_failed", failed)
        if state.order_update_id < sent.update_id:
            refused = self._refusal(sight.errors)
            if refused is not None:
                return self._call_off(progress, "update_rejected", refused)
            if sight.order_age_s <= self._patience.answer_s:
                return Step(progress)
            if sight.tries >= self._patience.tries:
                return self._call_off(progress, "no_answer", "the robot did not take the order's next part")
            return Step(progress, sent, "order")
        if self._is_through(state, sent):
            return Step(_ended(progress, "finished"))
        following = next_part(self._nodes, sent, reached_node(state), state.new_base_request, self._pace)
        return Step(progress) if following is None else Step(progress, following, "order")

    def _is_through(self, state: State, sent: Sent) -> bool:
        return (
            sent.base == len(self._nodes) - 1
            and not (state.node_states or state.edge_states)
            and state.last_node_sequence_id == 2 * sent.base
            and not self._acting(state)
        )

    def _acting(self, state: State) -> bool:
        ours = (each for each in state.action_states if each.action_id.startswith(self._mission.order_id))
        return any(each.action_status in _TO_BE_DONE for each in ours)

    def _failed_action(self, progress: Progress) -> str:
        for each in progress.actions:
            if each.status == "FAILED" and self._mission.path[each.index].actions[each.number].required:
                told = f": {each.result}" if each.result else ""
                return f"{each.type} failed at waypoint {each.index}{told}"
        return ""

    # -- calling off -------------------------------------------------------------------------------------------------

    def _call_off(self, progress: Progress, reason: MissionReason, detail: str) -> Step:
        changed = msgspec.structs.replace(progress, cancelling=True, reason=reason, detail=detail)
        return Step(changed, None, "cancel")

    def _cancelling(self, progress: Progress, state: State, sent: Sent, sight: Sight) -> Step:
        if self._is_through(state, sent) and not progress.reason and not self._failed_action(progress):
            return Step(_ended(progress, "finished"))
        if sight.cancel_age_s == math.inf:
            return Step(progress, None, "cancel")
        stands = not (state.node_states or state.edge_states)
        stands = stands and (sight.cancel_status == "FINISHED" or not self._acting(state))
        answered = sight.cancel_status in ("FINISHED", "FAILED") or sight.cancel_age_s > self._patience.answer_s
        if stands and answered:
            return self._over(progress, "", "")
        if sight.cancel_age_s > self._patience.answer_s and sight.cancel_status not in ("WAITING", "RUNNING"):
            return Step(progress, None, "cancel")
        return Step(progress)

    def _over(self, progress: Progress, reason: MissionReason, detail: str) -> Step:
        """It is at its end for this reason; what had made us call it off before counts more."""
        if not progress.cancelling:
            return Step(_ended(progress, "failed", reason, detail))
        if progress.reason:
            return Step(_ended(progress, "failed", progress.reason, progress.detail))
        return Step(_ended(progress, "cancelled"))

    def _refusal(self, errors: tuple[RobotError, ...]) -> str | None:
        """What a robot says when it refuses this order, or nothing."""
        for error in errors:
            kind = error.error_type.lower()
            if error.about("orderId") not in (None, self._mission.order_id) or error.about("topic") == "instantActions":
                continue
            if any(kind.startswith(known) for known in REJECTIONS):
                return f"{error.error_type}: {error.error_description}"[:300].rstrip(": ")
        return None


def _ended(progress: Progress, state: MissionState, reason: MissionReason = "", detail: str = "") -> Progress:
    return msgspec.structs.replace(progress, state=state, reason=reason, detail=detail, cancelling=False)
