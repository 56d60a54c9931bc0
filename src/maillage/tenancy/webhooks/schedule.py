"""When to try again, as Standard Webhooks suggests: ten attempts in some three days, each longer after the last."""

from email.utils import parsedate_to_datetime

from maillage.kernel.times import DAY_S, HOUR_S

MINUTE_S = 60
DELAYS_S = (
    5,
    5 * MINUTE_S,
    30 * MINUTE_S,
    2 * HOUR_S,
    5 * HOUR_S,
    10 * HOUR_S,
    14 * HOUR_S,
    20 * HOUR_S,
    24 * HOUR_S,
)
"""After each failed attempt; after the last of these there is none."""
JITTER = 0.2
"""So much of a delay is added at random at the most: what failed together should not come back together."""
RETRY_AFTER_MAX_S = DAY_S
PAUSE_MIN_S, PAUSE_MAX_S = 5, 5 * MINUTE_S


def next_delay_s(failed: int, chance: float, retry_after_s: int | None) -> int | None:
    """Seconds from the ``failed``-th failure (from 1) to the next attempt, None where it was the last. ``chance`` is
    0 to 1; what the receiver asked for counts where it is longer."""
    if failed > len(DELAYS_S):
        return None
    return max(round(DELAYS_S[failed - 1] * (1 + JITTER * chance)), retry_after_s or 0)


def pause_s(failing_for_s: int, retry_after_s: int | None) -> int:
    """Seconds for which nothing at all is sent to a webhook after a failure: the longer, the longer it has been
    failing, so that an address that is down costs little, and is noticed within minutes when it is back."""
    return max(min(max(failing_for_s // 4, PAUSE_MIN_S), PAUSE_MAX_S), min(retry_after_s or 0, HOUR_S))


def retry_after_s(header: str | None, now: int) -> int | None:
    """A Retry-After header, seconds or a date, as seconds from ``now``; a day at most, None where it says nothing."""
    if header is None:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(int(header[:12]), RETRY_AFTER_MAX_S)
    try:
        at = parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(int(at) - now, 0), RETRY_AFTER_MAX_S)
