"""What a simulated robot can be told to do wrong, each once it has reached a node (by its sequence id)."""

import msgspec


class Faults(msgspec.Struct, kw_only=True):
    """Set at any time. ``reject`` refuses orders with an error of that type, ``reject_updates`` updates only; ``deaf``
    takes no orders at all. At a node: ``vanish_at`` is cut off from the broker, ``silent_at`` says no more but stays
    connected, ``jump_at`` finds itself 50 m away, ``garble_at`` sends states that are none, ``manual_at`` is taken over
    by a person, ``forget_at`` loses its order as after a restart. ``fail_action`` fails at actions of that type."""

    reject: str | None = None
    reject_updates: str | None = None
    deaf: bool = False
    vanish_at: int | None = None
    silent_at: int | None = None
    jump_at: int | None = None
    garble_at: int | None = None
    manual_at: int | None = None
    forget_at: int | None = None
    fail_action: str | None = None
