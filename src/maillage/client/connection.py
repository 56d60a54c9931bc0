"""A connection to a server by HTTP."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from maillage.client.verbs import Verbs

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 60.0


class Problem(Exception):
    """A refusal; ``document`` is the server's, as RFC 9457 has it: type, title, status, detail and more."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(f"{document.get('title', 'Refused')}: {document.get('detail', '')}")
        self.document = document


class Unreachable(Exception):
    """No answer came, or one that is not Maillage's."""


class Client(Verbs):
    """Use as a context manager, or ``close`` it. ``verify`` is as httpx has it: True, or an SSL context of your own."""

    def __init__(self, server: str, key: str, *, timeout_s: float = TIMEOUT_S, verify: Any = True) -> None:
        import httpx

        self._http = httpx.Client(
            base_url=server, headers={"Authorization": f"Bearer {key}"}, timeout=timeout_s, verify=verify
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

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
            sent = opened.enter_context(content.open("rb")) if isinstance(content, Path) else content
            try:
                return self._http.request(method, path, params=params, content=sent, headers=headers)
            except httpx.TransportError as fault:
                raise Unreachable(f"{method} {path}: {fault or type(fault).__name__}") from None

    def _problem(self, document: dict[str, Any]) -> Problem:
        return Problem(document)

    def _stranger(self, response: "httpx.Response") -> Unreachable:
        return Unreachable(f"{response.url} answered {response.status_code}, and not as Maillage does")
