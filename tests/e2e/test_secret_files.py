"""Keys that come in files: the server's admin key, and the client's."""

import os
import re
import subprocess
import sys
from pathlib import Path

KEY = "an-admin-key-in-a-file"


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    return kept | {"NO_COLOR": "1", "COLUMNS": "400"} | more


def test_a_server_and_its_client_take_their_keys_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    command = [sys.executable, "-m", "maillage"]
    env = environment(MAILLAGE_HOME=str(tmp_path / "home"), MAILLAGE_ADMIN_KEY_FILE=str(file))
    server = subprocess.Popen(
        [*command, "up", "--port", "0"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.search(r"listening on (\S+)", said)
        assert found is not None, said
        env = environment(MAILLAGE_SERVER=found[1], MAILLAGE_KEY_FILE=str(file))
        listed = subprocess.run([*command, "tenant", "list"], env=env, capture_output=True, text=True, timeout=60)
        assert listed.returncode == 0 and "operator" in listed.stdout, listed.stderr
    finally:
        server.terminate()
        out, errors = server.communicate(timeout=30)
    assert KEY not in out + errors + said


def test_a_key_that_comes_twice_is_refused(tmp_path: Path) -> None:
    env = environment(MAILLAGE_HOME=str(tmp_path), MAILLAGE_ADMIN_KEY=KEY, MAILLAGE_ADMIN_KEY_FILE="somewhere")
    command = [sys.executable, "-m", "maillage", "up", "--port", "0"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "MAILLAGE_ADMIN_KEY_FILE" in done.stderr
    assert KEY not in done.stdout + done.stderr
