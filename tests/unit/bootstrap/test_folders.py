"""What a data folder is: a chain of its own, a hub, or a node; and that none is taken for another."""

import stat
from pathlib import Path

import pytest

from maillage.bootstrap import FolderInUse, open_chain, open_hub, open_local
from maillage.bootstrap.hub import HUB_FILE, HubChain, HubSettings
from maillage.bootstrap.local import LocalChain
from maillage.bootstrap.node import (
    CREDENTIALS_FILE,
    SEED_FILE,
    NodeSettings,
    keep_settings,
    known_settings,
    own_key,
    settings_for,
)
from maillage.kernel.errors import Invalid
from maillage.kernel.sites import Site
from maillage.mesh.enrolment import Joined

STORE = Site("wm-1", "Store", 36.0, -94.0, "America/Chicago")


def test_a_new_folder_is_a_chain_of_its_own(tmp_path: Path) -> None:
    chain = open_chain(tmp_path / "new")
    try:
        assert isinstance(chain, LocalChain)
    finally:
        chain.close()


def test_a_hubs_folder_is_opened_as_a_hub_and_as_nothing_else(tmp_path: Path) -> None:
    hub = open_hub(tmp_path, ["nats://127.0.0.1:1"])
    hub.close()
    again = open_chain(tmp_path)
    again.close()
    assert isinstance(again, HubChain) and again.settings.hub_id == hub.settings.hub_id
    with pytest.raises(Invalid, match="ledgers are in the stores"):
        open_local(tmp_path)


def test_a_folder_with_ledgers_becomes_no_hub(tmp_path: Path) -> None:
    open_local(tmp_path).close()
    with pytest.raises(Invalid, match="ledgers of its own"):
        open_hub(tmp_path)
    assert not (tmp_path / HUB_FILE).exists()


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    hub = open_hub(tmp_path)
    try:
        with pytest.raises(FolderInUse):
            open_hub(tmp_path)
    finally:
        hub.close()


def test_a_hub_keeps_its_name_and_where_its_bus_is(tmp_path: Path) -> None:
    first = HubSettings(tmp_path, ["nats://bus:1"], ["nats://outside:1"])
    assert HubSettings(tmp_path).__dict__ == first.__dict__
    assert HubSettings(tmp_path, ["nats://other:1"]).node_servers == ["nats://outside:1"]


def test_a_node_makes_its_key_once_and_keeps_it_to_itself(tmp_path: Path) -> None:
    seed, public = own_key(tmp_path)
    assert own_key(tmp_path) == (seed, public)
    assert public.startswith("U") and seed not in public
    assert stat.S_IMODE((tmp_path / SEED_FILE).stat().st_mode) == 0o600


def test_a_node_remembers_what_it_joined(tmp_path: Path) -> None:
    assert known_settings(tmp_path) is None and settings_for(tmp_path, None, []) is None
    kept = keep_settings(tmp_path, "http://hub:8420", Joined("n1", ["nats://bus:1"], "token", [STORE]))
    assert kept == known_settings(tmp_path) == NodeSettings("n1", "http://hub:8420", ["wm-1"], ["nats://bus:1"])
    credentials = tmp_path / CREDENTIALS_FILE
    assert "token" in credentials.read_text() and stat.S_IMODE(credentials.stat().st_mode) == 0o600


def test_a_node_does_not_become_another(tmp_path: Path) -> None:
    kept = keep_settings(tmp_path, "http://hub:8420", Joined("n1", ["nats://bus:1"], None, [STORE]))
    assert settings_for(tmp_path, "http://hub:8420/", ["wm-1"]) == kept
    with pytest.raises(Invalid, match="hub: this node has joined"):
        settings_for(tmp_path, "http://elsewhere", [])
    with pytest.raises(Invalid, match="sites: this node has joined"):
        settings_for(tmp_path, None, ["wm-2"])
