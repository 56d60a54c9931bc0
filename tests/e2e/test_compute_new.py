"""``maillage compute new``: what it makes is built, uploaded, deployed and called, by the command line alone."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.mesh_processes import environment, maillage

BUILD_WITHIN_S = 300


def ok(folder: Path, *words: str) -> Any:
    done = maillage(*words, "--json", MAILLAGE_HOME=str(folder / "home"))
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.mark.parametrize("lang", ["python", "javascript"])
def test_a_new_app_has_its_world_and_says_how_it_is_built(lang: str, tmp_path: Path) -> None:
    made = ok(tmp_path, "compute", "new", str(tmp_path / "hello"), "--lang", lang)
    assert {"README.md", "wit/edge.wit"} < set(made["files"])
    assert all((tmp_path / "hello" / name).is_file() for name in made["files"])
    again = maillage("compute", "new", str(tmp_path / "hello"), "--lang", lang)
    assert again.returncode == 1 and "is there already" in again.stderr


@pytest.mark.long
def test_the_javascript_one_is_built_and_answers_from_a_data_folder_without_a_server(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path / "hello"
    ok(tmp_path, "compute", "new", str(folder), "--lang", "javascript")
    for command in ([npm, "install", "--no-audit", "--no-fund"], [npm, "run", "build"]):
        done = subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=BUILD_WITHIN_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    (tmp_path / "stores.csv").write_text("id,name,lat,lon\nbv-1,Bentonville,36.3581,-94.2247\n")
    ok(tmp_path, "sites", "import", str(tmp_path / "stores.csv"))
    for kind in ("cpu", "memory"):
        ok(tmp_path, "capacity", "set", "bv-1", kind, "4")
    app = ok(tmp_path, "compute", "create", "hello")["id"]
    version = ok(tmp_path, "compute", "upload", app, str(folder / "app.wasm"))
    assert version["kind"] == "component"
    needs = ("--need", "cpu=1", "--need", "memory=0.5")
    deployed = ok(tmp_path, "compute", "deploy", app, "--near", "36.36,-94.22", *needs, "--health", "/healthz")
    assert [instance["state"] for instance in deployed["placed"]] == ["ready"]
    for visits in (1, 2):
        answer = ok(tmp_path, "compute", "call", app)
        assert json.loads(answer["body"]) == {"hello": "world", "visits": visits}, "what it keeps outlives a process"
    (usage,) = ok(tmp_path, "usage")["items"]
    assert usage["measured"]["requests"] >= 2
    ok(tmp_path, "compute", "remove", deployed["id"])
    assert [lease["state"] for lease in ok(tmp_path, "lease", "list")["items"]] == ["released"]
