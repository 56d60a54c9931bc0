"""The nouns of compute: an app has versions, a deployment keeps instances of one, an instance stands on a lease.

Instants are seconds UTC, sizes bytes, ``cpu`` thousandths of a vCPU.
"""

from typing import Literal

import msgspec

CodeKind = Literal["component", "command", "image"]
"""What a version is: a WebAssembly component of our world, a WASI command in CGI style, or an OCI image."""

InstanceState = Literal["starting", "ready", "unhealthy", "backing-off", "stopping", "stopped", "failed", "unknown"]
"""``backing-off`` waits before its next start, ``stopped`` ended as it should, ``failed`` will not be started again.
``unknown`` is what a hub says of one whose store is out of reach; a store never does."""

RestartPolicy = Literal["always", "on-failure", "never"]


class App(msgspec.Struct, frozen=True):
    """``id`` is unique in the chain: ``<tenant>.<name>``; it is also the address under ``/run/``."""

    id: str
    tenant: str
    name: str
    created_at: int


class Version(msgspec.Struct, frozen=True):
    """Code that was accepted, named by its content. ``digest`` is ``sha256:<64 hex digits>`` of the bytes as uploaded;
    for an image that is only named, of its reference. ``reference`` is the OCI reference, "" where bytes were sent.
    ``needs_memory_bytes`` is the least that it starts with, 0 where that can't be known beforehand."""

    app: str
    digest: str
    kind: CodeKind
    size: int
    created_at: int
    reference: str = ""
    needs_memory_bytes: int = 0


class Health(msgspec.Struct, frozen=True):
    """An instance is healthy while ``GET path`` answers 2xx or 3xx; ``failures`` misses in a row make it unhealthy.
    Without ``path`` it is healthy while it runs."""

    path: str = ""
    every_s: float = 10.0
    timeout_s: float = 2.0
    failures: int = 3


class Settings(msgspec.Struct, frozen=True):
    """How instances of a deployment run. ``config`` is handed to the code as its environment; ``outbound`` lists the
    only ``host`` or ``host:port`` that it may call over HTTP; ``port`` is where a container listens. ``grace_s`` is how
    long requests under way may still take when an instance has to stop. A ``public`` app is called without a key."""

    config: dict[str, str] = {}
    outbound: list[str] = []
    health: Health = Health()
    restart: RestartPolicy = "always"
    grace_s: float = 5.0
    request_s: float = 10.0
    port: int = 8080
    public: bool = False


class Limits(msgspec.Struct, frozen=True):
    """What one instance may use. ``cpu`` bounds its processor time a second, ``concurrency`` the requests that run at
    once, ``waiting`` those that wait for their turn; ``request_s`` is wall time of one request."""

    cpu: int
    memory_bytes: int
    concurrency: int
    waiting: int
    request_s: float
    request_bytes: int
    response_bytes: int
    fuel_per_request: int
    stored_bytes: int
    """All keys and values of the lease together."""


class Placement(msgspec.Struct, frozen=True):
    """Where instances go: on leases that the tenant has, or ``instances`` of them within reach of ``points``
    (``[lat, lon]``) on leases that are taken for them and kept as long as the deployment lives."""

    leases: list[str] = []
    points: list[tuple[float, float]] = []
    within_km: float | None = None
    within_ms: float | None = None
    instances: int = 1
    needs: dict[str, int] = {}
    lease_class: Literal["house", "firm", "spot"] = "firm"
    max_price: int | None = None


class Rollout(msgspec.Struct, frozen=True):
    """How far the last change of version or settings has come: ``rolled-back`` where an instance did not come up with
    it and all went back by themselves; ``detail`` says why."""

    state: Literal["done", "rolling", "rolled-back"] = "done"
    detail: str = ""


class Deployment(msgspec.Struct, frozen=True):
    """``digest`` is the version that instances are to have, ``former`` (with ``former_settings``) the one before it,
    for a way back. ``changes`` counts what was changed of what is wanted: it is the revision that callers see, and who
    changes a deployment on the strength of an older one is refused. ``revision`` counts writes of the record."""

    id: str
    app: str
    tenant: str
    digest: str
    former: str
    placement: Placement
    settings: Settings
    revision: int
    created_at: int
    removed: bool = False
    former_settings: Settings | None = None
    rollout: Rollout = Rollout()
    changes: int = 1


BESIDE = ".b"
"""At the end of an instance's id: the second place of its lease, where one comes up that is to take over from the one
that serves. A lease's own id has no dot."""


class Instance(msgspec.Struct, frozen=True):
    """What a site is to run: ``id`` is that of its lease, for a lease carries one instance. ``own_lease`` says that the
    deployment took the lease and gives it back; ``slot`` is which of the deployment's instances it is, from 0.
    ``of_session`` says that ``deployment`` is a session that follows a device; the instance answers that one only.

    To a runtime ``id`` may end in ``BESIDE``: what belongs to the lease (keys and values) goes by ``lease``."""

    id: str
    deployment: str
    app: str
    tenant: str
    site: str
    digest: str
    kind: CodeKind
    reference: str
    settings: Settings
    limits: Limits
    own_lease: bool = False
    slot: int = 0
    of_session: bool = False

    @property
    def lease(self) -> str:
        return self.id.removesuffix(BESIDE)


Settled = Literal["yes", "no", "failed"]
"""Whether an instance runs as it was last told to: ``no`` while it is on its way, ``failed`` where it did not come up
so and is to be tried again later."""


class InstanceStatus(msgspec.Struct, frozen=True):
    """What a site says of an instance. ``since`` is when it came to this state; ``detail`` says why, where there is
    something to say; ``restarts`` counts starts after the first."""

    id: str
    digest: str
    state: InstanceState
    since: int
    restarts: int = 0
    detail: str = ""
    settled: Settled = "no"


class Meters(msgspec.Struct):
    """What an instance's lease has used so far, all its life: requests answered, units of fuel, microseconds of
    wall time in the code, bytes of bodies taken and given."""

    requests: int = 0
    fuel: int = 0
    wall_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class LogLine(msgspec.Struct, frozen=True):
    """``at_ms`` is milliseconds UTC; ``stream`` is ``log`` for what the code says by the world's log, ``stderr`` or
    ``stdout`` for what it writes, ``host`` for what the store says about the instance."""

    at_ms: int
    stream: Literal["log", "stdout", "stderr", "host"]
    level: Literal["debug", "info", "warning", "error"]
    text: str
