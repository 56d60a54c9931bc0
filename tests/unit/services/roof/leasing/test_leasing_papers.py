"""Documents of roof leases: what may be attached, by whom, until when; and whose addresses roofs serve."""

from hashlib import sha256

import pytest

from maillage.kernel.errors import Invalid, NotAllowed, NotFound
from maillage.kernel.times import parse_time
from maillage.services.roof.leasing import papers
from maillage.services.roof.leasing.documents import NetworksWanted, NoticeWanted
from maillage.services.roof.leasing.errors import NetworkTaken, RoofLeaseState
from maillage.services.roof.leasing.exclusion import exclusion_zone_m, level_w_m2
from maillage.services.roof.leasing.model import Antenna
from tests.unit.services.roof.leasing.leasing_world import (
    ACME,
    NODE,
    NOTHING,
    OPERATOR,
    OTHER,
    START,
    RoofWorld,
    antenna,
    refusal_of,
)


def test_a_document_comes_back_as_it_was_sent_also_after_a_restart(world: RoofWorld) -> None:
    lease, body = world.inquire().id, bytes(range(256))
    attached = world.desk.papers.attach(ACME, lease, "drawing", "Dach Süd.dwg", "image/vnd.dwg", body)
    document = world.run(attached)
    assert (document.size_bytes, document.sha256, document.by) == (256, sha256(body).hexdigest(), "acme")
    world.restart()
    assert world.run(world.desk.papers.some(OPERATOR, lease)) == [document]
    found, again = world.run(world.desk.papers.get(OPERATOR, lease, document.id))
    assert (found.name, found.media_type, again) == ("Dach Süd.dwg", "image/vnd.dwg", body)
    for actor, name in ((OTHER, document.id), (ACME, "rd_0")):
        missing = refusal_of(lambda who=actor, what=name: world.run(world.desk.papers.get(who, lease, what)))
        assert isinstance(missing, NotFound)


@pytest.mark.parametrize(
    ("kind", "name", "media_type", "size", "field"),
    [
        ("Permit", "a.pdf", "application/pdf", 1, "kind"),
        ("", "a.pdf", "application/pdf", 1, "kind"),
        ("permit", "", "application/pdf", 1, "name"),
        ("permit", "a\nb", "application/pdf", 1, "name"),
        ("permit", "../a", "application/pdf", 1, "name"),
        ("permit", "a" * 201, "application/pdf", 1, "name"),
        ("permit", "a.pdf", "pdf", 1, "content-type"),
        ("permit", "a.pdf", "a/b\r\nx: y", 1, "content-type"),
        ("permit", "a.pdf", "application/pdf", 0, "body"),
        ("permit", "a.pdf", "application/pdf", (1 << 20) + 1, "body"),
    ],
)
def test_what_is_no_document_is_refused_by_its_field(
    world: RoofWorld, kind: str, name: str, media_type: str, size: int, field: str
) -> None:
    lease = world.inquire().id
    attached = world.desk.papers.attach(ACME, lease, kind, name, media_type, b"x" * size)
    refusal = refusal_of(lambda: world.run(attached))
    assert isinstance(refusal, Invalid)
    assert refusal.extra["field"] == field
    assert world.get(lease).documents == []


def test_a_nodes_key_attaches_nothing(world: RoofWorld) -> None:
    lease = world.inquire().id
    attached = world.desk.papers.attach(NODE, lease, "permit", "a.pdf", "application/pdf", b"x")
    assert isinstance(refusal_of(lambda: world.run(attached)), NotAllowed)
    assert world.get(lease).documents == []


def test_a_lease_has_documents_up_to_a_bound_and_none_once_it_is_over(
    world: RoofWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = world.inquire().id
    monkeypatch.setattr(papers, "PAPERS_MAX", 2)
    world.attach(lease, "permit", "agreement")
    assert isinstance(refusal_of(lambda: world.attach(lease, "drawing")), Invalid)
    world.run(world.desk.leave(ACME, lease, "withdraw", NOTHING))
    assert isinstance(refusal_of(lambda: world.attach(lease, "drawing")), RoofLeaseState)


# -- networks ----------------------------------------------------------------------------------------------------------


def name(world: RoofWorld, lease: str, *networks: str, actor=ACME) -> list[str]:  # type: ignore[no-untyped-def]
    wanted = NetworksWanted(list(networks))
    return world.run(world.desk.set_networks(actor, lease, wanted)).subscriber_networks


def test_ranges_are_served_while_the_lease_is_on_air_and_who_follows_them_is_told(world: RoofWorld) -> None:
    told: list[int] = []
    world.desk.on_networks_changed.append(lambda: told.append(len(world.desk.served_networks())))
    lease = world.signed("m1")
    assert name(world, lease, "203.0.113.0/24", "2001:DB8::/32", "203.0.113.0/24") == [
        "203.0.113.0/24",
        "2001:db8::/32",
    ]
    assert (world.desk.served_networks(), told) == ([], [])
    world.clock.set(START)
    world.run(world.desk.on_air(ACME, lease, NOTHING))
    assert world.desk.served_networks() == [("203.0.113.0/24", "wm-1", lease), ("2001:db8::/32", "wm-1", lease)]
    assert name(world, lease, "198.51.100.0/24") == ["198.51.100.0/24"]
    world.run(world.desk.notice(ACME, lease, NoticeWanted(ends="2027-02-01T06:00:00Z")))
    world.run(world.desk.decommission(ACME, lease, NOTHING))
    assert (world.desk.served_networks(), told) == ([], [2, 1, 0])


def test_what_another_process_changed_is_seen_at_the_next_look(world: RoofWorld) -> None:
    lease = world.on_air("m1")
    other = world.another_desk()
    world.run(other.set_networks(ACME, lease, NetworksWanted(["203.0.113.0/24"])))
    assert world.desk.served_networks() == []
    world.tick()
    assert world.desk.served_networks() == [("203.0.113.0/24", "wm-1", lease)]
    world.tick(parse_time("2037-01-01T06:00:00Z", "at"))  # its time is over
    assert world.desk.served_networks() == []


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.1/24",
        "203.0.113.0/33",
        "here",
        "",
        "10.0.0.0/7",
        "2000::/15",
        "0.0.0.0/0",
        "fe80::%1/64",
        "::ffff:203.0.113.0/120",
        "::203.0.113.0/120",
        "64:ff9b::cb00:7100/120",
        "127.0.0.0/8",
        "169.254.7.0/24",
        "224.0.0.0/8",
        "240.0.0.0/8",
        "::1/128",
        "fe80::/64",
        "ff0e::/16",
    ],
)
def test_what_is_no_range_of_an_operator_is_refused_by_its_place(world: RoofWorld, text: str) -> None:
    lease = world.signed()
    refusal = refusal_of(lambda: name(world, lease, "203.0.113.0/24", text))
    assert isinstance(refusal, Invalid)
    assert refusal.extra["field"] == "networks[1]"
    assert world.get(lease).subscriber_networks == []


def test_a_lease_names_a_bounded_number_of_ranges(world: RoofWorld) -> None:
    lease = world.signed()
    many = [f"198.51.100.{number}/32" for number in range(65)]
    assert len(name(world, lease, *many[:64])) == 64
    assert "at most 64" in refusal_of(lambda: name(world, lease, *many)).detail


def test_no_two_operators_have_the_same_addresses(world: RoofWorld) -> None:
    mine, mine_too, theirs = (
        world.signed(mount, actor=actor, antennas=[antenna(mount, azimuth_deg=looks, weight_kg=30.0)])
        for mount, actor, looks in (("m1", ACME, 0.0), ("m2", ACME, 120.0), ("m3", OTHER, None))
    )
    name(world, mine, "203.0.113.0/24", "2001:db8::/32")
    assert name(world, mine_too, "203.0.113.128/25") == ["203.0.113.128/25"], "an operator's own may overlap"
    for text in ("203.0.113.77/32", "203.0.0.0/16", "2001:db8:7::/48"):
        refusal = refusal_of(lambda one=text: name(world, theirs, "198.51.100.0/24", one, actor=OTHER))
        assert isinstance(refusal, NetworkTaken)
        assert refusal.extra["network"] == text
        assert "acme" not in refusal.detail
    assert name(world, theirs, "198.51.100.0/24", actor=OTHER) == ["198.51.100.0/24"]


def test_ranges_are_for_the_tenant_and_operators_to_set_once_it_is_signed(world: RoofWorld) -> None:
    lease = world.permitted()
    assert isinstance(refusal_of(lambda: name(world, lease, "203.0.113.0/24")), RoofLeaseState)
    assert isinstance(refusal_of(lambda: name(world, lease, actor=NODE)), NotAllowed)
    assert isinstance(refusal_of(lambda: name(world, lease, actor=OTHER)), NotFound)


# -- exclusion zones ---------------------------------------------------------------------------------------------------


def radiating(mount: str, band: str, eirp_dbm: float) -> Antenna:
    return Antenna(mount=mount, band=band, eirp_dbm=eirp_dbm, height_m=1, weight_kg=1, wind_area_m2=1)


def test_the_exclusion_zone_follows_from_radiated_power_and_band() -> None:
    assert exclusion_zone_m([radiating("m1", "n78", 68.0)]) == 7.09  # 6,310 W: sqrt(6310 / (4 pi 10))
    assert exclusion_zone_m([radiating("m1", "n71", 60.0)]) == 5.08  # 1,000 W at 617 MHz: sqrt(1000 / (4 pi 3.085))
    assert exclusion_zone_m([]) == 0


def test_powers_of_a_mount_add_and_the_worst_mount_counts() -> None:
    one = radiating("m1", "n78", 60.0)
    twice = exclusion_zone_m([one, one])
    assert twice == pytest.approx(2**0.5 * exclusion_zone_m([one]), abs=0.01)
    assert exclusion_zone_m([one, one, radiating("m2", "n78", 50.0)]) == twice


def test_a_band_that_is_not_known_is_taken_for_the_strictest() -> None:
    bands = ["n1", "n2", "n78", "n258", "n28", "n71", "n105"]
    assert level_w_m2("n999") < min(level_w_m2(band) for band in bands)
    assert {level_w_m2(band) for band in ("n1", "n78", "n258")} == {10.0}
