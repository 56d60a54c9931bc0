"""The two calls of WASI that wait or tell the time, in place of the library's own: those would sleep where no tick
wakes them."""

import time
from collections.abc import Callable
from struct import Struct, error

import wasmtime

from maillage.engines.wasmtime.job import current

SUBSCRIPTIONS_MAX = 64
_MODULE = "wasi_snapshot_preview1"
_SUCCESS, _FAULT, _INVALID = 0, 21, 28
_REALTIME, _MONOTONIC = 0, 1
_ABSOLUTE = 1
_NS = 1_000_000_000
_SUBSCRIPTION = Struct("<QB7xI4xQQH6x")
"""userdata, tag, then of a clock: its id, timeout, precision, flags (WASI preview 1, ``subscription``)."""
_EVENT = Struct("<QHB5xQH6x")
_TIME = Struct("<Q")
_COUNT = Struct("<I")


def add_waiting(linker: wasmtime.Linker) -> None:
    """Into a linker that has WASI already."""
    linker.allow_shadowing = True
    i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
    four = wasmtime.FuncType([i32] * 4, [i32])
    three = wasmtime.FuncType([i32, i64, i32], [i32])
    linker.define_func(_MODULE, "poll_oneoff", four, _guarded(_poll), access_caller=True)
    linker.define_func(_MODULE, "clock_time_get", three, _guarded(_clock_time_get), access_caller=True)


def _guarded(call: Callable[..., int]) -> Callable[..., int]:
    """The library keeps what a host function raises for whichever thread looks first: so nothing may come out."""

    def guarded(caller: wasmtime.Caller, *args: int) -> int:
        try:
            memory = caller.get("memory")
            if not isinstance(memory, wasmtime.Memory):
                return _FAULT
            return call(_Memory(memory, caller), *(arg & 0xFFFF_FFFF for arg in args))
        except (IndexError, ValueError, error):
            return _FAULT

    return guarded


class _Memory:
    def __init__(self, memory: wasmtime.Memory, caller: wasmtime.Caller) -> None:
        self._memory = memory
        self._caller = caller

    def read(self, kind: Struct, place: int) -> tuple[int, ...]:
        return kind.unpack(self._memory.read(self._caller, place, place + kind.size))

    def write(self, kind: Struct, place: int, *values: int) -> None:
        self._memory.write(self._caller, kind.pack(*values), place)


def _now_ns(clock: int) -> int:
    return time.time_ns() if clock == _REALTIME else time.monotonic_ns()


def _clock_time_get(memory: _Memory, clock: int, _precision: int, place: int) -> int:
    if clock not in (_REALTIME, _MONOTONIC):
        return _INVALID
    memory.write(_TIME, place, _now_ns(clock))
    return _SUCCESS


def _poll(memory: _Memory, wanted: int, events: int, count: int, happened: int) -> int:
    """Files are ready at any time, for input lies in memory and output is taken; so only clocks are waited for."""
    job = current.job
    if job is None or not 0 < count <= SUBSCRIPTIONS_MAX:
        return _INVALID
    asked = [memory.read(_SUBSCRIPTION, wanted + nth * _SUBSCRIPTION.size) for nth in range(count)]
    ready = [(data, tag) for data, tag, *_ in asked if tag != 0]
    if not ready:
        waits_ns = [_wait_ns(clock, timeout, flags) for _, _, clock, timeout, _, flags in asked]
        first_ns = min(waits_ns)
        job.pause(first_ns / _NS)
        ready = [(each[0], 0) for each, wait_ns in zip(asked, waits_ns, strict=True) if wait_ns == first_ns]
    for nth, (data, tag) in enumerate(ready):
        memory.write(_EVENT, events + nth * _EVENT.size, data, _SUCCESS, tag, 1 if tag else 0, 0)
    memory.write(_COUNT, happened, len(ready))
    return _SUCCESS


def _wait_ns(clock: int, timeout_ns: int, flags: int) -> int:
    return max(0, timeout_ns - _now_ns(clock)) if flags & _ABSOLUTE else timeout_ns
