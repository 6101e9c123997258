"""Inputs by a seed, dealt out to players in every state, to new connections and to sockets that ask to be opened.

A share of them comes to a node that asks for tokens.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from tests.inputs.door import STATES, Door, Guest
from tests.inputs.forged import Forger
from tests.inputs.generated import Generator
from tests.inputs.trial import Trial, closed_with, is_error
from tests.support.tokens import authority

TEXTS, WIRES = 0.7, 0.2
"""Their shares; the rest are requests."""

IDENTIFIED, TOKENS = 0.2, 0.6
"""The share that comes to a node that asks for tokens, and of those the tokens themselves; the rest are texts."""

PORTION = 5_000
"""Inputs until a new node with an empty store takes over."""


class Campaign:
    """Brings inputs, and counts what came of them; raises Broken, as Trial does."""

    def __init__(self, seed: int) -> None:
        self.came_of: Counter[str] = Counter()
        self._generator = Generator(seed)
        self._forger = Forger(seed)

    def run(self, inputs: int) -> None:
        """So many more inputs."""
        for start in range(0, inputs, PORTION):
            portion = min(PORTION, inputs - start)
            identified = int(portion * IDENTIFIED)
            with closing(Door()) as door:
                Portion(door, self._generator, self.came_of).run(portion - identified)
            with closing(Door(authority)) as door:
                IdentifiedPortion(door, self._generator, self.came_of, self._forger).run(identified)


class Portion:
    """The inputs that one node gets."""

    def __init__(self, door: Door, generator: Generator, came_of: Counter[str]) -> None:
        self._door = door
        self._trial = Trial(door)
        self._generator = generator
        self._came_of = came_of

    def run(self, inputs: int) -> None:
        """First texts, which need players who stay; the others wait until time is up for whoever is silent."""
        texts = self._all_texts(int(inputs * TEXTS))
        wires = int(inputs * WIRES)
        for _ in range(wires):
            self._count("bytes", self._wire())
        for _ in range(inputs - texts - wires):
            self._count("request", self._request())

    def _count(self, kind: str, came_of_it: str) -> None:
        self._came_of[f"{kind}: {came_of_it}"] += 1

    def _all_texts(self, inputs: int) -> int:
        """Texts, as many in each state; how many there were."""
        each = inputs // len(STATES)
        for state in STATES:
            self._texts(state, each)
        return each * len(STATES)

    def _texts(self, state: str, inputs: int) -> None:
        """Text frames to a player in this state; when one was a message after all, he makes room for another."""
        guest = None
        for _ in range(inputs):
            guest = guest or self._alone(state)
            answered = self._trial.text(guest, self._generator.text())
            if is_error(answered):
                self._count("text", "refused")
            else:
                self._count("text", "closed" if closed_with(answered[-1:]) else "was a message")
                guest = None

    def _alone(self, state: str) -> Guest:
        self._door.empty()
        return self._door.guest(state)

    def _wire(self) -> str:
        guest = self._door.guest()
        answered = self._trial.wire(guest, self._generator.wire())
        self._door.dismiss(guest)
        return f"closed with {int.from_bytes(answered[-1][1][:2], 'big')}"

    def _request(self) -> str:
        client = self._door.client()
        status = self._trial.request(client, self._generator.request())
        self._door.dismiss(client)
        return f"status {status}" if status else "cut when its time was up"


class IdentifiedPortion(Portion):
    """The inputs that one node gets that asks for tokens."""

    def __init__(self, door: Door, generator: Generator, came_of: Counter[str], forger: Forger) -> None:
        super().__init__(door, generator, came_of)
        self._forger = forger

    def run(self, inputs: int) -> None:
        """Texts to players who have shown theirs, or have not yet, and tokens from players who have shown none."""
        for _ in range(inputs - self._all_texts(int(inputs * (1 - TOKENS)))):
            self._door.empty()
            self._count("token", self._trial.token(self._forger.way(), self._forger.token()))
