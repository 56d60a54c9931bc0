"""Where devices are, by the operator's table, and where images are, by their paths."""

from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest

from maillage.kernel.errors import Invalid
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.manifest import AppRepo, Source, source_of
from maillage.services.compute.camara.networks import read_networks

DIGEST = "sha256:" + "a" * 64


def test_a_table_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "networks.csv"
    file.write_text("network,lat,lon\n198.51.100.0/24, 36.4, -94.2\n\n2001:db8::/32,,\n", "utf-8")
    networks = read_networks(file)
    assert networks.longest(ip_address("198.51.100.77")) == (36.4, -94.2)
    assert networks.longest(ip_address("2001:db8::1")) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("198.51.100.1/24,1,1", "host bits"),
        ("nowhere,1,1", "nowhere"),
        ("198.51.100.0/24,91,0", "latitude"),
        ("198.51.100.0/24,1,", "float"),
        ("198.51.100.0/24,1", "2 fields"),
    ],
)
def test_a_line_that_can_not_be_is_named(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "networks.csv"
    file.write_text(f"network,lat,lon\n203.0.113.0/24,1,1\n{line}\n", "utf-8")
    with pytest.raises(Invalid, match="line 3") as refused:
        read_networks(file)
    assert told in refused.value.detail


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "networks.csv"
    for content in (b"", b"prefix,lat,lon\n", b"network,lat,lon\n\xff\xfe,1,1\n"):
        file.write_bytes(content)
        with pytest.raises(Invalid, match=r"line \d"):
            read_networks(file)
    with pytest.raises(Invalid, match="can't be opened"):
        read_networks(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    ("path", "checksum", "source"),
    [
        (f"maillage:counter@{DIGEST}", None, Source("counter", DIGEST)),
        ("maillage:counter", "A" * 64, Source("counter", DIGEST)),
        ("maillage:counter", None, Source("counter", "latest")),
        ("oci://localhost/shop/counter:1.4", None, Source(reference="localhost/shop/counter:1.4")),
        ("https://localhost:5000/counter", "a" * 64, Source(reference=f"localhost:5000/counter@{DIGEST}")),
        (f"docker://localhost/counter@{DIGEST}", "a" * 64, Source(reference=f"localhost/counter@{DIGEST}")),
    ],
)
def test_an_image_path_leads_somewhere(path: str, checksum: str | None, source: Source) -> None:
    assert source_of(AppRepo("PUBLICREPO", path, checksum=checksum or msgspec.UNSET)) == source


@pytest.mark.parametrize(
    ("path", "checksum"),
    [
        ("counter", None),
        ("ftp://localhost/x", None),
        ("maillage:counter", "a" * 32),
        (f"maillage:c2@{DIGEST}", "b" * 64),
    ],
)
def test_an_image_path_that_leads_nowhere_is_refused(path: str, checksum: str | None) -> None:
    with pytest.raises(Fault) as refused:
        source_of(AppRepo("PUBLICREPO", path, checksum=checksum or msgspec.UNSET))
    assert refused.value.status == 400
