"""Our world, as it must be found in a component: the functions that it may call, and the one that it must have.

``services/compute/wit/edge.wit`` says the same to toolchains; a test holds the two together.
"""

from typing import Any

import wasmtime
import wasmtime.component as wc

VERSION = "1.0.0"
_BYTES = "list<u8>"
_HEADERS = "list<record{name: string, value: string}>"
_RESPONSE = f"record{{status: u16, headers: {_HEADERS}, body: {_BYTES}}}"
_REQUEST = f"record{{method: string, path: string, query: string, headers: {_HEADERS}, body: {_BYTES}}}"
_OUTGOING = f"record{{method: string, url: string, headers: {_HEADERS}, body: {_BYTES}}}"

HANDLE = f"({_REQUEST}) -> {_RESPONSE}"
OFFERED: dict[str, dict[str, str]] = {
    f"maillage:edge/types@{VERSION}": {},
    f"maillage:edge/kv@{VERSION}": {
        "get": f"(string) -> option<{_BYTES}>",
        "set": f"(string, {_BYTES}) -> result<_, enum{{full, bad-key}}>",
        "delete": "(string)",
    },
    f"maillage:edge/log@{VERSION}": {"write": "(enum{debug, info, warning, error}, string)"},
    f"maillage:edge/clock@{VERSION}": {"wall-ms": "() -> u64", "monotonic-ns": "() -> u64"},
    f"maillage:edge/http@{VERSION}": {
        "send": f"({_OUTGOING}) -> result<{_RESPONSE}, variant{{refused(string), failed(string)}}>"
    },
    f"maillage:edge/config@{VERSION}": {"get": "(string) -> option<string>"},
}
_ROOT_TYPES = {"request", "response"}


def unoffered(imports: list[str]) -> list[str]:
    """Those of a component's imports that nothing here offers."""
    return [name for name in imports if name not in OFFERED and name not in _ROOT_TYPES]


def misfit(component: wc.Component, engine: wasmtime.Engine) -> str | None:
    """What keeps a component from being of our world, None where nothing does."""
    made = component.type
    for name, item in made.imports(engine).items():
        found = item.ty
        if not isinstance(found, wc.ComponentInstanceType):
            continue
        for function, shape in _functions(found, engine).items():
            if (wanted := OFFERED[name].get(function)) is None:
                return f"it imports {function} of {name}, which has no such function"
            if shape != wanted:
                return f"it imports {function} of {name} as {shape}, but it is {wanted}"
    handle = made.exports(engine).get("handle")
    if handle is None or not isinstance(function_type := handle.ty, wc.FuncType):
        return "it does not export the function handle of the world maillage:edge/app@1.0.0"
    if (shape := _function(function_type)) != HANDLE:
        return f"it exports handle as {shape}, but it must be {HANDLE}"
    return None


def _functions(instance: wc.ComponentInstanceType, engine: wasmtime.Engine) -> dict[str, str]:
    items = {name: item.ty for name, item in instance.exports(engine).items()}
    return {name: _function(item) for name, item in items.items() if isinstance(item, wc.FuncType)}


def _function(found: wc.FuncType) -> str:
    given = ", ".join(_shape(kind) for _, kind in found.params)
    return f"({given})" + ("" if found.result is None else f" -> {_shape(found.result)}")


def _shape(found: Any) -> str:
    match found:
        case wc.ListType():
            return f"list<{_shape(found.element)}>"
        case wc.OptionType():
            return f"option<{_shape(found.payload)}>"
        case wc.ResultType():
            ok, error = ("_" if side is None else _shape(side) for side in (found.ok, found.err))
            return f"result<{ok}, {error}>"
        case wc.EnumType():
            return f"enum{{{', '.join(found.names)}}}"
        case wc.VariantType():
            cases = (name if kind is None else f"{name}({_shape(kind)})" for name, kind in found.cases)
            return f"variant{{{', '.join(cases)}}}"
        case wc.RecordType():
            return f"record{{{', '.join(f'{name}: {_shape(kind)}' for name, kind in found.fields)}}}"
        case _:
            return type(found).__name__.removesuffix("Type").lower()
