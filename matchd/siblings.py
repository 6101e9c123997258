"""What the processes on one player port tell the first one of themselves: whether each is ready, and its metrics.

A worker tells it every few seconds, on a pipe of its own. The first process's operators' port speaks for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

TELLING = 3
"""The descriptor on which a worker tells."""
TELL_SECONDS = 2.0
"""So old may be what is shown of a worker."""

_LENGTH_BYTES = 4


class Word(msgspec.Struct, frozen=True):
    """A worker's word: why it can't serve players, or None; its metrics in the Prometheus text format."""

    problem: str | None
    metrics: bytes


def pack(word: Word) -> bytes:
    """The word as it goes down the pipe."""
    body = msgspec.msgpack.encode(word)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class Words:
    """Takes what comes out of the pipe; ``last`` is the newest word that is complete."""

    def __init__(self) -> None:
        self.last: Word | None = None
        self._data = b""

    def feed(self, data: bytes) -> None:
        """More bytes have come."""
        self._data += data
        while len(self._data) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._data[:_LENGTH_BYTES], "big")
            if len(self._data) < end:
                return
            self.last = msgspec.msgpack.decode(self._data[_LENGTH_BYTES:end], type=Word)
            self._data = self._data[end:]


def merged(pages: Mapping[int, bytes]) -> bytes:
    """The metrics of several processes as one page, each sample with the number of its process as ``worker``."""
    families: dict[str, list[str]] = {}
    for worker, page in pages.items():
        for head, samples in _families(page.decode()):
            families.setdefault(head, []).extend(_labelled(samples, worker))
    return "".join(f"{head}{''.join(samples)}" for head, samples in families.items()).encode()


def _families(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each family of a page: its two lines of comment, and its samples."""
    head, samples = "", list[str]()
    for line in page.splitlines(keepends=True):
        if line.startswith("# HELP"):
            if head:
                yield head, samples
            head, samples = line, []
        elif line.startswith("#"):
            head += line
        else:
            samples.append(line)
    if head:
        yield head, samples


def _labelled(samples: Iterable[str], worker: int) -> Iterator[str]:
    for sample in samples:
        name, _, value = sample.partition(" ") if "{" not in sample else sample.partition("{")
        rest = f",{value}" if "{" in sample else f"}} {value}"
        yield f'{name}{{worker="{worker}"{rest}'
