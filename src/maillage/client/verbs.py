"""What can be asked of a chain, whichever way it is reached. Answers are the API's own documents, as dictionaries."""

import json as json_text
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    import httpx

Document = dict[str, Any]
WASM, ARCHIVE = "application/wasm", "application/x-tar"
_WASM_MAGIC = b"\0asm"
INSTANCE = "x-maillage-instance"
"""Says which instance of an app an answer is of: one with a problem document is the app's own."""
_PROBLEM = "application/problem+json"
_PAGE = 1_000


class Answer(NamedTuple):
    """What an app answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Verbs(ABC):
    """Whoever reaches a chain says how a request is answered, and what is raised where the answer is no."""

    @abstractmethod
    def _answered(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None,
        content: bytes | Path | None,
        headers: dict[str, str],
    ) -> "httpx.Response":
        """Whatever answers a request. A path as ``content`` is a file to send; without ``params`` the path may have a
        query of its own."""

    @abstractmethod
    def _problem(self, document: Document) -> Exception:
        """What is raised for a problem document of the chain's."""

    @abstractmethod
    def _stranger(self, response: "httpx.Response") -> Exception:
        """What is raised for an answer that is not Maillage's."""

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, Any] | None = None,
        content: bytes | Path | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The document that answers a request, None for an empty one. A path as ``content`` is a file to send."""
        headers = dict(headers or {})
        if json is not None:
            content = self._encoded(json)
            headers["Content-Type"] = "application/json"
        given = {name: value for name, value in (params or {}).items() if value is not None}
        response = self._answered(method, path, given, content, headers)
        try:
            document = response.json() if response.content else None
        except ValueError:
            raise self._stranger(response) from None
        if _is_problem(response) and isinstance(document, dict):
            raise self._problem(document)
        if not response.is_success:
            raise self._stranger(response)
        return document

    def _encoded(self, document: Any) -> bytes:
        try:
            return json_text.dumps(document, allow_nan=False).encode()
        except ValueError:
            told = "a number in it is NaN or infinite, which JSON has no way to say"
            malformed = {"type": "/problems/malformed", "title": "The request could not be read", "status": 400}
            raise self._problem({**malformed, "detail": told}) from None

    def send(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Whatever answers a request to an app, unless it is a problem of the chain's own."""
        response = self._answered(method, path, None, content, dict(headers))
        if _is_problem(response) and INSTANCE not in response.headers:
            raise self._problem(response.json())
        return Answer(response.status_code, list(response.headers.multi_items()), response.content)

    # -- leases ------------------------------------------------------------------------------------------------------

    def lease(self, ask: Mapping[str, Any], key: str | None = None) -> Document:
        """Grant an ask (``{"needs": {"cpu": 1}, "near": {...}, ...}``), once for an idempotency key."""
        document: Document = self.call(
            "POST", "/v1/leases", json=dict(ask), headers={} if key is None else {"Idempotency-Key": key}
        )
        return document

    def release(self, lease: str) -> Document:
        """Give a lease back."""
        document: Document = self.call("POST", f"{_path('leases', lease)}/release")
        return document

    def usage(self, start: str | None = None, end: str | None = None) -> Iterator[Document]:
        """What each lease reserved and was measured to use."""
        return self._all("/v1/usage", {"start": start, "end": end})

    def invoice(self, month: str) -> Document:
        """What is owed for a month, ``YYYY-MM``."""
        document: Document = self.call("GET", _path("invoices", month))
        return document

    # -- apps --------------------------------------------------------------------------------------------------------

    def create_app(self, name: str) -> Document:
        document: Document = self.call("POST", "/v1/apps", json={"name": name})
        return document

    def apps(self) -> Iterator[Document]:
        return self._all("/v1/apps", {})

    def delete_app(self, app: str) -> None:
        """With its versions; refused while a deployment uses it."""
        self.call("DELETE", _path("apps", app))

    def upload(self, app: str, code: Path, kind: str | None = None) -> Document:
        """A new version from a file: a WebAssembly component or command, or an archive of an image."""
        with code.open("rb") as file:
            content_type = WASM if file.read(4) == _WASM_MAGIC else ARCHIVE
        document: Document = self.call(
            "POST",
            _path("apps", app, "versions"),
            content=code,
            params={"kind": kind},
            headers={"Content-Type": content_type},
        )
        return document

    def refer(self, app: str, reference: str) -> Document:
        """A new version that is an image by its reference."""
        document: Document = self.call("POST", _path("apps", app, "versions"), json={"reference": reference})
        return document

    def versions(self, app: str) -> Iterator[Document]:
        """Oldest first."""
        return self._all(_path("apps", app, "versions"), {})

    def delete_version(self, app: str, version: str) -> None:
        self.call("DELETE", _path("apps", app, "versions", version))

    # -- deployments -------------------------------------------------------------------------------------------------

    def deploy(self, deployment: Mapping[str, Any]) -> Document:
        """``{"app": ..., "leases": [...]}`` or ``{"app": ..., "near": [...], "needs": {...}, "instances": 2, ...}``."""
        document: Document = self.call("POST", "/v1/deployments", json=dict(deployment))
        return document

    def deployments(self, app: str | None = None) -> Iterator[Document]:
        return self._all("/v1/deployments", {"app": app})

    def deployment(self, deployment: str) -> Document:
        document: Document = self.call("GET", _path("deployments", deployment))
        return document

    def change(self, deployment: str, revision: int, change: Mapping[str, Any]) -> Document:
        """Another version, other settings, more or fewer instances; refused where it was changed since ``revision``."""
        document: Document = self.call("PATCH", _path("deployments", deployment), json={**change, "revision": revision})
        return document

    def roll_back(self, deployment: str) -> Document:
        """To the version and settings that it had before."""
        document: Document = self.call("POST", f"{_path('deployments', deployment)}/rollback")
        return document

    def remove(self, deployment: str) -> None:
        """End its instances, and give back the leases that were taken for it."""
        self.call("DELETE", _path("deployments", deployment))

    def instances(self, deployment: str) -> Sequence[Document]:
        found: list[Document] = self.call("GET", f"{_path('deployments', deployment)}/instances")["items"]
        return found

    def logs(self, instance: str, after: int | None = None, limit: int = 100) -> Document:
        """``{"items": [...], "next": ...}``; ``next`` is the ``after`` of the lines that come later."""
        document: Document = self.call(
            "GET", f"{_path('instances', instance)}/logs", params={"after": after, "limit": limit}
        )
        return document

    # -- sessions that follow a device -------------------------------------------------------------------------------

    def begin_session(self, session: Mapping[str, Any]) -> Document:
        """``{"app": ..., "device": ..., "position": {"lat", "lon"}, "needs": {...}, "within_km": 25, ...}``."""
        document: Document = self.call("POST", "/v1/sessions", json=dict(session))
        return document

    def sessions(self, app: str | None = None) -> Iterator[Document]:
        return self._all("/v1/sessions", {"app": app})

    def session(self, session: str) -> Document:
        document: Document = self.call("GET", _path("sessions", session))
        return document

    def report(self, session: str, positions: Sequence[Mapping[str, Any]]) -> Document:
        """Where its device was, the oldest first: ``{"lat", "lon", "at"}``, the last without ``at`` where it is now.
        The session as it is then."""
        document: Document = self.call(
            "POST", f"{_path('sessions', session)}/positions", json={"positions": [dict(each) for each in positions]}
        )
        return document

    def end_session(self, session: str) -> None:
        """With its state."""
        self.call("DELETE", _path("sessions", session))

    # -- calling apps ------------------------------------------------------------------------------------------------

    def run(
        self,
        app: str,
        path: str = "/",
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        near: tuple[float, float] | None = None,
        session: str | None = None,
    ) -> Answer:
        """Call an app at its nearest instance, or where a ``session`` of it is; ``near`` says where the caller is, in
        degrees."""
        wanted = dict(headers or {})
        if near is not None:
            wanted["x-maillage-near"] = f"{near[0]},{near[1]}"
        if session is not None:
            wanted["x-maillage-session"] = session
        return self.send(method, f"/run/{quote(app, safe='')}/{path.lstrip('/')}", body, wanted)

    def _all(self, path: str, params: dict[str, Any]) -> Iterator[Document]:
        cursor: str | None = None
        while True:
            page = self.call("GET", path, params={**params, "limit": _PAGE, "cursor": cursor})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return


def _path(*parts: str) -> str:
    for part in parts:
        if part in ("", ".", ".."):
            raise ValueError(f"{part!r} is no id")
    return "/v1/" + "/".join(quote(part, safe="~:") for part in parts)


def _is_problem(response: "httpx.Response") -> bool:
    told: str = response.headers.get("content-type", "")
    return told.partition(";")[0] == _PROBLEM
