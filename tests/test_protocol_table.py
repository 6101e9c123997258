"""docs/protocol.md against the code: every cell of its table is played, every code and example is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import RULES, CloseCode, ErrorCode, decode
from matchd.metrics import CLIENT_TYPES, SERVER_TYPES
from matchd.model import Reason
from tests.support.conversations import Conversation
from tests.support.keyspace import state as where
from tests.support.world import Player

TEXT = (Path(__file__).parents[1] / "docs" / "protocol.md").read_text()


def tables(heading: str) -> list[dict[str, list[str]]]:
    """The tables under a heading: of each the rows by their first cell, the head as the row ``""``."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in row.strip("|").split(" |")] for row in block.splitlines()]
        found.append({"": head[1:], **{row[0].strip(): row[1:] for row in rows}})
    return found


ANSWERS, GOODBYES = tables("What is answered when")


class Documentation(SynchronousTestCase):
    def test_every_code_is_explained(self) -> None:
        """No error code, close code, field or reason is missing, and none is made up."""
        (errors,) = tables("Errors")
        self.assertEqual(set(errors) - {""}, {f"`{code.value}`" for code in ErrorCode})
        (ends,) = tables("The end of a connection")
        ours = {int(code) for code in ends if code} - {1000, 1002, 1007, 1009}
        self.assertEqual(ours, set(CloseCode))
        for reason in Reason:
            self.assertIn(f"`{reason.value}`", TEXT)

    def test_every_field_is_explained(self) -> None:
        """In the same words in which a client is told that it got one wrong."""
        _, fields = tables("What a client says")
        self.assertEqual({field.strip("`") for field in fields if field}, set(RULES) - {"message", "type"})
        for field, (explained,) in fields.items():
            if field:
                self.assertTrue(explained.startswith(RULES[field.strip("`")]), field)

    def test_every_message_has_an_example(self) -> None:
        """All examples are JSON; those of a client are understood, those of the server are of its types."""
        examples = re.findall(r"^client  (.+)$", TEXT, re.MULTILINE) + re.findall(r"^server  (.+)$", TEXT, re.MULTILINE)
        examples += re.findall(r"`(\{.+?\})`", TEXT)
        said = [json.loads(example) for example in examples]
        self.assertEqual({message["type"] for message in said}, {*CLIENT_TYPES, *SERVER_TYPES} - {"invalid"})
        for message in said:
            if message["type"] in CLIENT_TYPES:
                decode(json.dumps(message).encode())


SAYINGS: dict[str, Callable[[Answers, Player], Player]] = {
    "`enqueue`, the same mode": lambda _, a: a.enqueue("Ranked"),
    "`enqueue`, the same mode, on a new connection": lambda test, _: test.connect("a").enqueue("Ranked"),
    "`enqueue`, another mode": lambda _, a: a.enqueue("Duos"),
    "`resume`, on a new connection": lambda test, _: test.connect("a").resume(),
    "`dequeue`": lambda _, a: a.dequeue(),
    "`loading_complete`, the session's id": lambda _, a: a.load(loading_session_id=session_of(a)),
    "`loading_complete`, without id": lambda _, a: a.load(),
    "`loading_complete`, another id": lambda _, a: a.load(loading_session_id=session_of(a) + "x"),
}


def session_of(player: Player) -> str:
    """His loading session; a made-up one where he has none."""
    ids = [message["loading_session_id"] for message in player.heard if message["type"] == "start_loading"]
    return str(ids[-1]) if ids else "9f86d081884c7d65-1"


class Played(Conversation):
    """Players in each of the states of the table."""

    def in_state(self, state: str) -> tuple[Player, Player]:
        """A player in this state, and the other one of his match, or one who has nothing to do with him."""
        match state:
            case "absent":
                return self.connect("a"), self.connect("b")
            case "queued":
                return self.queued("a"), self.connect("b")
            case "loading" | "loaded":
                a, b, _ = self.loading()
                return (a if state == "loading" else a.load()), b
            case "allocating":
                return self.allocating()[:2]
            case "matched":
                return self.matched()[:2]
        raise KeyError(state)


class Answers(Played):
    """What is answered when."""

    def test_the_table_is_complete(self) -> None:
        """Every message in every state."""
        self.assertEqual(ANSWERS[""], ["absent", "queued", "loading", "loaded", "allocating", "matched"])
        self.assertEqual(list(ANSWERS)[1:], list(SAYINGS))

    def play(self, saying: str, state: str, answer: str) -> None:
        """A player says it in this state."""
        player, _ = self.in_state(state)
        heard = len(player.heard)
        answered = SAYINGS[saying](self, player)
        told = answered.heard[heard:] if answered is player else answered.heard
        self.assertEqual(" ".join(f"`{message.get('code', message['type'])}`" for message in told) or "nothing", answer)
        superseded = answered is not player and state != "absent"
        self.assertEqual((player.closed, answered.closed), (CloseCode.SUPERSEDED if superseded else None, None))
        self.assertEqual(where(self.service.direct, "a"), self.recorded(state, answer))

    def recorded(self, state: str, answer: str) -> str:
        """What the store has of him then: only where he was put in or out of the queue it is something new."""
        became = {"`queued`": "queued", "`dequeued`": "left"}.get(answer)
        return became or {"absent": "", "loaded": "loading"}.get(state, state)


class Goodbyes(Played):
    """What becomes of a match when a connection goes."""

    def test_the_table_is_complete(self) -> None:
        """Every state but that of who is nowhere."""
        self.assertEqual([*GOODBYES], ["", "he is gone", "the others of his match"])
        self.assertEqual(GOODBYES[""], ANSWERS[""][1:])

    def play(self, state: str, himself: str, others: str) -> None:
        """He is gone: of him a later ``resume`` tells, of the others what they hear."""
        a, b = self.in_state(state)
        heard = len(b.heard)
        a.vanish()
        self.game_server_answers()
        self.assertEqual([f"`{type_}`" for type_ in b.types[heard:]], [others] if others else [])
        self.assertEqual(self.connect("a").resume().types, ["match_found" if "stays" in himself else "error"])


def _add(case: type[Answers] | type[Goodbyes], *cell: str) -> None:
    """A test for a cell of a table."""

    def test(self: Answers | Goodbyes) -> None:
        self.play(*cell)

    test.__doc__ = " | ".join(cell)
    setattr(case, "test_" + "_".join(re.findall("[a-z]+", " ".join(cell[:2]))), test)


for _saying, _answers in list(ANSWERS.items())[1:]:
    for _state, _answer in zip(ANSWERS[""], _answers, strict=True):
        _add(Answers, _saying, _state, _answer)
for _cell in zip(*GOODBYES.values(), strict=True):
    _add(Goodbyes, *_cell)
