"""Notices: what a store's services have to tell goes into the site's own sequence, durable, in order with all else."""

import re
from typing import Any, Protocol

import msgspec

from maillage.kernel.errors import Invalid, NotFound
from maillage.kernel.events import Noted
from maillage.kernel.scribe import Scribe

TOPIC = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31}){1,4}")
"""``service.noun.verb``, as ``sensing.alarm.raised``; outside it is the CloudEvents type after ``maillage.``."""
ABOUT_MAX = 200
DATA_BYTES_MAX = 4_096
"""Of the data as JSON: a notice says what happened and where to look, it does not carry readings or pictures."""
SERVICES = ("robots", "roof", "sensing")
"""Who has something to tell: what topics begin with."""


class Notices(Protocol):
    """Who takes them: the office of whoever owns the site."""

    async def note(self, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
        """Durable when it returns. NotFound without such a site, Invalid where it is no notice (see above)."""
        ...


def note(scribe: Scribe, site: str, topic: str, about: str, data: dict[str, Any]) -> None:
    """Enter a notice into a site's sequence."""
    if site not in scribe.ledger.sites:
        raise NotFound(f"the chain has no site {site[:64]!r}")
    problem = note_problem(topic, about, data)
    if problem:
        raise Invalid("notice", problem)
    scribe.record(Noted(site, scribe.ledger.next_seq(site), scribe.now, topic, about, data))


def note_problem(topic: str, about: str, data: dict[str, Any]) -> str:
    """Why something is no notice, or nothing."""
    if not TOPIC.fullmatch(topic) or topic.partition(".")[0] not in SERVICES:
        return f"{topic[:40]!r} is not a topic such as sensing.alarm.raised"
    if not 1 <= len(about) <= ABOUT_MAX or "\n" in about:
        return f"what it is about takes 1 to {ABOUT_MAX} characters on one line"
    if len(msgspec.json.encode(data)) > DATA_BYTES_MAX:
        return f"its data are over {DATA_BYTES_MAX} bytes of JSON"
    return ""
