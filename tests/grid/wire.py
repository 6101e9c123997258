"""Where one message ends and the next begins, in the protocols that the proxies look into.

A cutter takes a buffer and says how many bytes its first whole message has, 0 while it is not whole.
"""

from __future__ import annotations

import re
from typing import Any

import hiredis

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def anything(buffer: bytes) -> int:
    """Bytes as they come."""
    return len(buffer)


def resp(buffer: bytes) -> int:
    """The Redis protocol, version 2: commands and replies alike."""
    return _resp_end(buffer, 0)


def _resp_end(buffer: bytes, start: int) -> int:
    line_end = buffer.find(b"\r\n", start)
    if line_end < 0:
        return 0
    kind, end = buffer[start : start + 1], line_end + 2
    if kind == b"$" and (length := int(buffer[start + 1 : line_end])) >= 0:
        end += length + 2
        return end if end <= len(buffer) else 0
    if kind == b"*":
        for _ in range(int(buffer[start + 1 : line_end])):
            if not (end := _resp_end(buffer, end)):
                return 0
    return end


def http(buffer: bytes) -> int:
    """HTTP/1.1 with lengths, requests and answers alike."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    length = _LENGTH.search(buffer[:head_end])
    end = head_end + 4 + (int(length[1]) if length else 0)
    return end if end <= len(buffer) else 0


def value(message: bytes) -> Any:
    """What one message of the Redis protocol says."""
    reader = hiredis.Reader()
    reader.feed(message)
    return reader.gets()
