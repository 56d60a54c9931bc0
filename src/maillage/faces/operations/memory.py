"""Memory that large arrays took, given back once they are done with."""

import ctypes

MMAP_THRESHOLD = -3
"""``M_MMAP_THRESHOLD`` of glibc's mallopt(3)."""
LARGE_BYTES = 1 << 20


def give_back_large_blocks() -> None:
    """Have glibc map each block from 1 MiB on by itself, and unmap it when it is freed; another C library is left as
    it is.

    By its own rule the threshold grows to 32 MiB, and what is smaller stays with the thread that took it: a server that
    had made 20 plans of 4,654 roofs held 3.3 GB, and 0.5 GB with this.
    """
    try:
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE_BYTES)
    except (AttributeError, OSError, TypeError):
        return
