"""Edge discovery by the network's path: the zone of the store whose roof serves the device, before the nearest."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from maillage.engines.clocks import ManualClock
from maillage.engines.records.camara import SqlCamaraRecords
from maillage.engines.records.opening import open_database
from maillage.kernel.find import Finder
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.writer import Writer
from maillage.services.compute.camara.device import Device
from maillage.services.compute.camara.discovery import ClosestRequest, Discovered, Discovery, OptimalRequest
from maillage.services.compute.camara.faults import Fault
from maillage.services.compute.camara.networks import Networks
from maillage.services.compute.camara.profiles import ProfileRequest, Profiles
from maillage.services.compute.camara.zones import Zones
from tests.kernel_world import NOW, World

RANGE, DEVICE, STRANGER = "10.40.0.0/16", "10.40.1.7", "198.51.100.7"
BY_NETWORK = f"network; site=wm-3; network={RANGE}"


class Chain:
    """Three stores in a row, the first where the table says that devices are; the third one's roof serves a range."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        for number in (1, 2, 3):
            self.world.site(f"wm-{number}", 36.0 + number, -94.0, region="Ozarks")
            self.world.pool("cpu", 4, f"wm-{number}")
        policy, clock = self.world.policy, ManualClock(NOW)
        finder = Finder(lambda: self.world.ledger, policy)
        self.world.announcer.subscribe(finder.listen)
        office = OwnerOffice(Writer(self.world.keeper), finder, policy, clock)
        self.paths, self.networks = finder.paths, Networks()
        self.paths.replace([(RANGE, "wm-3")])
        self.networks.add("198.51.100.0/24", (37.0, -94.0))
        self.networks.add("10.40.2.0/24", (37.0, -94.0))
        self.networks.add("10.40.3.0/24", None)
        self.profiles = Profiles(SqlCamaraRecords(open_database("", folder)), clock)
        self.zones = Zones(office, "Example")
        self.discovery = Discovery(self.zones, self.networks, self.paths, self.profiles)

    def closest(self, address: str = DEVICE) -> Discovered:
        return self.discovery.closest(ClosestRequest(device(address)), "")

    def optimal(self, profile: str, address: str = DEVICE, **more: Any) -> Discovered:
        return asyncio.run(self.discovery.optimal(OptimalRequest(profile, device(address), **more), None, ""))

    def profile(self, cpu: float = 1.0) -> str:
        wanted = msgspec.convert({"computeResources": {"targetMinCPU": cpu}}, ProfileRequest)
        made = asyncio.run(self.profiles.create("acme", wanted))
        return str(made["applicationProfileId"])


def device(address: str) -> Device:
    return msgspec.convert({"ipv4Address": {"publicAddress": address, "publicPort": 50_000}}, Device)


def names(found: Discovered) -> list[str]:
    return [zone["edgeCloudZoneName"] for zone in found.document["edgeCloudZones"]]


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def test_a_served_device_that_no_table_has_is_at_the_store_that_serves_it(chain: Chain) -> None:
    found = chain.closest()
    assert found.document["edgeCloudZoneName"] == "wm-3" and found.path == BY_NETWORK
    assert chain.discovery.locate(device(DEVICE), "").position == (39.0, -94.0)
    assert chain.discovery.locate(msgspec.UNSET, DEVICE).position == (39.0, -94.0)


def test_the_store_that_serves_a_device_comes_before_the_one_where_it_is(chain: Chain) -> None:
    found = chain.closest("10.40.2.7")
    assert found.document["edgeCloudZoneName"] == "wm-3" and found.path == BY_NETWORK
    assert names(chain.optimal(chain.profile(), "10.40.2.7")) == ["wm-3", "wm-1", "wm-2"]


def test_a_device_that_no_roof_serves_is_given_the_nearest_and_told_why(chain: Chain) -> None:
    found = chain.closest(STRANGER)
    assert found.document["edgeCloudZoneName"] == "wm-1"
    assert found.path == 'distance; reason="no roof serves the device"'


def test_a_serving_store_with_nothing_to_compute_on_is_no_zone_for_anybody(chain: Chain) -> None:
    chain.world.pool("cpu", 0, "wm-3")
    found = chain.closest()
    assert found.document["edgeCloudZoneName"] == "wm-2"
    assert found.path == f'distance; reason="wm-3, whose roof serves {RANGE}, is inactive"'


def test_a_serving_store_without_room_for_the_profile_gives_way_to_the_nearest(chain: Chain) -> None:
    profile = chain.profile(cpu=2.0)
    found = chain.optimal(profile)
    assert names(found) == ["wm-3", "wm-2", "wm-1"] and found.path == BY_NETWORK
    chain.world.lease({"cpu": 3}, site="wm-3")
    found = chain.optimal(profile)
    assert names(found) == ["wm-2", "wm-1"]
    assert found.path == f'distance; reason="wm-3, whose roof serves {RANGE}, does not suit"'


def test_a_range_of_a_store_that_is_not_there_says_nothing_of_where_a_device_is(chain: Chain) -> None:
    chain.paths.replace([(RANGE, "wm-9")])
    with pytest.raises(Fault) as refused:
        chain.closest()
    assert refused.value.code == "IDENTIFIER_NOT_FOUND"
    found = chain.closest("10.40.2.7")
    assert found.document["edgeCloudZoneName"] == "wm-1"
    assert found.path == f'distance; reason="wm-9, whose roof serves {RANGE}, is not known here"'


def test_the_tables_word_that_a_network_has_no_edge_stands(chain: Chain) -> None:
    with pytest.raises(Fault) as refused:
        chain.closest("10.40.3.7")
    assert refused.value.code == "SERVICE_NOT_APPLICABLE"


def test_served_ranges_alone_are_enough_to_find_devices_by_address(chain: Chain) -> None:
    chain.discovery = Discovery(chain.zones, Networks(), chain.paths, chain.profiles)
    assert chain.closest().path == BY_NETWORK
    chain.paths.replace([])
    with pytest.raises(Fault) as refused:
        chain.closest()
    assert refused.value.code == "UNSUPPORTED_IDENTIFIER"
