"""A look at processes from outside, and at a Valkey that is known by its socket only."""

from __future__ import annotations

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
