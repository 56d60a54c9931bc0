"""How values of the component model lie in memory, and what comes in from there.

The library's own conversion asks for the type of each value and makes an object of each byte: a second for a body of a
megabyte, with the interpreter held all along. That what comes in has the types of our world was checked when the code
was accepted.
"""

import ctypes
from struct import Struct
from typing import Any

import numpy as np
import wasmtime._ffi as ffi

VAL_BYTES = ctypes.sizeof(ffi.wasmtime_component_val_t)
ENTRY_BYTES = ctypes.sizeof(ffi.wasmtime_component_valrecord_entry_t)
U8 = ffi.WASMTIME_COMPONENT_U8.value
U16 = ffi.WASMTIME_COMPONENT_U16.value
U64 = ffi.WASMTIME_COMPONENT_U64.value
STRING = ffi.WASMTIME_COMPONENT_STRING.value
LIST = ffi.WASMTIME_COMPONENT_LIST.value
RECORD = ffi.WASMTIME_COMPONENT_RECORD.value
VARIANT = ffi.WASMTIME_COMPONENT_VARIANT.value
ENUM = ffi.WASMTIME_COMPONENT_ENUM.value
OPTION = ffi.WASMTIME_COMPONENT_OPTION.value
RESULT = ffi.WASMTIME_COMPONENT_RESULT.value
PAYLOAD = ffi.wasmtime_component_val_t.of.offset
SIZED = Struct("<B7xQQ8x")
"""A value that is a size and a place, of a string, a list or a record: its kind before them."""
ENTRY = Struct("<QQB7xQQ8x")
"""A field of a record: size and place of its name, then such a value."""
_SHORT = Struct("<B7xH")
_NAME_BYTES = ENTRY_BYTES - VAL_BYTES

if SIZED.size != VAL_BYTES or ENTRY.size != ENTRY_BYTES or PAYLOAD != 8:
    raise ImportError("this version of wasmtime lays values out otherwise: install the one that Maillage depends on")


class Oversized(Exception):
    """More came than may."""


def lift_text(place: int) -> str:
    _, size, at = SIZED.unpack(ctypes.string_at(place, VAL_BYTES))
    return ctypes.string_at(at, size).decode()


def lift_bytes(place: int, size_max: int) -> bytes:
    _, size, at = SIZED.unpack(ctypes.string_at(place, VAL_BYTES))
    if size > size_max:
        raise Oversized(f"{size} bytes, at most {size_max} are taken")
    if not size:
        return b""
    cells = np.frombuffer((ctypes.c_uint8 * (size * VAL_BYTES)).from_address(at), np.uint8)
    return cells[PAYLOAD::VAL_BYTES].tobytes()


def lift_short(place: int) -> int:
    return int(_SHORT.unpack(ctypes.string_at(place, _SHORT.size))[1])


def fields(place: int) -> list[int]:
    """Where the values of a record's fields lie."""
    _, size, at = SIZED.unpack(ctypes.string_at(place, VAL_BYTES))
    return [at + nth * ENTRY_BYTES + _NAME_BYTES for nth in range(size)]


def elements(place: int, count_max: int) -> list[int]:
    """Where the elements of a list lie."""
    _, size, at = SIZED.unpack(ctypes.string_at(place, VAL_BYTES))
    if size > count_max:
        raise Oversized(f"{size} of them, at most {count_max} are taken")
    return [at + nth * VAL_BYTES for nth in range(size)]


def lift_headers(place: int, count_max: int) -> list[tuple[str, str]]:
    pairs = (fields(element) for element in elements(place, count_max))
    return [(lift_text(name), lift_text(value)) for name, value in pairs]


def spread(cells: "np.ndarray[Any, np.dtype[np.uint8]]", data: bytes) -> None:
    """Fill the cells of a list with the bytes, one value each."""
    table = cells.reshape(len(data), VAL_BYTES)
    table[:, 0] = U8
    table[:, PAYLOAD] = np.frombuffer(data, np.uint8)
