"""What the kernel really enforces on a process, read from where it enforces it (cgroups v1, v2, or both mounted)."""

from pathlib import Path

import msgspec

ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000
NEEDED = ("cpu", "memory", "pids")


class Enforced(msgspec.Struct, frozen=True):
    """None is no limit. ``cpu`` in thousandths of a processor, ``swap_bytes`` what may go to swap beyond memory (None
    also where the kernel does not account for it)."""

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    cpu: int | None = None
    pids: int | None = None


def missing_controllers(root: Path = ROOT) -> list[str]:
    """Those of cpu, memory and pids that this host does not have."""
    unified = root / "cgroup.controllers"
    if unified.exists():
        offered = unified.read_text("ascii").split()
        return [name for name in NEEDED if name not in offered]
    return [name for name in NEEDED if not (root / name).is_dir()]


def enforced_on(pid: int, root: Path = ROOT, proc: Path = Path("/proc")) -> Enforced:
    """Limits of the group that a process is in; OSError when it is gone."""
    folders, unified = _groups(pid, root, proc)
    if "memory" in folders or unified is None:
        return _of_v1(folders)
    return _of_v2(unified)


def bound_monitor(pid: int, cpu: int, root: Path = ROOT, proc: Path = Path("/proc")) -> bool:
    """Bound the processor time of a container's monitor, which copies what the container writes and is not in its
    group. False where it has no group of its own, which could be bounded without bounding others."""
    folders, unified = _groups(pid, root, proc)
    folder = folders.get("cpu", unified)
    if folder is None or "conmon" not in folder.name:
        return False
    quota_us = max(_PERIOD_US * cpu // 1000, 1000)
    if "cpu" in folders:
        (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US), "ascii")
        (folder / "cpu.cfs_quota_us").write_text(str(quota_us), "ascii")
    else:
        (folder / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}", "ascii")
    return True


def _groups(pid: int, root: Path, proc: Path) -> tuple[dict[str, Path], Path | None]:
    """A process's folder for each controller of v1, and that of v2 where there is one."""
    folders: dict[str, Path] = {}
    unified: Path | None = None
    for line in (proc / str(pid) / "cgroup").read_text("utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers:
            folders |= {name: root / controllers / path.lstrip("/") for name in controllers.split(",")}
        else:
            unified = root / path.lstrip("/")
    return folders, unified


def _of_v1(folders: dict[str, Path]) -> Enforced:
    memory = _number(folders, "memory", "memory.limit_in_bytes")
    both = _number(folders, "memory", "memory.memsw.limit_in_bytes")
    quota = _number(folders, "cpu", "cpu.cfs_quota_us")
    period = _number(folders, "cpu", "cpu.cfs_period_us")
    return Enforced(
        memory_bytes=memory,
        swap_bytes=None if memory is None or both is None else both - memory,
        cpu=None if quota is None or not period else quota * 1000 // period,
        pids=_number(folders, "pids", "pids.max"),
    )


def _of_v2(folder: Path) -> Enforced:
    folders = {"": folder}
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return Enforced(
        memory_bytes=_number(folders, "", "memory.max"),
        swap_bytes=_number(folders, "", "memory.swap.max"),
        cpu=int(quota) * 1000 // int(period) if quota.isdigit() and period.isdigit() else None,
        pids=_number(folders, "", "pids.max"),
    )


def _number(folders: dict[str, Path], controller: str, name: str) -> int | None:
    if controller not in folders:
        return None
    text = _text(folders[controller] / name)
    # v1 writes "no limit" as -1 for time, and as the largest number of whole pages for memory.
    return int(text) if text.isdigit() and int(text) < 1 << 60 else None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
