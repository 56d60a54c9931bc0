"""The files that are written for Mosquitto."""

import stat
from pathlib import Path

import pytest

from maillage.devices.passwords import fits
from maillage.engines.mqtt.mosquitto import MosquittoTls, mosquitto_files
from maillage.kernel.errors import Invalid
from tests.contract.mqtt_brokers import EmbeddedWorld


def test_each_client_has_its_hash_and_its_rights(tmp_path: Path) -> None:
    world = EmbeddedWorld()
    made = mosquitto_files(world.admission.clients(), tmp_path, port=2883)
    lines = dict(line.split(":", 1) for line in made.files["passwords"].splitlines())
    assert lines["robot"] == world.admission.client("robot").password
    assert fits(made.house["maillage"], lines["maillage"])
    assert "user robot\ntopic write uagv/v2/acme/r1/+\ntopic read uagv/v2/acme/r1/order\n" in made.files["rights"]
    assert made.files["rights"].startswith("user maillage\ntopic readwrite #\n")
    assert "listener 2883 127.0.0.1\n" in made.files["mosquitto.conf"]
    assert not any(word in text for word in world.passwords.values() for text in made.files.values())


def test_files_are_their_owners_and_our_password_stays_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    made = mosquitto_files([], folder)
    config = made.write(folder)
    assert config == folder / "mosquitto.conf"
    assert {path.name for path in folder.iterdir()} == {"mosquitto.conf", "passwords", "rights", "maillage.password"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    again = mosquitto_files([], folder, house=("maillage", "maillage-2"))
    assert set(again.house) == {"maillage-2"}
    kept = again.files["passwords"].splitlines()[0].partition(":")[2]
    assert fits(made.house["maillage"], kept)


def test_tls_is_spoken_where_there_is_a_certificate(tmp_path: Path) -> None:
    config = mosquitto_files([], tmp_path, tls=MosquittoTls(tmp_path / "c.pem", tmp_path / "k.pem")).files
    assert f"certfile {tmp_path / 'c.pem'}\nkeyfile {tmp_path / 'k.pem'}\n" in config["mosquitto.conf"]


def test_a_name_that_can_not_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="house"):
        mosquitto_files([], tmp_path, house=("a b",))
    with pytest.raises(Invalid, match="robot"):
        mosquitto_files(EmbeddedWorld().admission.clients(), tmp_path, house=("robot",))
