"""All that is known of one temperature of one unit: a constant number of figures, saved and restored as they are."""

import math

import msgspec

from maillage.services.sensing.warning.advice import AdviceKind
from maillage.services.sensing.warning.cusum import Cusum
from maillage.services.sensing.warning.cycles import Duty, Recovery
from maillage.services.sensing.warning.gauge import Gauge
from maillage.services.sensing.warning.habits import Habit
from maillage.services.sensing.warning.settings import STEP_S, Settings
from maillage.services.sensing.warning.thermal import ThermalModel

LEVEL_FLOOR_K = 0.05


class Told(msgspec.Struct):
    """Advice that was given and still holds: since when, and when its sign was last seen."""

    since_s: float
    seen_s: float


class State(msgspec.Struct):
    """What is learnt, what is being summed up, and what was told. Times are seconds since 1970."""

    model: ThermalModel
    errors: list[Gauge]
    level: Cusum
    level_zero_s: float
    cycles: Duty
    duty: Cusum
    recovery: Recovery
    recovering: Cusum
    raw: Gauge
    defrosting: Habit
    between: Habit
    opened: Habit
    same: Habit
    told: dict[AdviceKind, Told]
    first_s: float
    last_s: float
    last_value: float = math.nan
    interval_s: float = 60.0
    step_s: float = 0.0
    total: float = 0.0
    readings: int = 0
    door_s: float = 0.0
    defrost_s: float = 0.0
    steps: int = 0
    far: int = 0
    drifted: float = 0.0
    rise_z: float = 0.0

    @classmethod
    def fresh(cls, at_s: float, settings: Settings) -> "State":
        steps = settings.memory_s / STEP_S
        return cls(
            model=ThermalModel.fresh(),
            errors=[Gauge(steps, LEVEL_FLOOR_K) for _ in range(3)],
            level=Cusum(),
            level_zero_s=at_s,
            cycles=Duty.fresh(settings.memory_s),
            duty=Cusum(),
            recovery=Recovery.fresh(settings.memory_s),
            recovering=Cusum(),
            raw=Gauge(steps, LEVEL_FLOOR_K),
            defrosting=Habit(),
            between=Habit(),
            opened=Habit(),
            same=Habit(),
            told={},
            first_s=at_s,
            last_s=at_s,
            step_s=at_s,
        )
