"""What goes wrong, as a terminal tells it: the problem's title and detail, a hint, and an exit code. Never a traceback.

Refusals come from the kernel or from a server as they are; the few that only a command line can meet are added here.
"""

import json
import os
import sys
from typing import Any, NamedTuple

OK, REFUSED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; 130 is 128 and the number of SIGINT, as shells have it."""
WRONG_INPUT = (400, 413, 415, 422)
"""Statuses that say that the asker must write something else, which is what the code for usage tells."""
DEBUG = "MAILLAGE_DEBUG"


class Own(NamedTuple):
    """A problem that only a command line can meet."""

    title: str
    status: int


OWN = {
    "usage": Own("The command can't be understood", 400),
    "folder-in-use": Own("The data folder has an owner", 409),
    "folder-damaged": Own("The data folder can't be read", 500),
    "backup-damaged": Own("The backup can't be used", 500),
    "in-the-way": Own("Something is there already", 409),
    "address": Own("The address can't be served", 409),
    "unreachable": Own("The server can't be reached", 503),
    "no-maillage": Own("What answers there is no Maillage server", 502),
    "file-system": Own("The file system refuses", 500),
    "interrupted": Own("Interrupted", 499),
    "internal": Own("Something broke here", 500),
}

HINTS = {
    "usage": "'maillage COMMAND --help' shows what a command takes",
    "invalid": "'maillage COMMAND --help' shows what each option takes",
    "malformed": "mend the file or the text, and try again",
    "unknown-kind": "'maillage kind list' names the kinds; 'maillage kind add' adds one",
    "unknown-site": "'maillage sites list' names the sites",
    "not-found": "'maillage sites list', 'lease list', 'tenant list' and 'key list' name what there is",
    "no-capacity": "'maillage find' names sites with room; fewer needs, another time or a wider circle may do",
    "notice-too-short": "ask with a later --start",
    "price-above-cap": "raise --max-price, or ask with --class spot",
    "lease-state": "'maillage lease show ID' tells what became of it",
    "pool-in-use": "'maillage lease list --site SITE' shows the leases; plan the change ahead with --from",
    "roof-lease-state": "'maillage roof lease show ID' says what can be done to it, and by whom",
    "roof-lease-paper-missing": "'maillage roof lease attach ID FILE --kind KIND' attaches one",
    "mount-taken": "'maillage roof lease list --site SITE' shows what is let",
    "quota-exceeded": "'maillage quota list TENANT' shows the quotas; another time may do, or an operator raises it",
    "too-many-requests": "ask less often; an operator can give a key a rate of its own",
    "issuer-unavailable": "try again in a moment, or with an API key",
    "audit-unavailable": "it was done; the server's log has what the audit lacks",
    "already-exists": "choose another id, or name the properties that it has",
    "idempotency-key-reused": "take a new --key; with --hours and no --start, each ask is another one",
    "not-allowed": "set MAILLAGE_SERVER, and in MAILLAGE_KEY the key of somebody who may",
    "no-key": "set MAILLAGE_KEY to a key that is in force",
    "too-large": "split the file, or import it where the data folder is: without MAILLAGE_SERVER there is no limit",
    "journal-unavailable": "is the disk full? Nothing was kept; try again",
    "folder-in-use": "stop the other process, or set MAILLAGE_SERVER and MAILLAGE_KEY to work through it",
    "folder-damaged": "'maillage verify' says what is wrong; a backup restores it",
    "backup-damaged": "take another backup; nothing was changed",
    "in-the-way": "name another path; 'backup --force' replaces an older backup",
    "address": "choose another --port (0 takes a free one) or --host",
    "unreachable": "is 'maillage up' running there? Look at MAILLAGE_SERVER",
    "no-maillage": "look at MAILLAGE_SERVER, and at proxies on the way",
    "file-system": "look at the path, its permissions and the room on the disk",
    "internal": f"please report it; {DEBUG}=1 shows where",
}
"""By the last part of a problem's type."""


class Problem(Exception):
    """Something that can't be done, as the document of RFC 9457 that says so."""

    def __init__(self, document: dict[str, Any], hint: str | None = None) -> None:
        super().__init__(document.get("detail") or document.get("title"))
        self.document = document
        self._hint = hint

    @property
    def slug(self) -> str:
        return str(self.document.get("type", "")).rpartition("/")[2]

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        if self._hint is None and self.document.get("field") in ("file", "folder"):
            return "look at the path"
        return self._hint or HINTS.get(self.slug)

    @property
    def exit_code(self) -> int:
        if self.slug == "interrupted":
            return INTERRUPTED
        return USAGE if self.document.get("status") in WRONG_INPUT else REFUSED


def own_problem(slug: str, detail: str, **extra: Any) -> Problem:
    """One of the command line's own problems."""
    title, status = OWN[slug]
    return Problem({"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail, **extra})


def problem_of(error: BaseException) -> Problem:
    """Anything that was raised, as a problem to show."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, KeyboardInterrupt):
        return own_problem("interrupted", "stopped by the keyboard; what was answered before is kept")
    say_usage = getattr(error, "format_message", None)  # the parser's own errors, whichever library they come from
    if say_usage is not None:
        command = getattr(getattr(error, "ctx", None), "command_path", "maillage COMMAND")
        problem = own_problem("usage", say_usage())
        return Problem(problem.document, hint=f"'{command} --help' shows what it takes")
    from maillage.faces.problems import of_refusal
    from maillage.kernel.errors import Refusal

    if isinstance(error, Refusal):
        return Problem(of_refusal(error))
    if os.environ.get(DEBUG):
        raise error
    if isinstance(error, OSError):
        path = f": {error.filename}" if error.filename else ""
        return own_problem("file-system", f"{error.strerror or error}{path}")
    return own_problem("internal", f"{type(error).__name__}: {error}")


def tell(problem: Problem, as_json: bool) -> None:
    """The document on standard output for a program; title, detail, data and a hint on standard error for people."""
    if as_json:
        sys.stdout.write(json.dumps(problem.document, indent=2) + "\n")
        return
    from maillage.faces.cli.show import console, plain

    document = problem.document
    lines = [f"{document.get('title', 'Refused')}: {document.get('detail', '')}", *_data(document)]
    if problem.hint is not None:
        lines.append(f"hint: {problem.hint}")
    out = console(stderr=True)
    for number, line in enumerate(lines):
        out.print(plain(line), style="bold red" if number == 0 else "dim", soft_wrap=True)


def _data(document: dict[str, Any]) -> list[str]:
    """What a refusal says as data and not already in its detail."""
    lines = []
    if document.get("passed_over"):
        lines.append("passed over: " + counts(document["passed_over"]))
    if document.get("leases"):
        named, there = document["leases"], document.get("leases_in_the_way", len(document["leases"]))
        more = f" and {there - len(named)} more" if there > len(named) else ""
        lines.append(f"in the way: {', '.join(map(str, named))}{more}")
    return lines


def counts(by_reason: dict[str, int]) -> str:
    """``12 full:cpu, 3 no_pool:gpu``, the most frequent first."""
    ordered = sorted(by_reason.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered)
