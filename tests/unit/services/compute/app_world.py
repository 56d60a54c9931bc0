"""Instances that answer as a test says, behind the port that hosts have: for what finds them and speaks to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec

from maillage.kernel.errors import NotFound
from maillage.kernel.sites import Site
from maillage.services.compute.invocations import Invocations
from maillage.services.compute.model import App, Deployment, Instance, Limits, Placement, Settings
from maillage.services.compute.ports import HeaderList, Inbound, Outbound
from maillage.tenancy.principal import Principal

LIMITS = Limits(1_000, 64 << 20, 2, 2, 1.0, 200_000, 1 << 20, 10**9, 1 << 20)
ACME, OTHER, OPERATOR = Principal("acme", "tenant"), Principal("other", "tenant"), Principal("operator", "operator")
SITES = {
    "lyon": Site("lyon", "Lyon", 45.76, 4.84, "Europe/Paris"),
    "paris": Site("paris", "Paris", 48.86, 2.35, "Europe/Paris"),
    "nice": Site("nice", "Nice", 43.70, 7.27, "Europe/Paris"),
}
NEAR = {"lyon": (45.7, 4.8), "paris": (48.8, 2.3), "nice": (43.7, 7.2)}

Behaviour = Callable[[Inbound], Awaitable[Outbound]]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def answer(*parts: bytes, status: int = 200, headers: HeaderList | None = None) -> Outbound:
    return Outbound(status, headers or [("content-type", "text/plain")], chunks(*parts))


async def echo(request: Inbound) -> Outbound:
    """What came, as text."""
    body = b"".join([chunk async for chunk in request.body])
    return answer(f"{request.method} {request.path}?{request.query} ".encode() + body)


def refusing(refusal: Exception, read_first: bool = False) -> Behaviour:
    async def refuse(request: Inbound) -> Outbound:
        if read_first:
            async for _ in request.body:
                pass
        raise refusal

    return refuse


class Stores:
    """Hosts instances, and knows their deployments. ``asked`` lists which instances were tried."""

    def __init__(self) -> None:
        self.instances: dict[str, Instance] = {}
        self.behaviours: dict[str, Behaviour] = {}
        self.deployed: dict[str, Deployment] = {}
        self.asked: list[str] = []
        self.looked_up = 0
        self.invocations = Invocations(self, self, SITES.get)

    def put(
        self,
        site: str,
        behaviour: Behaviour = echo,
        name: str = "web",
        tenant: str = "acme",
        points: Sequence[tuple[float, float]] = (),
        public: bool = False,
        limits: Limits = LIMITS,
        ready: bool = True,
    ) -> str:
        """An instance at a site; its id."""
        app, settings = f"{tenant}.{name}", Settings(public=public)
        instance = Instance(
            f"{site}~{len(self.instances)}",
            f"of {app}",
            app,
            tenant,
            site,
            "sha256:00",
            "command",
            "",
            settings,
            limits,
        )
        placement = Placement(points=list(points))
        self.deployed[instance.deployment] = Deployment(
            instance.deployment, app, tenant, instance.digest, "", placement, settings, 1, 0
        )
        if ready:
            self.instances[instance.id] = instance
        self.behaviours[instance.id] = behaviour
        return instance.id

    # -- as Hosting and Deployed ---------------------------------------------------------------------------------

    def ready(self, app_id: str) -> list[Instance]:
        return [instance for instance in self.instances.values() if instance.app == app_id]

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound:
        self.asked.append(instance_id)
        await asyncio.sleep(0)
        return await self.behaviours[instance_id](request)

    async def app(self, app_id: str, sees: str | None) -> App:
        for deployment in self.deployed.values():
            if deployment.app == app_id and sees in (None, deployment.tenant):
                return App(app_id, deployment.tenant, app_id.rpartition(".")[2], 0)
        raise NotFound(f"there is no app {app_id!r}, or it is not yours")

    async def deployments(self, app_id: str) -> list[Deployment]:
        self.looked_up += 1
        return [deployment for deployment in self.deployed.values() if deployment.app == app_id]


def limits(**changes: float) -> Limits:
    return msgspec.structs.replace(LIMITS, **changes)
