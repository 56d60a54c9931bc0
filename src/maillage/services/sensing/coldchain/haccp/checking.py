"""Whether a log is whole: numbers without gaps, each hash right, each bound to the one before, and none cut off."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from maillage.services.sensing.coldchain.haccp.entry import FIRST, hash_of


class Verdict(msgspec.Struct, frozen=True):
    """``first`` and ``last`` are the numbers of the entries that were looked at, 0 where there were none; ``broken`` is
    the number of the first entry that is wrong, and ``problem`` says how. ``anchored`` is the greatest number of which
    a notice in the store's journal knows the hash, and agrees."""

    ok: bool
    first: int
    last: int
    head: str
    broken: int | None = None
    problem: str = ""
    anchored: int = 0


class Checker:
    """Takes entries one after another, each as ``entry.members`` gives them and its hash."""

    def __init__(self, anchors: Mapping[int, str] | None = None) -> None:
        self._anchors = dict(anchors or {})
        self._first = self._last = 0
        self._head = FIRST
        self._site = ""
        self._anchored = 0
        self._broken: int | None = None
        self._problem = ""

    def take(self, entry: Mapping[str, Any], claimed: str) -> bool:
        """Whether all is well so far; nothing more need be given once it is not."""
        seq = entry["seq"]
        problem = self._problem_of(entry, seq, claimed)
        if problem:
            self._broken, self._problem = seq if isinstance(seq, int) else self._last + 1, problem
            return False
        self._first = self._first or seq
        self._last, self._head, self._site = seq, claimed, entry["site"]
        if self._anchors.get(seq) == claimed:
            self._anchored = seq
        return True

    def verdict(self, whole: bool = True) -> Verdict:
        """``whole`` says that all there is was given: then an anchor beyond the end means that the end is missing."""
        beyond = [seq for seq in self._anchors if seq > self._last]
        if self._broken is None and whole and beyond:
            self._broken = self._last + 1
            self._problem = f"the log ends at {self._last}, and the store's journal knows of entry {max(beyond)}"
        ok = self._broken is None
        return Verdict(ok, self._first, self._last, self._head, self._broken, self._problem, self._anchored)

    def _problem_of(self, entry: Mapping[str, Any], seq: Any, claimed: str) -> str:
        if not isinstance(seq, int) or seq < 1:
            return f"{seq!r} is not the number of an entry"
        if self._last and seq != self._last + 1:
            return f"entry {self._last + 1} is missing: {seq} follows {self._last}"
        if self._site and entry["site"] != self._site:
            return f"it is of {entry['site']}, the entries before are of {self._site}"
        if (self._last or seq == 1) and entry["previous"] != self._head:
            return "it does not follow on the entry before: that one has another hash"
        if hash_of(entry) != claimed:
            return "its hash is not that of what it says: it was changed"
        if self._anchors.get(seq, claimed) != claimed:
            return "the store's journal knows another hash of it: the log was written anew"
        return ""


def check(entries: Iterable[tuple[Mapping[str, Any], str]], anchors: Mapping[int, str] | None = None) -> Verdict:
    """The verdict on a whole log."""
    checker = Checker(anchors)
    for entry, claimed in entries:
        if not checker.take(entry, claimed):
            break
    return checker.verdict()
