"""What those export beside the rest who have to do with stores' devices: the broker, readings, alarms, robots."""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from maillage.devices.broker import BrokerCounts
from maillage.services.robots.fleet.live import Reach
from maillage.services.robots.fleet.service import Fleet
from maillage.services.sensing.coldchain.desk import ColdChain
from maillage.services.sensing.coldchain.model import LEVELS, OPEN
from maillage.services.sensing.gateway.counts import Counts
from maillage.services.sensing.model import Fault


def of_device_line(connected: bool) -> Iterator[Metric]:
    """Whether messages of devices come."""
    yield GaugeMetricFamily(
        "maillage_mqtt_connected", "1 while our line to the broker is connected, else 0.", connected
    )


def of_broker(counts: BrokerCounts) -> Iterator[Metric]:
    """Our own broker."""
    yield GaugeMetricFamily("maillage_mqtt_clients", "Clients that are connected to our own broker.", counts.connected)
    yield CounterMetricFamily("maillage_mqtt_messages", "Messages that our own broker took.", counts.messages)
    refused = CounterMetricFamily(
        "maillage_mqtt_refused", "What our own broker refused or cut off, by reason.", labels=["reason"]
    )
    for reason, count in (("unauthorised", counts.unauthorised), ("topic", counts.refused), ("cut", counts.cut)):
        refused.add_metric([reason], count)
    yield refused


def of_readings(counts: Counts) -> Iterator[Metric]:
    """What came of devices' messages."""
    yield CounterMetricFamily("maillage_device_messages", "Messages of devices that came.", counts.messages)
    yield CounterMetricFamily("maillage_readings", "Readings that were taken.", counts.readings)
    yield CounterMetricFamily(
        "maillage_readings_late", "Of these, those older than others that were here.", counts.late
    )
    yield CounterMetricFamily("maillage_readings_stored", "Readings that are kept durably.", counts.stored)
    yield GaugeMetricFamily("maillage_readings_waiting", "Readings that are taken and not stored yet.", counts.waiting)
    faults = CounterMetricFamily("maillage_device_faults", "Values that were not taken, by reason.", labels=["reason"])
    for fault in Fault:
        faults.add_metric([fault.value], counts.faults[fault])
    yield faults


def of_alarms(coldchain: ColdChain) -> Iterator[Metric]:
    """Alarms that are neither cleared nor verified."""
    found = Counter((alarm.level, alarm.state) for alarm in coldchain.open_alarms())
    open_alarms = GaugeMetricFamily(
        "maillage_alarms_open", "Alarms that nobody has closed yet.", labels=["level", "state"]
    )
    for level in LEVELS:
        for state in OPEN:
            open_alarms.add_metric([level, state], found[level, state])
    yield open_alarms


def of_robots(fleet: Fleet) -> Iterator[Metric]:
    """The robots as the fleet sees them."""
    found = Counter(fleet.live(robot.id).reach for robot in fleet.robots())
    robots = GaugeMetricFamily("maillage_robots", "Robots, by whether they can be heard.", labels=["reach"])
    for reach in get_args(Reach):
        robots.add_metric([reach], found[reach])
    yield robots
