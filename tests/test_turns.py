"""Short turns: who is in a hurry is not kept waiting by the many."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any
from unittest import mock

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from matchd.turns import LEAST, LONG, MOST, ShortTurns, shorten

MANY = MOST + 50


@implementer(IReadDescriptor)
class Speaker:
    """A socket with a byte to read; ``spoke`` lists those that were read, in order."""

    def __init__(self, spoke: list[Speaker]) -> None:
        self.on_read: Callable[[], object] = lambda: None
        self.problem: Exception | None = None
        self.lost: list[type[BaseException] | None] = []
        self._spoke = spoke
        self.socket, self.other = socket.socketpair()
        self.socket.setblocking(False)
        self.other.send(b"!")

    def fileno(self) -> int:
        return self.socket.fileno()

    def logPrefix(self) -> str:
        return "speaker"

    def doRead(self) -> Exception | None:
        self._spoke.append(self)  # and leaves the byte where it is: it has always something to say
        self.on_read()
        return self.problem

    def connectionLost(self, reason: Failure) -> None:
        self.lost.append(reason.type)

    def close(self) -> None:
        self.socket.close()
        self.other.close()


class Speakers(SynchronousTestCase):
    def setUp(self) -> None:
        self.spoke: list[Speaker] = []

    def speakers(self, count: int) -> list[Speaker]:
        speakers = [Speaker(self.spoke) for _ in range(count)]
        for speaker in speakers:
            self.addCleanup(speaker.close)
        return speakers


class ReactorTests(Speakers):
    """Twisted's own reactor, with short turns."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor: Any = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        self.clock = Clock()
        turns = shorten(self.reactor, self.clock.seconds)
        assert turns is not None
        self.turns = turns
        self.many = self.speakers(MANY)
        for speaker in self.many:
            self.add(speaker)

    def add(self, speaker: Speaker) -> None:
        self.reactor.addReader(speaker)
        self.addCleanup(self.reactor.removeReader, speaker)

    def test_a_turn_is_short(self) -> None:
        """However many have something to say, timers get their turn soon."""
        self.reactor.doIteration(0)
        self.assertEqual(len(self.spoke), MOST)

    def test_after_a_long_turn_a_shorter_one(self) -> None:
        """And so on; once turns are short again there may be more in them."""
        took, heard = [2 * LONG] * 6 + [LONG / 2] * 6, []
        for seconds in took:
            self.spoke.clear()
            self.reactor.doIteration(0)
            heard.append(len(self.spoke))
            self.clock.advance(seconds)
        self.assertEqual(heard, [100, 50, 25, 12, 6, LEAST, LEAST, 10, 20, 40, 80, 100])

    def test_everybody_gets_his_turn(self) -> None:
        """Nobody is left out for those who were served before."""
        for _ in range(4):
            self.reactor.doIteration(0)
        self.assertEqual(set(self.spoke), set(self.many))

    def test_who_is_lost(self) -> None:
        """He is told why, and not served again."""
        gone = self.many[0]
        gone.problem = ConnectionLost()
        for _ in range(4):
            self.reactor.doIteration(0)
        self.assertEqual(gone.lost, [ConnectionLost])
        self.assertEqual(self.spoke.count(gone), 1)

    def test_who_is_taken_out_meanwhile(self) -> None:
        """He is not served in the same turn any more."""
        for speaker in self.many:
            self.reactor.removeReader(speaker)
        pair = self.many[:2]
        for speaker, other in zip(pair, reversed(pair), strict=True):
            self.reactor.addReader(speaker)
            speaker.on_read = lambda other=other: self.reactor.removeReader(other)
        self.reactor.doIteration(0)
        self.assertEqual(len(self.spoke), 1)

    def test_the_main_loop(self) -> None:
        """It turns like this, and goes on after an error that nobody expected."""
        first = self.many[0]
        first.problem = ConnectionLost()
        first.connectionLost = mock.Mock(side_effect=ZeroDivisionError)
        self.reactor.callLater(0.05, self.reactor.stop)
        self.reactor.run(installSignalHandlers=False)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(set(self.spoke), set(self.many))

    def test_the_preferred_get_every_turn(self) -> None:
        """The store is heard in each, before all others."""
        (store,) = self.speakers(1)
        self.add(store)
        self.turns.prefer(store.fileno())
        for _ in range(3):
            self.spoke.clear()
            self.reactor.doIteration(0)
            self.assertEqual(self.spoke.index(store), 0)
            self.assertEqual(self.spoke.count(store), 1)

    def test_a_preferred_one_that_is_gone(self) -> None:
        """Another may have its number then, and is one of many."""
        (store,) = self.speakers(1)
        self.add(store)
        self.turns.prefer(store.fileno())
        self.reactor.removeReader(store)
        for _ in range(4):
            self.reactor.doIteration(0)
        self.assertNotIn(store, self.spoke)
        self.add(store)
        self.turns.prefer(store.fileno())
        self.spoke.clear()
        self.reactor.doIteration(0)
        self.assertEqual(self.spoke[0], store)

    def test_only_once(self) -> None:
        """Whoever asks again gets the same."""
        self.assertIs(shorten(self.reactor), self.turns)


class PollTests(Speakers):
    """What the reactor is told."""

    def test_what_a_preferred_one_wants_to_hear(self) -> None:
        """It is told when it may write, if it has asked for that."""
        turns = ShortTurns(select.epoll(), Clock().seconds)
        many, (store,) = self.speakers(MANY), self.speakers(1)
        turns.register(store.fileno(), select.EPOLLIN)
        turns.prefer(store.fileno())
        for speaker in many:
            turns.register(speaker.fileno(), select.EPOLLIN)
        self.assertEqual(turns.poll(0, 1000)[0], (store.fileno(), select.EPOLLIN))
        turns.modify(store.fileno(), select.EPOLLIN | select.EPOLLOUT)
        self.assertEqual(turns.poll(0, 1000)[0], (store.fileno(), select.EPOLLIN | select.EPOLLOUT))

    def test_other_reactors(self) -> None:
        """They stay as they are."""
        self.assertIsNone(shorten(Clock()))
