"""``compute new``: a handler that works, to begin from."""

from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree
from typing import Annotated

import typer

from maillage.faces.cli import show
from maillage.faces.cli.failures import own_problem
from maillage.faces.cli.options import Json

ROOM = "maillage.services.compute"
LEFT_OUT = {"__pycache__", "__init__.py"}


class Language(StrEnum):
    python = "python"
    javascript = "javascript"


def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made; it must not be there yet.")],
    lang: Annotated[Language, typer.Option("--lang", help="What the handler is written in.")] = Language.python,
    as_json: Json = False,
) -> None:
    """Make a folder with a handler that works; its README.md says how to build it."""
    if folder.exists():
        raise own_problem("in-the-way", f"{folder} is there already")
    with as_file(files(ROOM) / "templates" / lang.value) as template, as_file(files(ROOM) / "wit") as world:
        copytree(template, folder, ignore=lambda _, names: LEFT_OUT & set(names))
        copytree(world, folder / "wit", ignore=lambda _, names: LEFT_OUT & set(names))
    made = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    document = {"folder": str(folder), "lang": lang.value, "files": made}
    show.emit(document, as_json, lambda _: show.say(f"{folder}: {', '.join(made)}; README.md says how to build it"))
