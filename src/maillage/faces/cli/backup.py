"""``backup`` and ``restore``: a data folder in one file, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maillage.faces.cli import show
from maillage.faces.cli.client import folder_faults, home
from maillage.faces.cli.failures import REFUSED, own_problem
from maillage.faces.cli.options import Json
from maillage.faces.cli.verdict import print_verdict, verified

if TYPE_CHECKING:
    from maillage.bootstrap import Manifest

ELSEWHERE = (
    "The records (tenants, keys, kinds, prices) are in a database server and not in this backup: use pg_dump too."
)

Archive = Annotated[Path, typer.Argument(metavar="FILE.tar.gz", show_default=False)]
Folder = Annotated[Path | None, typer.Option("--folder", metavar="PATH", help="MAILLAGE_HOME if left out.")]


def backup(
    archive: Archive,
    folder: Folder = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Back up a data folder, while a server works on it or not."""
    from maillage.bootstrap import back_up

    folder = folder or home()
    with _paths_told(), folder_faults(folder), _steps() as step:
        manifest = back_up(folder, archive, force, step)
    document = {"file": str(archive), "bytes": archive.stat().st_size, **_document(manifest)}
    show.emit(document, as_json, _print_backup)


def restore(archive: Archive, folder: Folder = None, as_json: Json = False) -> None:
    """Put a backup into an absent or empty data folder, and check the books. Ends with 1 where they have a fault."""
    from maillage.bootstrap import restore as put_back

    folder = folder or home()
    with _paths_told(), folder_faults(folder), _steps() as step:
        manifest = put_back(archive, folder, step)
    document = {"backup": _document(manifest), **verified(folder)}
    show.emit(document, as_json, _print_restored)
    if not document["ok"]:
        raise typer.Exit(REFUSED)


@contextmanager
def _paths_told() -> Iterator[None]:
    """Say what is the matter with a backup or with where it is to go in the terms of the command line."""
    from maillage.bootstrap import BackupDamaged

    try:
        yield
    except BackupDamaged as fault:
        raise own_problem("backup-damaged", str(fault)) from None
    except FileExistsError as fault:
        raise own_problem("in-the-way", f"{fault.filename}: {fault.strerror}") from None


@contextmanager
def _steps() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each step of the work, as it comes."""
    with show.progress() as bars:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield step


def _document(manifest: "Manifest") -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(manifest)
    return document


def _print_backup(document: dict[str, Any]) -> None:
    show.print_facts(
        [
            ("file", document["file"]),
            ("bytes", f"{document['bytes']:,}"),
            ("events", f"{document['events']:,}"),
            ("files", ", ".join(member["name"] for member in document["members"])),
        ]
    )
    if document["records"] == "elsewhere":
        show.note(ELSEWHERE)


def _print_restored(document: dict[str, Any]) -> None:
    print_verdict(document)
    if document["backup"]["records"] == "elsewhere":
        show.note(ELSEWHERE)
