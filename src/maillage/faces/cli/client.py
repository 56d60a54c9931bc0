"""The one way by which every command reaches a chain: its HTTP face, over a socket or within this process.

With MAILLAGE_SERVER and MAILLAGE_KEY set it is a client of that server. Otherwise it opens the chain in MAILLAGE_HOME
here and calls the very same application without a socket, so that a command can't behave differently in the two.
"""

import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import quote, urlsplit

from maillage.client.verbs import Verbs
from maillage.faces.cli.failures import DEBUG, Problem, own_problem

if TYPE_CHECKING:
    import asyncio

    import httpx

    from maillage.bootstrap import Chain
    from maillage.bootstrap.devices import Mqtt

T = TypeVar("T")
HOME, SERVER, KEY = "MAILLAGE_HOME", "MAILLAGE_SERVER", "MAILLAGE_KEY"
TIMEOUT_S = 60.0
IMPORT_TIMEOUT_S = 600.0
PAGE_MAX = 1_000
CHUNK_BYTES = 1 << 18


def home() -> Path:
    """The data folder."""
    return Path(os.environ.get(HOME) or ".maillage")


class Api(Verbs):
    """A context manager; ``call`` answers one request. ``chain`` is None where a server is asked; with ``runs_code`` a
    chain that is opened here runs what tenants deployed, for as long as it is open, with ``devices`` it has to do with
    those of its stores."""

    def __init__(self, runs_code: bool = False, devices: bool = False) -> None:
        self.chain: Chain | None = None
        self._runs_code = runs_code
        self._devices = devices
        self._server = os.environ.get(SERVER, "")
        self._client: httpx.Client | httpx.AsyncClient
        self._runner: asyncio.Runner | None = None
        self._logging = ExitStack()

    def __enter__(self) -> "Api":
        if self._server:
            from maillage.tenancy.secrets import secret

            self._client = _remote_client(self._server, secret(KEY) or "")
        else:
            with ExitStack() as opening:
                opening.enter_context(_log_without_tracebacks())
                self._open_here()
                self._logging = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.chain is None:
            self._client.close()  # type: ignore[union-attr]
            return
        self.work(self._client.aclose())  # type: ignore[union-attr]
        self.work(self.chain.__aexit__())
        if self._runner is not None:
            self._runner.close()
        self._logging.close()

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

    def _answered(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None,
        content: bytes | Path | None,
        headers: dict[str, str],
    ) -> "httpx.Response":
        import httpx

        with ExitStack() as opened:
            body: Any = content
            if isinstance(content, Path):
                file = opened.enter_context(content.open("rb"))
                body = file if self.chain is None else _chunks(file)
            try:
                asked = self._client.request(method, path, params=params, content=body, headers=headers)
                return asked if isinstance(asked, httpx.Response) else self.work(asked)
            except httpx.TimeoutException:
                raise own_problem("unreachable", f"{self._server} did not answer in time") from None
            except httpx.TransportError as fault:
                raise own_problem("unreachable", f"{self._server}: {fault or type(fault).__name__}") from None

    def work(self, work: Coroutine[Any, Any, T]) -> T:
        """Run what only the chain in this process can be asked for."""
        if self._runner is None:
            raise RuntimeError("there is no chain in this process")
        return self._runner.run(work)

    def _open_here(self) -> None:
        import asyncio

        import httpx

        from maillage.faces.http.app import build_app

        self.chain = open_folder(home(), self._runs_code, self._devices)
        self._runner = asyncio.Runner()
        self.work(self.chain.__aenter__())
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(build_app(self.chain)),  # type: ignore[arg-type]
            base_url="http://chain",
            headers={"Authorization": f"Bearer {self.chain.access.local_key()}"},
            timeout=None,  # noqa: S113  there is no network in between
        )

    def _problem(self, document: dict[str, Any]) -> Problem:
        return Problem(document)

    def _stranger(self, response: "httpx.Response") -> Problem:
        told = response.headers.get("content-type", "").partition(";")[0]
        return own_problem("no-maillage", f"{self._server} answered {response.status_code} with {told or 'nothing'}")


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def path(*parts: str) -> str:
    """An address from its parts; ids are quoted, so that none can lead elsewhere."""
    for part in parts:
        if part in ("", ".", ".."):
            raise own_problem("usage", f"{part!r} is no id")
    return "/v1/" + "/".join(quote(part, safe="~") for part in parts)


def open_folder(folder: Path, runs_code: bool = False, devices: bool = False, mqtt: "Mqtt | None" = None) -> "Chain":
    """The chain of a data folder, with tenants' code and the stores' devices where that is asked for, or the problem
    that it can't be had."""
    with folder_faults(folder):
        from maillage.bootstrap import open_chain

        return open_chain(folder, runs_code, devices, mqtt)


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


@contextmanager
def _log_without_tracebacks() -> Iterator[None]:
    """Meanwhile warnings of a chain in this process are for its user: what happened, in a line."""
    import logging

    class Line(logging.Formatter):
        def formatException(self, ei: Any) -> str:  # noqa: N802  the name is the library's
            return super().formatException(ei) if os.environ.get(DEBUG) else f"{ei[0].__name__}: {ei[1]}"

    log = logging.getLogger("maillage")
    handler = logging.StreamHandler()
    handler.setFormatter(Line("%(levelname)s: %(message)s"))
    former = log.handlers[:], log.propagate
    log.handlers[:], log.propagate = [handler], False
    try:
        yield
    finally:
        log.handlers[:], log.propagate = former


def _remote_client(server: str, key: str) -> "httpx.Client":
    import httpx

    from maillage.tenancy.authority import trust

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
        verify=trust(),
        trust_env=not loopback,  # a proxy for the world outside does not know this machine's servers
    )
