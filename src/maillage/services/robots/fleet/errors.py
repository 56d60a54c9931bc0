"""Refusals of robots; the catalogue of problems has a page for each."""

from maillage.kernel.errors import Category, Refusal


class RobotBusy(Refusal):
    """The robot has a mission, or drives for somebody else; ``extra`` has ``mission`` or ``order``."""

    slug = "robot-busy"
    title = "The robot has something to do"
    category = Category.REFUSED


class RobotUnfit(Refusal):
    """The robot can't do that now: it is out of reach, not in an automatic mode, lost as to where it is, or says no;
    ``extra['reason']`` is a short word for which."""

    slug = "robot-unfit"
    title = "The robot can't do that now"
    category = Category.REFUSED

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail, reason=reason)


class MissionOver(Refusal):
    """The mission has ended; ``extra['state']`` says how."""

    slug = "mission-over"
    title = "The mission is over"
    category = Category.REFUSED
