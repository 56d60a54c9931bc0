"""What is read of the host: limits that the kernel holds, lines that a container wrote, settings of the operator."""

from pathlib import Path

import pytest

from maillage.engines.podman.cgroups import Enforced, bound_monitor, enforced_on, missing_controllers
from maillage.engines.podman.output import LINE_MAX, LOOK_BYTES_MAX, Output
from maillage.engines.podman.service import Service
from maillage.engines.podman.settings import PodmanSettings, podman_settings
from maillage.kernel.errors import Invalid
from maillage.services.compute.errors import CodeRefused
from maillage.services.compute.model import LogLine


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_limits_of_one_hierarchy(tmp_path: Path) -> None:
    tree(tmp_path / "proc", {"7/cgroup": "0::/pod/app\n"})
    files = {"memory.max": "67108864\n", "memory.swap.max": "0\n", "cpu.max": "50000 100000\n", "pids.max": "256\n"}
    tree(tmp_path / "cg" / "pod" / "app", files)
    assert enforced_on(7, tmp_path / "cg", tmp_path / "proc") == Enforced(67108864, 0, 500, 256)


def test_no_limits_of_one_hierarchy(tmp_path: Path) -> None:
    tree(tmp_path / "proc", {"7/cgroup": "0::/app\n"})
    tree(tmp_path / "cg" / "app", {"memory.max": "max\n", "cpu.max": "max 100000\n"})
    assert enforced_on(7, tmp_path / "cg", tmp_path / "proc") == Enforced()


def test_limits_of_many_hierarchies(tmp_path: Path) -> None:
    tree(tmp_path / "proc", {"7/cgroup": "5:cpu,cpuacct:/a\n4:memory:/b\n3:pids:/c\n1:name=systemd:/d\n0::/e\n"})
    tree(
        tmp_path / "cg",
        {
            "cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n",
            "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            "memory/b/memory.limit_in_bytes": "1048576\n",
            "memory/b/memory.memsw.limit_in_bytes": "2097152\n",
            "pids/c/pids.max": "max\n",
        },
    )
    held = enforced_on(7, tmp_path / "cg", tmp_path / "proc")
    assert held == Enforced(memory_bytes=1048576, swap_bytes=1048576, cpu=1500, pids=None)
    (tmp_path / "cg" / "memory/b/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "cg" / "cpu,cpuacct/a/cpu.cfs_quota_us").write_text("-1\n")
    assert enforced_on(7, tmp_path / "cg", tmp_path / "proc") == Enforced()


def test_the_monitor_of_a_container_is_bounded_and_nothing_that_others_are_in(tmp_path: Path) -> None:
    tree(tmp_path / "proc", {"7/cgroup": "1:cpu:/pod/conmon\n0::/\n", "8/cgroup": "0::/m/libpod-conmon-1.scope\n"})
    tree(tmp_path / "proc", {"9/cgroup": "1:cpu:/user/shop\n"})
    for name in ("cpu/pod/conmon", "m/libpod-conmon-1.scope", "cpu/user/shop"):
        (tmp_path / name).mkdir(parents=True)
    assert [bound_monitor(pid, 150, tmp_path, tmp_path / "proc") for pid in (7, 8, 9)] == [True, True, False]
    assert (tmp_path / "cpu/pod/conmon/cpu.cfs_quota_us").read_text() == "15000"
    assert (tmp_path / "m/libpod-conmon-1.scope/cpu.max").read_text() == "15000 100000"
    assert list((tmp_path / "cpu/user/shop").iterdir()) == []


def test_controllers_that_a_host_lacks(tmp_path: Path) -> None:
    assert missing_controllers(tmp_path) == ["cpu", "memory", "pids"]
    tree(tmp_path, {"cpu/x": "", "memory/x": ""})
    assert missing_controllers(tmp_path) == ["pids"]
    tree(tmp_path, {"cgroup.controllers": "cpuset cpu io memory pids\n"})
    assert missing_controllers(tmp_path) == []


def test_lines_that_a_container_wrote(tmp_path: Path) -> None:
    heard: list[LogLine] = []
    path = tmp_path / "ctr.log"
    output = Output(path, heard.append)
    output.look()  # not there yet
    path.write_bytes(
        b"2026-11-21T15:46:24.123456789+00:00 stdout F one\n"
        b"2026-11-21T15:46:24.2+00:00 stderr F two \xff\n"
        b"2026-11-21T15:46:25.000000001+00:00 stdout P begun "
    )
    output.look()
    with path.open("ab") as file:
        file.write(b"\n2026-11-21T15:46:25.5+00:00 stdout F and ended\nrubbish\n")
        file.write(b"2026-11-21T15:46:26+00:00 stdout F " + b"x" * (LINE_MAX + 5) + b"\n")
        file.write(b"2026-11-21T15:46:26+00:00 stderr P never ended\n")
    output.close()
    assert [(line.stream, line.text) for line in heard[:3]] == [
        ("stdout", "one"),
        ("stderr", "two \N{REPLACEMENT CHARACTER}"),
        ("stdout", "begun and ended"),
    ]
    assert heard[0].at_ms == 1_795_275_984_123
    assert [len(line.text) for line in heard[3:]] == [LINE_MAX, 5, len("never ended")]


def test_a_flood_costs_the_flooder_and_is_said(tmp_path: Path) -> None:
    heard: list[LogLine] = []
    path = tmp_path / "ctr.log"
    line = b"2026-11-21T15:46:24.123456789+00:00 stdout F " + b"y" * 54 + b"\n"
    path.write_bytes(line * 10_000)
    Output(path, heard.append).look()
    assert heard[0].stream == "host"
    assert "bytes of output were left out" in heard[0].text
    assert LOOK_BYTES_MAX // 100 - 2 <= len(heard) - 1 <= LOOK_BYTES_MAX // 100
    assert {len(one.text) for one in heard[1:]} == {54}


def test_a_log_that_was_begun_anew(tmp_path: Path) -> None:
    heard: list[LogLine] = []
    path = tmp_path / "ctr.log"
    path.write_bytes(b"2026-11-21T15:46:24+00:00 stdout F old\n")
    output = Output(path, heard.append)
    output.look()
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"2026-11-21T15:46:25+00:00 stdout F new\n")
    fresh.replace(path)
    output.look()
    output.close()
    assert [one.text for one in heard] == ["old", "new"]


SETTINGS = PodmanSettings(("registry.example.com/shop",), ("localhost/shop", "localhost:5000/x/"))


@pytest.mark.parametrize(
    ("reference", "taken"),
    [
        ("registry.example.com/shop/app:1.2", True),
        ("registry.example.com/shop/app@sha256:" + "a" * 64, True),
        ("registry.example.com/shop:1", True),
        ("registry.example.com/shopping/app:1", False),
        ("registry.example.com.evil.example/shop/app", False),
        ("localhost/shop/app", True),
        ("localhost:5000/x/app:1", True),
        ("localhost:5000/xy/app:1", False),
        ("app:1", False),
        ("library/app", False),
        ("", False),
        ("localhost/shop/../app", False),
        ("localhost/shop/app?x=1", False),
        ("localhost/shop/app\n", False),
        ("localhost/shop/" + "a" * 600, False),
        ("localhost/maillage-versions:" + "a" * 64, False),
    ],
)
def test_which_references_are_taken(reference: str, taken: bool) -> None:
    if taken:
        SETTINGS.check(reference)
        return
    with pytest.raises(CodeRefused) as said:
        SETTINGS.check(reference)
    assert said.value.extra["fault"] == "reference"


def test_no_reference_to_other_tenants_images_even_where_all_of_the_store_is_allowed() -> None:
    with pytest.raises(CodeRefused):
        PodmanSettings(prefixes=("localhost",)).check("localhost/maillage-versions:" + "a" * 64)


def test_settings_come_from_the_environment() -> None:
    assert podman_settings({}) == PodmanSettings()
    found = podman_settings(
        {
            "MAILLAGE_IMAGE_REGISTRIES": "registry.example.com/a, registry.example.com:5000",
            "MAILLAGE_IMAGE_PREFIXES": "localhost/shop",
            "MAILLAGE_PODMAN_SOCKET": "unix:///run/podman/podman.sock",
        }
    )
    assert found.registries == ("registry.example.com/a", "registry.example.com:5000")
    assert found.socket == Path("/run/podman/podman.sock")
    assert found.may_pull("registry.example.com:5000/x")
    assert not found.may_pull("localhost/shop/x")
    with pytest.raises(Invalid, match="MAILLAGE_IMAGE_REGISTRIES"):
        podman_settings({"MAILLAGE_IMAGE_REGISTRIES": "https://registry.example.com"})


def test_without_podman_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from maillage.engines.podman import service

    async def story() -> None:
        ours = Service(tmp_path, None)
        with pytest.raises(CodeRefused, match=r"apt-get install .*podman runc .*catatonit"):
            await ours.ensure()
        await ours.close()
        other = Service(tmp_path, tmp_path / "no.sock")
        with pytest.raises(CodeRefused, match="no podman service answers"):
            await other.ensure()
        await other.close()

    monkeypatch.setattr(service, "_found", lambda name: None)
    asyncio.run(story())
