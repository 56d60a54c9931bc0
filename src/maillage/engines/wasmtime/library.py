"""The library: an engine of it as this package wants it."""

import platform
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import wasmtime

STACK_BYTES_MAX = 512 * 1024
_SETTINGS: dict[str, bool | int] = {
    "consume_fuel": True,
    "epoch_interruption": True,
    # Threads could wait for each other where no epoch reaches them; garbage-collected code is more machinery to trust.
    "wasm_threads": False,
    "wasm_gc": False,
    "wasm_memory64": False,
    "max_wasm_stack": STACK_BYTES_MAX,
}


def new_engine() -> "wasmtime.Engine":
    """With fuel, ticks and our limits; what one engine compiles every other one of the same key can load."""
    import wasmtime
    import wasmtime._ffi as ffi

    config = wasmtime.Config()
    for name, value in _SETTINGS.items():
        setattr(config, name, value)
    # Without a property in the library. Functions of our world are plain ones, which can't wait for one another.
    ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), False)
    return wasmtime.Engine(config)


def engine_key() -> str:
    """Names what compiled code is good for: the library's version, our settings and the machine's architecture."""
    settings = repr(sorted(_SETTINGS.items())) + platform.machine()
    return f"{version('wasmtime')}-{sha256(settings.encode()).hexdigest()[:12]}"
