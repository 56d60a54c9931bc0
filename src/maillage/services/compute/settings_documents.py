"""How a deployment's instances run, as it comes in; checked once, here."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.errors import Invalid
from maillage.services.compute.model import Health, RestartPolicy, Settings

CONFIG_MAX, CONFIG_CHARACTERS_MAX = 64, 32_768
"""An environment is handed over at every start, and for a command at every request."""
OUTBOUND_MAX = 32
GRACE_MAX_S = 30.0
"""The shop that takes its machine back waits no longer than that."""
REQUEST_MAX_S = 300.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?")
_PATH = re.compile(r"/[!-\"$-~]*")


class HealthDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Healthy is what answers ``GET path`` with 2xx or 3xx; without a path, what runs. The checks are requests like
    any other, and are metered."""

    path: Annotated[str, Meta(max_length=2_048)] = ""
    every_s: Annotated[float, Meta(ge=1, le=3_600)] = 10.0
    timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 2.0
    failures: Annotated[int, Meta(ge=1, le=100)] = 3


class SettingsFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How instances run; what is left out stays as it is, or at first as ``Settings`` has it."""

    config: dict[str, str] | UnsetType = UNSET
    outbound: list[str] | UnsetType = UNSET
    health: HealthDocument | UnsetType = UNSET
    restart: RestartPolicy | UnsetType = UNSET
    grace_s: Annotated[float, Meta(ge=0, le=GRACE_MAX_S)] | UnsetType = UNSET
    request_s: Annotated[float, Meta(ge=0.1, le=REQUEST_MAX_S)] | UnsetType = UNSET
    port: Annotated[int, Meta(ge=1, le=65_535)] | UnsetType = UNSET
    public: bool | UnsetType = UNSET


def settings_of(document: SettingsFields, base: Settings) -> Settings:
    """The settings that a document makes of those there were; Invalid naming the field that is wrong."""
    given = {name: getattr(document, name) for name in SettingsFields.__struct_fields__}
    change: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
    if "config" in change:
        _check_config(change["config"])
    if "outbound" in change:
        change["outbound"] = _outbound(change["outbound"])
    if "health" in change:
        health: HealthDocument = change["health"]
        if health.path and not _PATH.fullmatch(health.path):
            raise Invalid("health.path", f"{health.path[:60]!r} is not a path such as /healthz")
        change["health"] = Health(health.path, health.every_s, health.timeout_s, health.failures)
    return msgspec.structs.replace(base, **change)


def _check_config(config: dict[str, str]) -> None:
    if len(config) > CONFIG_MAX:
        raise Invalid("config", f"has {len(config)} entries; {CONFIG_MAX} are the most")
    for name, value in config.items():
        if not _NAME.fullmatch(name):
            raise Invalid("config", f"{name[:60]!r} is not a name such as LOG_LEVEL: letters, digits and '_'")
        if "\0" in value:
            raise Invalid("config", f"the value of {name} has a zero character, which no environment can hold")
    size = sum(len(name) + len(value) for name, value in config.items())
    if size > CONFIG_CHARACTERS_MAX:
        raise Invalid("config", f"has {size:,} characters; {CONFIG_CHARACTERS_MAX:,} are the most")


def _outbound(hosts: list[str]) -> list[str]:
    if len(hosts) > OUTBOUND_MAX:
        raise Invalid("outbound", f"has {len(hosts)} hosts; {OUTBOUND_MAX} are the most")
    kept = []
    for host in hosts:
        match = _HOST.fullmatch(host.lower())
        if match is None or len(match[1]) > 253 or int(match[2] or 0) > 65_535:
            raise Invalid("outbound", f"{host[:80]!r} is not a host such as api.example.com or api.example.com:8443")
        kept.append(host.lower())
    return list(dict.fromkeys(kept))
