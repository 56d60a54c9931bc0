"""The reference of the command line and the command line itself name the same commands and options."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from maillage.faces.cli.main import app

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/cli.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### `([a-z -]+)`\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
FOR_ALL = PAGE.partition("## For all commands")[2].partition("\n## ")[0]
EVERYWHERE = {"--help", "--json"}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """(name as it is typed, command) of everything that does something."""
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    if command.invoke_without_command:
        yield " ".join(words), command
    for name, below in command.commands.items():
        yield from commands(below, (*words, name))


ALL = dict(commands(typer.main.get_command(app)))


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


@pytest.mark.parametrize("name", ALL)
def test_the_page_names_each_command_with_all_its_options(name: str) -> None:
    section = SECTIONS.get(name, "")
    assert f"maillage {name}" in section, f"docs/reference/cli.md has no section for '{name}'"
    named = set(re.findall(r"--[a-z-]+", section))
    missing = options(ALL[name]) - named - EVERYWHERE
    assert not missing, f"the section of '{name}' does not name {', '.join(sorted(missing))}"


def test_the_page_names_no_command_that_does_not_exist() -> None:
    assert set(SECTIONS) <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_synopsis_of_a_command_names_no_option_that_it_does_not_have(name: str) -> None:
    synopsis = " ".join(line for line in SECTIONS[name].splitlines() if line.startswith("    "))
    assert set(re.findall(r"--[a-z-]+", synopsis)) <= options(ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_every_command_can_answer_in_json(name: str) -> None:
    assert "--json" in options(ALL[name])
    assert "--json" in FOR_ALL


def test_every_variable_that_the_command_line_reads_is_on_the_page() -> None:
    sources = (Path(__file__).resolve().parents[2] / "src/maillage/faces/cli").glob("*.py")
    read = {name for source in sources for name in re.findall(r'"(MAILLAGE_[A-Z_]+)"', source.read_text("utf-8"))}
    assert read == set(re.findall(r"^\| `(MAILLAGE_[A-Z_]+)`", FOR_ALL, flags=re.MULTILINE))


def test_every_variable_of_the_product_is_on_the_page() -> None:
    sources = (Path(__file__).resolve().parents[2] / "src/maillage").rglob("*.py")
    named = {name for source in sources for name in re.findall(r"\bMAILLAGE_[A-Z_]+[A-Z]\b", source.read_text("utf-8"))}
    assert {name for name in named if name not in PAGE} == set()
