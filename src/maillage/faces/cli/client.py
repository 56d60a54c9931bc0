"""The one way by which every command reaches a chain: its HTTP face, over a socket or within this process.

With MAILLAGE_SERVER and MAILLAGE_KEY set it is a client of that server. Otherwise it opens the chain in MAILLAGE_HOME
here and calls the very same application without a socket, so that a command can't behave differently in the two.
"""

import json as json_text
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from maillage.faces.cli.failures import DEBUG, Problem, own_problem

if TYPE_CHECKING:
    import asyncio

    import httpx

    from maillage.bootstrap import Chain

T = TypeVar("T")
HOME, SERVER, KEY = "MAILLAGE_HOME", "MAILLAGE_SERVER", "MAILLAGE_KEY"
TIMEOUT_S = 60.0
IMPORT_TIMEOUT_S = 600.0
PAGE_MAX = 1_000


def home() -> Path:
    """The data folder."""
    return Path(os.environ.get(HOME) or ".maillage")


class Api:
    """A context manager; ``call`` answers one request. ``chain`` is None where a server is asked."""

    def __init__(self) -> None:
        self.chain: Chain | None = None
        self._server = os.environ.get(SERVER, "")
        self._client: httpx.Client | httpx.AsyncClient
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> "Api":
        if self._server:
            from maillage.tenancy.secrets import secret

            self._client = _remote_client(self._server, secret(KEY) or "")
        else:
            self._open_here()
        return self

    def __exit__(self, *_: object) -> None:
        if self.chain is None:
            self._client.close()  # type: ignore[union-attr]
            return
        self.run(self._client.aclose())  # type: ignore[union-attr]
        self.run(self.chain.__aexit__())
        if self._runner is not None:
            self._runner.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, Any] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The document that answers a request, None for an empty one. Problem where it is refused."""
        import httpx

        headers = dict(headers or {})
        if json is not None:
            content = json_text.dumps(json, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        params = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            asked = self._client.request(method, path, params=params, content=content, headers=headers)
            response = asked if isinstance(asked, httpx.Response) else self.run(asked)
        except httpx.TimeoutException:
            raise own_problem("unreachable", f"{self._server} did not answer in time") from None
        except httpx.TransportError as fault:
            raise own_problem("unreachable", f"{self._server}: {fault or type(fault).__name__}") from None
        return self._document(response)

    def page(self, path: str, params: dict[str, Any], limit: int, cursor: str | None, everything: bool) -> Any:
        """``{"items", "next"}``: as many as asked for, or with ``everything`` all there are.

        A server may give short pages where few entries match, so one page is not always one request.
        """
        items: list[Any] = []
        while True:
            wanted = PAGE_MAX if everything else limit - len(items)
            some = self.call("GET", path, params={**params, "limit": wanted, "cursor": cursor})
            items += some["items"]
            cursor = some["next"]
            if cursor is None or (len(items) >= limit and not everything):
                return {"items": items, "next": cursor}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run what only the chain in this process can be asked for."""
        if self._runner is None:
            raise RuntimeError("there is no chain in this process")
        return self._runner.run(work)

    def _open_here(self) -> None:
        import asyncio

        import httpx

        from maillage.faces.http.app import build_app

        _log_without_tracebacks()
        self.chain = open_folder(home())
        self._runner = asyncio.Runner()
        self.run(self.chain.__aenter__())
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(build_app(self.chain)),  # type: ignore[arg-type]
            base_url="http://chain",
            headers={"Authorization": f"Bearer {self.chain.access.local_key()}"},
            timeout=None,  # noqa: S113  there is no network in between
        )

    def _document(self, response: "httpx.Response") -> Any:
        try:
            document = response.json() if response.content else None
        except ValueError:
            document = response
        told = response.headers.get("content-type", "").partition(";")[0]
        if told == "application/problem+json" and isinstance(document, dict):
            raise Problem(document)
        if document is response or not response.is_success:
            raise own_problem("no-maillage", f"{self._server} answered {response.status_code} with {told or 'nothing'}")
        return document


def path(*parts: str) -> str:
    """An address from its parts; ids are quoted, so that none can lead elsewhere."""
    for part in parts:
        if part in ("", ".", ".."):
            raise own_problem("usage", f"{part!r} is no id")
    return "/v1/" + "/".join(quote(part, safe="~") for part in parts)


def open_folder(folder: Path) -> "Chain":
    """The chain of a data folder, or the problem that it can't be had."""
    with folder_faults(folder):
        from maillage.bootstrap import open_chain

        return open_chain(folder)


@contextmanager
def folder_faults(folder: Path) -> Iterator[None]:
    """Say what is the matter with a data folder in the terms of the command line."""
    import sqlite3

    from maillage.bootstrap import FolderInUse
    from maillage.kernel.recovery import JournalDamaged

    try:
        yield
    except FolderInUse as fault:
        raise own_problem("folder-in-use", str(fault).partition(";")[0]) from None
    except (JournalDamaged, sqlite3.DatabaseError) as fault:
        raise own_problem("folder-damaged", f"{folder}: {fault}") from None


def _log_without_tracebacks() -> None:
    """Warnings of a chain in this process are for its user: what happened, in a line."""
    import logging

    class Line(logging.Formatter):
        def formatException(self, ei: Any) -> str:  # noqa: N802  the name is the library's
            return super().formatException(ei) if os.environ.get(DEBUG) else f"{ei[0].__name__}: {ei[1]}"

    log = logging.getLogger("maillage")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(Line("%(levelname)s: %(message)s"))
        log.addHandler(handler)
        log.propagate = False


def _remote_client(server: str, key: str) -> "httpx.Client":
    import httpx

    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise own_problem("usage", f"{SERVER} is {server!r}; it should look like http://127.0.0.1:8420")
    if not key or not key.isascii() or not key.isprintable():
        raise own_problem("usage", f"{SERVER} is set, so {KEY} must hold a key for it")
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return httpx.Client(
        base_url=server,
        headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
        timeout=httpx.Timeout(TIMEOUT_S, read=IMPORT_TIMEOUT_S),
        trust_env=not loopback,  # a proxy for the world outside does not know this machine's servers
    )
