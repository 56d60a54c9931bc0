"""Sparkplug payloads, built by a writer of their own: field by field, as the protobuf definition numbers them."""

import struct


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def chunk(number: int, raw: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def metric(
    name: str | None = None,
    value: float | bool | str | None = None,
    alias: int | None = None,
    datatype: int | None = None,
    at_ms: int | None = None,
    historical: bool = False,
) -> bytes:
    body = chunk(1, name.encode()) if name is not None else b""
    for number, whole in ((2, alias), (3, at_ms), (4, datatype), (5, 1 if historical else None)):
        if whole is not None:
            body += varint(number << 3) + varint(whole)
    if value is None:
        body += varint(7 << 3) + b"\1"
    elif isinstance(value, bool):
        body += varint(14 << 3) + varint(value)
    elif isinstance(value, int):
        body += varint(10 << 3) + varint(value & 0xFFFFFFFF)
    elif isinstance(value, str):
        body += chunk(15, value.encode())
    else:
        body += varint(13 << 3 | 1) + struct.pack("<d", value)
    return body


def payload(*metrics: bytes, seq: int | None = None, at_ms: int | None = None) -> bytes:
    body = varint(1 << 3) + varint(at_ms) if at_ms is not None else b""
    body += b"".join(chunk(2, one) for one in metrics)
    return body + (varint(3 << 3) + varint(seq) if seq is not None else b"")


def bd_seq(number: int) -> bytes:
    return metric("bdSeq", number, datatype=8)
