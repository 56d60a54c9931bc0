"""A plain number as text: ``-18.4``."""

import math
import re

from maillage.services.sensing.model import Fault, Measure
from maillage.services.sensing.payloads.samples import Decoded, Sample

BYTES_MAX = 64
_NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_NO_NUMBER = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_TRUTHS = {b"true": 1.0, b"false": 0.0}


def decode_plain(payload: bytes, measure: Measure) -> Decoded:
    """Blanks around it do not count; ``true`` and ``false`` are 1 and 0."""
    if len(payload) > BYTES_MAX:
        return Decoded([], [Fault.TOO_LARGE])
    text = payload.strip()
    truth = _TRUTHS.get(text.lower())
    if truth is None and not _NUMBER.fullmatch(text):
        return Decoded([], [Fault.NOT_A_NUMBER if _NO_NUMBER.fullmatch(text) else Fault.UNREADABLE])
    value = float(text) if truth is None else truth
    if not math.isfinite(value):
        return Decoded([], [Fault.NOT_A_NUMBER])
    return Decoded([Sample(measure, value)], [])
