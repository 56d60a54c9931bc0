"""Where an image's parts are in an archive: as docker saves it, or as an OCI layout."""

import json
import platform
from collections.abc import Callable, Collection
from typing import Any

import msgspec

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64", "ppc64le": "ppc64le"}
_DEPTH_MAX = 3
Read = Callable[[str], bytes]


class Unfit(Exception):
    """Why an archive is not taken: ``fault`` in a word, ``detail`` in a sentence."""

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


class Layout(msgspec.Struct, frozen=True):
    """The image's configuration, and the members that hold its layers, the lowest first."""

    config: dict[str, Any]
    layers: list[str]


def here() -> str:
    """This machine's architecture, in the words of images."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def read_layout(members: Collection[str], read: Read) -> Layout:
    """``read`` gives a member's bytes. Unfit for what is no image, or one for other machines than this."""
    if "manifest.json" in members:
        config, layers = _docker(members, read)
    elif "index.json" in members:
        config, layers = _oci(members, read)
    else:
        raise Unfit("archive", "there is no manifest.json or index.json in it: save an image with docker or podman")
    for_system = f"{config.get('os')}/{config.get('architecture')}"
    if for_system != f"linux/{here()}":
        raise Unfit("platform", f"the image is for {for_system[:60]}, and this store runs linux/{here()}")
    settings = config.get("config")
    if isinstance(settings, dict):
        settings.pop("Healthcheck", None)  # a deployment says what is healthy, and podman would run it besides
    return Layout(config, layers)


def _docker(members: Collection[str], read: Read) -> tuple[dict[str, Any], list[str]]:
    manifest = _parsed(read("manifest.json"), "manifest.json")
    if not isinstance(manifest, list) or len(manifest) != 1 or not isinstance(manifest[0], dict):
        raise Unfit("archive", "manifest.json must name one image; save each image by itself")
    layers = manifest[0].get("Layers")
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers) or not layers:
        raise Unfit("archive", "manifest.json names no layers")
    return _config(manifest[0].get("Config"), members, read), layers


def _oci(members: Collection[str], read: Read) -> tuple[dict[str, Any], list[str]]:
    document = _object(read("index.json"), "index.json")
    for _ in range(_DEPTH_MAX):
        listed = document.get("manifests")
        if not isinstance(listed, list):
            break
        member = _blob(_for_here(listed), members)
        document = _object(read(member), member)
    layers = document.get("layers")
    if not isinstance(layers, list) or not layers:
        raise Unfit("archive", "index.json leads to no image with layers")
    return _config(_blob(document.get("config"), members), members, read), [_blob(layer, members) for layer in layers]


def _for_here(listed: list[Any]) -> Any:
    """Of several images the one for this machine; one alone is looked at later."""
    if len(listed) == 1:
        return listed[0]
    for entry in listed:
        platform_of = entry.get("platform") if isinstance(entry, dict) else None
        if (
            isinstance(platform_of, dict)
            and platform_of.get("os") == "linux"
            and platform_of.get("architecture") == here()
        ):
            return entry
    raise Unfit("platform", f"none of the {len(listed)} images in the archive says that it is for linux/{here()}")


def _blob(descriptor: Any, members: Collection[str]) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    member = "blobs/" + digest.replace(":", "/", 1) if isinstance(digest, str) else ""
    if member not in members:
        raise Unfit("archive", f"the archive lacks a part that it names: {str(digest)[:100]!r}")
    return member


def _config(member: Any, members: Collection[str], read: Read) -> dict[str, Any]:
    if not isinstance(member, str) or member not in members:
        raise Unfit("archive", f"the image's configuration {str(member)[:100]!r} is not in the archive")
    return _object(read(member), member)


def _object(content: bytes, name: str) -> dict[str, Any]:
    parsed = _parsed(content, name)
    if not isinstance(parsed, dict):
        raise Unfit("archive", f"{name[:100]!r} in the archive is not what it must be")
    return parsed


def _parsed(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Unfit("archive", f"{name[:100]!r} in the archive is no JSON") from None
