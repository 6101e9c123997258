"""When the store refuses: nodes that were given up, questions that come too late, no memory, others' keys."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import hiredis

from matchd.errors import NodeFenced, StoreUnavailable
from matchd.model import GameServer
from matchd.store.scripts import load_all
from tests.support.keyspace import copy, put_back
from tests.support.questions import Question, busy
from tests.support.stores import StoreTestCase
from tests.support.world import FIFO, outcome

UNGUARDED = {"join", "inspect", "tally"}
"""Scripts that any node may run: to become one, and to look."""


class ScriptTestCase(StoreTestCase):
    """Runs scripts as they are, in a busy store."""

    def setUp(self) -> None:
        super().setUp()
        self.scripts = load_all()
        self.questions = busy(self)
        self.ear.heard()

    def run_script(self, name: str, args: Question, node: str = "here", not_after: int = 0) -> str:
        """The error that the script, or its one question, ends with; empty if it does not."""
        try:
            reply = self.redis.ask("EVAL", self.scripts[name].text, 1, "", node, not_after, *args)
        except hiredis.ReplyError as error:
            return str(error)
        return next((str(part) for part in _parts(reply) if isinstance(part, hiredis.ReplyError)), "")

    def guarded(self) -> list[tuple[str, Question]]:
        """Every script that refuses some nodes, with its question."""
        return [(name, args) for name, args in self.questions.items() if name not in UNGUARDED]

    def assert_refused(self, error: str, name: str, args: Question, **asked: Any) -> None:
        before = self.dump()
        self.assertEqual(self.run_script(name, args, **asked), error, name)
        self.assertEqual(self.dump(), before, name)
        self.assertEqual(self.ear.heard(), [], name)


def _parts(reply: Any) -> list[Any]:
    return reply if isinstance(reply, list) else [reply]


class GuardTests(ScriptTestCase):
    """What every script makes sure of first."""

    def test_every_script_is_asked_something(self) -> None:
        """No script is left out here, and all but three are guarded."""
        self.assertEqual(set(self.questions), set(self.scripts))
        guarded = {path.name for path in self.scripts.values() if b"local refusal = guard()\n" in path.text}
        self.assertEqual(guarded, set(self.scripts) - UNGUARDED)

    def test_the_questions_would_be_answered(self) -> None:
        """Each of them works for a node that may ask in time."""
        older = copy(self.redis)
        for name, args in self.questions.items():
            put_back(self.redis, older)
            self.assertEqual(self.run_script(name, args), "", name)

    def test_fenced(self) -> None:
        """A node that was given up is refused by every script, and nothing changes."""
        for name, args in self.guarded():
            self.assert_refused("FENCED this node is not among the nodes", name, args, node="dead")

    def test_never_joined(self) -> None:
        """So is one that has never joined."""
        for name, args in self.guarded():
            self.assert_refused("FENCED this node is not among the nodes", name, args, node="nobody")

    def test_late(self) -> None:
        """A question that comes after its time is refused by every script, and nothing changes."""
        for name, args in self.guarded():
            self.assert_refused("LATE asked too long ago", name, args, not_after=1)


class NodeTests(StoreTestCase):
    """What a node makes of being refused."""

    def test_fenced(self) -> None:
        """A node that finds itself given up is told so, and joins anew under another name."""
        told: list[str] = []
        self.store.on_fenced = lambda: told.append(self.store.node)
        there = self.node("there")
        self.live(12, there)
        failure = self.assertRaises(NodeFenced, outcome, self.store.heartbeat())
        self.assertEqual(str(failure), "this node was given up by the others")
        self.assertEqual(told, ["here"])
        self.assertTrue(outcome(self.store.prepare(self.store._commands)))
        self.assertNotEqual(self.store.node, "here")
        outcome(self.store.heartbeat())

    def test_parted(self) -> None:
        """After it has left the nodes a node can do nothing more."""
        outcome(self.store.part())
        self.assertRaises(NodeFenced, outcome, self.store.heartbeat())

    def test_late(self) -> None:
        """What players asked is void after 2 s: they were told that it failed, so nothing of it may happen."""
        self.server()
        for player in "abc":
            self.enqueue(player)
        self.loading("a", "b")
        questions: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda: self.store.enqueue("d", "d1", FIFO, 0),
            lambda: self.store.resume("c", "c2"),
            lambda: self.store.dequeue("c", "c1"),
            lambda: self.store.loading_complete("a", "a1", ""),
            lambda: self.store.draw(FIFO),
            lambda: self.store.register_server(GameServer("two", "two:7000")),
            lambda: self.store.deregister_server("one"),
        ]
        outcome(self.store.heartbeat())
        before = self.dump()
        self.clock.rightNow -= 3600 * 24
        for question in questions:
            failure = self.assertRaises(StoreUnavailable, outcome, question())
            self.assertEqual(str(failure), "the store answered too late")
        self.assert_unchanged(before)

    def test_unknown_time(self) -> None:
        """Before it has joined, a node asks nothing for players."""
        store = type(self.store)(self.store._commands, self.clock, ())
        failure = self.assertRaises(StoreUnavailable, outcome, store.resume("a", "a1"))
        self.assertEqual(str(failure), "the store's clock is not known yet")

    def test_scripts_forgotten(self) -> None:
        """A store that has lost its scripts is given them again, with every question, unnoticed."""
        for question in (
            self.store.heartbeat,
            lambda: self.store.enqueue("a", "a1", FIFO, 0),
            lambda: self.store.resume("a", "a1"),
            lambda: self.store.dequeue("a", "a1"),
            lambda: self.store.sweep(4000, 0),
        ):
            self.redis.ask("SCRIPT", "FLUSH")
            outcome(question())
        self.assertEqual(self.state("a"), ["left"])


class NoMemoryTests(ScriptTestCase):
    """The store has reached its ``maxmemory``."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.redis.ask, "CONFIG", "SET", "maxmemory", "0")
        self.redis.ask("CONFIG", "SET", "maxmemory", "1")

    def test_nothing_new(self) -> None:
        """Nobody new is queued and no match is drawn; those who wait keep their places."""
        for name in ("enqueue", "draw"):
            before = self.redis.ask("DEBUG", "DIGEST")
            self.assertTrue(self.run_script(name, self.questions[name]).startswith("OOM "))
            self.assertEqual(self.redis.ask("DEBUG", "DIGEST"), before)
        self.assertEqual(self.queue(), ["q1", "q2", "q3", "q4"])

    def test_everything_else(self) -> None:
        """Whatever is under way comes to its end: players load and leave, matches are found or fall through."""
        self.redis.ask("CONFIG", "SET", "maxmemory", "0")
        older = copy(self.redis)
        for name, args in self.questions.items():
            put_back(self.redis, older)
            self.redis.ask("CONFIG", "SET", "maxmemory", "1")
            if name not in ("enqueue", "draw"):
                self.assertEqual(self.run_script(name, args), "", name)
            self.redis.ask("CONFIG", "SET", "maxmemory", "0")

    def test_connecting_anew(self) -> None:
        """A node that loses its connection meanwhile can come back, and keeps its players."""
        self.assertFalse(outcome(self.store.prepare(self.store._commands)))
