"""How early warning is set: one set of figures for all units of all sites."""

import msgspec

from maillage.services.sensing.warning.cusum import threshold_for

DAY_S = 86_400
STEP_S = 300
"""Readings are summed up to means of five minutes: faster than food warms, slower than a sensor's noise."""
WINDOW_S = 7_200
"""Over so long the share of cooling time is counted: some cycles of a compressor."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """``learn_s`` is watched before anything is said. ``months_between`` is how many months one statistic of one unit
    runs on average before it speaks without a cause, were the samples independent and normal: thresholds follow from
    it. ``adapt_after_s`` is how long a changed unit stays abnormal before the change is taken for the new normal."""

    learn_s: int = 10 * DAY_S
    memory_s: int = 30 * DAY_S
    months_between: float = 24.0
    adapt_after_s: int = 10 * DAY_S
    quiet_s: int = DAY_S
    door_open_s: int = 900
    silent_intervals: int = 5
    stuck_least_s: int = 3_600

    @property
    def level_threshold(self) -> float:
        return threshold_for(self.months_between * 30 * DAY_S / STEP_S)

    @property
    def duty_threshold(self) -> float:
        return threshold_for(self.months_between * 30 * DAY_S / WINDOW_S)

    @property
    def recovery_threshold(self) -> float:
        """Three defrosts a day."""
        return threshold_for(self.months_between * 30 * 3)
