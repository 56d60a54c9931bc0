"""A WASI command in CGI style: one run of its ``_start`` for one request, in a store of its own."""

import ctypes
import errno

import wasmtime
import wasmtime._ffi as ffi

from maillage.engines.wasmtime.answers import Rubbish
from maillage.engines.wasmtime.cgi import Head, environment
from maillage.engines.wasmtime.job import Job
from maillage.engines.wasmtime.reply import FLUSH_BYTES, Reply
from maillage.engines.wasmtime.shape import Shape
from maillage.engines.wasmtime.store import opened
from maillage.services.compute.ports import Inbound

LINE_BYTES_MAX = 8_192
MEMORY_SHORT = 0.75
"""A command that gives up while it holds this part of its memory is taken to have wanted more: programs double what
they have, and the library does not tell of a growth that it refused."""


class CommandProgram:
    """Shared by all instances of a version, and by all threads."""

    def __init__(self, engine: wasmtime.Engine, ready: wasmtime.InstancePre, shape: Shape) -> None:
        self.shape = shape
        self._engine = engine
        self._ready = ready

    def run(self, job: Job, request: Inbound, body: bytes, reply: Reply) -> None:
        """CodeFault where it fails; else the reply has all."""
        output = _Output(job, reply)
        job.at_tick = reply.flush
        try:
            with opened(self._engine, job, self.shape) as store:
                store.set_wasi(_wasi(environment(job.instance, request, len(body)), body, output))
                self._call(job, store)
            output.end()
        except Rubbish as fault:
            raise job.fault("answer", str(fault)) from None
        finally:
            output.complain(b"\n")

    def _call(self, job: Job, store: wasmtime.Store) -> None:
        exports = self._ready.instantiate(store).exports(store)
        start = exports["_start"]
        assert isinstance(start, wasmtime.Func)
        try:
            start(store)
        except wasmtime.ExitTrap as exit_:
            if exit_.code:
                raise
        except wasmtime.Trap as trap:
            most = self.shape.memory_size_max(job.instance.limits.memory_bytes)
            memory = exports.get("memory")
            held = memory.data_len(store) if isinstance(memory, wasmtime.Memory) else 0
            if trap.trap_code is not wasmtime.TrapCode.UNREACHABLE or held < MEMORY_SHORT * most:
                raise
            detail = f"it gave up with {held:,} of its {most:,} bytes of memory in use"
            raise job.fault("memory", detail) from None


class _Output:
    """What the command writes, on its way to the caller and to the log."""

    def __init__(self, job: Job, reply: Reply) -> None:
        self._job = job
        self._reply = reply
        self._head: Head | None = Head()
        self._room = job.instance.limits.response_bytes
        self._complaint = b""
        self._unsent = 0

    def write(self, data: bytes) -> int:
        """How much was taken, or the number of an error."""
        try:
            self._write(data)
        except Rubbish as fault:
            self._job.stop("answer", str(fault))
            return -errno.EIO
        return len(data)

    def _write(self, data: bytes) -> None:
        if self._head is not None:
            if (begun := self._head.take(data)) is None:
                return
            status, headers, data = begun
            self._head = None
            self._reply.head(status, headers)
        self._room -= len(data)
        if self._room < 0:
            raise Rubbish(f"its answer has more than {self._job.instance.limits.response_bytes:,} bytes")
        self._reply.write(data)
        self._unsent += len(data)
        if self._unsent >= FLUSH_BYTES:
            self._reply.flush()
            self._unsent = 0

    def complain(self, data: bytes) -> None:
        *lines, rest = (self._complaint + data).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            lines, rest = [*lines, rest], b""
        self._complaint = rest
        for line in lines:
            if line:
                self._job.say("stderr", "info", line.decode(errors="replace").rstrip("\r"))

    def end(self) -> None:
        if self._head is not None:
            raise Rubbish("its output has no headers that end with a blank line")


def _wasi(environment: dict[str, str], body: bytes, output: _Output) -> wasmtime.WasiConfig:
    """Nothing but the request: no folders, no sockets, nothing of this process's environment."""
    config = wasmtime.WasiConfig()
    config.argv = ["app"]
    config.env = [(name, value.encode(errors="replace").decode()) for name, value in environment.items()]
    given = ffi.bytes_to_capi(body)
    ffi.wasi_config_set_stdin_bytes(config.ptr(), ctypes.byref(given))
    config.stdout_custom = output.write
    config.stderr_custom = output.complain
    return config
