"""Images at a hub: looked through without a podman, and nothing is left of it."""

import asyncio
from pathlib import Path

import pytest

from maillage.engines.podman.settings import PodmanSettings
from maillage.engines.podman.vetting_only import ImageVetting
from maillage.services.compute.errors import CodeRefused
from tests.container_images import archive, docker_archive, layer

DIGEST = "sha256:" + "0" * 64
WELL = docker_archive([layer({"app": (b"#!/bin/sh", 0o755)})])


def inspected(folder: Path, body: bytes = b"", reference: str = "", **settings: tuple[str, ...]) -> str:
    """The kind it is taken for."""
    code = folder / "code"
    code.write_bytes(body)
    runtime = ImageVetting(folder / "podman", PodmanSettings(**settings))  # type: ignore[arg-type]
    try:
        return asyncio.run(runtime.inspect(code, "image", DIGEST, reference)).kind
    finally:
        assert not list((folder / "podman").glob("*.tar"))


def test_an_archive_is_taken_where_there_is_no_podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert inspected(tmp_path, WELL) == "image"


def test_an_archive_that_no_store_would_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodeRefused):
        inspected(tmp_path, archive({"../outside": b"x"}))


def test_a_reference_has_to_be_one_that_tenants_may_name(tmp_path: Path) -> None:
    assert inspected(tmp_path, reference="localhost/team/app:1", prefixes=("localhost/team",)) == "image"
    with pytest.raises(CodeRefused):
        inspected(tmp_path, reference="localhost/other/app:1", prefixes=("localhost/team",))
