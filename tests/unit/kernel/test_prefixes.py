"""What is said of address ranges: the longest that has an address counts."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.prefixes import NoSuchPrefix, Prefixes, address_of


def test_the_longest_prefix_wins() -> None:
    table = Prefixes[str | None]()
    for network, said in (("10.0.0.0/8", "all"), ("10.1.0.0/16", "some"), ("10.1.2.3/32", None)):
        table.add(network, said)
    assert table.longest(ip_address("10.9.9.9")) == "all"
    assert table.longest(ip_address("10.1.9.9")) == "some"
    assert table.longest(ip_address("10.1.2.3")) is None
    for elsewhere in ("11.0.0.1", "::10.1.9.9"):
        with pytest.raises(NoSuchPrefix):
            table.longest(ip_address(elsewhere))


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 8)), max_size=12),
    st.integers(0, 255),
    st.sampled_from([IPv4Address, IPv6Address]),
)
def test_the_table_finds_what_looking_at_every_line_finds(
    lines: list[tuple[int, int]], last: int, make: type[IPv4Address | IPv6Address]
) -> None:
    """Among the last eight bits of an address, where there are few enough to meet."""
    table, kept, bits = Prefixes[int](), {}, make(0).max_prefixlen
    for number, (address, length) in enumerate(lines):
        network = ip_network(f"{make(address)}/{bits - 8 + length}", strict=False)
        table.add(str(network), number)
        kept[network] = number
    fitting = [network for network in kept if make(last) in network]
    if fitting:
        assert table.longest(make(last)) == kept[max(fitting, key=lambda network: network.prefixlen)]
    else:
        with pytest.raises(NoSuchPrefix):
            table.longest(make(last))


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "here", ""])
def test_what_is_no_range_is_not_taken(network: str) -> None:
    table = Prefixes[int]()
    with pytest.raises(ValueError, match=r"."):
        table.add(network, 1)
    assert not table


def test_an_address_of_version_4_that_is_written_as_one_of_6_is_of_version_4() -> None:
    assert address_of("::ffff:203.0.113.7") == IPv4Address("203.0.113.7")
    assert address_of("2001:DB8::7") == IPv6Address("2001:db8::7")


@pytest.mark.parametrize("text", ["fe80::1%eth0", "203.0.113.07", "203.0.113.0/24", "here", ""])
def test_what_is_no_address_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        address_of(text)
