"""What a guided fuzzer calls: one input, whose first byte says where it is to be brought."""

from __future__ import annotations

from collections.abc import Iterator

from tests.inputs.door import Door, Guest
from tests.inputs.requests import REQUESTS
from tests.inputs.texts import TEXTS
from tests.inputs.trial import Trial, is_error
from tests.inputs.wires import WIRES

TEXT, WIRE, REQUEST = b"\0", b"\1", b"\2"


def written() -> Iterator[bytes]:
    """Every input that was written down, as the fuzzer has them."""
    for kind, categories in ((TEXT, TEXTS), (WIRE, WIRES), (REQUEST, REQUESTS)):
        for rows in categories.values():
            for row in rows:
                yield kind + row[0]


class Target:
    """One door for all inputs; the player who hears the texts stays as long as they are none of his."""

    def __init__(self) -> None:
        self._door = Door()
        self._trial = Trial(self._door)
        self._listener: Guest | None = None

    def close(self) -> None:
        """No more inputs."""
        self._door.close()

    def bring(self, data: bytes) -> None:
        """Raises Broken when anything but one reply or one close comes of it."""
        kind, rest = data[:1], data[1:]
        if kind == WIRE:
            self._alone()
            self._trial.wire(self._door.guest(), rest)
        elif kind == REQUEST:
            self._alone()
            self._trial.request(self._door.client(), rest)
        else:
            self._text(rest)

    def _text(self, data: bytes) -> None:
        if self._listener is None:
            self._alone()
            self._listener = self._door.guest("queued")
        said = data.decode(errors="ignore").encode()[:4096].decode(errors="ignore").encode()
        if not is_error(self._trial.text(self._listener, said)):
            self._listener = None

    def _alone(self) -> None:
        self._listener = None
        self._door.empty()
