"""The programs of the guide to NATS run as they stand, and a server takes what they write."""

import re
import subprocess
import sys
from pathlib import Path

from tests.contract.nats_server import binary

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "run-nats.md"


def test_the_guide_makes_configurations_that_a_server_takes(tmp_path: Path) -> None:
    programs = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(programs) == 3
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for config in ("nats/hub.conf", "store/leaf.conf"):
        test = subprocess.run(
            [binary(), "-t", "-c", str(tmp_path / config)], capture_output=True, text=True, timeout=30, check=False
        )
        assert test.returncode == 0, test.stderr
