"""Where a broker is and how to get in, from a URL: ``mqtt://user@host:1883``, or ``mqtts://`` with TLS."""

import re
import ssl
from urllib.parse import unquote, urlsplit

import msgspec

from maillage.devices.clients import HOUSE
from maillage.kernel.errors import Invalid
from maillage.tenancy.authority import authority
from maillage.tenancy.secrets import secret

OPTION = "--mqtt"
PASSWORD_VARIABLE = "MAILLAGE_MQTT_PASSWORD"  # noqa: S105  the name of a variable
PORTS = {"mqtt": 1883, "mqtts": 8883}
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """``password`` goes nowhere but to the broker: ``name`` is what may be shown."""

    host: str
    port: int = 1883
    tls: bool = False
    username: str | None = None
    password: str | None = None

    @property
    def name(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"BrokerAddress({self.name})"

    def trust(self) -> ssl.SSLContext | None:
        """What the broker's certificate is checked against: MAILLAGE_CA, or the system's own authorities; None without
        TLS. Reads files."""
        return ssl.create_default_context(cafile=authority()) if self.tls else None


def broker_address(url: str) -> BrokerAddress:
    """The broker at a URL. The password comes from MAILLAGE_MQTT_PASSWORD, or from the file that
    MAILLAGE_MQTT_PASSWORD_FILE names; one in the URL itself holds too, where the URL is not seen by others.

    Invalid, told without the password, where it is no such URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in PORTS or not rest:
        raise Invalid(OPTION, "a broker's URL is mqtt://HOST:PORT, or mqtts://HOST:PORT where it speaks TLS")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not _HOST.fullmatch(host) or port == 0:
        raise Invalid(OPTION, f"{scheme}://...: the URL has no host, or a port that is no number from 1 to 65535")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Invalid(OPTION, f"{scheme}://{host}: nothing follows the port; topics are not part of the URL")
    username, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    given = secret(PASSWORD_VARIABLE)
    if password is not None and given is not None:
        raise Invalid(OPTION, f"has a password in it, and {PASSWORD_VARIABLE} is set too; only one of the two can hold")
    password = given if password is None else password
    if password is not None:
        username = username or HOUSE
    return BrokerAddress(
        host=host, port=port or PORTS[scheme], tls=scheme == "mqtts", username=username or None, password=password
    )
