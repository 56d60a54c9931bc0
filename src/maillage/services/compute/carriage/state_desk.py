"""What a node gives and takes of the state of sessions that a hub moves."""

from collections.abc import Sequence

from maillage.kernel.errors import NotReady
from maillage.services.compute.carriage.messages import STATE_BYTES, Piece, ReadState, StateGiven
from maillage.services.compute.follow.state import TrackedValues

PIECE_BYTES = 64
"""What a piece takes beside its key and its bytes, at most."""
SLACK = 2
"""What is copied while it changes may for a moment be some of the old and some of the new."""


class _Whole:
    """A value that comes in pieces, as far as it came."""

    def __init__(self, piece: Piece) -> None:
        self.key = piece.key
        self.total = piece.total
        self.body = bytearray()


class StateDesk:
    """``values`` are those of the node's sites. Calls block, one at a time for a lease."""

    def __init__(self, values: TrackedValues) -> None:
        self._values = values
        self._coming: dict[str, _Whole] = {}

    def read(self, wanted: ReadState) -> StateGiven:
        """A message full of what changed after a number, in the order of change. NotReady where the account of the
        changes was lost, as by a restart: what was copied so far is of no use then."""
        if not wanted.mark:
            changes = self._values.begin_changes(wanted.lease, wanted.following)
        else:
            known = self._values.changes(wanted.lease, wanted.mark, wanted.after)
            if known is None:
                raise NotReady(f"the copy of the state of {wanted.lease} has to begin anew")
            changes = known
        pieces: list[Piece] = []
        room, upto = STATE_BYTES, wanted.after
        for number, key in changes.keys:
            room -= len(key.encode()) + PIECE_BYTES
            if room <= 0:
                return StateGiven(changes.mark, changes.newest, upto, 0, 0, pieces, True)
            begin = wanted.offset if number == wanted.within else 0
            value = self._values.get(wanted.lease, key)
            if value is None:
                pieces.append(Piece(key, None, 0, 0))
            else:
                body = value[begin : begin + room]
                pieces.append(Piece(key, body, begin, len(value)))
                room -= len(body)
                if begin + len(body) < len(value):
                    return StateGiven(changes.mark, changes.newest, upto, number, begin + len(body), pieces, True)
            upto = number
        return StateGiven(changes.mark, changes.newest, upto, 0, 0, pieces, False)

    def write(self, lease: str, pieces: Sequence[Piece], bytes_max: int) -> bool:
        """Keep what came; False where it is more than the lease may keep."""
        return all(self._take(lease, piece, SLACK * bytes_max) for piece in pieces)

    def drop(self, lease: str) -> None:
        self._coming.pop(lease, None)
        self._values.drop(lease)

    def _take(self, lease: str, piece: Piece, bytes_max: int) -> bool:
        if piece.body is None or len(piece.body) == piece.total:
            self._coming.pop(lease, None)
            return self._values.put(lease, piece.key, piece.body, bytes_max)
        if piece.total > bytes_max:
            return False
        if piece.offset == 0:
            self._coming[lease] = _Whole(piece)
        whole = self._coming.get(lease)
        if whole is None or (whole.key, whole.total, len(whole.body)) != (piece.key, piece.total, piece.offset):
            return True  # it was written anew while it came, and comes once more, whole
        whole.body += piece.body
        if len(whole.body) < whole.total:
            return True
        del self._coming[lease]
        return self._values.put(lease, piece.key, bytes(whole.body), bytes_max)
