"""What goes wrong between processes: cut links, lost and late messages, a broker that crashes, records out of reach."""

from collections.abc import Sequence

from maillage.simulation.bus import Exchange
from maillage.simulation.faults import Faults
from maillage.simulation.network import CARRIER
from maillage.simulation.process import SimProcess
from maillage.simulation.records import SimRecords
from maillage.simulation.world import World

SHARE_MAX = 0.15
"""Of messages lost, doubled or late while the network is bad."""


class MeshFaults(Faults):
    """All that strikes single processes, and this."""

    def __init__(self, world: World, processes: Sequence[SimProcess], exchange: Exchange, records: SimRecords) -> None:
        super().__init__(world, processes)
        self._exchange = exchange
        self._network = exchange.network
        self._records = records
        self.kinds += [
            (self._cut_off, 5),
            (self._cut_one_way, 5),
            (self._cut_between, 3),
            (self._trouble_network, 4),
            (self._crash_carrier, 2),
            (self._take_records_away, 2),
            (self._spoil_records, 2),
        ]

    def calm(self) -> None:
        super().calm()
        self._network.calm()
        self._records.away, self._records.fault_share = False, 0.0

    def _cut_off(self) -> None:
        name = self.one().name
        self.world.note("cuts", name)
        self.later(self._network.isolate(name))

    def _cut_one_way(self) -> None:
        way = [self.one().name, CARRIER]
        self.random.shuffle(way)
        self.world.note("one_way_cuts", " to ".join(way))
        self.later(self._network.cut(*way))

    def _cut_between(self) -> None:
        one, other = self.one().name, self.one().name
        if one != other:
            self.world.note("one_way_cuts", f"{one} to {other}")
            self.later(self._network.cut(one, other))

    def _trouble_network(self) -> None:
        network, random = self._network, self.random
        self.world.note("bad_networks")
        network.drop_share = random.choice((0.0, random.random() * SHARE_MAX))
        network.double_share = random.choice((0.0, random.random() * SHARE_MAX))
        network.late_share = random.choice((0.0, random.random() * SHARE_MAX))
        self.later(network.lose_nothing)

    def _crash_carrier(self) -> None:
        self.world.note("carrier_crashes")
        self._exchange.carrier.crash()
        self.later(self._network.isolate(CARRIER))

    def _take_records_away(self) -> None:
        self.world.note("records_away")
        self._records.away = True
        self.later(lambda: setattr(self._records, "away", False))

    def _spoil_records(self) -> None:
        self.world.note("spoilt_records")
        self._records.fault_share = 0.2
        self.later(lambda: setattr(self._records, "fault_share", 0.0))
