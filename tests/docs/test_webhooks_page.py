"""The receiver on the page about webhooks takes what is signed for it, and nothing else."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from maillage.tenancy.webhooks import courier, schedule, worker
from maillage.tenancy.webhooks.signing import Secrets, signed_headers
from tests.receiver import until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/receive-webhooks.md").read_text("utf-8")
SECRETS = Secrets(lambda: b"a master secret of the tests, long enough")
BODY = b'{"type":"maillage.lease.ended","subject":"wm-1~4"}'


@pytest.fixture
def receiver() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"WEBHOOK_SECRET": SECRETS.of("wh_1", 1), "PORT": str(port)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            until(lambda: process.poll() is not None or is_listening(port))
            yield f"http://127.0.0.1:{port}/maillage", process
        finally:
            process.kill()


def is_listening(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_the_receiver_of_the_page_verifies_and_drops_doubles(receiver: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = receiver
    signed = signed_headers([SECRETS.of("wh_1", 2), SECRETS.of("wh_1", 1)], "msg_1", int(time.time()), BODY)
    forged = signed_headers([SECRETS.of("wh_2", 1)], "msg_2", int(time.time()), BODY)
    statuses = [httpx.post(url, content=BODY, headers=headers).status_code for headers in (signed, signed, forged)]
    assert statuses == [204, 204, 401]
    process.kill()
    assert process.stdout is not None
    assert process.stdout.read() == "maillage.lease.ended wm-1~4\n"


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    assert len(schedule.DELAYS_S) + 1 == 10 and sum(schedule.DELAYS_S) // 86_400 == 3
    assert "ten times within three days" in PAGE
    assert f"more than {worker.BEHIND_MAX:,} events wait" in PAGE
    assert f"a dead letter for {worker.KEEP_DEAD_S // 86_400} days" in PAGE
    assert worker.KEEP_DELIVERED_S == 7 * 86_400 and "known here for a week" in PAGE
    assert courier.FAILING_MAX_S == 5 * 86_400 and "five days without one success" in PAGE
