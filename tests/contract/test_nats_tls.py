"""A chain whose servers speak TLS, with an authority of its own."""

import asyncio
import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from maillage.engines.nats.bus import NatsBus
from maillage.engines.nats.config import Tls
from maillage.engines.nats.identity import node_inbox
from maillage.mesh.ports import Unreachable
from tests.contract.nats_chain import Chain
from tests.contract.waiting import Heard, echo, until_reachable


def self_signed(folder: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.UTC)
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(local, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "hub.pem", folder / "hub.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return Tls(pem, secret, ca=pem)


def test_members_reach_each_other_over_tls_directly_and_through_a_leaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maillage.engines.nats.bus.FIRST_CONNECTION_S", 3.0)
    chain = Chain(tmp_path, self_signed(tmp_path))

    async def story() -> None:
        near, far = chain.node("n1", ["s1"]), chain.node("n2", ["s2"])
        hub, direct = await chain.hub_bus(), await chain.node_bus(near)
        behind = await chain.node_bus(far, await asyncio.to_thread(chain.leaf, far))
        collected = Heard()
        await hub.collect("events.>", "hub", collected)
        for node, site in ((direct, "s1"), (behind, "s2")):
            subject = f"site.{site}.lease"
            await node.serve(subject, echo)
            answer, _ = await until_reachable(lambda subject=subject: hub.request(subject, b"x", 2))
            assert answer == subject.encode() + b":x"
        await direct.carry("events.n1", b"1", "1")
        await behind.carry("events.n2", b"2", "2")
        assert await collected.until(2) == [b"1", b"2"]
        with pytest.raises(Unreachable, match=r"(?i)certificate"):
            await NatsBus.connect([f"tls://127.0.0.1:{chain.hub_server.port}"], "n1", near.creds, node_inbox("n1"))
        await asyncio.gather(hub.close(), direct.close(), behind.close())

    try:
        chain.start()
        asyncio.run(asyncio.wait_for(story(), 60))
    finally:
        chain.stop()
