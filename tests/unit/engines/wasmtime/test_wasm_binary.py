"""What is read of a binary before it is compiled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines.wasmtime.binary import Memory, NotWasm, outline
from maillage.engines.wasmtime.shape import shape_of

wasmtime = pytest.importorskip("wasmtime", reason="the extra compute is not installed")
MIB = 1024**2


def binary(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def test_a_module_tells_its_imports_exports_and_memories() -> None:
    found = outline(
        binary(
            '(module (import "env" "f" (func (param i32))) (import "env" "g" (global i32)) (import "env" "t" (table 1'
            ' funcref)) (memory (export "memory") 3 9) (func (export "_start")))'
        )
    )
    assert not found.component
    assert found.imports == ["env.f", "env.g", "env.t"]
    assert found.exports == ["memory", "_start"]
    assert found.memories == [Memory(3, 9)]


def test_a_component_tells_the_memories_of_the_modules_in_it_at_any_depth() -> None:
    found = outline(
        binary(
            '(component (import "shop:api/stock@0.1.0" (instance (export "count" (func (result u32)))))'
            " (core module (memory 2)) (component (core module (memory 5 5))))"
        )
    )
    assert found.component
    assert found.imports == ["shop:api/stock@0.1.0"]
    assert found.memories == [Memory(2, None), Memory(5, 5)]


def test_all_memories_together_stay_within_what_the_lease_has() -> None:
    shape = shape_of([Memory(1, None), Memory(4, 4), Memory(2, None)])
    most = shape.memory_size_max(16 * MIB)
    assert 2 * most + 4 * 65_536 <= 16 * MIB
    assert shape.least_bytes() == (4 + 2 * 2) * 65_536
    assert shape_of([Memory(1, None)]).memory_size_max(16 * MIB) == 16 * MIB


@given(st.binary(max_size=200), st.sampled_from([b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0", b""]))
def test_whatever_the_bytes_are_they_are_read_or_refused(body: bytes, head: bytes) -> None:
    try:
        outline(head + body)
    except NotWasm as refusal:
        assert str(refusal)


def test_a_binary_that_was_cut_anywhere_is_refused_or_shorter() -> None:
    whole = binary('(module (import "env" "f" (func)) (memory 1) (func (export "_start")))')
    for end in range(len(whole)):
        try:
            outline(whole[:end])
        except NotWasm:
            continue


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(NotWasm, match="nested"):
        outline(binary("(component " * 12 + ")" * 12))
