"""Everything that has to do with what devices measure, in a process that owns the stores where they are."""

import os
from collections.abc import Callable
from pathlib import Path

from maillage.bootstrap.devices import Devices
from maillage.engines.learnt_file import LearntFile
from maillage.engines.notify.hook import HookChannel
from maillage.engines.notify.mail import MailChannel
from maillage.engines.notify.smtp_settings import smtp_settings
from maillage.engines.readings.store import FileReadings
from maillage.engines.records.coldchain import SqlColdChainRecords
from maillage.engines.records.database import Database
from maillage.engines.records.sensing import SqlRegistryRecords
from maillage.kernel.owner import OwnerOffice
from maillage.kernel.ports import Clock, Journal
from maillage.kernel.sites import Site
from maillage.services.sensing.coldchain.desk import ColdChain
from maillage.services.sensing.coldchain.haccp.anchors import JournalAnchors
from maillage.services.sensing.coldchain.ports import Channel
from maillage.services.sensing.gateway.intake import Intake
from maillage.services.sensing.readings.service import Readings
from maillage.services.sensing.registry.desk import RegistryDesk
from maillage.services.sensing.registry.kept import KeptRegistry
from maillage.services.sensing.warning.advice import Advice
from maillage.services.sensing.warning.early import EarlyWarning
from maillage.services.sensing.warning.keeping import WarningKeeper
from maillage.tenancy.secrets import secret
from maillage.tenancy.webhooks.master import NAME, master_secret
from maillage.tenancy.webhooks.sending import HttpSender
from maillage.tenancy.webhooks.signing import Secrets
from maillage.tenancy.webhooks.targets import resolve_by_system
from maillage.tenancy.webhooks.wiring import ALLOW_LOCAL

FOLDER = "sensing"
LEARNT = "warning.learnt"


class Sensing:
    """Opened at once; ``start`` once the ledger's writer runs. ``intake`` is there once there is a line to a broker."""

    intake: Intake | None = None

    def __init__(
        self,
        folder: Path,
        database: Database,
        office: OwnerOffice,
        journal: Journal,
        clock: Clock,
        devices: Devices,
        clock_ms: Callable[[], int],
    ) -> None:
        own = folder / FOLDER

        def site_of(site: str) -> Site | None:
            return office.glance().ledger.sites.get(site)

        kept = KeptRegistry(SqlRegistryRecords(database))
        self.registry = RegistryDesk(kept, lambda site: site_of(site) is not None, clock)
        self.readings = Readings(FileReadings(own / "readings"), kept, clock)
        self.coldchain = ColdChain(
            kept,
            SqlColdChainRecords(database),
            office,
            clock,
            site_of,
            channels=_channels(clock, None if database.is_postgresql else folder),
            anchors=JournalAnchors(journal),
            readings=self.readings,
        )
        self.warning = EarlyWarning(kept, self._advise)
        self._learnt = WarningKeeper(self.warning, LearntFile(own / LEARNT))
        self._devices = devices
        self._clock_ms = clock_ms

    async def start(self) -> None:
        """Go on where it was; readings come once the line is connected."""
        await self.registry.start()
        await self.coldchain.start()
        self.readings.start()
        await self._learnt.start()
        if self._devices.line is not None:
            watchers = (self.coldchain, self.warning)
            self.intake = Intake(
                self._devices.line, self.registry.kept, watchers, self.readings, clock_ms=self._clock_ms
            )
            await self.intake.start()

    async def stop(self) -> None:
        """The line is stopped before: what it gave is stored, and told."""
        if self.intake is not None:
            await self.intake.stop()
        await self._learnt.stop()
        await self.coldchain.stop()
        await self.readings.stop()

    def close(self) -> None:
        self.readings.close()

    def _advise(self, advice: Advice) -> None:
        self.coldchain.advise(advice.site, advice.unit, advice.kind, advice.text, advice.at_ms)


def _channels(clock: Clock, secret_folder: Path | None) -> dict[str, Channel]:
    """By which people can be told: webhooks always, mail where a server is named."""
    allow_local = os.environ.get(ALLOW_LOCAL) == "1"
    signing = Secrets(lambda: master_secret(lambda: secret(NAME), secret_folder))
    channels: dict[str, Channel] = {
        "webhook": HookChannel(HttpSender(clock, allow_local, resolve_by_system), signing, clock, allow_local)
    }
    mail = smtp_settings(os.environ)
    if mail is not None:
        channels["email"] = MailChannel(mail)
    return channels
