"""The house rules that a machine can check: who may import whom, how long a file may be, what must be explained."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import api
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

SRC = Path(__file__).resolve().parents[2] / "src" / "maillage"
FILES = sorted(SRC.rglob("*.py"))
LINES_MAX = 400
AT_A_GLANCE = 8
"""Lines of a definition that needs no words beside it."""
MAY_PRINT = ("faces/cli/", "demo/")


def name_of(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def test_imports_run_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(SRC.parents[1])
    monkeypatch.syspath_prepend(str(SRC.parent))
    configure()
    contracts = api.read_configuration()["contracts_options"]
    assert len(contracts) >= 3
    assert lint_imports(is_debug_mode=True, cache_dir=None), capsys.readouterr().out


def test_only_bootstrap_names_engines() -> None:
    naming = {name_of(path) for path in FILES for module in imported(tree_of(path)) if "maillage.engines" in module}
    assert {name.partition("/")[0] for name in naming} == {"engines", "bootstrap"}


def test_the_checker_imports_only_the_standard_library_and_itself() -> None:
    strangers = {
        (name_of(path), module)
        for path in FILES
        if name_of(path).startswith("verify/")
        for module in imported(tree_of(path))
        if module.split(".")[0] not in sys.stdlib_module_names and not re.match(r"maillage\.verify(\.|$)", module)
    }
    assert not strangers


@pytest.mark.parametrize("room", ["kernel", "engines", "services", "verify"])
def test_what_lies_below_knows_neither_http_nor_a_terminal(room: str) -> None:
    above = {"litestar", "granian", "httpx", "typer", "rich", "click"}
    if room == "engines":
        above -= {"httpx"}  # podman is asked over HTTP, and code asks others
    known = {
        (name_of(path), module)
        for path in FILES
        if name_of(path).startswith(f"{room}/")
        for module in imported(tree_of(path))
        if module.split(".")[0] in above
    }
    assert not known


def test_no_file_is_longer_than_the_head_can_hold() -> None:
    long = {name_of(path): lines for path in FILES if (lines := path.read_text("utf-8").count("\n")) > LINES_MAX}
    assert not long


def undocumented(tree: ast.Module) -> Iterator[str]:
    """What is public in a module and has no docstring.

    Three things explain themselves: what is read at a glance, what alone stands under its module's docstring, and a
    route or command whose decorator already says it in words.
    """
    if ast.get_docstring(tree) is None:
        yield "the module"
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    for node in public:
        lines = (node.end_lineno or 0) - node.lineno + 1
        if ast.get_docstring(node) is None and lines > AT_A_GLANCE and len(public) > 1 and not in_words(node):
            yield node.name


def in_words(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    words = [word.arg for each in node.decorator_list if isinstance(each, ast.Call) for word in each.keywords]
    return "summary" in words or "help" in words


def test_every_public_module_class_and_function_has_a_docstring() -> None:
    modules = [path for path in FILES if path.name != "__main__.py" and path.stat().st_size]
    assert not {f"{name_of(path)}: {name}" for path in modules for name in undocumented(tree_of(path))}


def test_nothing_is_printed_but_by_the_faces_that_talk_to_people() -> None:
    printing = {
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        if not name_of(path).startswith(MAY_PRINT)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert not printing
