"""Instances that the records want in stores, those of sessions among them."""

from maillage.services.compute.live.model import SESSION
from maillage.services.compute.live.ports import Kept, LiveRecords
from maillage.services.compute.model import Instance
from maillage.services.compute.ports import CatalogueRecords


class WantedInstances:
    """Calls block; threads may come at once."""

    def __init__(self, records: CatalogueRecords, sessions: LiveRecords) -> None:
        self._records = records
        self._sessions = sessions

    def instances(self, deployment_id: str | None = None) -> list[Instance]:
        """Of a deployment or a session, or of all. Of a session also where it is about to be, or has not left yet."""
        if deployment_id is None:
            return [*self._records.instances(), *(each for kept in self._sessions.all() for each in _instances(kept))]
        if not deployment_id.startswith(SESSION):
            return self._records.instances(deployment_id)
        found = self._sessions.find(deployment_id)
        return [] if found is None else _instances(found)


def _instances(kept: Kept) -> list[Instance]:
    session = kept.session
    leases = [] if session is None else [session.lease, *(owed.lease for owed in session.owed)]
    return [kept.plan.instance(lease) for lease in leases if lease]
