"""What every bus holds its callers to, so that a program that runs on one runs on the other."""

import re
from collections.abc import Mapping

BODY_BYTES_MAX = 1 << 20
KEPT_S_MAX = 7 * 86_400
"""How long what is carried is kept for those who have not collected it."""
SAME_ID_S = 120
"""How long a message id is remembered."""
SERVED_AT_ONCE_MAX = 1_000
"""How many requests to one subject are worked on at a time; more wait."""
HEARD_WAITING_MAX = 10_000
"""How many messages wait for one listener; more are lost."""
RETRY_FIRST_S = 0.5
RETRY_LAST_S = 30.0
_COLLECTOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WORD = re.compile(r"[^\s.*>]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,256}")


def check_subject(subject: str) -> str:
    """The subject, if it is one that can be sent to; else ValueError."""
    if not all(_WORD.fullmatch(word) for word in subject.split(".")):
        raise ValueError(f"{subject[:80]!r} is not a subject: words with dots between, no blanks, * or >")
    return subject


def check_pattern(pattern: str) -> str:
    """The pattern, if it is one that can be listened to; else ValueError."""
    words = pattern.split(".")
    words = words[:-1] if words[-1] == ">" and len(words) > 1 else words
    if pattern != ">" and not all(word == "*" or _WORD.fullmatch(word) for word in words):
        raise ValueError(
            f"{pattern[:80]!r} is not a subject to listen to: words, * for one, > at the end for all that follow"
        )
    return pattern


def check_collector(name: str) -> str:
    """The name, if a collector can have it; else ValueError."""
    if not _COLLECTOR.fullmatch(name):
        raise ValueError(f"{name[:80]!r}: a collector's name is 1 to 64 of A-Z, a-z, 0-9, _ and -")
    return name


def check_message_id(message_id: str) -> str:
    """The id, if a message can be known by it; else ValueError."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"{message_id[:80]!r}: a message's id is 1 to 256 printable ASCII characters without blanks")
    return message_id


def check_body(body: bytes, subject: str) -> bytes:
    """The body, if the bus takes one so large; else ValueError."""
    if len(body) > BODY_BYTES_MAX:
        raise ValueError(f"{subject}: a body of {len(body):,} bytes; at most {BODY_BYTES_MAX:,} go in one message")
    return body


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers as they arrive, if they can be sent; else ValueError."""
    for name, value in (headers or {}).items():
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable():
            raise ValueError(f"header {name[:80]!r}: a name has letters, digits, _ and -, a value is one line of text")
    return {name: value.strip() for name, value in (headers or {}).items()}


def matches(pattern: str, subject: str) -> bool:
    """Whether who listens to the pattern hears the subject."""
    wanted, words = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(words) <= len(wanted):
            return False
        words = words[: len(wanted)]
    return len(wanted) == len(words) and all(want in ("*", word) for want, word in zip(wanted, words, strict=True))


def retry_after_s(attempts: int) -> float:
    """How long a message waits that was tried so often without success."""
    return min(RETRY_FIRST_S * 2.0 ** min(attempts - 1, 10), RETRY_LAST_S)
