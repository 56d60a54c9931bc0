"""What the store offers to a component, as ``services/compute/wit/edge.wit`` says."""

import asyncio
import ctypes
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, NamedTuple

import wasmtime
import wasmtime._ffi as ffi
import wasmtime.component as wc

from maillage.engines.wasmtime import giving, raw
from maillage.engines.wasmtime.answers import HEADERS_MAX
from maillage.engines.wasmtime.job import Job, Level, current
from maillage.engines.wasmtime.outbound import NotAnswered, NotSent, OutboundHttp, Outgoing
from maillage.engines.wasmtime.store import NO_FINALIZER, error_pointer
from maillage.engines.wasmtime.world import VERSION
from maillage.services.compute.ports import KeyValues

KEY_BYTES_MAX = 512
_LEVELS: dict[str, Level] = {"debug": "debug", "info": "info", "warning": "warning", "error": "error"}
Offer = Callable[[Job, list[int]], giving.Put | None]
"""Takes the places of its arguments; what it returns is put where the result belongs."""


class Linked(NamedTuple):
    """A linker, and what it calls, which lives only as long as something here holds it."""

    linker: wc.Linker
    callbacks: list[Any]


class Host:
    """Serves all components of an engine; the job of the thread says whose call it is."""

    def __init__(self, values: KeyValues, http: OutboundHttp, loop: asyncio.AbstractEventLoop) -> None:
        self._values = values
        self._http = http
        self._loop = loop

    def link(self, engine: wasmtime.Engine) -> "Linked":
        offers: dict[str, dict[str, Offer]] = {
            "kv": {"get": self._kv_get, "set": self._kv_set, "delete": self._kv_delete},
            "log": {"write": _log_write},
            "clock": {"wall-ms": _wall_ms, "monotonic-ns": _monotonic_ns},
            "http": {"send": self._http_send},
            "config": {"get": _config_get},
            "types": {},
        }
        linker = wc.Linker(engine)
        callbacks = []
        with linker.root() as root:
            for interface, functions in offers.items():
                with root.add_instance(f"maillage:edge/{interface}@{VERSION}") as instance:
                    callbacks += [_define(instance, name, offer) for name, offer in functions.items()]
        return Linked(linker, callbacks)

    def _kv_get(self, job: Job, args: list[int]) -> giving.Put:
        key = raw.lift_text(args[0])
        found = self._values.get(job.instance.lease, key) if _is_key(key) else None
        return giving.option(None if found is None else giving.octets(found))

    def _kv_set(self, job: Job, args: list[int]) -> giving.Put:
        key, most = raw.lift_text(args[0]), job.instance.limits.stored_bytes
        if not _is_key(key):
            return giving.result(False, giving.enum("bad-key"))
        try:
            value = raw.lift_bytes(args[1], most)
        except raw.Oversized:
            return giving.result(False, giving.enum("full"))
        kept = self._values.put(job.instance.lease, key, value, most)
        return giving.result(True, None) if kept else giving.result(False, giving.enum("full"))

    def _kv_delete(self, job: Job, args: list[int]) -> None:
        key = raw.lift_text(args[0])
        if _is_key(key):
            self._values.put(job.instance.lease, key, None, job.instance.limits.stored_bytes)

    def _http_send(self, job: Job, args: list[int]) -> giving.Put:
        limits = job.instance.limits
        method, url, headers, body = raw.fields(args[0])
        try:
            request = Outgoing(
                raw.lift_text(method),
                raw.lift_text(url),
                raw.lift_headers(headers, HEADERS_MAX),
                raw.lift_bytes(body, limits.request_bytes),
            )
        except raw.Oversized as fault:
            return _http_error("refused", f"the headers or the body are too large: {fault}")
        sending = asyncio.run_coroutine_threadsafe(
            self._http.send(request, job.instance.settings.outbound, max(job.left_s, 0.0), limits.response_bytes),
            self._loop,
        )
        job.on_stop(sending.cancel)
        try:
            answer = sending.result(max(job.left_s, 0.0) + 1.0)
        except NotSent as fault:
            return _http_error("refused", str(fault))
        except (NotAnswered, NotInTime, CancelledError) as fault:
            sending.cancel()
            return _http_error("failed", str(fault) or "it was given up")
        finally:
            job.on_stop(None)
        members = [
            ("status", giving.short(answer.status)),
            ("headers", giving.header_list(answer.headers)),
            ("body", giving.octets(answer.body)),
        ]
        return giving.result(True, giving.record(members))


def _http_error(case: str, said: str) -> giving.Put:
    return giving.result(False, giving.variant(case, giving.text(said)))


def _log_write(job: Job, args: list[int]) -> None:
    level = raw.lift_text(args[0])
    job.say("log", _LEVELS[level], raw.lift_text(args[1]))


def _wall_ms(_job: Job, _args: list[int]) -> giving.Put:
    return giving.long(time.time_ns() // 1_000_000)


def _monotonic_ns(_job: Job, _args: list[int]) -> giving.Put:
    return giving.long(time.monotonic_ns())


def _config_get(job: Job, args: list[int]) -> giving.Put:
    found = job.instance.settings.config.get(raw.lift_text(args[0]))
    return giving.option(None if found is None else giving.text(found))


def _is_key(key: str) -> bool:
    return 0 < len(key.encode()) <= KEY_BYTES_MAX


def _define(instance: wc.LinkerInstance, name: str, offer: Offer) -> Any:
    def call(_data: Any, _context: Any, _type: Any, args: Any, count: int, results: Any, _results: int) -> int:
        job = current.job
        if job is None:
            return error_pointer(b"nothing is under way")
        try:
            base = ctypes.addressof(args.contents) if count else 0
            put = offer(job, [base + nth * raw.VAL_BYTES for nth in range(count)])
            if job.stopped:
                return error_pointer()
            if put is not None:
                put(results[0])
            return 0
        except Exception as fault:
            job.stop("trap", f"the store could not do {name} for it: {type(fault).__name__}: {fault}"[:300])
            return error_pointer()

    callback = ffi.wasmtime_component_func_callback_t(call)
    word = name.encode()
    buffer = ctypes.create_string_buffer(word)
    fault = ffi.wasmtime_component_linker_instance_add_func(
        instance.ptr(), buffer, len(word), callback, None, NO_FINALIZER
    )
    if fault:
        raise wasmtime.WasmtimeError._from_ptr(fault)
    return callback
