"""A store for one request: what the code may use is set on it, and why it ended is read from it."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import wasmtime
import wasmtime._ffi as ffi

from maillage.engines.wasmtime.job import Job, current
from maillage.engines.wasmtime.shape import Shape
from maillage.services.compute.errors import CodeFault

TABLE_ELEMENTS_MAX = 200_000
TABLES_MAX = 32
TICKS = 2
"""So often code looks up: each look takes the interpreter for a moment, which every other thread then waits for."""
_CONTINUE = 0
_SAID_MAX = 300
_TICK_TYPE = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.POINTER(ffi.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ffi.wasmtime_update_deadline_kind_t),
)
NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))


def error_pointer(text: bytes = b"stopped") -> int:
    """An error as a callback hands it to the library, which then owns it."""
    return ctypes.cast(ffi.wasmtime_error_new(text), ctypes.c_void_p).value or 0


@_TICK_TYPE  # type: ignore[untyped-decorator]
def _at_tick(_context: Any, _data: Any, ticks: Any, kind: Any) -> int:
    job = current.job
    if job is None or not job.tick():
        return error_pointer()
    ticks[0] = TICKS
    kind[0] = _CONTINUE
    return 0


@contextmanager
def opened(engine: wasmtime.Engine, job: Job, shape: Shape) -> Iterator[wasmtime.Store]:
    """A store within the limits of the job's instance; whatever goes wrong in it comes out as CodeFault."""
    limits = job.instance.limits
    store = wasmtime.Store(engine)
    current.job = job
    try:
        store.set_limits(
            memory_size=shape.memory_size_max(limits.memory_bytes),
            memories=shape.memories,
            table_elements=TABLE_ELEMENTS_MAX,
            tables=TABLES_MAX,
        )
        store.set_fuel(limits.fuel_per_request)
        store.set_epoch_deadline(TICKS)
        ffi.wasmtime_store_epoch_deadline_callback(store.ptr(), _at_tick, None, NO_FINALIZER)
        yield store
    except (wasmtime.WasmtimeError, wasmtime.Trap) as fault:
        raise _told(job, store, fault) from None
    finally:
        job.fuel = limits.fuel_per_request - store.get_fuel()
        current.job = None
        store.close()


def _told(job: Job, store: wasmtime.Store, fault: Exception) -> CodeFault:
    limits = job.instance.limits
    if isinstance(fault, wasmtime.ExitTrap):
        return job.fault("exit", f"it ended with the code {fault.code}")
    # A component's error has no code for this, but nothing else leaves no fuel at all.
    if store.get_fuel() == 0:
        return job.fault("fuel", f"it used up the {limits.fuel_per_request:,} units of fuel of one request")
    said = " ".join(str(fault).split())
    if "exceeds memory limits" in said or "resource limit exceeded" in said:
        return job.fault("memory", f"it needs more memory than its {limits.memory_bytes:,} bytes: {said[:_SAID_MAX]}")
    if "fuel allocated for hostcalls" in said:
        return job.fault("answer", "it hands over more than 4 MiB of bytes at once")
    return job.fault("trap", f"it trapped: {_cause(str(fault))}")


def _cause(said: str) -> str:
    """The last line that says something: the lines before it are where it was."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason was given").removeprefix("wasm trap: ")[:_SAID_MAX]
