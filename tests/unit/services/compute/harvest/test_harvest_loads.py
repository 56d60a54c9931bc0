"""Files of recorded load: what is read, and that faults name their line and column."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from maillage.kernel.errors import Invalid, Malformed, Refusal
from maillage.services.compute.harvest.loads import Loads, read_loads, require_alike
from maillage.services.compute.harvest.stores import make_stores


def loads_of(folder: Path, content: str | bytes, name: str = "load.csv") -> Loads:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_loads(path)


def test_percents_become_shares(tmp_path: Path) -> None:
    loads = loads_of(tmp_path, "\ufeffslot,a,b\r\n7,0,50.5\r\n8,100, 1e1 \r\n\r\n")
    assert (loads.machines, loads.first_slot) == (["a", "b"], 7)
    assert loads.shares.tolist() == [[0.0, 0.505], [1.0, 0.1]]


def test_a_packed_file_is_read_as_a_plain_one(tmp_path: Path) -> None:
    assert loads_of(tmp_path, gzip.compress(b"slot,a\n1,25\n"), "load.csv.gz").shares.tolist() == [[0.25]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 0: header: needs a column for the slot"),
        ("slot\n1\n", "header: needs a column for the slot"),
        ("1,2.5\n2,3.5\n", "header: is missing"),
        ("slot,a,a\n1,2,3\n", "names the machine 'a' twice"),
        ("slot,a\n", "rows: there are none"),
        ("slot,a,b\n1,2,3\n2,4\n", "line 3: columns: there are 2 where the header has 3"),
        ("slot,a,b\n1,2,3\n2,4,x\n", "line 3: b: 'x' is not a percentage"),
        ("slot,a,b\n1,,3\n", "line 2: a: '' is not a percentage"),
        ("slot,a,b\n1,nan,3\n", "line 2: a: 'nan' is not a percentage"),
        ("slot,a,b\n1,2,-3\n", "line 2: b: '-3' is not a percentage"),
        ("slot,a,b\n1,2,100.5\n", "line 2: b: 100.5 is no percentage"),
        ("slot,a\n1,2\n3,2\n", "line 3: slot: is 3 after 1"),
        ("slot,a\nnoon,2\n", "line 2: slot: 'noon' is not a slot number"),
        (b"slot,a\n1,\xff\n", "is not UTF-8"),
        ('slot,a\n1,"2\n', "is not CSV"),
    ],
)
def test_a_fault_names_its_line_and_column(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        loads_of(tmp_path, content)
    assert said in caught.value.detail


@pytest.mark.parametrize("content", [b"slot,a\n1,2\n", gzip.compress(b"slot,a\n1,2\n2,3\n", mtime=0)[:-9]])
def test_a_damaged_packed_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Malformed, match="damaged or was cut short"):
        loads_of(tmp_path, content, "load.csv.gz")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(Refusal, match="can't be"):
            read_loads(path)


@pytest.mark.parametrize(
    ("maxima", "said"),
    [
        ("slot,a,c\n1,50,50\n2,50,50\n", "has no machine 'b'"),
        ("slot,b,a\n1,50,50\n2,50,50\n", "the same machines in another order"),
        ("slot,a,b\n1,50,50\n", "has 1 slots from 1 on"),
        ("slot,a,b\n1,50,50\n2,50,3\n", "line 3 of the maxima, column 'b': the maximum is below the mean"),
    ],
)
def test_maxima_must_be_of_the_same_machines_and_slots(tmp_path: Path, maxima: str, said: str) -> None:
    means = loads_of(tmp_path, "slot,a,b\n1,10,20\n2,10,20\n")
    with pytest.raises(Malformed) as caught:
        require_alike(means, loads_of(tmp_path, maxima))
    assert said in caught.value.detail


def test_stores_are_made_of_a_few_machines_each(tmp_path: Path) -> None:
    means = loads_of(tmp_path, "slot,a,b,c,d,e\n1,10,30,0,100,7\n")
    peaks = loads_of(tmp_path, "slot,a,b,c,d,e\n1,20,90,0,100,7\n")
    stores = make_stores(means, peaks, 2)
    assert stores.machines == [["a", "b"], ["c", "d"]]
    assert {name: need[0].tolist() for name, need in stores.needs.items()} == {
        "means": pytest.approx([0.2, 0.5]),
        "one-peak": pytest.approx([0.5, 0.5]),
        "all-peaks": pytest.approx([0.55, 0.5]),
    }


def test_a_seed_deals_the_machines_out_the_same_way_each_time() -> None:
    loads = Loads([str(number) for number in range(20)], 1, np.zeros((1, 20)))
    dealt = make_stores(loads, None, 5, shuffle=3).machines
    assert dealt == make_stores(loads, None, 5, shuffle=3).machines
    assert dealt != make_stores(loads, None, 5).machines
    assert sorted(name for store in dealt for name in store) == sorted(loads.machines)


def test_a_store_of_more_machines_than_there_are_is_refused() -> None:
    with pytest.raises(Invalid, match="ask for 2 or less"):
        make_stores(Loads(["a", "b"], 1, np.zeros((1, 2))), None, 3)
