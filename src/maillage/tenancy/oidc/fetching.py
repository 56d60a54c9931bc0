"""Reading a JSON document from the issuer: bounded in size and time, and never led elsewhere."""

import time
from typing import Any

import msgspec

TIMEOUT_S = 5.0
SIZE_MAX = 1 << 20


class FetchFailed(Exception):
    """The document could not be had; the text says why."""


def fetch_json(url: str) -> dict[str, Any]:
    """The object at an address. Blocks: call it in a thread."""
    import httpx

    body, ends_at = b"", time.monotonic() + TIMEOUT_S
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT_S, headers={"accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise FetchFailed(f"{url} answers {answer.status_code}")
            for part in answer.iter_bytes():
                body += part
                if len(body) > SIZE_MAX or time.monotonic() > ends_at:
                    raise FetchFailed(f"{url} answers too much or too slowly")
        found = msgspec.json.decode(body)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise FetchFailed(f"{url}: {type(fault).__name__}") from None
    except (ValueError, RecursionError):
        raise FetchFailed(f"{url} answers no JSON") from None
    if not isinstance(found, dict):
        raise FetchFailed(f"{url} answers no JSON object")
    return found
