"""Image archives as they come from strangers: made ours when they are images, refused with the reason when not."""

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.podman.layouts import Unfit
from maillage.engines.podman.vetter import vetted
from maillage.engines.podman.vetting import Bounds, vet
from maillage.services.compute.errors import CodeRefused
from tests.container_images import archive, configuration, docker_archive, layer, oci_archive

NAME = "localhost/maillage-versions:abc"
BASE = layer({"bin/app": (b"#!app", 0o755), "etc/app.conf": (b"x=1", 0o644)})
TOP = layer({"bin/app": (b"#!app 2", 0o755)})


def vetted_parts(content: bytes, tmp_path: Path, bounds: Bounds = Bounds()) -> dict[str, bytes]:  # noqa: B008
    """What podman would be given."""
    source, target = tmp_path / "source", tmp_path / "target.tar"
    source.write_bytes(content)
    vet(source, target, NAME, bounds)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target.tar"]
    with tarfile.open(target) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def refused(content: bytes, tmp_path: Path, **bounds: int) -> Unfit:
    with pytest.raises(Unfit) as said:
        vetted_parts(content, tmp_path, Bounds(**bounds))
    return said.value


def layer_with(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "content",
    [
        docker_archive([BASE, TOP], tag="localhost/podman-pause:4.3.1-0"),
        docker_archive([BASE, TOP], mode="w:gz"),
        docker_archive([gzip.compress(BASE), gzip.compress(TOP)]),
        oci_archive([BASE, TOP]),
        gzip.compress(oci_archive([gzip.compress(BASE), TOP])),
    ],
    ids=["docker", "docker.gz", "docker of gz", "oci", "oci.gz"],
)
def test_an_image_becomes_ours_whatever_it_calls_itself(content: bytes, tmp_path: Path) -> None:
    parts = vetted_parts(content, tmp_path)
    manifest = json.loads(parts.pop("manifest.json"))
    assert manifest == [{"Config": "config.json", "RepoTags": [NAME], "Layers": ["layer-0.tar", "layer-1.tar"]}]
    assert json.loads(parts.pop("config.json"))["os"] == "linux"
    plain = [gzip.decompress(part) if part[:2] == b"\x1f\x8b" else part for part in parts.values()]
    assert plain == [BASE, TOP]


def test_what_an_image_would_have_run_for_its_health_is_left_out(tmp_path: Path) -> None:
    content = docker_archive([BASE], Healthcheck={"Test": ["CMD", "/bin/x"]}, Env=["A=1"])
    assert json.loads(vetted_parts(content, tmp_path)["config.json"])["config"] == {"Env": ["A=1"]}


def test_a_layer_that_comes_twice_is_linked_as_docker_does(tmp_path: Path) -> None:
    made = io.BytesIO()
    manifest = json.dumps([{"Config": "c", "RepoTags": None, "Layers": ["a/layer.tar", "b/layer.tar"]}]).encode()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in (("c", configuration([BASE, BASE])), ("a/layer.tar", BASE), ("manifest.json", manifest)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        tar.addfile(entry("b/layer.tar", tarfile.SYMTYPE, "../a/layer.tar"))
    parts = vetted_parts(made.getvalue(), tmp_path)
    assert parts["layer-0.tar"] == parts["layer-1.tar"] == BASE


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        (entry("../../etc/cron.d/x"), "path"),
        (entry("/etc/passwd"), "path"),
        (entry("a/../../b"), "path"),
        (entry("x", tarfile.LNKTYPE, "../../../etc/shadow"), "path"),
        (entry("x", tarfile.LNKTYPE, "/etc/shadow"), "path"),
        (entry("a/x", tarfile.SYMTYPE, "../../etc/shadow"), "link"),
        (entry("dev/sda", tarfile.BLKTYPE), "device"),
        (entry("dev/mem", tarfile.CHRTYPE), "device"),
    ],
)
def test_what_leads_out_of_a_layer_or_is_a_device(member: tarfile.TarInfo, fault: str, tmp_path: Path) -> None:
    for number, made in enumerate((layer_with(member), gzip.compress(layer_with(member)))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert refused(docker_archive([BASE, made]), folder).fault == fault


def test_links_within_an_image_are_as_they_should_be(tmp_path: Path) -> None:
    for number, (name, link) in enumerate(
        (("etc/vi", "/usr/bin/vim"), ("usr/lib/x", "../lib64/x"), ("lib", "usr/lib"))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        vetted_parts(docker_archive([layer_with(entry(name, tarfile.SYMTYPE, link))]), folder)


@pytest.mark.parametrize(
    "member",
    [
        entry("../manifest.json"),
        entry("/manifest.json"),
        entry("0.tar", tarfile.SYMTYPE, "/etc/shadow"),
        entry("0.tar", tarfile.SYMTYPE, "../../etc/shadow"),
        entry("0.tar", tarfile.LNKTYPE, "nothing"),
        entry("0.tar", tarfile.CHRTYPE),
    ],
)
def test_an_archive_that_would_have_us_read_other_files(member: tarfile.TarInfo, tmp_path: Path) -> None:
    made = io.BytesIO(docker_archive([BASE]))
    with tarfile.open(fileobj=made, mode="a") as tar:
        tar.addfile(member, io.BytesIO(b""))
    assert refused(made.getvalue(), tmp_path).fault in ("path", "link", "device", "archive")


def test_bombs(tmp_path: Path) -> None:
    zeros = layer({"zeros": (bytes(80 * 1024 * 1024), 0o644)})
    packed = gzip.compress(zeros)
    assert refused(docker_archive([packed]), tmp_path).fault == "bomb"
    assert refused(gzip.compress(docker_archive([zeros])), tmp_path).fault == "bomb"
    assert refused(docker_archive([packed]), tmp_path, ratio_max=10_000, bytes_max=1024 * 1024).fault == "size"


def test_more_than_is_taken(tmp_path: Path) -> None:
    many = layer({f"f{number}": (b"", 0o644) for number in range(50)})
    assert refused(docker_archive([many]), tmp_path, files_max=20).fault == "files"
    assert refused(docker_archive([BASE] * 3), tmp_path, layers_max=2).fault == "layers"
    sparse = entry("huge")
    made = io.BytesIO()
    sparse.size = 9 * 1024**3
    made.write(sparse.tobuf())
    assert refused(docker_archive([made.getvalue()]), tmp_path).fault in ("size", "archive")


def test_a_header_that_says_it_is_gigabytes_long_is_not_read(tmp_path: Path) -> None:
    header = entry("x", tarfile.XHDTYPE)
    header.size = 64 * 1024 * 1024
    assert refused(docker_archive([header.tobuf() + bytes(65 * 1024 * 1024)]), tmp_path).fault == "archive"


MANIFEST: dict[str, Any] = {"Config": "c", "Layers": ["l"]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1024,
        b"not an archive at all, but text",
        b"\x1f\x8b broken",
        gzip.compress(docker_archive([BASE]), mtime=0)[:200],
        docker_archive([BASE])[:3000],
        archive({"x": b"1"}),
        archive({"manifest.json": b"{"}),
        archive({"manifest.json": b"[" * 100_000}),
        archive({"manifest.json": b"[]"}),
        archive({"manifest.json": json.dumps([MANIFEST, MANIFEST]).encode()}),
        archive({"manifest.json": json.dumps([MANIFEST]).encode()}),
        archive({"manifest.json": json.dumps([MANIFEST]).encode(), "c": b"[]"}),
        archive({"manifest.json": json.dumps([MANIFEST]).encode(), "c": configuration([BASE])}),
        archive({"manifest.json": json.dumps([MANIFEST]).encode(), "c": configuration([BASE]), "l": b"junk" * 999}),
        archive({"index.json": b'{"manifests": [{"digest": "sha256:0"}]}'}),
        archive({"index.json": b'{"manifests": []}'}),
        docker_archive([b"(\xb5/\xfd" + bytes(600)]),
    ],
)
def test_what_is_no_image(content: bytes, tmp_path: Path) -> None:
    assert refused(content, tmp_path).detail


def test_an_image_for_other_machines(tmp_path: Path) -> None:
    config = json.loads(configuration([BASE])) | {"architecture": "s390x"}
    manifest = json.dumps([{"Config": "c", "Layers": ["l"]}]).encode()
    said = refused(archive({"manifest.json": manifest, "c": json.dumps(config).encode(), "l": BASE}), tmp_path)
    assert (said.fault, "linux/s390x" in said.detail) == ("platform", True)


def test_the_process_apart_says_the_same(tmp_path: Path) -> None:
    import asyncio

    source, target = tmp_path / "source", tmp_path / "target.tar"
    source.write_bytes(docker_archive([BASE]))
    asyncio.run(vetted(source, target, NAME, Bounds()))
    assert tarfile.is_tarfile(target)
    source.write_bytes(docker_archive([layer_with(entry("/etc/passwd"))]))
    with pytest.raises(CodeRefused, match="leads out of the image") as said:
        asyncio.run(vetted(source, target, NAME, Bounds()))
    assert said.value.extra == {"fault": "path"}


def test_an_image_that_podman_saved_is_taken(tmp_path: Path) -> None:
    from tests.container_images import skip_without_podman

    skip_without_podman()
    saved = tmp_path / "saved.tar"
    given = {"input": layer({"x": (b"1", 0o644)}), "capture_output": True, "timeout": 60, "check": True}
    name = f"localhost/saved-{tmp_path.name.replace('_', '-')}:1"
    subprocess.run(["podman", "import", "-q", "-", name], **given)  # type: ignore[call-overload]
    try:
        for form in ("docker-archive", "oci-archive"):
            saved.unlink(missing_ok=True)
            command = ["podman", "save", "-q", "--format", form, "-o", str(saved), name]
            subprocess.run(command, capture_output=True, timeout=60, check=True)
            folder = tmp_path / form
            folder.mkdir()
            assert len(vetted_parts(saved.read_bytes(), folder)) == 3
    finally:
        subprocess.run(["podman", "rmi", "-f", name], capture_output=True, timeout=60, check=False)
