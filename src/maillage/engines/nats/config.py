"""The text of the configuration of NATS servers: the hub's, and the leaf server in a store."""

import json
from pathlib import Path
from typing import NamedTuple

from maillage.engines.nats.identity import CONTROL_LINE_BYTES_MAX, ServerClaims

MIB = 1 << 20
PAYLOAD_BYTES_MAX = MIB + 64 * 1024
"""A body of 1 MiB, and room for headers, which the server counts too."""
PING_EVERY = '"2s"'
PINGS_UNANSWERED_MAX = 2
AUTH_TIMEOUT_S = 10
"""A token of many sites takes seconds on the line of a small store; the server's own default is 2 s."""


class Certificate(NamedTuple):
    """Files in PEM: the certificate with its chain, and its private key."""

    certificate: Path
    key: Path


def nats_config_hub(
    claims: ServerClaims,
    store_folder: Path,
    host: str = "127.0.0.1",
    port: int = 4222,
    leaf_host: str = "127.0.0.1",
    leaf_port: int = 7422,
    advertise: str | None = None,
    certificate: Certificate | None = None,
    name: str = "maillage-hub",
) -> str:
    """A hub's server: it keeps what is carried in ``store_folder``, and lets in whoever the chain's account has signed.

    ``advertise`` ("host:port") is the address by which the stores reach the leaf port. Leaf servers are told it and
    go there when they connect again; without it they are told the server's own, which may lead past a load balancer.
    With a ``certificate`` both ports speak TLS only; who the other side is, its token says.
    """
    lines = [
        _head(name, host, port),
        f"operator: {claims.operator}",
        f"system_account: {claims.system}",
        "resolver: MEMORY",
        "resolver_preload {",
        f"  {claims.system}: {claims.system_token}",
        f"  {claims.account}: {claims.account_token}",
        "}",
        "jetstream {",
        f"  store_dir: {_text(store_folder)}",
        "}",
        "leafnodes {",
        f"  listen: {_text(f'{leaf_host}:{leaf_port}')}",
        f"  authorization {{ timeout: {AUTH_TIMEOUT_S} }}",
        *([f"  advertise: {_text(advertise)}"] if advertise else []),
        *_tls(certificate, "  "),
        "}",
        *_tls(certificate, ""),
    ]
    return "\n".join(lines) + "\n"


def nats_config_node(
    hub_urls: list[str],
    credentials: Path,
    public_key: str,
    host: str = "127.0.0.1",
    port: int = 4222,
    ca: Path | None = None,
    name: str = "maillage-node",
) -> str:
    """The leaf server of a store: local clients prove that they hold the node's key (``public_key``); what goes to and
    comes from the hub is bounded there by the token in ``credentials``. It keeps nothing itself.

    ``hub_urls`` are leaf addresses of hubs, such as ``nats://hub.example:7422`` or ``tls://...`` where TLS is on, with
    ``ca`` as the authority that signed the hub's certificate, where the system's do not know it.
    """
    urls = ", ".join(_text(url) for url in hub_urls)
    lines = [
        _head(name, host, port),
        "authorization {",
        f"  users: [ {{ nkey: {public_key} }} ]",
        "}",
        "leafnodes {",
        "  reconnect: 1",
        "  remotes: [",
        "    {",
        f"      urls: [{urls}]",
        f"      credentials: {_text(credentials)}",
        *([f"      tls {{ ca_file: {_text(ca)} }}"] if ca else []),
        "    }",
        "  ]",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, host: str, port: int) -> str:
    return "\n".join(
        [
            f"server_name: {_text(name)}",
            f"listen: {_text(f'{host}:{port}')}",
            f"max_payload: {PAYLOAD_BYTES_MAX}",
            f"max_control_line: {CONTROL_LINE_BYTES_MAX}",
            f"ping_interval: {PING_EVERY}",
            f"ping_max: {PINGS_UNANSWERED_MAX}",
        ]
    )


def _tls(certificate: Certificate | None, indent: str) -> list[str]:
    if certificate is None:
        return []
    cert, key = _text(certificate.certificate), _text(certificate.key)
    return [f"{indent}tls {{ cert_file: {cert}, key_file: {key} }}"]


def _text(value: str | Path) -> str:
    return json.dumps(str(value), ensure_ascii=False)
