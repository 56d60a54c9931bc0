"""A device's own line to the broker that this process knows: what simulated devices speak over."""

import msgspec

from maillage.bootstrap.devices import Devices
from maillage.devices.line import DeviceLine
from maillage.kernel.errors import NotReady


def device_line(devices: Devices, client_id: str, password: str) -> DeviceLine:
    """Not started yet. It gets in by what admission gave the client; NotReady where there is no broker."""
    from maillage.engines.mqtt.address import broker_address
    from maillage.engines.mqtt.line import MqttLine

    if devices.name is None:
        raise NotReady("there is no broker: this chain was opened without one")
    address = msgspec.structs.replace(broker_address(devices.name), username=client_id, password=password)
    return MqttLine(address, client_id)
