"""Where a broker is, from its URL."""

from pathlib import Path

import pytest

from maillage.engines.mqtt.address import BrokerAddress, broker_address
from maillage.kernel.errors import Invalid


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAILLAGE_MQTT_PASSWORD", "MAILLAGE_MQTT_PASSWORD_FILE", "MAILLAGE_CA"):
        monkeypatch.delenv(name, raising=False)


def test_a_url_says_host_port_and_user() -> None:
    assert broker_address("mqtt://broker") == BrokerAddress(host="broker", port=1883)
    assert broker_address("mqtts://broker/") == BrokerAddress(host="broker", port=8883, tls=True)
    found = broker_address("mqtt://me:p%40ss@[::1]:2883")
    assert found == BrokerAddress(host="::1", port=2883, username="me", password="p@ss")
    assert found.name == "mqtt://[::1]:2883" and "p@ss" not in repr(found)


def test_the_password_comes_by_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "word").write_text("from a file\n")
    monkeypatch.setenv("MAILLAGE_MQTT_PASSWORD_FILE", str(tmp_path / "word"))
    found = broker_address("mqtt://broker")
    assert (found.username, found.password) == ("maillage", "from a file")
    assert broker_address("mqtt://me@broker").username == "me"
    with pytest.raises(Invalid, match="only one of the two") as refused:
        broker_address("mqtt://me:s3cret@broker")
    assert "s3cret" not in refused.value.detail


@pytest.mark.parametrize(
    "url",
    ["", "broker", "http://broker", "mqtt://", "mqtt://:1883", "mqtt://broker:0", "mqtt://broker:x", "mqtt://a b",
     "mqtt://broker:70000", "mqtt://me:s3cret@broker/topic", "mqtt://me:s3cret@broker?x=1", "mqtt://[::1"],
)  # fmt: skip
def test_what_is_no_such_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        broker_address(url)
    assert "s3cret" not in refused.value.detail and "--mqtt" in refused.value.detail


def test_a_broker_with_tls_is_checked_against_the_chains_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broker_address("mqtt://broker").trust() is None
    assert broker_address("mqtts://broker").trust() is not None
    monkeypatch.setenv("MAILLAGE_CA", str(tmp_path / "missing.pem"))
    with pytest.raises(Invalid, match="MAILLAGE_CA"):
        broker_address("mqtts://broker").trust()
