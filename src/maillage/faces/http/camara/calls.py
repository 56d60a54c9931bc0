"""What an operation of CAMARA's APIs gets, and what it gives."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from maillage.services.compute.camara.faults import Fault, invalid
from maillage.services.compute.camara.service import Camara
from maillage.tenancy.principal import Principal

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class Reply(msgspec.Struct, frozen=True):
    """``document`` None is no body at all."""

    status: int
    document: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Call(msgspec.Struct, frozen=True):
    """One request that has passed all doors. ``root`` is the API's own address, as the caller wrote it."""

    camara: Camara
    principal: Principal
    root: str
    path: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: Any

    @property
    def access(self) -> dict[str, Any]:
        """Where apps are called, as AccessEndpoint has it: where this server was."""
        parts = urlsplit(self.root)
        host = parts.hostname or "localhost"
        try:
            address = ip_address(host)
        except ValueError:
            named: dict[str, Any] = {"fqdn": host}
        else:
            named = {f"ipv{address.version}Addresses": [str(address)]}
        return {"port": parts.port or (443 if parts.scheme == "https" else 80), **named}

    def uuid(self, name: str) -> str:
        """A part of the path that is an id. Fault 400 where it can't be one."""
        value = self.path[name]
        if not _UUID.fullmatch(value):
            raise invalid(name, "is not a UUID")
        return value.lower()

    def parameters(self, fits: type[msgspec.Struct]) -> Any:
        """The query, as a document of this type has it; parameters that it does not name mean nothing."""
        given = dict(parse_qsl(self.query, keep_blank_values=True))
        try:
            return msgspec.convert(given, fits, strict=False)
        except msgspec.ValidationError as fault:
            raise _unfit(fault, "query") from None


class Operation(msgspec.Struct, frozen=True):
    """``template`` is below the API's root. ``body`` is the type of what must be sent, None for nothing."""

    method: str
    template: str
    scope: str
    run: Callable[[Call], Awaitable[Reply]]
    body: Any = None
    takes: str = JSON

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template))


class Api(msgspec.Struct, frozen=True):
    """``versions`` are the names under which it is served, the one of its file first."""

    name: str
    versions: tuple[str, ...]
    operations: tuple[Operation, ...]


def decoded(body: bytes, fits: Any) -> Any:
    """The document in a body. Fault 400 naming the place that does not fit."""
    if not body:
        raise invalid("body", "is missing; this address takes a JSON document")
    try:
        return _decoder(fits).decode(body)
    except msgspec.ValidationError as fault:
        raise _unfit(fault, "body") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        raise invalid("body", f"is not JSON: {fault}") from None


def _unfit(fault: msgspec.ValidationError, whole: str) -> Fault:
    problem, _, place = str(fault).partition(" - at `")
    return invalid(place.rstrip("`").removeprefix("$.") or whole, problem)


@lru_cache(maxsize=64)
def _decoder(fits: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(fits)
