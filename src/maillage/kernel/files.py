"""Files that people hand over: plain, or packed with gzip and then read as if they were plain."""

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from maillage.kernel.errors import Invalid

BROKEN_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
"""What reading raises when a packed file was cut short, damaged, or is not packed at all."""


def open_data_file(path: Path) -> BinaryIO:
    """The file's bytes, unpacked as they are read when its name ends in .gz. Invalid when it can't be opened."""
    try:
        if path.suffix.lower() == ".gz":
            return cast(BinaryIO, gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise Invalid("file", f"{path} can't be opened: {error.strerror or error}") from None
