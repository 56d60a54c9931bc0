"""1,000 apps of 100 tenants, each with code of its own, on one node: memory of an idle one, waits of 64 callers."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.greeting import KINDS, PATH, Kind
from benchmarks.renting import AMPLE_NEEDS, SMALL_NEEDS, Needs, Tenant, lay_out_store
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.serving import Server, granian, maillage

TENANTS, APPS = 100, 10
"""APPS of each tenant."""
CALLERS = 64
AT_ONCE = 4
"""Tenants who upload and deploy at the same time."""


def run(setting: Setting) -> Outcome:
    tenants, apps = (4, 4) if setting.quick else (TENANTS, APPS)
    seconds = 0.5 if setting.quick else 3.0
    lay_out_store(setting.folder / "chain")
    with maillage(setting.folder / "chain") as ours, granian("benchmarks.greeting:app") as bare:
        one_target = _rent(ours, "first", 1, 0, setting.folder, AMPLE_NEEDS)  # libraries are loaded by that, too
        before_kib = ours.rss_kib()
        targets = _rent_all(ours, tenants, apps, setting.folder)
        idle_kib = (ours.rss_kib() - before_kib) / (tenants * apps)
        loads = {
            "all": _Load(ours, setting.folder / "all.json", targets),
            "one": _Load(ours, setting.folder / "one.json", one_target),
            "bare": _Load(bare, setting.folder / "bare.json", [(PATH, "")]),
        }
        for load in loads.values():
            load.run(0.5)
        called_kib = (ours.rss_kib() - before_kib) / (tenants * apps)
        rounds = alternate(setting, {name: lambda load=load: load.run(seconds) for name, load in loads.items()})
        rates = "; ".join(f"{name} {load.report['requests_per_s']:,.0f}/s" for name, load in loads.items())
    columns = {name: [each.values[name] for each in rounds] for name in loads}
    lines = [
        Line("memory of an idle app", "KiB", [idle_kib]),
        Line(f"{CALLERS} callers, all apps", "ms at p99", columns["all"], columns["one"], "one app"),
        Line(f"{CALLERS} callers, all apps", "ms at p99", columns["all"], columns["bare"], "bare ASGI"),
    ]
    notes = [
        f"{tenants} tenants with {apps} apps each, half components, half commands; the code of each is 1 to 2 KB",
        f"memory of an app while all are called: {called_kib:.0f} KiB; without any of them the server has "
        f"{before_kib / 1024:.0f} MiB",
        f"calls in the last round: {rates}",
    ]
    return Outcome("apps", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _rent_all(server: Server, tenants: int, apps: int, folder: Path) -> list[tuple[str, str]]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = threads.map(
            lambda number: _rent(server, f"t{number}", apps, (number + 1) * apps, folder, SMALL_NEEDS), range(tenants)
        )
        return [target for targets in found for target in targets]


def _rent(server: Server, name: str, apps: int, first: int, folder: Path, needs: Needs) -> list[tuple[str, str]]:
    """A new tenant whose apps run and have answered once."""
    targets = []
    with Tenant(server, name, folder) as tenant:
        for number in range(apps):
            kind: Kind = KINDS[number % len(KINDS)]
            app = tenant.put_app(f"app{number}", kind, first + number)
            tenant.put_deployment(app, needs)
            tenant.await_answer(app)
            targets.append(tenant.target(app))
    return targets


class _Load:
    """Callers of some apps; ``report`` is of the last run."""

    def __init__(self, server: Server, file: Path, targets: list[tuple[str, str]]) -> None:
        self._server = server
        self._file = file
        self.report: dict[str, Any] = {}
        file.write_text(json.dumps(targets))

    def run(self, seconds: float) -> float:
        """Milliseconds at p99."""
        self.report = self._server.load_apps(self._file, seconds, CALLERS)
        return float(self.report["p99_ms"])
