"""Profiles and devices in a database."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_or_replace
from maillage.engines.records.sensing_tables import sensing_devices, sensing_profiles
from maillage.services.sensing.model import Device, Profile

_PROFILES = sa.select(sensing_profiles.c.body).order_by(sensing_profiles.c.id)
_DEVICES = sa.select(sensing_devices.c.body).order_by(sensing_devices.c.number)


class SqlRegistryRecords:
    """``services.sensing.registry.ports.RegistryRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def profiles(self) -> list[Profile]:
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Profile) for (body,) in connection.execute(_PROFILES)]

    def put_profile(self, profile: Profile) -> None:
        with self._database.statement() as connection:
            insert = insert_or_replace(connection, sensing_profiles, "id", "body")
            connection.execute(insert, {"id": profile.id, "body": msgspec.json.encode(profile)})

    def drop_profile(self, profile_id: str) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.delete(sensing_profiles).where(sensing_profiles.c.id == profile_id))

    def devices(self) -> list[Device]:
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Device) for (body,) in connection.execute(_DEVICES)]

    def put_devices(self, devices: Sequence[Device]) -> None:
        rows = [{"id": each.id, "site": each.site, "body": msgspec.json.encode(each)} for each in devices]
        if rows:
            with self._database.transaction() as connection:
                connection.execute(insert_or_replace(connection, sensing_devices, "id", "site", "body"), rows)
