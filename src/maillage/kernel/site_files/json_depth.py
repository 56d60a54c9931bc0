"""How deep a JSON text nests, counted ahead of the parser.

ijson keeps the path of every open bracket as a text of its own, so memory grows with the square of the depth: a
megabyte of brackets would take the process down before it is found to be nonsense.
"""

import re
from itertools import accumulate

DEPTH_MAX = 64
"""Far above the 8 of a MultiPolygon in a FeatureCollection."""

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STEP = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")  # one up and one down, shifted by one to be bytes
_NO_BRACKET = bytes(set(range(256)) - set(b"[{]}"))


class DepthGuard:
    """Passes over a text piece by piece; what stands within strings does not count."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = 0
        self._rest = b""

    def pass_over(self, piece: bytes) -> None:
        """ValueError when the text nests deeper than DEPTH_MAX."""
        piece = _ESCAPE.sub(b"", self._rest + piece)
        # With all pairs gone, a backslash at the end waits for what it escapes, which comes with the next piece.
        self._rest = b"\\" if piece.endswith(b"\\") else b""
        parts = piece.split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string = (self._in_string + len(parts) - 1) % 2
        steps = outside.translate(_STEP, _NO_BRACKET)
        depths = list(accumulate((step - 1 for step in steps), initial=self._depth))
        self._depth = depths[-1]
        if max(depths) > DEPTH_MAX:
            raise ValueError(f"brackets are nested deeper than {DEPTH_MAX}")
