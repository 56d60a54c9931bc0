"""A handler that greets, and counts how often it was called on its lease."""

import json

import wit_world
from componentize_py_types import Err
from wit_world.imports import kv, log
from wit_world.imports.types import Header, Request, Response


class WitWorld(wit_world.WitWorld):
    """What the world calls: one request at a time, each in a world of its own."""

    def handle(self, req: Request) -> Response:
        if req.path == "/healthz":
            return answer(200, {"ok": True})
        if req.path != "/":
            return answer(404, {"error": f"there is nothing at {req.path}"})
        visits = int(kv.get("visits") or b"0") + 1
        try:
            kv.set("visits", str(visits).encode())
        except Err as refused:
            log.write(log.Level.WARNING, f"the count is not kept: {refused.value}")
        log.write(log.Level.INFO, f"visit {visits}")
        return answer(200, {"hello": "world", "visits": visits})


def answer(status: int, document: object) -> Response:
    return Response(status, [Header("content-type", "application/json")], json.dumps(document).encode())
