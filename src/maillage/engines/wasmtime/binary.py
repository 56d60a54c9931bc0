"""Reads of a WebAssembly binary what can be told before it is compiled: what it is, wants, gives, and its memories.

Binary formats: WebAssembly core 3.0, "Modules", and the component model's Binary.md.
"""

from struct import Struct

import msgspec

PAGE_BYTES = 65_536
NESTED_MAX = 8
_HEAD = Struct("<4sHH")
MAGIC = b"\0asm"
_MODULE, _COMPONENT = (1, 0), (13, 1)
_FUNC, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)
_GROUP_BITS = 7


class NotWasm(Exception):
    """It is not what it says it is; the text says why."""


class Memory(msgspec.Struct, frozen=True):
    pages_min: int
    pages_max: int | None


class Outline(msgspec.Struct):
    """``imports`` are names of a component, ``module.name`` of a core module. ``memories`` counts those of the modules
    within a component too, each module once."""

    component: bool
    imports: list[str] = []
    exports: list[str] = []
    memories: list[Memory] = []


def outline(code: bytes, depth: int = 0) -> Outline:
    """NotWasm where the bytes can't be read."""
    try:
        return _outline(_Reader(code), depth)
    except (IndexError, UnicodeDecodeError):
        raise NotWasm("it ends too early, or is damaged") from None


def _outline(reader: "_Reader", depth: int) -> Outline:
    magic, *version = _HEAD.unpack(reader.take(_HEAD.size))
    if magic != MAGIC or tuple(version) not in (_MODULE, _COMPONENT):
        raise NotWasm("it does not begin like a WebAssembly module or component")
    found = Outline(component=tuple(version) == _COMPONENT)
    while not reader.at_end:
        number = reader.byte()
        body = _Reader(reader.take(reader.number()))
        if found.component:
            _component_section(number, body, found, depth)
        else:
            _module_section(number, body, found)
    return found


def _module_section(number: int, body: "_Reader", found: Outline) -> None:
    if number == 2:
        for _ in range(body.number()):
            found.imports.append(f"{body.name()}.{body.name()}")
            _skip_import(body)
    elif number == 5:
        found.memories += [_memory(body) for _ in range(body.number())]
    elif number == 7:
        for _ in range(body.number()):
            found.exports.append(body.name())
            body.byte()
            body.number()


def _component_section(number: int, body: "_Reader", found: Outline, depth: int) -> None:
    if number in (1, 4):
        if depth >= NESTED_MAX:
            raise NotWasm(f"it is nested deeper than {NESTED_MAX} levels")
        found.memories += _outline(body, depth + 1).memories
    elif number == 10:
        for _ in range(body.number()):
            found.imports.append(body.extern_name())
            _skip_extern(body)
    elif number == 11:
        for _ in range(body.number()):
            found.exports.append(body.extern_name())
            if body.byte() == 0:  # a sort of the core language has a second byte
                body.byte()
            body.number()
            if body.byte():
                _skip_extern(body)


def _skip_import(body: "_Reader") -> None:
    kind = body.byte()
    if kind == _MEMORY:  # another module's, and counted there
        _memory(body)
    elif kind == _TABLE:
        body.byte()
        _memory(body)
    elif kind == _GLOBAL:
        body.take(2)
    elif kind == _TAG:
        body.byte()
        body.number()
    elif kind == _FUNC:
        body.number()
    else:
        raise NotWasm(f"it imports something of an unknown kind ({kind})")


def _skip_extern(body: "_Reader") -> None:
    sort = body.byte()
    if sort == 0 or (sort == 2 and body.byte()):
        raise NotWasm("it imports or exports a core module or a value, which can't be handed in or out")
    if sort == 3 and body.byte() == 1:  # a resource, which has no index
        return
    body.number()


def _memory(body: "_Reader") -> Memory:
    flags = body.byte()
    least = body.number()
    return Memory(least, body.number() if flags & 1 else None)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise IndexError
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        value = 0
        for nth in range(10):
            byte = self.byte()
            value |= (byte & 0x7F) << (_GROUP_BITS * nth)
            if byte < 0x80:
                return value
        raise IndexError

    def name(self) -> str:
        return self.take(self.number()).decode()

    def extern_name(self) -> str:
        kind = self.byte()
        name = self.name()
        if kind == 2:  # a version's suffix of its own
            self.name()
        return name
