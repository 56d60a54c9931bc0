"""Who may say and hear what on a chain's bus: asked of a real server that the product configured."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest

from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.identity import ChainIdentity, creds_text, hub_inbox, make_node_key, node_inbox, write_secret
from maillage.mesh.ports import Message, Unreachable
from tests.contract.nats_chain import Chain, NodeFiles
from tests.contract.nats_server import NatsServer
from tests.contract.waiting import Heard, echo, until, until_reachable

REFUSED = "Authorization Violation"


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    monkeypatch.setattr("maillage.engines.nats.bus.FIRST_CONNECTION_S", 1.0)
    monkeypatch.setattr("maillage.engines.nats.bus.CARRY_S", 1.0)
    chain = Chain(tmp_path)
    try:
        yield chain.start()
    finally:
        chain.stop()


def play(story: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(90):
            await story

    asyncio.run(bounded())


@pytest.fixture(params=["direct", "through a leaf"])
def way(request: pytest.FixtureRequest) -> str:
    way: str = request.param
    return way


def leaf_of(chain: Chain, way: str, node: NodeFiles) -> NatsServer | None:
    return chain.leaf(node) if way == "through a leaf" else None


def test_a_node_serves_its_sites_asks_the_hub_and_carries_its_events(chain: Chain, way: str) -> None:
    async def story() -> None:
        files = chain.node("n1", ["s1", "s2"])
        leaf = leaf_of(chain, way, files)
        hub, node = await chain.hub_bus(), await chain.node_bus(files, leaf)
        alive, changed, carried = Heard(), Heard(), Heard()
        for subject in ("site.s1.lease", "site.s2.lease", "site.s1.compute", "site.s2.run", "node.n1.command"):
            await node.serve(subject, echo)
        await node.listen("hub.changed", changed)
        await hub.serve("hub.ask.*", echo)
        await hub.listen("node.*.alive", alive)
        await hub.collect("events.>", "hub", carried)
        for subject in ("site.s1.lease", "site.s2.lease", "site.s1.compute", "site.s2.run", "node.n1.command"):
            answer, _ = await until_reachable(lambda subject=subject: hub.request(subject, b"1", 2))
            assert answer == subject.encode() + b":1"
        assert await node.request("hub.ask.n1", b"2", 2) == b"hub.ask.n1:2"
        await node.carry("events.n1", b"3", "3")
        assert await carried.until(1) == [b"3"]
        await node.send("node.n1.alive", b"4")
        assert await alive.until(1) == [b"4"]
        await hub.send("hub.changed", b"5")
        assert await changed.until(1) == [b"5"]
        await hub.close()
        await node.close()

    play(story())


def test_a_node_gets_and_says_nothing_that_is_not_its_own(
    chain: Chain, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        files = chain.node("n1", ["s1"])
        leaf = leaf_of(chain, way, files)
        hub, node = await chain.hub_bus(), await chain.node_bus(files, leaf)
        other = await chain.node_bus(chain.node("n2", ["s2"]))
        stolen, forged, carried = Heard(), Heard(), Heard()

        async def steal(message: Message) -> bytes:
            await stolen(message)
            return b"forged"

        others = ("site.s2.lease", "site.s2.compute", "site.s2.run")
        for subject in (*others, "site.*.lease", "site.>", "hub.ask.*", "node.n2.command"):
            await node.serve(subject, steal)
            await node.listen(subject, stolen)
        for subject in ("events.>", ">"):
            await node.listen(subject, stolen)
        for subject in (hub_inbox("hub-1"), node_inbox("n2"), "_INBOX"):
            await node.listen(f"{subject}.>", stolen)
        await node.serve("site.s1.lease", echo)
        await hub.serve("hub.ask.*", echo)
        await other.serve("node.n2.command", echo)
        for subject in ("node.n2.alive", "hub.changed", "node.n2.command"):
            await hub.listen(subject, forged)
            await other.listen(subject, forged)
        await hub.collect("events.>", "hub", carried)
        await until_reachable(lambda: hub.request("site.s1.lease", b"", 2))

        for subject in others:
            with pytest.raises(Unreachable):
                await hub.request(subject, b"secret", 0.5)
        assert await hub.request("node.n2.command", b"secret", 2) == b"node.n2.command:secret"
        assert await other.request("hub.ask.n2", b"secret", 2) == b"hub.ask.n2:secret"
        await other.carry("events.n2", b"secret", "2")
        # Its own questions come to its own service where a leaf server is between; the hub must not see them.
        for subject in ("node.n2.alive", "hub.changed", "node.n2.command"):
            await node.send(subject, b"forged")
        with pytest.raises(Unreachable):
            await node.carry("events.n2", b"forged", "3")
        await node.carry("events.n1", b"own", "4")
        assert await carried.until(2) == [b"secret", b"own"]
        await until_reachable(lambda: hub.request("site.s1.lease", b"", 2))
        assert b"forged" not in forged.bodies
        assert b"secret" not in stolen.bodies
        await asyncio.gather(hub.close(), node.close(), other.close())

    play(story())
    if way == "direct":
        assert "permissions violation" in caplog.text


def test_a_node_cannot_ask_the_hub_in_anothers_name_nor_ask_another_node(chain: Chain, way: str) -> None:
    async def story() -> None:
        files = chain.node("n1", ["s1"])
        leaf = leaf_of(chain, way, files)
        hub, node = await chain.hub_bus(), await chain.node_bus(files, leaf)
        other = await chain.node_bus(chain.node("n2", ["s2"]))
        await hub.serve("hub.ask.*", echo)
        await other.serve("site.s2.lease", echo)
        await until_reachable(lambda: node.request("hub.ask.n1", b"", 1))
        for subject in ("hub.ask.n2", "site.s2.lease", "$JS.API.STREAM.INFO.EVENTS", "$SYS.REQ.SERVER.PING"):
            with pytest.raises(Unreachable):
                await node.request(subject, b"", 0.5)
        assert await node.request("hub.ask.n1", b"", 5) == b"hub.ask.n1:"
        await asyncio.gather(hub.close(), node.close(), other.close())

    play(story())


@pytest.mark.parametrize("number", [1, 2_625])
def test_a_node_may_own_one_site_or_thousands(chain: Chain, way: str, number: int) -> None:
    async def story() -> None:
        sites = [f"store-number-{index:05}" for index in range(number)]
        files = chain.node("n1", sites)
        leaf = leaf_of(chain, way, files)
        hub, node = await chain.hub_bus(), await chain.node_bus(files, leaf)
        for site in sites:
            await node.serve(f"site.{site}.lease", echo)
        for site in (sites[0], sites[-1]):
            subject = f"site.{site}.lease"
            answer, _ = await until_reachable(lambda subject=subject: hub.request(subject, b"1", 2))
            assert answer == subject.encode() + b":1"
        with pytest.raises(Unreachable):
            await hub.request("site.another.lease", b"", 0.5)
        await asyncio.gather(hub.close(), node.close())

    play(story())


def with_creds(chain: Chain, text: str) -> Path:
    path = chain.folder / "given.creds"
    write_secret(path, text)
    return path


def test_who_was_not_signed_by_the_chains_account_is_refused(chain: Chain, tmp_path: Path) -> None:
    stranger = ChainIdentity.load_or_make(tmp_path / "strangers-keys", {})
    seed, public = make_node_key()
    other_seed, _ = make_node_key()
    token = chain.identity.node_creds("n1", public, ["s1"])
    head, claims, signature = token.split(".")
    flipped = ("B" if signature[10] != "B" else "C").join((signature[:10], signature[11:]))
    expired = chain.identity.node_creds("n1", public, ["s1"], now=int(time.time()) - 7200, valid_s=3600)
    attempts = {
        "another account": creds_text(stranger.node_creds("n1", public, ["s1"]), seed),
        "another account's hub": stranger.hub_creds("hub-1"),
        "another key": creds_text(token, other_seed),
        "a broken signature": creds_text(f"{head}.{claims}.{flipped}", seed),
        "an expired token": creds_text(expired, seed),
    }

    async def story() -> None:
        for what, text in attempts.items():
            with pytest.raises(Unreachable, match=REFUSED):
                await NatsBus.connect([chain.hub_server.url], what, with_creds(chain, text))
        with pytest.raises(Unreachable, match=REFUSED):
            await NatsBus.connect([chain.hub_server.url], "nobody")
        assert (
            await NatsBus.connect([chain.hub_server.url], "n1", with_creds(chain, creds_text(token, seed)))
        ).connected

    play(story())


def test_a_token_that_runs_out_ends_the_connection_and_a_new_one_in_the_file_is_taken_up(chain: Chain) -> None:
    async def story() -> None:
        seed, public = make_node_key()
        path = with_creds(chain, creds_text(chain.identity.node_creds("n1", public, ["s1"], valid_s=2), seed))
        node = await NatsBus.connect([chain.hub_server.url], "n1", path, node_inbox("n1"))
        await until(lambda: not node.connected, 10)
        write_secret(path, creds_text(chain.identity.node_creds("n1", public, ["s1"]), seed))
        await until(lambda: node.connected, 10)
        await node.close()

    play(story())


def test_a_revoked_node_is_put_out_when_the_servers_configuration_is_read_again(chain: Chain, way: str) -> None:
    async def story() -> None:
        revoked, other = chain.node("n1", ["s1"]), chain.node("n2", ["s2"])
        leaf = leaf_of(chain, way, revoked)
        hub = await chain.hub_bus()
        nodes = [await chain.node_bus(revoked, leaf), await chain.node_bus(other)]
        for site, node in (("s1", nodes[0]), ("s2", nodes[1])):
            await node.serve(f"site.{site}.lease", echo)
            await until_reachable(lambda site=site: hub.request(f"site.{site}.lease", b"", 1))
        await asyncio.to_thread(chain.hub_server.reload, chain.hub_config({revoked.public: int(time.time())}))

        async def answers() -> bool:
            try:
                await hub.request("site.s1.lease", b"", 0.5)
            except Unreachable:
                return False
            return True

        async with asyncio.timeout(20):
            while await answers():
                await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        assert not await answers()
        assert await hub.request("site.s2.lease", b"", 2) == b"site.s2.lease:"
        await asyncio.gather(hub.close(), *(node.close() for node in nodes))

    play(story())


def test_a_local_client_of_a_leaf_server_has_to_hold_the_nodes_key(chain: Chain) -> None:
    node, other = chain.node("n1", ["s1"]), chain.node("n2", ["s2"])
    leaf = chain.leaf(node)

    async def story() -> None:
        for credentials in (None, other.creds):
            with pytest.raises(Unreachable, match=REFUSED):
                await NatsBus.connect([leaf.url], "intruder", credentials)

    play(story())


def test_a_server_that_starts_again_with_the_same_keys_lets_the_same_members_in(chain: Chain, tmp_path: Path) -> None:
    files = chain.node("n1", ["s1"])
    assert ChainIdentity.load_or_make(tmp_path / "keys", {}).claims() == chain.identity.claims()

    async def story() -> None:
        node = await chain.node_bus(files)
        chain.hub_server.kill()
        await until(lambda: not node.connected)
        chain.identity = ChainIdentity.load_or_make(tmp_path / "keys", {})
        await asyncio.to_thread(chain.start)
        await until(lambda: node.connected)
        await node.close()

    play(story())
