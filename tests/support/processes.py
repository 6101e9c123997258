"""A look at processes from outside, and at a Valkey that is known by its socket only."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from tests.support.blocking import BlockingConnection


def ask(path: str, *command: bytes | str | int) -> object:
    """The reply of the Valkey at ``path``."""
    connection = BlockingConnection(path)
    try:
        return connection.ask(*command)
    finally:
        connection.close()


def process_id(path: str) -> int:
    """The process of the Valkey at ``path``."""
    server = ask(path, "INFO", "server")
    assert isinstance(server, bytes)
    return int(server.partition(b"process_id:")[2].split()[0])


def status(pid: int) -> list[str]:
    """What the kernel says of a process, its state and its parent first; nothing when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether there is such a process, dead ones that nobody has buried not counted."""
    return status(pid)[:1] not in ([], ["Z"])


def children(pid: int, program: str) -> list[int]:
    """The living children of a process that have this in their command line."""
    with suppress(OSError):
        found = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return [child for child in found if is_alive(child) and program.encode() in _command(child)]
    return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def holds(pid: int, signal: int) -> bool:
    """Whether a process has this signal wait until it has an answer to it."""
    with suppress(OSError):
        (mask,) = re.findall(r"^SigBlk:\s+(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return bool(int(mask, 16) >> (signal - 1) & 1)
    return False


def with_variable(name: str, value: str) -> list[int]:
    """The processes that live and were started with this in their environment."""
    wanted, found = f"{name}={value}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0") and is_alive(int(folder.name)):
                found.append(int(folder.name))
    return found
