"""One suite for what the hubs of a mesh share, over both databases; what must have one winner is raced for."""

import multiprocessing

import msgspec
import pytest

from maillage.engines.records.mesh import SqlMeshRecords
from maillage.kernel.errors import AlreadyExists
from maillage.kernel.sites import Site
from maillage.mesh.ports import Claim, Enrolment, EscrowRule, MultiOrder, NodeRecord, SiteEntry, Void
from tests.contract.record_databases import Place, in_threads

RACERS = 8


@pytest.fixture
def mesh(place: Place) -> SqlMeshRecords:
    return SqlMeshRecords(place.open())


@pytest.fixture
def again(place: Place) -> SqlMeshRecords:
    """The same records as another process has them."""
    return SqlMeshRecords(place.open())


def site(number: int, name: str = "Store") -> Site:
    return Site(
        f"wm-{number}", name, 36.0 + number, -94.2, "America/Chicago", "US", "AR", {"has_clinic": True, "m": 5.5}
    )


def token(number: int, sites: list[str], node: str | None = None, expires_at: int = 1000) -> Enrolment:
    return Enrolment(f"e-{number}", f"{number:064x}", node or f"node-{number}", sites, number, expires_at)


def claim(key: str, target: str = "wm-1", tenant: str = "acme", at: int = 5, maker: str = "m") -> Claim:
    return Claim(tenant, key, f"digest of {key}", target, at, maker)


def order(name: str, alive_until: int, step: str = "holding", hub: str = "hub-1") -> MultiOrder:
    return MultiOrder(name, hub, step, alive_until, b'{"n": "\x00\xff"}')


def owners(mesh: SqlMeshRecords) -> dict[str, str | None]:
    return {entry.site.id: entry.node for entry in mesh.sites()}


def revoked(mesh: SqlMeshRecords) -> dict[str, int | None]:
    return {node.id: node.revoked_at for node in mesh.nodes()}


# -- the directory ---------------------------------------------------------------------------------------------------


def test_sites_stay_in_the_order_in_which_they_came(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    mesh.put_sites([site(3), site(1)])
    mesh.put_sites([site(2), site(3, "renamed"), site(0)])
    mesh.put_sites([])
    expected = [SiteEntry(each) for each in (site(3, "renamed"), site(1), site(2), site(0))]
    assert mesh.sites() == again.sites() == expected


def test_a_whole_chain_of_sites_is_entered_and_entered_again(mesh: SqlMeshRecords) -> None:
    chain = [site(number) for number in range(3000)]
    mesh.put_sites(chain)
    mesh.put_sites(chain[::-1])
    assert [entry.site for entry in mesh.sites()] == chain


def test_hubs_that_enter_the_same_sites_at_once_agree(place: Place) -> None:
    database = place.open()
    sites = [site(number) for number in range(50)]
    orders = [sites, sites[::-1]] * 2
    in_threads(4, lambda number: SqlMeshRecords(database).put_sites(orders[number]))
    found = [entry.site for entry in SqlMeshRecords(database).sites()]
    assert found in (sites, sites[::-1])


def test_enrolments_are_kept_the_newest_last(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    tokens = [token(2, ["wm-1", "wm-2"]), token(1, [])]
    for each in tokens:
        mesh.add_enrolment(each)
    assert mesh.enrolments() == again.enrolments() == tokens
    with pytest.raises(AlreadyExists, match="e-2"):
        mesh.add_enrolment(token(2, []))


def test_a_token_gives_its_node_the_sites_once(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    mesh.put_sites([site(1), site(2), site(3)])
    mesh.add_enrolment(token(1, ["wm-1", "wm-2"]))
    node = mesh.redeem(token(1, []).digest, "public", ["wm-2"], 7)
    assert node == NodeRecord("node-1", "public", 7)
    assert mesh.nodes() == again.nodes() == [node]
    assert owners(again) == {"wm-1": None, "wm-2": "node-1", "wm-3": None}
    assert again.enrolments()[0].used_at == 7
    assert again.redeem(token(1, []).digest, "other", ["wm-1"], 8) is None
    assert (mesh.nodes(), owners(mesh)["wm-1"]) == ([node], None)


@pytest.mark.parametrize(
    ("digest", "wanted", "at"),
    [
        (f"{9:064x}", ["wm-1"], 7),
        (f"{1:064x}", ["wm-1", "wm-2"], 7),
        (f"{1:064x}", ["wm-9"], 7),
        (f"{1:064x}", ["wm-1"], 1000),
    ],
    ids=["no such token", "a site that is not the token's", "a site that does not exist", "expired"],
)
def test_a_token_that_does_not_fit_changes_nothing(
    mesh: SqlMeshRecords, digest: str, wanted: list[str], at: int
) -> None:
    mesh.put_sites([site(1), site(2)])
    mesh.add_enrolment(token(1, ["wm-1", "wm-9"]))
    assert mesh.redeem(digest, "public", wanted, at) is None
    assert (mesh.nodes(), owners(mesh), mesh.enrolments()) == (
        [],
        {"wm-1": None, "wm-2": None},
        [token(1, ["wm-1", "wm-9"])],
    )
    assert mesh.redeem(f"{1:064x}", "public", ["wm-1"], 999) is not None


def test_a_node_whose_last_site_went_to_another_is_revoked(mesh: SqlMeshRecords) -> None:
    mesh.put_sites([site(1), site(2)])
    for number, wanted in ((1, ["wm-1", "wm-2"]), (2, ["wm-1"]), (3, ["wm-2"])):
        mesh.add_enrolment(token(number, wanted))
        assert mesh.redeem(token(number, []).digest, "public", wanted, number) is not None
        assert revoked(mesh)["node-1"] == (3 if number == 3 else None)
    assert owners(mesh) == {"wm-1": "node-2", "wm-2": "node-3"}
    assert revoked(mesh) == {"node-1": 3, "node-2": None, "node-3": None}


def test_a_node_that_joins_again_keeps_its_sites_and_has_its_new_key(mesh: SqlMeshRecords) -> None:
    mesh.put_sites([site(1), site(2)])
    for number, wanted in ((1, ["wm-1", "wm-2"]), (2, ["wm-1"])):
        mesh.add_enrolment(token(number, wanted, "same"))
        mesh.redeem(token(number, []).digest, f"public-{number}", wanted, number)
    assert mesh.nodes() == [NodeRecord("same", "public-2", 2)]
    assert owners(mesh) == {"wm-1": "same", "wm-2": "same"}


def test_a_revoked_node_speaks_for_nothing_until_it_joins_again(mesh: SqlMeshRecords) -> None:
    mesh.put_sites([site(1)])
    mesh.add_enrolment(token(1, ["wm-1"]))
    mesh.redeem(token(1, []).digest, "public", ["wm-1"], 5)
    mesh.revoke_node("node-1", 8)
    mesh.revoke_node("node-1", 9)
    mesh.revoke_node("nobody", 9)
    assert (revoked(mesh), owners(mesh)) == ({"node-1": 8}, {"wm-1": None})
    mesh.add_enrolment(token(2, ["wm-1"], "node-1"))
    mesh.redeem(token(2, []).digest, "public", ["wm-1"], 10)
    assert (revoked(mesh), owners(mesh)) == ({"node-1": None}, {"wm-1": "node-1"})


def test_sites_that_are_entered_again_keep_their_owner(mesh: SqlMeshRecords) -> None:
    mesh.put_sites([site(1)])
    mesh.add_enrolment(token(1, ["wm-1"]))
    mesh.redeem(token(1, []).digest, "public", ["wm-1"], 5)
    mesh.put_sites([site(1, "renamed")])
    assert mesh.sites() == [SiteEntry(site(1, "renamed"), "node-1")]


def test_of_many_that_redeem_a_token_at_once_one_wins(place: Place) -> None:
    database = place.open()
    mesh = SqlMeshRecords(database)
    mesh.put_sites([site(1)])
    mesh.add_enrolment(token(1, ["wm-1"]))
    won = in_threads(RACERS, lambda n: SqlMeshRecords(database).redeem(token(1, []).digest, f"key-{n}", ["wm-1"], 5))
    winners = [node for node in won if node is not None]
    assert mesh.nodes() == winners and len(winners) == 1


def test_tokens_for_the_same_site_redeemed_at_once_leave_one_node_in_force(place: Place) -> None:
    database = place.open()
    mesh = SqlMeshRecords(database)
    mesh.put_sites([site(1)])
    for number in range(RACERS):
        mesh.add_enrolment(token(number, ["wm-1"]))
    redeemed = in_threads(RACERS, lambda n: SqlMeshRecords(database).redeem(token(n, []).digest, "key", ["wm-1"], 5))
    assert None not in redeemed
    assert [node.id for node in mesh.nodes() if node.revoked_at is None] == [owners(mesh)["wm-1"]]


# -- claims ----------------------------------------------------------------------------------------------------------


def test_the_first_claim_of_a_key_stands(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    first = [claim("a"), claim("b", "wm-2"), claim("a", "wm-3", tenant="other")]
    assert mesh.claims([]) == []
    assert mesh.claims(first) == first
    assert again.claims([claim("b", "wm-9", at=9, maker="x"), claim("c"), claim("a", "wm-9")]) == [
        first[1],
        claim("c"),
        first[0],
    ]


def test_a_key_that_comes_twice_in_a_batch_is_claimed_once(mesh: SqlMeshRecords) -> None:
    expected = [claim("a", "wm-1"), claim("b"), claim("a", "wm-1")]
    assert mesh.claims([claim("a", "wm-1"), claim("b"), claim("a", "wm-2")]) == expected


def test_keys_of_any_letters_are_told_apart(mesh: SqlMeshRecords) -> None:
    odd = [
        claim(key, tenant=tenant)
        for tenant in ("a", "A", "a b")
        for key in ('"', "'", "{a,b}", "ä", "\\", "%s", "NULL")
    ]
    assert mesh.claims(odd) == odd
    assert mesh.claims([msgspec.structs.replace(each, site="wm-9") for each in odd]) == odd


def test_a_batch_may_be_large(mesh: SqlMeshRecords) -> None:
    many = [claim(f"key-{number}") for number in range(1000)]
    assert mesh.claims(many[::2]) == many[::2]
    assert mesh.claims([msgspec.structs.replace(each, site="wm-2") for each in many])[::2] == many[::2]


def test_hubs_that_claim_the_same_keys_at_once_agree(place: Place) -> None:
    """Batches that overlap, in opposite orders: nobody waits for ever, and each key has one claim for all."""
    database = place.open()

    def hub(number: int) -> list[list[Claim]]:
        answers = []
        for batch in range(15):
            wanted = [claim(f"{batch}-{key}", f"wm-{number}", maker=f"hub-{number}") for key in range(20)]
            answers.append(
                SqlMeshRecords(database).claims(wanted[:: 1 if number % 2 else -1])[:: 1 if number % 2 else -1]
            )
        return answers

    first, *others = in_threads(RACERS, hub)
    assert all(answer == first for answer in others)


def claim_from_a_process(url: str, hub: int, answers: "multiprocessing.Queue[list[Claim]]") -> None:
    place = Place(url)
    mesh = SqlMeshRecords(place.open())
    answers.put(
        [
            each
            for n in range(30)
            for each in mesh.claims([claim(f"key-{n}", f"wm-{hub}"), claim(f"k-{n}", f"wm-{hub}")])
        ]
    )
    place.close()


def test_processes_that_claim_the_same_keys_agree(place: Place) -> None:
    place.open()
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[list[Claim]] = context.Queue()
    processes = [context.Process(target=claim_from_a_process, args=(place.url, hub, answers)) for hub in range(2)]
    for process in processes:
        process.start()
    try:
        first, second = answers.get(timeout=60), answers.get(timeout=60)
    finally:
        for process in processes:
            process.join(30)
    assert first == second and len(first) == 60


def test_a_claim_is_moved_only_from_where_it_stands(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    (first,) = mesh.claims([claim("a")])
    assert mesh.move_claim(first, "wm-2", voided=True)
    moved = msgspec.structs.replace(first, site="wm-2")
    assert again.claims([first]) == [moved]
    assert again.voids() == [Void("acme", first.name, "wm-1", 5)]
    for stale in (first, msgspec.structs.replace(moved, maker="x"), msgspec.structs.replace(moved, at=6), claim("z")):
        assert not again.move_claim(stale, "wm-3", voided=True)
        assert not again.settle_claim(stale)
        assert not again.drop_claim(stale)
    assert (mesh.claims([first]), mesh.voids()) == ([moved], [Void("acme", first.name, "wm-1", 5)])
    assert mesh.move_claim(moved, "wm-3", voided=False)
    assert mesh.voids() == [Void("acme", first.name, "wm-1", 5)]


def test_a_settled_claim_is_not_moved(mesh: SqlMeshRecords) -> None:
    (first,) = mesh.claims([claim("a")])
    assert mesh.settle_claim(first)
    settled = msgspec.structs.replace(first, settled=True)
    assert mesh.claims([first]) == [settled]
    assert mesh.claims([first])[0].settled is True
    assert not mesh.move_claim(first, "wm-2", voided=True)
    assert not mesh.move_claim(settled, "wm-2", voided=True)
    assert mesh.voids() == []


def test_a_dropped_key_can_be_claimed_anew(mesh: SqlMeshRecords) -> None:
    (first,) = mesh.claims([claim("a")])
    assert mesh.drop_claim(first)
    assert not mesh.drop_claim(first)
    assert mesh.claims([claim("a", "wm-7")]) == [claim("a", "wm-7")]


def test_of_many_that_move_a_claim_at_once_one_wins(place: Place) -> None:
    database = place.open()
    mesh = SqlMeshRecords(database)
    for round_ in range(5):
        (first,) = mesh.claims([claim(f"key-{round_}")])
        won = in_threads(RACERS, lambda n, first=first: SqlMeshRecords(database).move_claim(first, f"to-{n}", True))
        assert won.count(True) == 1
        assert mesh.claims([first])[0].site.startswith("to-")
    assert len(mesh.voids()) == 5


def test_of_a_move_and_a_settlement_at_once_one_wins(place: Place) -> None:
    database = place.open()
    mesh = SqlMeshRecords(database)
    for round_ in range(5):
        (first,) = mesh.claims([claim(f"key-{round_}")])
        ways = [lambda first=first: mesh.move_claim(first, "wm-2", True), lambda first=first: mesh.settle_claim(first)]
        assert in_threads(2, lambda n, ways=ways: ways[n]()).count(True) == 1


def test_old_claims_and_finished_orders_are_forgotten(mesh: SqlMeshRecords) -> None:
    mesh.claims([claim("a", at=5), claim("b", at=6), claim("c", at=7)])
    for name, alive_until, step in (("1", 5, "done"), ("2", 5, "holding"), ("3", 7, "undone"), ("4", 5, "undone")):
        mesh.put_order(order(name, alive_until, step))
    assert mesh.forget_claims(7) == 2
    assert mesh.forget_claims(7) == 0
    assert [mesh.order(name) is None for name in "1234"] == [True, False, False, True]
    assert [each.site for each in mesh.claims([claim("a", "x"), claim("b", "x"), claim("c", "x")])] == [
        "x",
        "x",
        "wm-1",
    ]


def test_more_claims_are_forgotten_than_one_transaction_takes(
    mesh: SqlMeshRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.engines.records.claiming._FORGET_AT_ONCE", 10)
    mesh.claims([claim(f"key-{number}") for number in range(35)])
    assert mesh.forget_claims(100) == 35


def test_voids_stand_until_they_are_acknowledged(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    one, other = Void("acme", "a", "wm-1", 5), Void("acme", "a", "wm-2", 4)
    for void in (one, other, one, msgspec.structs.replace(one, at=9)):
        mesh.add_void(void)
    assert again.voids() == [other, one]
    again.drop_void(other)
    again.drop_void(other)
    assert mesh.voids() == [one]


# -- asks for several sites ------------------------------------------------------------------------------------------


def test_an_order_is_put_replaced_and_finished(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    assert mesh.order("o-1") is None
    assert mesh.put_order(order("o-1", 100))
    assert again.order("o-1") == order("o-1", 100)
    assert mesh.put_order(order("o-1", 200, "confirming"))
    assert again.order("o-1") == order("o-1", 200, "confirming")
    assert mesh.finish_order(order("o-1", 300, "undone"), [Void("acme", "b", "wm-2", 5), Void("acme", "a", "wm-1", 5)])
    assert again.order("o-1") == order("o-1", 300, "undone")
    assert again.voids() == [Void("acme", "a", "wm-1", 5), Void("acme", "b", "wm-2", 5)]
    assert mesh.finish_order(order("o-2", 300, "done"), [])
    assert again.order("o-2") == order("o-2", 300, "done")


@pytest.mark.parametrize(
    "known", [order("o-1", 100, hub="hub-2"), order("o-1", 100, "done"), order("o-1", 100, "undone")]
)
def test_an_order_of_another_hub_or_one_that_is_finished_stays_as_it_is(
    mesh: SqlMeshRecords, known: MultiOrder
) -> None:
    assert mesh.put_order(known)
    assert not mesh.put_order(order("o-1", 200, "confirming"))
    assert not mesh.finish_order(order("o-1", 200, "done"), [Void("acme", "a", "wm-1", 5)])
    assert (mesh.order("o-1"), mesh.voids()) == (known, [])


def test_of_many_that_end_an_order_at_once_one_wins(place: Place) -> None:
    database = place.open()
    mesh = SqlMeshRecords(database)
    mesh.put_order(order("o-1", 100))
    ends = [order("o-1", 200 + number, "done" if number % 2 else "undone") for number in range(RACERS)]
    won = in_threads(
        RACERS, lambda n: SqlMeshRecords(database).finish_order(ends[n], [Void("acme", f"{n}", "wm-1", n)])
    )
    assert won.count(True) == 1
    assert mesh.order("o-1") in ends and len(mesh.voids()) == 1


def test_a_hub_takes_over_what_nobody_keeps_alive(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    mesh.put_order(order("o-1", 100))
    mesh.put_order(order("o-2", 101, "confirming"))
    mesh.put_order(order("o-3", 102))
    mesh.put_order(order("o-4", 50, "done"))
    mesh.put_order(order("o-5", 50, "undone"))
    taken = [order("o-1", 200, hub="hub-2"), order("o-2", 200, "confirming", hub="hub-2")]
    assert again.take_orders("hub-2", 102, 200) == taken
    assert [mesh.order("o-1"), mesh.order("o-2"), mesh.order("o-3")] == [*taken, order("o-3", 102)]
    assert mesh.take_orders("hub-1", 102, 200) == []


def test_of_many_hubs_that_take_over_at_once_each_order_goes_to_one(place: Place) -> None:
    database = place.open()
    mesh = SqlMeshRecords(database)
    names = {f"o-{number}" for number in range(20)}
    for name in names:
        mesh.put_order(order(name, 100))
    taken = in_threads(RACERS, lambda n: SqlMeshRecords(database).take_orders(f"hub-{n}", 200, 300))
    assert sorted(each.id for batch in taken for each in batch) == sorted(names)
    assert all(mesh.order(each.id) == each for batch in taken for each in batch)


# -- escrow ----------------------------------------------------------------------------------------------------------


def test_an_escrow_rule_is_put_replaced_and_removed(mesh: SqlMeshRecords, again: SqlMeshRecords) -> None:
    mesh.put_escrow_rule(EscrowRule("gpu", 1000, 0.1, 3600))
    mesh.put_escrow_rule(EscrowRule("cpu", 10**15, 1.0, 3600))
    mesh.put_escrow_rule(EscrowRule("gpu", 2000, 0.25, 7200))
    assert again.escrow_rules() == [EscrowRule("cpu", 10**15, 1.0, 3600), EscrowRule("gpu", 2000, 0.25, 7200)]
    mesh.put_escrow_rule(EscrowRule("cpu", 0, 1.0, 3600))
    mesh.put_escrow_rule(EscrowRule("disk", 0, 1.0, 3600))
    assert again.escrow_rules() == [EscrowRule("gpu", 2000, 0.25, 7200)]
