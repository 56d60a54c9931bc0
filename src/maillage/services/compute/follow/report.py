"""What a replay found, as a document."""

from collections.abc import Sequence

import msgspec


class Interruption(msgspec.Struct, frozen=True):
    """Milliseconds by the wall clock from the last answer at the former store to the first at the next, for a client
    that keeps asking; over ``measured`` moves."""

    measured: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Interruption | None":
        """None of no move at all. A percentile is the smallest value that so many are not above (nearest rank)."""
        ordered = sorted(seconds)
        if not ordered:
            return None

        def rank(share: float) -> float:
            return round(ordered[max(0, -int(-share * len(ordered) // 1) - 1)] * 1_000, 3)

        return cls(len(ordered), rank(0.5), rank(0.99), rank(1.0))


INTERRUPTION_MAX_MS = 50.0


class Outcome(msgspec.Struct, frozen=True):
    """How one way of following did. Shares are of the devices' time; ``share_without_lease`` has both what the tracks
    saw and, in seconds of the wall clock, what moves took. ``writes_lost`` counts requests whose writes the next answer
    did not know of."""

    name: str
    way: str
    hysteresis_km: float
    dwell_s: int
    predict_s: int
    migrations: int
    migrations_per_device_hour: float
    returns_within_120_s: int
    returns_within_600_s: int
    share_beyond_bound: float
    share_without_lease: float
    km_to_session: float | None
    interruption: Interruption | None
    bytes_moved: int
    reservations: int
    reservations_wasted: int
    no_room: int
    moves_failed: int
    writes_lost: int
    leases_left_over: int
    reports_disbelieved: int
    elapsed_s: float


class Goals(msgspec.Struct, frozen=True):
    """Whether following beats the baseline as it must. ``beyond_bound_added`` is what that cost in shares of time."""

    returns_at_most_a_tenth: bool
    no_more_migrations: bool
    interruption_p99_below_50_ms: bool | None
    beyond_bound_added: float

    @classmethod
    def of(cls, ours: Outcome, baseline: Outcome) -> "Goals":
        gap = ours.interruption
        return cls(
            ours.returns_within_120_s * 10 <= baseline.returns_within_120_s,
            ours.migrations <= baseline.migrations,
            None if gap is None else gap.p99_ms < INTERRUPTION_MAX_MS,
            round(ours.share_beyond_bound - baseline.share_beyond_bound, 5),
        )


class FollowReport(msgspec.Struct, frozen=True):
    """``nobody_within`` is the share of time in which no store at all lies within the bound, and ``km_to_nearest`` how
    far the nearest is on average: no way of following can do better."""

    devices: int
    pieces: int
    reports: int
    device_hours: float
    stores: int
    bound_km: float
    silence_s: int
    state_bytes: int
    nobody_within: float
    km_to_nearest: float
    outcomes: list[Outcome]
    goals: Goals
