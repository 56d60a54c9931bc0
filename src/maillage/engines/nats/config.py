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


class Tls(NamedTuple):
    """Files in PEM: what a server shows, and the authority that signed what the other side shows, where the system's do
    not know it. Who a client is, its token says."""

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None


def nats_config_hub(
    claims: ServerClaims,
    store_folder: Path,
    host: str = "127.0.0.1",
    port: int = 4222,
    leaf_host: str = "127.0.0.1",
    leaf_port: int = 7422,
    advertise: str | None = None,
    tls: Tls | None = None,
    name: str = "maillage-hub",
) -> str:
    """A hub's server: it keeps what is carried in ``store_folder``, and lets in whoever the chain's account has signed.

    ``advertise`` ("host:port") is the address by which the stores reach the leaf port. Leaf servers are told it and
    go there when they connect again; without it they are told the server's own, which may lead past a load balancer.
    With ``tls`` both ports speak nothing else. ValueError for a certificate without its key.
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
        *_tls(tls, "  "),
        "}",
        *_tls(tls, ""),
    ]
    return "\n".join(lines) + "\n"


def nats_config_node(
    hub_urls: list[str],
    credentials: Path,
    public_key: str,
    host: str = "127.0.0.1",
    port: int = 4222,
    tls: Tls | None = None,
    name: str = "maillage-node",
) -> str:
    """The leaf server of a store: local clients prove that they hold the node's key (``public_key``); what goes to and
    comes from the hub is bounded there by the token in ``credentials``. It keeps nothing itself.

    ``hub_urls`` are leaf addresses of hubs, such as ``nats://hub.example:7422`` or ``tls://...`` where TLS is on, with
    the authority that signed the hub's certificate in ``tls``.
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
        *_tls(tls, "      "),
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


def _tls(tls: Tls | None, indent: str) -> list[str]:
    if tls is None:
        return []
    if (tls.certificate is None) != (tls.key is None):
        raise ValueError("TLS takes a certificate and its key, not one of them")
    files = {"cert_file": tls.certificate, "key_file": tls.key, "ca_file": tls.ca}
    fields = ", ".join(f"{field}: {_text(path)}" for field, path in files.items() if path is not None)
    return [f"{indent}tls {{ {fields} }}"]


def _text(value: str | Path) -> str:
    return json.dumps(str(value), ensure_ascii=False)
