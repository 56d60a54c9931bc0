"""Commit batches on the bus: cut into parcels, put together again, and nothing that fills the memory of a hub."""

import zlib
from random import Random

import pytest

from maillage.kernel.ports import Batch
from maillage.mesh.messages import PARCEL_BYTES, Parcel
from maillage.mesh.parcels import (
    BATCH_BYTES_MAX,
    GROWTH_FREE_BYTES,
    PACKED_BYTES_MAX,
    Assembly,
    Damaged,
    decode_parcel,
    encode_parcel,
    parcels_of,
    unpacked,
)

LARGE = Batch(7, 3, Random(1).randbytes(3 * PARCEL_BYTES + 100))
SMALL = Batch(10, 1, b'[{"type":"site"}]')


def put_together(parcels: list[Parcel], assembly: Assembly | None = None) -> list[Batch]:
    assembly = assembly or Assembly()
    return [batch for parcel in parcels if (batch := assembly.add(parcel)) is not None]


def test_a_batch_comes_out_as_it_went_in() -> None:
    for batch in (SMALL, LARGE):
        parcels = [decode_parcel(encode_parcel(parcel)) for parcel in parcels_of(batch)]
        assert all(len(encode_parcel(parcel)) < 1 << 20 for parcel in parcels)
        assert put_together(parcels) == [batch]
    assert len(list(parcels_of(LARGE))) == 4


def test_a_batch_can_be_taken_up_where_it_broke_off() -> None:
    parcels = list(parcels_of(LARGE))
    assembly = Assembly()
    assert put_together(parcels[:2], assembly) == []
    pos, offset = assembly.offset_of
    assert (pos, offset) == (7, 2 * PARCEL_BYTES)
    assert put_together(list(parcels_of(LARGE, offset)), assembly) == [LARGE]


@pytest.mark.parametrize("order", [[0, 2, 3], [1, 2, 3], [0, 1, 3, 2], [3, 2, 1, 0]])
def test_parcels_that_do_not_follow_on_make_no_batch(order: list[int]) -> None:
    parcels = list(parcels_of(LARGE))
    assert put_together([parcels[number] for number in order]) == []


@pytest.mark.parametrize("order", [[0, 1, 1, 2, 3], [0, 0, 1, 2, 3], [0, 1, 0, 1, 2, 3], [2, 0, 1, 2, 2, 3]])
def test_parcels_that_come_twice_do_no_harm(order: list[int]) -> None:
    parcels = list(parcels_of(LARGE))
    assert put_together([parcels[number] for number in order]) == [LARGE]


def test_another_batch_in_between_begins_anew() -> None:
    parcels = list(parcels_of(LARGE))
    assert put_together([*parcels[:2], *parcels_of(SMALL), *parcels[2:]]) == [SMALL]
    assert put_together([*parcels[:2], *parcels_of(SMALL), *parcels]) == [SMALL, LARGE]


@pytest.mark.parametrize(
    "parcel",
    [
        Parcel(0, 1, 0, 10, b""),
        Parcel(0, 1, -5, 10, b"x"),
        Parcel(0, 1, 0, 0, b"x"),
        Parcel(0, 1, 0, 2, b"xyz"),
        Parcel(0, 1, 8, 10, b"xyz"),
        Parcel(0, 1, 0, PACKED_BYTES_MAX + 1, b"x"),
        Parcel(-1, 1, 0, 10, b"x"),
        Parcel(1 << 70, 1, 0, 10, b"x"),
        Parcel(0, 0, 0, 10, b"x"),
        Parcel(0, -3, 0, 10, b"x"),
        Parcel(0, 1 << 70, 0, 10, b"x"),
        Parcel(0, 1, 0, 4, b"junk"),
    ],
    ids=repr,
)
def test_what_can_be_no_part_of_a_batch_is_refused(parcel: Parcel) -> None:
    with pytest.raises(Damaged):
        Assembly().add(parcel)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"{}", b"\x95\x01", b"\x91" * 5_000, b"\xa2\xff\xfe", b"[1,2,3,4,5]"])
def test_bytes_that_are_no_parcel_are_refused(body: bytes) -> None:
    with pytest.raises(Damaged):
        decode_parcel(body)


def test_a_batch_that_unpacks_without_end_is_refused_before_it_fills_the_memory() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(100)), packer.flush()])
    assert len(bomb) < 200_000
    with pytest.raises(Damaged, match="too large"):
        unpacked(bomb)


def test_events_that_repeat_themselves_are_no_bomb() -> None:
    body = b"[" + b",".join(b'{"type":"ended","lease":"wm-1~%d"}' % n for n in range(300_000)) + b"]"
    assert len(body) > GROWTH_FREE_BYTES and len(body) < BATCH_BYTES_MAX
    assert unpacked(zlib.compress(body, 1)) == body


@pytest.mark.parametrize("cut", [1, 4, 100])
def test_a_batch_that_was_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(Damaged):
        unpacked(zlib.compress(Random(2).randbytes(1_000))[:-cut])
