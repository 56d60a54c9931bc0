"""The world as toolchains read it and as the store checks it are the same; a real toolchain proves the whole."""

import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.contract.runtimes import Case, Code, World, put_code
from tests.unit.engines.wasmtime.wasm_stories import COMPONENT, play

pytest.importorskip("wasmtime", reason="the extra compute is not installed")

WIT = files("maillage.services.compute") / "wit" / "edge.wit"
APP = """
import wit_world
from componentize_py_types import Err
from wit_world.imports import clock, config, http, kv, log
from wit_world.imports.types import Header, Request, Response


class WitWorld(wit_world.WitWorld):
    def handle(self, req: Request) -> Response:
        log.write(log.Level.WARNING, f"asked for {req.path}")
        kv.set("last", req.body)
        try:
            http.send(http.Outgoing("GET", "http://example.com/", [], b""))
            refused = ""
        except Err as error:
            refused = error.value.value
        said = [config.get("greeting") or "", str(clock.wall_ms() > 0), refused, req.headers[0].value]
        return Response(200, [Header("x-said", "|".join(said))], kv.get("last"))
"""


def test_every_function_that_is_offered_stands_in_the_world_and_no_other() -> None:
    from maillage.engines.wasmtime.world import OFFERED, VERSION

    text = WIT.read_text()
    assert f"package maillage:edge@{VERSION};" in text
    world = text[text.index("world app") :]
    told = {
        f"maillage:edge/{name}@{VERSION}": set(re.findall(r"^  ([a-z-]+): func", body, re.MULTILINE))
        for name, body in re.findall(r"^interface ([a-z]+) \{(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    }
    assert told == {name: set(functions) for name, functions in OFFERED.items()}
    assert set(re.findall(r"import ([a-z]+);", world)) == {"kv", "log", "clock", "http", "config"}


@pytest.mark.long
def test_an_app_in_python_built_by_componentize_py_runs(tmp_path: Path) -> None:
    tool = shutil.which("componentize-py", path=str(Path(sys.executable).parent)) or shutil.which("componentize-py")
    if tool is None:
        pytest.skip("componentize-py is not installed")
    (tmp_path / "app.py").write_text(APP)
    wit = ["-d", str(WIT), "-w", "app"]
    build = [tool, *wit, "componentize", "--stub-wasi", "app", "-o", "app.wasm"]
    subprocess.run(build, cwd=tmp_path, check=True, timeout=300, capture_output=True)

    def built(folder: Path) -> Code:
        return put_code(folder, (tmp_path / "app.wasm").read_bytes())

    async def story(world: World) -> None:
        from maillage.services.compute.model import Settings

        found = await world.runtime.inspect(world.code.path, "component", world.code.digest, "")
        assert found.needs_memory_bytes < 16 * 1024**2
        await world.start(settings=Settings(config={"greeting": "hello"}), memory_bytes=64 * 1024**2, request_s=20.0)
        for _ in range(2):
            answer = await world.ask("/shelf", body=b"\0milk")
            assert answer.body == b"\0milk"
            assert answer.headers["x-said"].split("|") == [
                *("hello", "True", "example.com:80 is not on the deployment's outbound list", "shop.example"),
            ]
        assert [line.text for line in world.lines] == ["asked for /shelf"] * 2

    play(Case("python", "component", built, COMPONENT.open), tmp_path, story, within_s=400)
