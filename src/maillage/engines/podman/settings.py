"""Which images a store takes, and whose podman it talks to."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from maillage.kernel.errors import Invalid
from maillage.services.compute.errors import CodeRefused

REGISTRIES, PREFIXES, SOCKET = "MAILLAGE_IMAGE_REGISTRIES", "MAILLAGE_IMAGE_PREFIXES", "MAILLAGE_PODMAN_SOCKET"
OURS = "localhost/maillage-versions"
"""Every image that a version runs is tagged here with the version's digest, and by that name alone it is run."""
REFERENCE_MAX = 512
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)(?::[0-9]{1,5})?|[a-zA-Z0-9-]+:[0-9]{1,5}"
_REFERENCE = re.compile(
    rf"(?:{_HOST})(?:/{_PART})+(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
_PREFIX = re.compile(rf"(?:{_HOST})(?:/{_PART})*/?")


class PodmanSettings(msgspec.Struct, frozen=True):
    """``registries`` and ``prefixes`` are beginnings of references, at whole parts: those that may be pulled, and those
    that may be named where the store has them already. Without a ``socket`` a podman service of our own is started."""

    registries: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    socket: Path | None = None

    def may_pull(self, reference: str) -> bool:
        return any(_begins(reference, prefix) for prefix in self.registries)

    def check(self, reference: str) -> None:
        """CodeRefused for a reference that is none, or that tenants may not name here."""
        if len(reference) > REFERENCE_MAX or not _REFERENCE.fullmatch(reference):
            raise CodeRefused(
                f"{reference[:100]!r} is no full image reference; write it like registry.example.com/team/app:1.2",
                fault="reference",
            )
        allowed = (*self.registries, *self.prefixes)
        if _begins(reference, OURS) or not any(_begins(reference, prefix) for prefix in allowed):
            known = f"only those under {', '.join(allowed)} are" if allowed else "this store takes image archives only"
            raise CodeRefused(f"images named {reference[:100]!r} are not taken here: {known}", fault="reference")


def podman_settings(environ: Mapping[str, str]) -> PodmanSettings:
    """As the environment says: lists are separated by commas. Invalid for what is no beginning of a reference."""
    lists = {}
    for name in (REGISTRIES, PREFIXES):
        lists[name] = tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())
        for part in lists[name]:
            if not _PREFIX.fullmatch(part):
                raise Invalid(name, f"{part[:100]!r} does not begin a reference; write registry.example.com/team")
    socket = environ.get(SOCKET, "").removeprefix("unix://")
    return PodmanSettings(lists[REGISTRIES], lists[PREFIXES], Path(socket) if socket else None)


def image_name(digest: str) -> str:
    """Our own name for a version's image, never the tenant's."""
    return f"{OURS}:{digest.removeprefix('sha256:')}"


def _begins(reference: str, prefix: str) -> bool:
    bare = prefix.rstrip("/")
    return reference.startswith(bare) and reference[len(bare) : len(bare) + 1] in ("/", ":", "@", "")
