"""Packets of some networks dropped by the kernel before there is a connection: a filter on a listening socket.

A socket that is accepted and closed costs some 50 us, most of it here; a packet that Linux drops costs less than one,
and whoever sent it waits and asks again ever more seldom. The filter is a program of classic BPF (socket(7),
``SO_ATTACH_FILTER``), for which no privilege is needed. Connections that are open are not concerned.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network

MOST = 250
"""Networks in a filter: each costs every new connection some nanoseconds, and older kernels give it 20 KiB."""

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_IP_HEADER = 0x1_0000_0000 - 0x10_0000  # where the program finds it: SKF_NET_OFF, as unsigned
_LOAD_BYTE, _LOAD_WORD, _SHIFT_RIGHT, _JUMP_IF_EQUAL, _JUMP, _RETURN = 0x30, 0x20, 0x74, 0x15, 0x05, 0x06
_DROP, _PASS = 0, 0xFFFF_FFFF

Instruction = tuple[int, int, int, int]
"""Its code, how many to skip if true and if false, its operand."""


def program(networks: Sequence[IPv4Network | IPv6Network]) -> list[Instruction]:
    """What drops the packets that come from single IPv4 addresses and from /64s of IPv6."""
    fours = [int(each.network_address) for each in networks if each.version == 4]
    sixes = [int(each.network_address) >> 64 for each in networks if each.version == 6]
    of_fours = [(_LOAD_WORD, 0, 0, _IP_HEADER + 12)]
    for address in fours:
        of_fours += [(_JUMP_IF_EQUAL, 0, 1, address), (_RETURN, 0, 0, _DROP)]
    of_sixes: list[Instruction] = []
    for prefix in sixes:
        of_sixes += [
            (_LOAD_WORD, 0, 0, _IP_HEADER + 8),
            (_JUMP_IF_EQUAL, 0, 3, prefix >> 32),
            (_LOAD_WORD, 0, 0, _IP_HEADER + 12),
            (_JUMP_IF_EQUAL, 0, 1, prefix & 0xFFFF_FFFF),
            (_RETURN, 0, 0, _DROP),
        ]
    let_pass = (_RETURN, 0, 0, _PASS)
    return [
        (_LOAD_BYTE, 0, 0, _IP_HEADER),
        (_SHIFT_RIGHT, 0, 0, 4),
        (_JUMP_IF_EQUAL, 1, 0, 4),
        (_JUMP, 0, 0, len(of_fours) + 1),
        *of_fours,
        let_pass,
        *of_sixes,
        let_pass,
    ]


def sift(listening: socket.socket, networks: Sequence[IPv4Network | IPv6Network]) -> None:
    """From now on drop what comes from these, of more than ``MOST`` from the first; where that can't be, do nothing."""
    if not sys.platform.startswith("linux"):
        return
    code = b"".join(struct.pack("=HBBI", *each) for each in program(networks[:MOST]))
    buffer = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    with suppress(OSError):
        if networks:
            listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
        else:
            listening.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
