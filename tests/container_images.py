"""Images for tests, made of nothing but a static busybox: an HTTP server with some pages that do harm when asked."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from maillage.engines.podman.layouts import here
from maillage.engines.podman.settings import image_name

RUN = """#!/busybox sh
case "$MODE" in
  silent) exec /busybox sleep 100 ;;
  failing) echo "no such database" >&2; exit 3 ;;
  short) /busybox httpd -p $PORT -h /www; /busybox sleep 1; exit 4 ;;
  memory) /busybox httpd -p $PORT -h /www; /busybox sleep 1; x=0123456789abcdef; while :; do x=$x$x; done ;;
  forks) /busybox httpd -p $PORT -h /www; bomb() { bomb | bomb & }; bomb; while :; do /busybox sleep 1; done ;;
  cpu) /busybox httpd -p $PORT -h /www; for i in 1 2 3 4; do (while :; do :; done) & done; wait ;;
  flood) /busybox httpd -p $PORT -h /www; exec /busybox yes 0123456789012345678901234567890123456789 ;;
  polite) trap 'echo going; exit 0' TERM; /busybox httpd -p $PORT -h /www; while :; do /busybox sleep 0.1; done ;;
esac
echo "listening on $PORT"
exec /busybox httpd -f -p $PORT -h /www
"""
_PAGES = {
    "whoami": "/busybox id; /busybox grep -E 'NoNewPrivs|CapEff|CapBnd|Seccomp:' /proc/self/status",
    "write": 'for f in /x /www/x /busybox /tmp/x /data/x; do echo 1 2>/dev/null > "$f" && echo "wrote $f"; done',
    "fill": "/busybox dd if=/dev/zero of=/tmp/z bs=1M count=999 2>&1; /busybox ls -l /tmp/z; /busybox rm /tmp/z",
    "echo": "/busybox cat",
    "slow": "/busybox sleep 20",
    "large": "/busybox yes 0123456789 | /busybox head -c 3000000",
    # QUERY_STRING is HOST:PORT
    "reach": '/busybox nc -w 2 "${QUERY_STRING%:*}" "${QUERY_STRING##*:}" </dev/null 2>&1 && echo reached',
    # by the proxy that the environment names
    "fetch": "way=${http_proxy#http://}; printf 'GET http://%s HTTP/1.1\\r\\nHost: wrong\\r\\n\\r\\n' \"$QUERY_STRING\""
    ' | /busybox nc -w 5 "${way%:*}" "${way##*:}" 2>&1',
    "env": "/busybox env",
    "suid": "/busybox ls -l /suid; /suid id",
}


def podman_missing() -> str:
    """Why containers can't be tried here, "" where they can."""
    if shutil.which("podman") is None:
        return "podman is not installed"
    if os.geteuid() != 0:
        return "containers need root"
    return "" if shutil.which("busybox") else "busybox is not installed"


def skip_without_podman() -> None:
    if why := podman_missing():
        pytest.skip(why)


def layer(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A layer of files with their modes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def configuration(layers: list[bytes], **config: Any) -> bytes:
    digests = ["sha256:" + hashlib.sha256(content).hexdigest() for content in layers]
    described = {"architecture": here(), "os": "linux", "config": config}
    return json.dumps({**described, "rootfs": {"type": "layers", "diff_ids": digests}}).encode()


def archive(members: dict[str, bytes], mode: str = "w") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def docker_archive(layers: list[bytes], tag: str = "example.com/app:1", mode: str = "w", **config: Any) -> bytes:
    """As ``docker save`` writes it."""
    names = [f"{number}.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": names}]).encode()
    parts = {"config.json": configuration(layers, **config), "manifest.json": manifest}
    return archive(parts | dict(zip(names, layers, strict=True)), mode)


def oci_archive(layers: list[bytes], **config: Any) -> bytes:
    """As ``podman save --format oci-archive`` writes it."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}", "size": len(content)}

    image = {"schemaVersion": 2, "config": blob(configuration(layers, **config)), "layers": [blob(x) for x in layers]}
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(image).encode())]}
    return archive({"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()} | blobs)


class BusyboxImage:
    """Of this test process's own, so that it may be removed while other processes test."""

    def __init__(self, folder: Path) -> None:
        busybox = Path(shutil.which("busybox") or "").read_bytes()
        pages = {f"www/cgi-bin/{name}": (_page(body), 0o755) for name, body in _PAGES.items()}
        files = {
            "busybox": (busybox, 0o755),
            "suid": (busybox, 0o4755),
            "begin": (RUN.encode(), 0o755),
            "www/index.html": (b"hello from the store\n", 0o644),
            "www/salt": (f"{os.getpid()} {folder}".encode(), 0o644),
            **pages,
        }
        content = docker_archive([layer(files)], mode="w:gz", Entrypoint=["/begin"], Volumes={"/data": {}})
        self.path = folder / "image.tar.gz"
        self.path.write_bytes(content)
        self.digest = "sha256:" + hashlib.sha256(content).hexdigest()

    def remove(self) -> None:
        subprocess.run(["podman", "rmi", "-f", image_name(self.digest)], capture_output=True, timeout=60, check=False)


def _page(body: str) -> bytes:
    return f"#!/busybox sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n{body}\nexit 0\n".encode()
