"""From `POST /v1/deployments` to the app's first answer, over HTTP: a lease is taken, the code loaded and started."""

import time
from collections.abc import Callable
from statistics import median

from benchmarks.greeting import KINDS, Kind
from benchmarks.renting import SMALL_NEEDS, Tenant, lay_out_store
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.serving import maillage

DEPLOYMENTS = 10
"""A round's, of each kind."""
GOAL_MS = 1_000


def run(setting: Setting) -> Outcome:
    count = 2 if setting.quick else DEPLOYMENTS
    lay_out_store(setting.folder / "chain")
    with maillage(setting.folder / "chain") as server, Tenant(server, "bench", setting.folder) as tenant:
        apps = {kind: tenant.put_app(kind, kind) for kind in KINDS}
        very_first_ms = _deployed_ms(tenant, apps["component"])
        worst = dict.fromkeys(KINDS, 0.0)

        def side(kind: Kind) -> float:
            taken = [_deployed_ms(tenant, apps[kind]) for _ in range(count)]
            worst[kind] = max(worst[kind], *taken)
            return median(taken)

        sides: dict[str, Callable[[], float]] = {kind: lambda kind=kind: side(kind) for kind in KINDS}
        rounds = alternate(setting, sides)
    lines = [
        Line(kind, "ms at p50", [each.values[kind] for each in rounds], goal=GOAL_MS, at_most=True) for kind in KINDS
    ]
    notes = [
        f"the slowest of all: {', '.join(f'{kind} {ms:.0f} ms' for kind, ms in worst.items())}; "
        f"the first one after the server's start: {very_first_ms:.0f} ms"
    ]
    return Outcome("deploy", lines, rounds, notes, quick=setting.quick)


def _deployed_ms(tenant: Tenant, app: str) -> float:
    """Deploy it, have it answer, and take it away again."""
    start = time.perf_counter()
    deployment = tenant.put_deployment(app, SMALL_NEEDS)
    tenant.await_answer(app)
    taken = time.perf_counter() - start
    tenant.remove(deployment)
    return taken * 1e3
