"""Reading what robots send: tolerant of what does not matter, plain about what is wrong where it does."""

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from maillage.services.robots.vda5050.factsheet import Factsheet
from maillage.services.robots.vda5050.header import Header, spoken
from maillage.services.robots.vda5050.state import AgvPosition, Connection, State, Visualization
from maillage.services.robots.vda5050.topics import CONNECTION, FACTSHEET, STATE, VISUALIZATION, Address

BYTES_MAX = 1 << 20
"""Of a message. A state with 5,000 nodes ahead is half of that."""
POSITION_MAX_M = 1e6
TEXT_MAX = 300

_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    STATE: msgspec.json.Decoder(State),
    CONNECTION: msgspec.json.Decoder(Connection),
    FACTSHEET: msgspec.json.Decoder(Factsheet),
    VISUALIZATION: msgspec.json.Decoder(Visualization),
}


class Violation(Exception):
    """A message is not what VDA 5050 says; the text says in a line what is wrong with it and where."""


def read(topic: str, payload: bytes, address: Address) -> State | Connection | Factsheet | Visualization:
    """The message that a robot sent to one of its topics, or Violation."""
    if len(payload) > BYTES_MAX:
        raise Violation(f"{topic}: {len(payload):,} bytes are over {BYTES_MAX:,}")
    try:
        message = _decoded(topic, payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Violation(f"{topic}: {str(fault)[:TEXT_MAX] or 'nested too deeply'}") from None
    for problem in _problems(message, address):
        raise Violation(f"{topic}: {problem[:TEXT_MAX]}")
    return message


def _decoded(topic: str, payload: bytes) -> State | Connection | Factsheet | Visualization:
    decoder = _DECODERS[topic]
    message: State | Connection | Factsheet | Visualization
    try:
        message = decoder.decode(payload)
    except msgspec.ValidationError:
        # In JSON Schema 1.0 is an integer as well, and some robots' libraries write integers so.
        message = msgspec.convert(_with_whole_numbers(msgspec.json.decode(payload)), decoder.type)
    return message


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_with_whole_numbers(each) for each in value]
    if isinstance(value, dict):
        return {key: _with_whole_numbers(each) for key, each in value.items()}
    return value


def _problems(message: Header, address: Address) -> Iterator[str]:
    if spoken(message.version) is None:
        yield f"version {message.version!r} is not spoken on v2 topics"
    if (message.manufacturer, message.serial_number) != address:
        yield f"is signed {message.manufacturer}/{message.serial_number}, on a topic of {'/'.join(address)}"
    if isinstance(message, State | Visualization) and message.agv_position is not None:
        yield from _misplaced(message.agv_position)
    if isinstance(message, State) and (message.order_update_id < 0 or message.last_node_sequence_id < 0):
        yield "orderUpdateId and lastNodeSequenceId are not negative"


def _misplaced(position: AgvPosition) -> Iterator[str]:
    for name in ("x", "y", "theta"):
        value = getattr(position, name)
        if not (math.isfinite(value) and abs(value) <= POSITION_MAX_M):
            yield f"agvPosition.{name} is {value}"
