"""The examples of docs/reference/http.md: requests as they are written there, and the answers that follow them."""

import json
import re
from typing import Any, NamedTuple

import httpx

from tests.unit.faces.http.api import Api

_BLOCK = re.compile(r"```http\n(?P<text>.*?)```\n(?:\n```json\n(?P<status>\d{3}) (?P<answer>.*?)```\n)?", re.DOTALL)
_HEADER = re.compile(r"[A-Za-z-]+: \S")


class Example(NamedTuple):
    """``answer`` is None where the page shows none."""

    text: str
    status: int | None
    answer: Any


def examples(page: str) -> list[Example]:
    """All of a page, in order."""
    return [
        Example(
            found["text"],
            None if found["status"] is None else int(found["status"]),
            None if found["answer"] is None else json.loads(found["answer"]),
        )
        for found in _BLOCK.finditer(page)
    ]


def send(api: Api, example: Example) -> httpx.Response:
    """Do what an example says."""
    request, *lines = example.text.splitlines()
    method, path = request.split(" ")
    headers = {}
    while lines and _HEADER.match(lines[0]):
        name, _, value = lines.pop(0).partition(": ")
        headers[name] = value
    body = "\n".join(lines).strip()
    if body and "Content-Type" not in headers:
        return api.call(method, path, json.loads(body), headers=headers)
    return api.call(method, path, content=body.encode(), headers=headers)
