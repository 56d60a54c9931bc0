"""The greeting by the wasmtime library alone, as its documentation has it: what the compute scenarios compare with."""

from collections.abc import Callable
from types import SimpleNamespace

import wasmtime
import wasmtime.component as wc

from benchmarks.greeting import PATH, Kind, code
from maillage.engines.wasmtime.library import new_engine

MEMORY_BYTES = 128 << 20
FUEL = 10**10
FOREVER = 10**9
"""Ticks of the epoch; nothing ticks here."""
HEADERS = [("host", "127.0.0.1")]
_GREETED = b"content-type: text/plain\n\n"
_ENVIRONMENT = [  # what RFC 3875 has of such a request
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "wasmtime"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_NAME", "127.0.0.1"),
    ("SERVER_PORT", "80"),
    ("REQUEST_METHOD", "GET"),
    ("SCRIPT_NAME", "/run/bench.command"),
    ("PATH_INFO", PATH),
    ("QUERY_STRING", ""),
    ("CONTENT_LENGTH", "0"),
    ("CONTENT_TYPE", ""),
    ("HTTP_HOST", "127.0.0.1"),
]
Call = Callable[[], bytes]
"""One request; the body of its answer."""


def fresh(kind: Kind) -> Call:
    """A store for each call, with the same engine, fuel and limits as ours, and nothing else of ours."""
    return _fresh_component() if kind == "component" else _fresh_command()


def kept_component() -> Call:
    """One store and one instance for all calls: faster, and no request is safe from the one before it."""
    engine, linker, component, handle = _component()
    store = _store(engine)
    function = linker.instantiate(store, component).get_func(store, handle)
    assert function is not None

    def call() -> bytes:
        store.set_fuel(FUEL)
        return bytes(function(store, _request()).body)

    return call


def _fresh_component() -> Call:
    engine, linker, component, handle = _component()

    def call() -> bytes:
        with _store(engine) as store:
            function = linker.instantiate(store, component).get_func(store, handle)
            assert function is not None
            answer = function(store, _request())
            headers = [(header.name, header.value) for header in answer.headers]
            assert answer.status == 200 and headers
            return bytes(answer.body)

    return call


def _fresh_command() -> Call:
    engine = new_engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    ready = linker.instantiate_pre(wasmtime.Module(engine, code("command")))

    def call() -> bytes:
        written: list[bytes] = []

        def write(data: bytes) -> int:
            written.append(data)
            return len(data)

        wasi = wasmtime.WasiConfig()
        wasi.argv = ["app"]
        wasi.env = _ENVIRONMENT
        wasi.stdout_custom = write
        with _store(engine) as store:
            store.set_wasi(wasi)
            start = ready.instantiate(store).exports(store)["_start"]
            assert isinstance(start, wasmtime.Func)
            start(store)
        return b"".join(written).removeprefix(_GREETED)

    return call


def _component() -> tuple[wasmtime.Engine, wc.Linker, wc.Component, wc.ExportIndex]:
    engine = new_engine()
    linker = wc.Linker(engine)
    with linker.root() as root, root.add_instance("maillage:edge/types@1.0.0"):
        pass
    component = wc.Component(engine, code("component"))
    handle = component.get_export_index("handle")
    assert handle is not None
    return engine, linker, component, handle


def _store(engine: wasmtime.Engine) -> wasmtime.Store:
    store = wasmtime.Store(engine)
    store.set_limits(memory_size=MEMORY_BYTES)
    store.set_fuel(FUEL)
    store.set_epoch_deadline(FOREVER)
    return store


def _request() -> SimpleNamespace:
    headers = [SimpleNamespace(name=name, value=value) for name, value in HEADERS]
    return SimpleNamespace(method="GET", path=PATH, query="", headers=headers, body=b"")
