"""Secrets come by the environment or by a file that the environment names, and in no other way: never on a command
line, where every user of the machine could read them."""

import logging
import os
import stat
from pathlib import Path

from maillage.kernel.errors import Invalid

log = logging.getLogger(__name__)


def secret(name: str) -> str | None:
    """The secret in the variable ``name``, or in the file that ``name_FILE`` names; None where neither is set.

    Invalid where both are, or where the file can't be read. What is wrong is told without the secret.
    """
    given = os.environ.get(name) or None
    file = os.environ.get(f"{name}_FILE") or None
    if file is None:
        return given
    if given is not None:
        raise Invalid(name, f"is set, and {name}_FILE too; only one of the two can hold")
    path = Path(file)
    try:
        text = path.read_text("utf-8").strip()
        mode = path.stat().st_mode
    except UnicodeDecodeError:
        raise Invalid(f"{name}_FILE", f"{file}: the file is not UTF-8 text") from None
    except OSError as fault:
        raise Invalid(f"{name}_FILE", f"{file}: {fault.strerror or 'the file can not be read'}") from None
    if not text:
        raise Invalid(f"{name}_FILE", f"{file}: the file is empty")
    if os.name == "posix" and mode & stat.S_IROTH:
        log.warning("%s, which %s_FILE names, can be read by every user of this machine; chmod 600 it", file, name)
    return text
