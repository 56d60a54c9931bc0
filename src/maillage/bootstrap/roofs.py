"""Everything that has to do with roofs, for the whole chain: which there are, how they are let, and whom they serve."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from maillage.engines.records.database import Database
from maillage.engines.records.roof_leases import SqlRoofLeaseRecords
from maillage.engines.records.roofs import SqlRoofRecords
from maillage.kernel.network_paths import NetworkPaths
from maillage.kernel.office import Office
from maillage.kernel.ports import Clock
from maillage.services.roof.leasing.desk import LeasingDesk
from maillage.services.roof.leasing.keeper import LeaseKeeper
from maillage.services.roof.rent.desk import RentDesk

if TYPE_CHECKING:
    from maillage.services.roof.catalogue.desk import Catalogue
    from maillage.services.roof.catalogue.planning import Planner

BANDS = "MAILLAGE_BANDS"
"""Names a folder of the chain's own link budgets."""


class Roofs:
    """Opened at once; ``start`` once the office can be asked."""

    def __init__(self, database: Database, office: Office, clock: Clock, paths: NetworkPaths) -> None:
        if folder := os.environ.get(BANDS):
            from maillage.services.roof.radio.budgets import take_own_budgets

            take_own_budgets(Path(folder))
        self._roofs, self._records = SqlRoofRecords(database), SqlRoofLeaseRecords(database)
        self._office, self._clock, self._paths = office, clock, paths
        self.leases = LeasingDesk(self._records, self._roofs, office, clock)
        self.rent = RentDesk(self._records, office, clock)
        self.keeper = LeaseKeeper(self.leases, clock)

    @cached_property
    def catalogue(self) -> "Catalogue":
        """Loaded when it is first asked: numbers and maps take a moment."""
        from maillage.services.roof.catalogue.desk import Catalogue

        return Catalogue(self._roofs, self._records, self._office, self._clock)

    @cached_property
    def plans(self) -> "Planner":
        from maillage.services.roof.catalogue.planning import Planner

        return Planner(self.catalogue)

    async def start(self) -> None:
        """Take up what a process before this one left, and know whom the roofs serve."""
        self.leases.served.on_change.append(self._replace_paths)
        await self.keeper.start()

    async def stop(self) -> None:
        """Leases go on; the next process sees to what is due."""
        await self.keeper.stop()

    def _replace_paths(self) -> None:
        self._paths.replace((network, site) for network, site, _ in self.leases.served.entries)
