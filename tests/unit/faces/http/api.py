"""A chain behind its ASGI application, called within the process: no socket, no thread, time stands still."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from maillage.bootstrap import ManualClock, open_local
from maillage.faces.http.app import build_app
from maillage.faces.problems import catalogue

T = TypeVar("T")
NOW = 1_793_534_400  # 2026-11-01T12:00:00Z, a Sunday
START, END = "2026-12-01T08:00:00Z", "2026-12-01T20:00:00Z"
KNOWN = {problem.slug: problem for problem in catalogue()}


class Api:
    """``call`` answers one request; the chain's writer runs while it does."""

    def __init__(self, folder: Path, open_it: Callable[[Path, ManualClock], Any] = open_local) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.chain = open_it(folder, self.clock)
        self._runner = asyncio.Runner()
        self.operator = self.chain.access.first_key(None) or ""
        self.run(self.chain.__aenter__())
        self.app = build_app(self.chain)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True),  # type: ignore[arg-type]
            base_url="http://chain",
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **more: Any) -> httpx.Response:
        """One request, by the operator unless a ``key`` is given (an empty one: none). ``body`` goes as JSON."""
        headers: dict[str, str] = dict(more.pop("headers", {}))
        if key is None or key:
            headers["Authorization"] = f"Bearer {self.operator if key is None else key}"
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            more["content"] = json.dumps(body)
        return self.run(self.client.request(method, path, headers=headers, **more))

    def ok(self, method: str, path: str, body: Any = None, key: str | None = None, **more: Any) -> Any:
        """The document of a request that must go well."""
        response = self.call(method, path, body, key, **more)
        assert 200 <= response.status_code < 300, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def tenant(self, name: str, role: str = "tenant") -> str:
        """A new tenant's key."""
        self.ok("POST", "/v1/tenants", {"id": name, "role": role})
        key: str = self.ok("POST", f"/v1/tenants/{name}/keys")["key"]
        return key

    def site(self, name: str, lat: float = 36.37, lon: float = -94.21, **sizes: float) -> None:
        """A site with pools of these sizes."""
        self.ok("PUT", f"/v1/sites/{name}", {"name": name, "lat": lat, "lon": lon})
        for kind, size in sizes.items():
            self.ok("PUT", f"/v1/sites/{name}/capacity/{kind}", {"size": size})

    def close(self) -> None:
        self.run(self.client.aclose())
        self.run(self.chain.__aexit__())
        self._runner.close()


@contextmanager
def opened(folder: Path, open_it: Callable[[Path, ManualClock], Any] = open_local) -> Iterator[Api]:
    """An Api on a folder, closed in the end."""
    api = Api(folder, open_it)
    try:
        yield api
    finally:
        api.close()


def ask(site: str = "wm-1", cpu: Any = 1, **fields: Any) -> dict[str, Any]:
    """An ask for cpu in December; a field that is given as None is left out."""
    whole = {"needs": {"cpu": cpu}, "site": site, "start": START, "end": END, **fields}
    return {name: value for name, value in whole.items() if value is not None}


def assert_problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The one shape of everything that goes wrong, in the words of the catalogue."""
    assert response.status_code == status, f"{response.status_code}, not {status}: {response.text[:500]}"
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert_problem_document(problem, status, slug)
    return problem


def assert_problem_document(problem: dict[str, Any], status: int, slug: str) -> None:
    """A problem as it stands in a body, or among the results of a batch."""
    assert problem["type"] == f"/problems/{slug}", problem
    assert problem["status"] == status == KNOWN[slug].status
    assert problem["title"] == KNOWN[slug].title
    assert isinstance(problem["detail"], str) and len(problem["detail"]) > 10, problem
