"""Warm calls of a component and of a WASI command: in process against wasmtime alone, over HTTP against bare ASGI.

And against `podman run` of the same function. Every call of ours has a store of its own, thrown away after it.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import uvloop

from benchmarks import raw_wasm
from benchmarks.containers import podman
from benchmarks.greeting import KINDS, PATH, Kind
from benchmarks.in_process import BareRuntime, RunningChain, call_p50_us, raw_p50_us
from benchmarks.renting import AMPLE_NEEDS, Tenant, lay_out_store
from benchmarks.report import Line, Outcome
from benchmarks.rounds import Setting, alternate
from benchmarks.serving import Server, granian, maillage

CONNECTIONS = 64
CONTAINERS = 5
"""Runs of podman a round."""
GOAL = 2
Sides = dict[str, Callable[[], float]]
Columns = dict[str, list[float]]


def run(setting: Setting) -> Outcome:
    seconds = 0.3 if setting.quick else 2.0
    with (
        podman() as container,
        _in_process(setting.folder, seconds) as inside,
        _over_http(setting.folder) as loads,
    ):
        sides = dict(inside)
        for name, load in loads.items():
            sides[f"{name} 1"] = lambda load=load: load.alone(seconds)
            sides[f"{name} {CONNECTIONS}"] = lambda load=load: load.many(seconds)
        for side in sides.values():
            side()
        if container is not None:
            runs = 2 if setting.quick else CONTAINERS
            sides["podman"] = lambda: median(container.run_once() for _ in range(runs)) * 1e6
        rounds = alternate(setting, sides)
    columns = {name: [each.values[name] for each in rounds] for name in sides}
    notes = [
        "the same engine, fuel and limits on both sides; wasmtime alone through its public API, in a loop",
        f"waits of the last round with {CONNECTIONS} connections: "
        + "; ".join(f"{name} {load.waits}" for name, load in loads.items()),
    ]
    lines = [line for kind in KINDS for line in _lines(kind, columns)]
    return Outcome("invoke", lines, rounds, notes, uses_disk=False, quick=setting.quick)


def _lines(kind: Kind, columns: Columns) -> list[Line]:
    host, raw = columns[f"{kind} host"], columns[f"{kind} raw"]
    lines = [
        Line(f"{kind}, runtime", "us at p50", columns[f"{kind} runtime"], raw, "wasmtime alone", GOAL, at_most=True),
        Line(f"{kind}, host", "us at p50", host, raw, "wasmtime alone", GOAL, at_most=True),
    ]
    if kind == "component":
        lines.append(Line("component, host", "us at p50", host, columns["kept"], "wasmtime, one store kept"))
    if "podman" in columns:
        lines.append(Line(f"{kind}, host", "us at p50", host, columns["podman"], "podman run"))
    alone, many = (columns[f"{kind} {callers}"] for callers in (1, CONNECTIONS))
    return [
        *lines,
        Line(f"{kind}, HTTP, 1 caller", "ms at p50", alone, columns["bare 1"], "bare ASGI"),
        Line(f"{kind}, HTTP, {CONNECTIONS}", "calls/s", many, columns[f"bare {CONNECTIONS}"], "bare ASGI"),
    ]


@contextmanager
def _in_process(folder: Path, seconds: float) -> Iterator[Sides]:
    """Microseconds at p50 of the library, the runtime and the host."""
    (folder / "bare").mkdir()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bare = BareRuntime(folder / "bare")
        try:
            runner.run(bare.accept())
            chain = runner.run(RunningChain.opened(folder / "chain"))
            try:
                kept = raw_wasm.kept_component()
                sides: Sides = {"kept": lambda: raw_p50_us(kept, seconds)}
                for kind in KINDS:
                    runner.run(bare.start(kind))
                    raw, deployed = raw_wasm.fresh(kind), chain.instances[kind]
                    sides |= {
                        f"{kind} raw": lambda raw=raw: raw_p50_us(raw, seconds),
                        f"{kind} runtime": lambda kind=kind: runner.run(
                            call_p50_us(bare.runtime.invoke, kind, seconds)
                        ),
                        f"{kind} host": lambda deployed=deployed: runner.run(
                            call_p50_us(chain.host.invoke, deployed, seconds)
                        ),
                    }
                yield sides
            finally:
                runner.run(chain.close())
        finally:
            runner.run(bare.close())


@contextmanager
def _over_http(folder: Path) -> "Iterator[dict[str, _Load]]":
    """The real server with both apps, and the ASGI application."""
    lay_out_store(folder / "served")
    with maillage(folder / "served") as ours, granian("benchmarks.greeting:app") as bare:
        loads: dict[str, _Load] = {}
        with Tenant(ours, "bench", folder) as tenant:
            for kind in KINDS:
                app = tenant.put_app(kind, kind)
                tenant.put_deployment(app, AMPLE_NEEDS)
                tenant.await_answer(app)
                loads[kind] = _Load(ours, folder / f"{kind}.json", *tenant.target(app))
        loads["bare"] = _Load(bare, folder / "bare.json", PATH, "")
        yield loads


class _Load:
    """One side over HTTP."""

    def __init__(self, server: Server, targets: Path, address: str, key: str) -> None:
        self._server = server
        self._targets = targets
        self.waits = ""
        targets.write_text(json.dumps([(address, key)]))

    def alone(self, seconds: float) -> float:
        """Milliseconds at p50 of one caller."""
        return float(self._server.load_apps(self._targets, seconds, 1)["p50_ms"])

    def many(self, seconds: float) -> float:
        """Calls a second."""
        report = self._server.load_apps(self._targets, seconds, CONNECTIONS)
        self.waits = f"p50 {report['p50_ms']:.1f} ms, p99 {report['p99_ms']:.1f} ms"
        return float(report["requests_per_s"])
