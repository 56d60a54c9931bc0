"""What goes into a component: a request, and what host functions answer.

A request lies in one block of ours, for the library only reads it. Answers of host functions become the library's own,
so that they are made by its allocator.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import wasmtime._ffi as ffi

from maillage.engines.wasmtime import raw
from maillage.services.compute.ports import HeaderList

Put = Callable[[Any], None]
"""Puts something into a value of the library's."""

_REQUEST = (b"method", b"path", b"query", b"headers", b"body")
_HEADER = (b"name", b"value")
_NAMES = b"".join(_REQUEST + _HEADER)


class Request:
    """The value of a ``request`` at ``place``, as long as this object lives."""

    def __init__(self, method: str, path: str, query: str, headers: HeaderList, body: bytes) -> None:
        texts = [_utf8(word) for pair in headers for word in pair]
        firsts = [_utf8(method), _utf8(path), _utf8(query)]
        words = _NAMES + b"".join(firsts) + b"".join(texts)
        entries_at = raw.VAL_BYTES
        headers_at = entries_at + len(_REQUEST) * raw.ENTRY_BYTES
        pairs_at = headers_at + len(headers) * raw.VAL_BYTES
        body_at = pairs_at + len(texts) * raw.ENTRY_BYTES
        words_at = body_at + len(body) * raw.VAL_BYTES
        self._block = np.empty(words_at + len(words), np.uint8)
        base = self.place = self._block.ctypes.data
        into = self._block.data
        self._block[words_at:] = np.frombuffer(words, np.uint8)
        raw.SIZED.pack_into(into, 0, raw.RECORD, len(_REQUEST), base + entries_at)
        values = [(raw.STRING, len(first), 0) for first in firsts]
        word_at = base + words_at + len(_NAMES)
        for nth, first in enumerate(firsts):
            values[nth] = (raw.STRING, len(first), word_at)
            word_at += len(first)
        values += [(raw.LIST, len(headers), base + headers_at), (raw.LIST, len(body), base + body_at)]
        name_at = base + words_at
        for nth, (name, value) in enumerate(zip(_REQUEST, values, strict=True)):
            raw.ENTRY.pack_into(into, entries_at + nth * raw.ENTRY_BYTES, len(name), name_at, *value)
            name_at += len(name)
        names = [(len(_HEADER[0]), name_at), (len(_HEADER[1]), name_at + len(_HEADER[0]))]
        for nth in range(len(headers)):
            pair_at = base + pairs_at + 2 * nth * raw.ENTRY_BYTES
            raw.SIZED.pack_into(into, headers_at + nth * raw.VAL_BYTES, raw.RECORD, 2, pair_at)
        for nth, text in enumerate(texts):
            place = pairs_at + nth * raw.ENTRY_BYTES
            raw.ENTRY.pack_into(into, place, *names[nth % 2], raw.STRING, len(text), word_at)
            word_at += len(text)
        if body:
            raw.spread(self._block[body_at:words_at], body)


def text(value: str) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.STRING
        val.of.string = ffi.bytes_to_capi(_utf8(value))

    return put


def octets(value: bytes) -> Put:
    """A ``list<u8>``."""

    def put(val: Any) -> None:
        made = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(made), len(value))
        if value:
            room = (ctypes.c_uint8 * (len(value) * raw.VAL_BYTES)).from_address(ctypes.addressof(made.data.contents))
            raw.spread(np.frombuffer(memoryview(room), np.uint8), value)
        val.kind = raw.LIST
        val.of.list = made

    return put


def short(value: int) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.U16
        val.of.u16 = value

    return put


def long(value: int) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.U64
        val.of.u64 = value

    return put


def enum(name: str) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.ENUM
        val.of.enumeration = ffi.str_to_capi(name)

    return put


def option(inner: Put | None) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.OPTION
        val.of.option = None if inner is None else _boxed(inner)

    return put


def result(is_ok: bool, inner: Put | None) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.RESULT
        val.of.result.is_ok = is_ok
        val.of.result.val = None if inner is None else _boxed(inner)

    return put


def variant(case: str, inner: Put) -> Put:
    def put(val: Any) -> None:
        val.kind = raw.VARIANT
        val.of.variant.discriminant = ffi.str_to_capi(case)
        val.of.variant.val = _boxed(inner)

    return put


def record(members: Sequence[tuple[str, Put]]) -> Put:
    """Fields by name, in the order in which the world has them."""

    def put(val: Any) -> None:
        made = ffi.wasmtime_component_valrecord_t()
        ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(made), len(members))
        for nth, (name, inner) in enumerate(members):
            inner(made.data[nth].val)
            made.data[nth].name = ffi.str_to_capi(name)
        val.kind = raw.RECORD
        val.of.record = made

    return put


def listing(members: Sequence[Put]) -> Put:
    """A list of anything but bytes, for which ``octets`` is quicker."""

    def put(val: Any) -> None:
        made = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(made), len(members))
        for nth, inner in enumerate(members):
            inner(made.data[nth])
        val.kind = raw.LIST
        val.of.list = made

    return put


def header_list(headers: HeaderList) -> Put:
    return listing([record([("name", text(name)), ("value", text(value))]) for name, value in headers])


def _utf8(word: str) -> bytes:
    """What is no text becomes question marks: the library ends the process at a string that is not UTF-8."""
    return word.encode(errors="replace")


def _boxed(inner: Put) -> Any:
    val = ffi.wasmtime_component_val_t()
    inner(val)
    return ffi.wasmtime_component_val_new(ctypes.byref(val))
