"""The commands in the documentation work: each page's ``sh`` blocks are run in order, in a folder of their own, with
servers that they start (a nats-server among them) on free ports."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.contract.nats_server import binary as nats_server
from tests.contract.nats_server import free_port

ROOT = Path(__file__).parents[2]
WITHIN_S = 240
PORT = re.compile(r"\b(?:1883|1884|4222|4223|7422|84\d\d)\b")
ON_THE_TUTORIALS_MESH = ("add-a-store.md", "replace-a-dead-node.md", "upgrade.md", "hold-capacity-in-escrow.md")
SLOW_PAGES = (
    "back-up-and-restore.md",
    "clean-a-floor.md",
    "first-app.md",
    "first-chain.md",
    "first-store.md",
    "guard-the-cold-chain.md",
    "hub-and-two-stores.md",
    "import-stores.md",
    *ON_THE_TUTORIALS_MESH,
)
"""They build components with a whole Python in them, import thousands of stores, start a mesh first, or wait for what
takes its time in a store."""
PAGES = [
    pytest.param(page, marks=[pytest.mark.long] if page.name in SLOW_PAGES else [])
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "```sh\n" in page.read_text("utf-8")
]
MESH_TUTORIAL = ROOT / "docs/tutorials/hub-and-two-stores.md"
MESH_STANDS = "## 4."
"""Where in it the hub and both nodes are up: guides to the mesh go on from there."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run_as_they_stand(page: Path, tmp_path: Path) -> None:
    script = commands_of(page.read_text("utf-8"))
    if page.name in ON_THE_TUTORIALS_MESH:
        script = commands_of(MESH_TUTORIAL.read_text("utf-8").partition(MESH_STANDS)[0]) + script
    if "nats-server" in script:
        nats_server()
    code, said = run_in(tmp_path, script)
    assert code == 0, said[-4000:]
    assert "Traceback" not in said


def test_the_program_of_the_leasing_guide_leases_and_gives_back(tmp_path: Path, served) -> None:
    page = (ROOT / "docs/how-to/lease-from-a-program.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=_environment(tmp_path) | {"MAILLAGE_SERVER": served.url, "MAILLAGE_KEY": served.tenant_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " at bv-1 for " in done.stdout


def test_every_page_is_in_the_table_of_contents_and_every_link_leads_somewhere() -> None:
    contents = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in contents, f"{page.name} is not in mkdocs.yml"
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target} does not exist"


def commands_of(text: str) -> str:
    """A page's ``sh`` blocks, one after the other."""
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def run_in(folder: Path, script: str) -> tuple[int, str]:
    """Exit code and all that was said. The page's ports become free ones; what it leaves running is ended."""
    commands = folder / "bin"
    commands.mkdir()
    for name, of_ours in (("maillage", "-m maillage"), ("python3", "")):  # ours has what pages' programs import
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {of_ours} "$@"\n')
        command.chmod(0o755)
    for port in sorted(set(PORT.findall(script))):
        script = re.sub(rf"\b{port}\b", str(free_port()), script)
    tools = Path(sys.executable).parent  # what pages have installed with pip is here
    path = f"{commands}:{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:{tools}"
    said = folder / "said"
    with said.open("wb") as out:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=_environment(folder) | {"PATH": path},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        with suppress(subprocess.TimeoutExpired):
            shell.wait(WITHIN_S)
        _end_all(shell.pid)
        return shell.wait(), said.read_text("utf-8", "replace")


def _end_all(group: int) -> None:
    """What the page started and did not end, and the shell itself where it took too long."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    return kept | {"MAILLAGE_HOME": str(folder / "home"), "COLUMNS": "200", "NO_COLOR": "1"}
