"""Keys, tokens and permissions, without a server."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.nats.claims import ACCOUNT, OPERATOR, USER, Key, check_public_key
from maillage.engines.nats.identity import (
    TOKEN_BYTES_MAX,
    ChainIdentity,
    creds_text,
    hub_inbox,
    make_node_key,
    node_inbox,
    seed_of,
    write_secret,
)


def opened(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    first = ChainIdentity.load_or_make(tmp_path / "nats", {})
    again = ChainIdentity.load_or_make(tmp_path / "nats", {})
    assert first.claims() == again.claims()
    files = sorted((tmp_path / "nats").iterdir())
    assert [file.name for file in files] == ["account.nk", "operator.nk", "system.nk"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert ChainIdentity.load_or_make(tmp_path / "other", {}).account != first.account


def test_keys_may_come_from_the_environment_or_from_files_that_it_names(tmp_path: Path) -> None:
    account, operator = Key.make(ACCOUNT), Key.make(OPERATOR)
    write_secret(tmp_path / "mounted", operator.seed + "\n")
    environment = {
        "MAILLAGE_NATS_ACCOUNT_SEED": account.seed,
        "MAILLAGE_NATS_OPERATOR_SEED_FILE": str(tmp_path / "mounted"),
    }
    identity = ChainIdentity.load_or_make(tmp_path / "nats", environment)
    assert identity.account == account.public
    assert opened(identity.claims().operator)["iss"] == operator.public
    assert [file.name for file in (tmp_path / "nats").iterdir()] == ["system.nk"]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"MAILLAGE_NATS_ACCOUNT_SEED": Key.make(USER).seed}, "MAILLAGE_NATS_ACCOUNT_SEED: the key is U"),
        ({"MAILLAGE_NATS_ACCOUNT_SEED": "nonsense"}, "not the seed of an nkey"),
        ({"MAILLAGE_NATS_ACCOUNT_SEED": ""}, "not the seed of an nkey"),
    ],
)
def test_a_key_that_is_none_or_of_another_role_is_refused(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ChainIdentity.load_or_make(tmp_path, environment)


def test_a_file_that_the_environment_names_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="MAILLAGE_NATS_SYSTEM_SEED_FILE"):
        ChainIdentity.load_or_make(tmp_path, {"MAILLAGE_NATS_SYSTEM_SEED_FILE": str(tmp_path / "absent")})


def test_a_nodes_token_says_what_it_may_say_and_hear_and_until_when(tmp_path: Path) -> None:
    identity = ChainIdentity.load_or_make(tmp_path, {})
    _, public = make_node_key()
    claims = opened(identity.node_creds("n1", public, ["s1", "s2"], now=1_000, valid_s=60))
    assert (claims["sub"], claims["iss"], claims["iat"], claims["exp"]) == (public, identity.account, 1_000, 1_060)
    nats = claims["nats"]
    assert nats["sub"] == {"allow": ["site.s1.*", "site.s2.*", "node.n1.>", "_INBOX.node.n1.>", "hub.changed"]}
    assert nats["pub"] == {"allow": ["events.n1", "node.n1.alive", "hub.ask.n1", "_INBOX.hub.>"]}
    assert "resp" not in nats


def test_a_hub_may_say_and_hear_everything_and_has_a_key_of_its_own_each_time(tmp_path: Path) -> None:
    identity = ChainIdentity.load_or_make(tmp_path, {})
    one, two = identity.hub_creds("hub-1"), identity.hub_creds("hub-1")
    claims = [opened(text.splitlines()[1]) for text in (one, two)]
    assert claims[0]["nats"]["pub"] == claims[0]["nats"]["sub"] == {}
    assert claims[0]["sub"] != claims[1]["sub"]
    assert Key(one.splitlines()[5]).public == claims[0]["sub"]


def test_revoked_keys_are_in_the_accounts_token_and_nothing_else_changes(tmp_path: Path) -> None:
    identity = ChainIdentity.load_or_make(tmp_path, {})
    _, public = make_node_key()
    before, after = identity.claims(), identity.claims({public: 1_000})
    assert opened(after.account_token)["nats"]["revocations"] == {public: 1_000}
    assert "revocations" not in opened(before.account_token)["nats"]
    assert before._replace(account_token="") == after._replace(account_token="")
    with pytest.raises(ValueError, match="public key"):
        identity.claims({"somebody": 1})


def test_ids_and_keys_that_are_none_are_refused(tmp_path: Path) -> None:
    identity = ChainIdentity.load_or_make(tmp_path, {})
    seed, public = make_node_key()
    for node, sites in (("n.1", ["s1"]), ("*", ["s1"]), ("n1", [">"]), ("n1", ["s 1"]), ("", ["s1"])):
        with pytest.raises(ValueError, match="an id on the bus"):
            identity.node_creds(node, public, sites)
    for key in ("", "U", seed, public[:-1], identity.account, public[:-1] + ("A" if public[-1] != "A" else "B")):
        with pytest.raises(ValueError, match="public key"):
            identity.node_creds("n1", key, ["s1"])
    for wrong in (hub_inbox, node_inbox):
        with pytest.raises(ValueError, match="an id on the bus"):
            wrong("a.>")


def test_more_sites_than_a_server_reads_in_one_line_are_refused(tmp_path: Path) -> None:
    identity = ChainIdentity.load_or_make(tmp_path, {})
    _, public = make_node_key()
    sites = [f"store-number-{number:05}" for number in range(10_500)]
    assert len(identity.node_creds("n1", public, sites)) < TOKEN_BYTES_MAX
    with pytest.raises(ValueError, match="sites"):
        identity.node_creds("n1", public, [f"{site}-{'x' * 45}" for site in sites * 2])


def test_the_public_half_of_a_key_is_known_by_its_check_sum() -> None:
    key = Key.make(USER)
    assert check_public_key(key.public, USER) == key.public
    with pytest.raises(ValueError, match="begins with A"):
        check_public_key(key.public, ACCOUNT)


def test_a_credentials_file_holds_token_and_seed() -> None:
    assert creds_text("TOKEN", "SEED").splitlines() == [
        "-----BEGIN NATS USER JWT-----",
        "TOKEN",
        "------END NATS USER JWT------",
        "",
        "-----BEGIN USER NKEY SEED-----",
        "SEED",
        "------END USER NKEY SEED------",
    ]


def test_a_credentials_file_without_a_seed_is_none() -> None:
    assert seed_of(creds_text("TOKEN", "SEED")) == "SEED"
    for text in ("", "SUAB", creds_text("TOKEN", "SEED").partition("\n\n")[0]):
        with pytest.raises(ValueError, match="no seed"):
            seed_of(text)


def test_a_secret_takes_the_place_of_the_one_before_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    write_secret(path, "one")
    path.chmod(0o644)
    write_secret(path, "two")
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]
