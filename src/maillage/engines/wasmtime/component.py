"""A component of our world: one call of ``handle`` for one request, in a store of its own."""

import ctypes

import wasmtime
import wasmtime._ffi as ffi
import wasmtime.component as wc

from maillage.engines.wasmtime import giving, raw
from maillage.engines.wasmtime.answers import HEADERS_MAX, Rubbish, checked_headers, checked_status
from maillage.engines.wasmtime.host import Linked
from maillage.engines.wasmtime.job import Job
from maillage.engines.wasmtime.reply import Reply
from maillage.engines.wasmtime.shape import Shape
from maillage.engines.wasmtime.store import opened
from maillage.services.compute.ports import Inbound

_VAL_POINTER = ctypes.POINTER(ffi.wasmtime_component_val_t)


class ComponentProgram:
    """Shared by all instances of a version, and by all threads."""

    def __init__(self, linked: Linked, component: wc.Component, shape: Shape) -> None:
        self.shape = shape
        self._linked = linked
        self._component = component
        handle = component.get_export_index("handle")
        if handle is None:
            raise ValueError("a component without handle was accepted")
        self._handle = handle

    def run(self, job: Job, request: Inbound, body: bytes, reply: Reply) -> None:
        """CodeFault where it fails; else the reply has all."""
        given = giving.Request(request.method, request.path, request.query, request.headers, body)
        try:
            with opened(self._linked.linker.engine, job, self.shape) as store:
                instance = self._linked.linker.instantiate(store, self._component)
                handle = instance.get_func(store, self._handle)
                assert handle is not None
                taken = ffi.wasmtime_component_val_t()
                fault = ffi.wasmtime_component_func_call(
                    ctypes.byref(handle._func),
                    store._context(),
                    ctypes.cast(given.place, _VAL_POINTER),
                    1,
                    ctypes.byref(taken),
                    1,
                )
                if fault:
                    raise wasmtime.WasmtimeError._from_ptr(fault)
                try:
                    status, headers, content = raw.fields(ctypes.addressof(taken))
                    reply.head(
                        checked_status(raw.lift_short(status)),
                        checked_headers(raw.lift_headers(headers, HEADERS_MAX)),
                    )
                    reply.write(raw.lift_bytes(content, job.instance.limits.response_bytes))
                finally:
                    ffi.wasmtime_component_val_delete(ctypes.byref(taken))
        except Rubbish as fault:
            raise job.fault("answer", str(fault)) from None
        except raw.Oversized as fault:
            raise job.fault("answer", f"its answer is too large: {fault}") from None
