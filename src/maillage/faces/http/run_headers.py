"""What passes between a caller and an app, and what is only between the caller and this server, or is not the app's to
say."""

import re
from collections.abc import Iterable

from maillage.faces.http.answers import TooLarge
from maillage.services.compute.errors import CodeFault
from maillage.services.compute.ports import HeaderList

URL_MAX = 8 << 10
"""Bytes of a path with its query."""
HEADERS_MAX = 32 << 10
"""Bytes of all names and values, of a request and of an answer."""
FIELDS_MAX = 100

RawHeaders = Iterable[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Between two neighbours only (RFC 9110, section 7.6.1)."""
_FOR_THE_WHOLE_HOST = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "nel",
        "public-key-pins",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "strict-transport-security",
    }
)
"""An app has one folder of an address that others share, so it can't speak for the address."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
SANDBOX = (b"content-security-policy", b"sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts")
"""A page of an app is of an origin by itself in browsers: it must not act as its neighbours or as the console."""


def inbound(headers: RawHeaders, url_bytes: int) -> HeaderList:
    """The headers that go to the app. A bearer's key or token never does: it opens more than the app. TooLarge where
    there is too much of them, or of the address."""
    if url_bytes > URL_MAX:
        raise TooLarge(f"The address has {url_bytes} bytes, at most {URL_MAX} are taken.")
    known = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    size = sum(len(name) + len(value) for name, value in known)
    if len(known) > FIELDS_MAX or size > HEADERS_MAX:
        raise TooLarge(
            f"There are {len(known)} headers of {size} bytes; at most {FIELDS_MAX} of {HEADERS_MAX} bytes are taken."
        )
    dropped = _HOP_BY_HOP | _named_by_connection(known)
    return [
        (name, value)
        for name, value in known
        if name not in dropped and not (name == "authorization" and value[:7].lower() == "bearer ")
    ]


def outbound(headers: HeaderList, folder: str) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """The headers that go to the caller, and the length of the body where the app says it. ``folder`` is where the app
    is: its cookies are kept to that. CodeFault for what is no header."""
    size = 0
    given: list[tuple[bytes, bytes]] = []
    length: int | None = None
    dropped = _HOP_BY_HOP | _FOR_THE_WHOLE_HOST | _named_by_connection(headers)
    for spelled, value in headers:
        name = spelled.lower()
        size += len(name) + len(value)
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or size > HEADERS_MAX or len(given) > FIELDS_MAX:
            shown = f"{spelled[:40]!r}: {value[:40]!r}"
            raise CodeFault(f"the app answered with headers that can't be sent, at {shown}", fault="answer")
        if name == "content-length":
            if not (value.isascii() and value.isdigit() and len(value) < 19) or length not in (None, int(value)):
                raise CodeFault("the app answered with a content-length that can't be", fault="answer")
            length = int(value)
        elif name == "set-cookie":
            given.append((b"set-cookie", _kept_to(folder, value).encode("latin-1")))
        elif name not in dropped:
            given.append((name.encode("ascii"), value.encode("latin-1")))
    given.append(SANDBOX)
    return given, length


def _named_by_connection(headers: HeaderList) -> frozenset[str]:
    return frozenset(
        option.strip().lower() for name, value in headers if name == "connection" for option in value.split(",")
    )


def _kept_to(folder: str, cookie: str) -> str:
    """A cookie that the browser sends back to this app alone."""
    parts = [part for part in cookie.split(";") if part.partition("=")[0].strip().lower() not in ("path", "domain")]
    return ";".join([*parts, f" Path={folder}"])
