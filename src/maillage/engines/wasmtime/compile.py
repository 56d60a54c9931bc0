"""``python -m maillage.engines.wasmtime.compile KIND CODE DIGEST INTO``: a tenant's code is read and compiled in a
process of its own, which can take no more than it is allowed and knows nothing that is worth taking.

Prints one JSON object: ``{"shape": ...}`` and has written INTO, or ``{"fault": ..., "detail": ...}``.
"""

import os
import sys
from hashlib import sha256
from pathlib import Path

import msgspec

from maillage.engines.wasmtime.binary import NotWasm, Outline, outline
from maillage.engines.wasmtime.shape import Shape, shape_of

ADDRESS_BYTES_MAX = 2 * 1024**3
CPU_S_MAX = 240
FILE_BYTES_MAX = 512 * 1024**2
MEMORIES_MAX = 8
NICE = 10


class Unfit(Exception):
    """(fault, detail) as a CodeRefused has them."""


class Report(msgspec.Struct, omit_defaults=True):
    shape: Shape | None = None
    fault: str = ""
    detail: str = ""


def main(kind: str, code: Path, digest: str, into: Path) -> Report:
    """Look at the code and write what it compiles to; nothing is written where the report has a fault."""
    try:
        body = code.read_bytes()
        if f"sha256:{sha256(body).hexdigest()}" != digest:
            raise Unfit("damaged", "the file is not what its digest says")
        found = _checked(kind, body)
        _compile(kind, body, into)
        return Report(shape=shape_of(found.memories))
    except Unfit as refusal:
        fault, detail = refusal.args
        return Report(fault=fault, detail=detail)


def _checked(kind: str, body: bytes) -> Outline:
    from maillage.engines.wasmtime.world import unoffered

    try:
        found = outline(body)
    except NotWasm as fault:
        raise Unfit("not-wasm", f"{fault}") from None
    if found.component != (kind == "component"):
        is_, wanted = ("component", "command") if found.component else ("core module", "component")
        raise Unfit("wrong-kind", f"it is a {is_}, which can't run as a {wanted}")
    strange = unoffered(found.imports) if found.component else _not_wasi(found.imports)
    if strange:
        raise Unfit("import", f"it imports {', '.join(strange[:5])}, which is not offered here")
    needed = "handle" if found.component else "_start"
    if needed not in found.exports:
        world = "the world maillage:edge/app@1.0.0" if found.component else "a WASI command"
        raise Unfit("world", f"it does not export {needed}, which {world} has; it exports {found.exports[:10]}")
    if len(found.memories) > MEMORIES_MAX:
        raise Unfit("memory", f"it has {len(found.memories)} memories; at most {MEMORIES_MAX} are taken")
    return found


def _not_wasi(imports: list[str]) -> list[str]:
    return [name for name in imports if not name.startswith("wasi_snapshot_preview1.")]


def _compile(kind: str, body: bytes, into: Path) -> None:
    import wasmtime
    import wasmtime.component as wc

    from maillage.engines.wasmtime.library import new_engine
    from maillage.engines.wasmtime.world import misfit

    engine = new_engine()
    try:
        if kind == "component":
            component = wc.Component(engine, body)
            if problem := misfit(component, engine):
                raise Unfit("world", problem)
            made = component.serialize()
        else:
            module = wasmtime.Module(engine, body)
            linker = wasmtime.Linker(engine)
            linker.define_wasi()
            linker.instantiate_pre(module)
            made = module.serialize()
    except wasmtime.WasmtimeError as fault:
        raise Unfit("invalid", f"it can't be compiled: {' '.join(str(fault).split())[:500]}") from None
    with into.open("wb") as out:
        out.write(made)
        out.flush()
        os.fsync(out.fileno())


def _confine() -> None:
    import resource

    for limit, most in (
        (resource.RLIMIT_AS, ADDRESS_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_FSIZE, FILE_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    os.nice(NICE)


if __name__ == "__main__":
    if sys.platform != "win32":
        _confine()
    kind, code, digest, into = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(main(kind, Path(code), digest, Path(into))))
