"""What an app may answer, whichever way it runs: refused as a fault of the app where a caller could not take it."""

import re

from maillage.services.compute.ports import HeaderList

HEADERS_MAX = 200
HEADERS_CHARS_MAX = 32_768
STATUS_MIN, STATUS_MAX = 200, 599
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110, 5.6.2: a token
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_OURS = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    "content-length",
}
"""About the connection, which is the server's and not the app's; the length follows from the body."""


class Rubbish(Exception):
    """The app's answer can't be one; the text says why."""


def checked_status(status: int) -> int:
    if not STATUS_MIN <= status <= STATUS_MAX:
        raise Rubbish(f"it answered with the status {status}; {STATUS_MIN} to {STATUS_MAX} can be")
    return status


def checked_headers(headers: HeaderList) -> HeaderList:
    """In lower case, without those that are the server's to set."""
    if len(headers) > HEADERS_MAX or sum(len(name) + len(value) for name, value in headers) > HEADERS_CHARS_MAX:
        raise Rubbish(f"it answered with more than {HEADERS_MAX} headers or {HEADERS_CHARS_MAX} characters of them")
    kept: HeaderList = []
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise Rubbish(f"it answered with a header named {name[:60]!r}, which can't be a name")
        if not _VALUE.fullmatch(value):
            raise Rubbish(f"its header {name} holds control characters or some that are not Latin-1: {value[:60]!r}")
        if (low := name.lower()) not in _OURS:
            kept.append((low, value))
    return kept
