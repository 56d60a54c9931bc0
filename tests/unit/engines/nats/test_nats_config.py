"""The text of the servers' configurations; what it does is tried on real servers in tests/contract."""

from pathlib import Path

import pytest

from maillage.engines.nats.config import Tls, nats_config_hub, nats_config_node
from maillage.engines.nats.identity import ServerClaims

CLAIMS = ServerClaims("op.er.ator", "ASYSTEM", "sys.tem.token", "ACHAIN", "chain.token.x")


def test_a_hub_listens_on_loopback_until_told_otherwise() -> None:
    text = nats_config_hub(CLAIMS, Path("/data/js"))
    assert 'listen: "127.0.0.1:4222"' in text
    assert 'listen: "127.0.0.1:7422"' in text
    assert "tls" not in text
    assert "advertise" not in text
    assert "  ACHAIN: chain.token.x\n" in text
    assert "max_payload: 1114112\n" in text
    assert "max_control_line: 1048576\n" in text


def test_a_hub_that_stores_reach_has_an_address_and_a_certificate() -> None:
    tls = Tls(Path("/tls/hub.pem"), Path("/tls/hub.key"))
    text = nats_config_hub(
        CLAIMS,
        Path('/data/a "b"'),
        leaf_host="0.0.0.0",
        leaf_port=443,
        advertise="hub.example:443",
        tls=tls,
    )
    assert '  advertise: "hub.example:443"\n' in text
    assert '  listen: "0.0.0.0:443"\n' in text
    assert text.count('tls { cert_file: "/tls/hub.pem", key_file: "/tls/hub.key" }') == 2
    assert 'store_dir: "/data/a \\"b\\""' in text


def test_a_node_has_one_local_key_and_one_way_to_the_hubs() -> None:
    text = nats_config_node(
        ["tls://a:7422", "tls://b:7422"], Path("/n/node.creds"), "UNODE", tls=Tls(ca=Path("/tls/ca.pem"))
    )
    assert "users: [ { nkey: UNODE } ]" in text
    assert 'urls: ["tls://a:7422", "tls://b:7422"]' in text
    assert 'credentials: "/n/node.creds"' in text
    assert 'tls { ca_file: "/tls/ca.pem" }' in text
    assert "jetstream" not in text


def test_a_certificate_goes_with_its_key() -> None:
    with pytest.raises(ValueError, match="its key"):
        nats_config_hub(CLAIMS, Path("/data/js"), tls=Tls(Path("/tls/hub.pem")))
