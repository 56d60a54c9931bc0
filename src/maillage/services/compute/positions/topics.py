"""Where a device says its position: a topic of its session's own."""

from maillage.services.compute.live.model import SESSION

PREFIX = "maillage/positions/"
EVERY = f"{PREFIX}+"
"""The filter that takes the topic of every session."""


def topic_of(session: str) -> str:
    """Where the device of a session publishes."""
    return PREFIX + session


def session_at(topic: str) -> str | None:
    """Whose topic it is, whether or not there is such a session; None for what can be nobody's."""
    session = topic.removeprefix(PREFIX)
    return session if session.startswith(SESSION) and session != topic else None


def can_reach(topic_filter: str) -> bool:
    """Whether a filter takes the topic of some session."""
    levels = topic_filter.split("/")
    for level, wanted in zip(levels, ("maillage", "positions", None), strict=False):
        if level == "#":
            return True
        if wanted is not None and level not in ("+", wanted):
            return False
    return len(levels) == 3 or levels[3:] == ["#"] or levels[2:] == ["#"]
