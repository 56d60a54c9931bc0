"""CGI/1.1 (RFC 3875) as WebAssembly commands have it: a request as environment and input, an answer from output."""

import re

from maillage import __version__
from maillage.engines.wasmtime.answers import Rubbish, checked_headers, checked_status
from maillage.services.compute.model import Instance
from maillage.services.compute.ports import HeaderList, Inbound

HEAD_BYTES_MAX = 65_536
_HEADER_NAME = re.compile(r"[a-z0-9-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BLANK = re.compile(rb"\r?\n\r?\n")
_DEFAULT_PORT = "80"


def environment(instance: Instance, request: Inbound, body_bytes: int) -> dict[str, str]:
    """The deployment's config, and over it what the request says. A header whose name has an underscore stays out, for
    it could pass for another one; so does ``proxy``, which programs take for their own setting."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        if _HEADER_NAME.fullmatch(name) and name != "proxy":
            joint = "; " if name == "cookie" else ", "
            headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    host, _, port = headers.get("host", "").partition(":")
    config = {name: value for name, value in instance.settings.config.items() if name and "=" not in name}
    made = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": f"Maillage/{__version__}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port or _DEFAULT_PORT,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": f"/run/{instance.app}",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "CONTENT_LENGTH": str(body_bytes),
        "CONTENT_TYPE": headers.pop("content-type", ""),
    }
    headers.pop("content-length", None)
    made |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    told = config | {name: _plain(value) for name, value in made.items()}
    return {name.replace("\0", ""): value.replace("\0", "") for name, value in told.items()}


def _plain(value: str) -> str:
    """Control characters as %-escapes: some end a value early, others look like more of them to careless programs."""
    return _CONTROL.sub(lambda found: f"%{ord(found[0]):02X}", value)


class Head:
    """The headers of an answer, as the output that holds them comes."""

    def __init__(self) -> None:
        self._came = bytearray()

    def take(self, data: bytes) -> tuple[int, HeaderList, bytes] | None:
        """Status, headers and the first of the body once the blank line is there; Rubbish where they can't be."""
        self._came += data
        blank = _BLANK.search(self._came)
        if (blank.start() if blank else len(self._came)) > HEAD_BYTES_MAX:
            raise Rubbish(f"its output has more than {HEAD_BYTES_MAX} bytes of headers")
        if blank is None:
            return None
        status, headers = _parsed(bytes(self._came[: blank.start()]))
        return status, headers, bytes(self._came[blank.end() :])


def _parsed(head: bytes) -> tuple[int, HeaderList]:
    headers: HeaderList = []
    status = None
    for line in head.decode("latin-1").replace("\r\n", "\n").split("\n"):
        name, colon, value = line.partition(":")
        if not colon:
            raise Rubbish(f"its output must begin with headers and a blank line, but has {line[:60]!r}")
        if name.lower() == "status":
            status = _status(value.strip())
        else:
            headers.append((name, value.strip(" \t")))
    kept = checked_headers(headers)
    if status is None:
        status = 302 if any(name == "location" for name, _ in kept) else 200
    return status, kept


def _status(said: str) -> int:
    number = said.split(" ", 1)[0]
    if not (number.isascii() and number.isdigit() and len(number) == 3):
        raise Rubbish(f"it answered with the status {said[:40]!r}; three digits and a text can be")
    return checked_status(int(number))
