"""Apps, versions, deployments and instances in a database.

The database itself keeps a version for as long as a deployment or a session is of it, and an app for as long as it has
versions: whoever looks first and then deletes may find that another process was faster.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from maillage.engines.records.database import Database
from maillage.engines.records.inserts import insert_if_new, insert_or_replace
from maillage.engines.records.tables import apps, deployments, instances, versions
from maillage.kernel.errors import AlreadyExists, NotFound, Refusal
from maillage.services.compute.errors import InUse
from maillage.services.compute.model import App, Deployment, Instance, Version

T = TypeVar("T")

_VERSIONS = sa.select(*(versions.c[name] for name in Version.__struct_fields__)).order_by(versions.c.number)
_DEPLOYMENTS = sa.select(deployments.c.body).order_by(deployments.c.created_at, deployments.c.id)
_INSTANCES = sa.select(instances.c.body).order_by(instances.c.id)


class SqlCatalogueRecords:
    """``services.compute.ports.CatalogueRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- apps and versions ---------------------------------------------------------------------------------------

    def add_app(self, app: App) -> None:
        with self._database.statement() as connection:
            entered = connection.execute(insert_if_new(connection, apps), msgspec.structs.asdict(app))
            if not entered.rowcount:
                raise AlreadyExists(f"there is an app {app.id!r} already", app=app.id)

    def app(self, app_id: str) -> App | None:
        found = self._read(sa.select(apps).where(apps.c.id == app_id))
        return App(*found[0]) if found else None

    def apps(self, tenant: str | None) -> list[App]:
        """By id."""
        wanted = sa.select(apps).order_by(apps.c.id)
        return [App(*row) for row in self._read(wanted if tenant is None else wanted.where(apps.c.tenant == tenant))]

    def drop_app(self, app_id: str) -> None:
        """InUse where there is a deployment or a session of it."""
        stands = InUse(f"there is a deployment or a session of {app_id}; end it first", app=app_id)
        with self._database.transaction() as connection, _told(stands):
            connection.execute(sa.delete(versions).where(versions.c.app == app_id))
            connection.execute(sa.delete(apps).where(apps.c.id == app_id))

    def put_version(self, version: Version) -> None:
        """NotFound where there is no such app."""
        with self._database.statement() as connection, _told(NotFound(f"there is no app {version.app!r}")):
            others = ("kind", "size", "created_at", "reference", "needs_memory_bytes")
            insert = insert_or_replace(connection, versions, "app digest", *others)
            connection.execute(insert, msgspec.structs.asdict(version))

    def versions(self, app_id: str) -> list[Version]:
        return [Version(*row) for row in self._read(_VERSIONS.where(versions.c.app == app_id))]

    def drop_version(self, app_id: str, digest: str) -> None:
        """InUse where there is a deployment or a session of it."""
        stands = InUse(f"there is a deployment or a session of {digest}; end it first", app=app_id, digest=digest)
        with self._database.statement() as connection, _told(stands):
            connection.execute(sa.delete(versions).where(versions.c.app == app_id, versions.c.digest == digest))

    def uses_of(self, digest: str) -> int:
        counted = sa.select(sa.func.count()).select_from(versions).where(versions.c.digest == digest)
        return int(self._read(counted)[0][0])

    # -- deployments ---------------------------------------------------------------------------------------------

    def add_deployment(self, deployment: Deployment) -> None:
        """AlreadyExists where there is one of that id, NotFound where there is no such version."""
        with self._database.statement() as connection, _told(_no_version(deployment)):
            entered = connection.execute(insert_if_new(connection, deployments), _deployment_row(deployment))
            if not entered.rowcount:
                raise AlreadyExists(f"there is a deployment {deployment.id!r} already", deployment=deployment.id)

    def deployment(self, deployment_id: str) -> Deployment | None:
        found = self._bodies(_DEPLOYMENTS.where(deployments.c.id == deployment_id), Deployment)
        return found[0] if found else None

    def deployments(self, tenant: str | None = None, app: str | None = None) -> list[Deployment]:
        """The oldest first, those that are being removed among them."""
        wanted = _DEPLOYMENTS if tenant is None else _DEPLOYMENTS.where(deployments.c.tenant == tenant)
        return self._bodies(wanted if app is None else wanted.where(deployments.c.app == app), Deployment)

    def change_deployment(self, deployment: Deployment) -> bool:
        """NotFound where there is no such version."""
        former = sa.and_(deployments.c.id == deployment.id, deployments.c.revision == deployment.revision - 1)
        with self._database.statement() as connection, _told(_no_version(deployment)):
            changed = connection.execute(sa.update(deployments).where(former), _deployment_row(deployment))
            return changed.rowcount == 1

    def drop_deployment(self, deployment_id: str) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.delete(deployments).where(deployments.c.id == deployment_id))

    # -- instances -----------------------------------------------------------------------------------------------

    def put_instance(self, instance: Instance) -> None:
        row = {
            "id": instance.id,
            "deployment": instance.deployment,
            "app": instance.app,
            "body": msgspec.json.encode(instance),
        }
        with self._database.statement() as connection:
            connection.execute(insert_or_replace(connection, instances, "id", "deployment", "app", "body"), row)

    def instances(self, deployment_id: str | None = None, app: str | None = None) -> list[Instance]:
        """By id."""
        wanted = _INSTANCES if deployment_id is None else _INSTANCES.where(instances.c.deployment == deployment_id)
        return self._bodies(wanted if app is None else wanted.where(instances.c.app == app), Instance)

    def drop_instance(self, instance_id: str) -> None:
        with self._database.statement() as connection:
            connection.execute(sa.delete(instances).where(instances.c.id == instance_id))

    def _read(self, wanted: sa.Select[Any]) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(wanted))

    def _bodies(self, wanted: sa.Select[Any], kind: type[T]) -> list[T]:
        return [msgspec.json.decode(body, type=kind) for (body,) in self._read(wanted)]


def _deployment_row(deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.id,
        "app": deployment.app,
        "tenant": deployment.tenant,
        "digest": deployment.digest,
        "revision": deployment.revision,
        "created_at": deployment.created_at,
        "body": msgspec.json.encode(deployment),
    }


def _no_version(deployment: Deployment) -> NotFound:
    return NotFound(f"{deployment.app} has no version {deployment.digest}")


@contextmanager
def _told(refusal: Refusal) -> Iterator[None]:
    """Unique columns are minded by the statements: what is left to violate is a foreign key."""
    try:
        yield
    except IntegrityError:
        raise refusal from None
