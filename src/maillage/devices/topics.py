"""MQTT topics and topic filters (MQTT 3.1.1, section 4.7): what is one, and which filter takes which topic.

``+`` stands for one level and ``#`` for all that follow, none included. A wildcard at the beginning takes no topic that
begins with ``$``: those are the broker's own.
"""

from collections.abc import Iterable

LENGTH_MAX = 1_024
"""Bytes in UTF-8. MQTT would allow 65,535."""
LEVELS_MAX = 64


def topic_problem(topic: str) -> str:
    """Why a text is no topic that can be published to, or nothing."""
    if "+" in topic or "#" in topic:
        return f"{topic[:60]!r} has a wildcard in it, which only filters may have"
    return _text_problem(topic)


def filter_problem(topic_filter: str) -> str:
    """Why a text is no topic filter, or nothing."""
    levels = topic_filter.split("/")
    for number, level in enumerate(levels):
        if "+" in level and level != "+":
            return f"{topic_filter[:60]!r}: '+' stands for a whole level, as in 'stores/+/freezers'"
        if "#" in level and (level != "#" or number + 1 != len(levels)):
            return f"{topic_filter[:60]!r}: '#' is the whole last level, as in 'stores/#'"
    if levels[0] == "$share":
        return f"{topic_filter[:60]!r}: shared subscriptions are not used here"
    return _text_problem(topic_filter)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a filter takes a topic. Both must be well formed."""
    if topic.startswith("$") and topic_filter.startswith(("+", "#")):
        return False
    if "+" not in topic_filter and "#" not in topic_filter:
        return topic_filter == topic
    return _levels_match(topic_filter.split("/"), topic.split("/"))


def covers(wide: str, narrow: str) -> bool:
    """Whether one filter takes every topic that another takes."""
    wide_levels, levels = wide.split("/"), narrow.split("/")
    if levels[0].startswith("$") and wide_levels[0] in ("+", "#"):
        return False
    for number, level in enumerate(wide_levels):
        if level == "#":
            return True
        if number >= len(levels) or levels[number] == "#" or level not in ("+", levels[number]):
            return False
    return len(wide_levels) == len(levels)


def widest(filters: Iterable[str]) -> list[str]:
    """Those that none of the others covers: they take the same topics, and no broker sends a message twice because two
    of them are nested."""
    found: list[str] = []
    for one in dict.fromkeys(filters):
        if not any(covers(other, one) for other in found):
            found = [other for other in found if not covers(one, other)] + [one]
    return found


class Filters:
    """Several filters, made ready for being asked often."""

    def __init__(self, filters: Iterable[str]) -> None:
        self.all = tuple(filters)
        self._exact = frozenset(one for one in self.all if "+" not in one and "#" not in one)
        self._wild = [one.split("/") for one in self.all if one not in self._exact]

    def take(self, topic: str) -> bool:
        """Whether one of them takes a topic."""
        if topic in self._exact:
            return True
        levels = topic.split("/")
        own = topic.startswith("$")
        return any(_levels_match(wild, levels) for wild in self._wild if not (own and wild[0] in ("+", "#")))

    def cover(self, topic_filter: str) -> bool:
        """Whether one of them takes all that a filter takes."""
        return any(covers(one, topic_filter) for one in self.all)


def _levels_match(wanted: list[str], levels: list[str]) -> bool:
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(levels) or level not in ("+", levels[number]):
            return False
    return len(wanted) == len(levels)


def _text_problem(text: str) -> str:
    if not text:
        return "an empty text is no topic"
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return f"{text[:60]!a} is not Unicode text"
    if length > LENGTH_MAX or text.count("/") >= LEVELS_MAX:
        return f"{text[:60]!r} has more than {LENGTH_MAX} bytes, or more than {LEVELS_MAX} levels"
    if not text.isprintable():
        return f"{text[:60]!r} holds a character that can't be shown"
    return ""
