"""A node's two connections to the store, on which everything that can happen to a connection can be made to.

Both are real connections to a real Valkey, spoken to synchronously. On the way of commands, requests and
replies can be held up, each in their order, and what was held up when the connection broke may still run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hiredis
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from matchd.errors import StoreError, StoreUnavailable
from tests.support.blocking import BlockingConnection

Arguments = tuple[bytes | str | int, ...]
Run = Callable[[Arguments], Any]


def away() -> StoreUnavailable:
    """What every command says while there is no connection."""
    return StoreUnavailable("the store is away")


@dataclass(slots=True)
class Sent:
    """A command on its way; ``result`` once Redis has run it."""

    arguments: Arguments
    at: float
    reply: Deferred[Any] = field(default_factory=Deferred)
    result: Any = None


class CommandWire:
    """The commands of one node; ``run`` has Redis run one and returns what it answered, errors too."""

    def __init__(self, run: Run, now: Callable[[], float]) -> None:
        self.up = False
        self.requests_held = False
        self.replies_held = False
        self._run = run
        self._now = now
        self._requests: deque[Sent] = deque()
        self._replies: deque[Sent] = deque()
        self._delivering = False

    def execute(self, *arguments: bytes | str | int) -> Deferred[Any]:
        """One command, as the product asks for it."""
        if not self.up:
            return fail(away())
        sent = Sent(arguments, self._now())
        self._requests.append(sent)
        self._run_requests()
        return sent.reply

    def flow(self) -> int:
        """Let come what is not held up; how many replies that was."""
        self._run_requests()
        if self._delivering:
            return 0
        self._delivering, delivered = True, 0
        while self._replies and not self.replies_held:
            _answer(self._replies.popleft())
            delivered += 1
        self._delivering = False
        return delivered

    @property
    def waits_since(self) -> float | None:
        """When the command was sent that has waited longest for its reply."""
        waiting = self._replies or self._requests
        return waiting[0].at if waiting else None

    def cut(self) -> list[Sent]:
        """The connection is lost; returns the commands that Redis has not run, and may still run."""
        self.up = False
        requests, self._requests = self._requests, deque()
        replies, self._replies = self._replies, deque()
        for sent in (*replies, *requests):
            sent.reply.errback(Failure(away()))
        return list(requests)

    def _run_requests(self) -> None:
        while self._requests and not self.requests_held:
            sent = self._requests.popleft()
            sent.result = self._run(sent.arguments)
            self._replies.append(sent)


class DirectWire:
    """A connection that is only just being made: nothing on it is held up."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def execute(self, *arguments: bytes | str | int) -> Deferred[Any]:
        """One command, and its reply at once."""
        sent = Sent(arguments, 0, result=self._run(arguments))
        _answer(sent)
        return sent.reply


def _answer(sent: Sent) -> None:
    if isinstance(sent.result, hiredis.ReplyError):
        sent.reply.errback(Failure(StoreError(str(sent.result))))
    else:
        sent.reply.callback(sent.result)


class HearingWire:
    """The channels of one node. Nothing is subscribed, confirmed or heard but by ``pump``.

    ``changes`` counts what is done to the store: nothing can have been published while it stays the same.
    """

    def __init__(self, path: str, heard: Callable[[bytes, bytes], None], changes: Callable[[], int]) -> None:
        self._path = path
        self._heard = heard
        self._changes = changes
        self._heard_until = -1
        self._wanted: dict[bytes, bool] = {}
        self._orders: deque[tuple[str, bytes, Deferred[None]]] = deque()
        self._connection: BlockingConnection | None = None

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def subscribe(self, channel: bytes) -> Deferred[None]:
        """See SubscriberLink.subscribe."""
        confirmed = self._wanted.setdefault(channel, False)
        if not self.up:
            return fail(away())
        return succeed(None) if confirmed else self._order("SUBSCRIBE", channel)

    def unsubscribe(self, channel: bytes) -> None:
        """See SubscriberLink.unsubscribe."""
        self._wanted.pop(channel, None)
        self._order("UNSUBSCRIBE", channel)

    def _order(self, what: str, channel: bytes) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        if self.up:
            self._orders.append((what, channel, done))
        return done

    def cut(self) -> None:
        """Lose the connection, with all that was published and not heard."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._wanted = dict.fromkeys(self._wanted, False)
            orders, self._orders = self._orders, deque()
            for what, _, done in orders:
                if what == "SUBSCRIBE":
                    done.errback(Failure(away()))

    def heal(self) -> None:
        """A new connection, listening to all that is wanted."""
        self._connection = BlockingConnection(self._path)
        for channel in self._wanted:
            self._order("SUBSCRIBE", channel).addErrback(lambda _: None)
        self.pump()

    def pump(self) -> int:
        """Hand over what was confirmed and published until now; how much that was."""
        if self._connection is None or (not self._orders and self._heard_until == self._changes()):
            return 0
        self._heard_until = self._changes()
        come: list[Callable[[], None]] = []
        while self._orders:
            what, channel, done = self._orders.popleft()
            self._command(come, what, channel)
            come.append(lambda channel=channel, done=done: self._confirmed(channel, done))  # type: ignore[misc]
        self._command(come, "PING", b"")
        for event in come:
            event()
        return len(come)

    def _confirmed(self, channel: bytes, done: Deferred[None]) -> None:
        if channel in self._wanted:
            self._wanted[channel] = True
        done.callback(None)

    def _command(self, come: list[Callable[[], None]], what: str, argument: bytes) -> None:
        assert self._connection is not None
        self._connection.send(what, argument)
        while True:
            reply = self._connection.reply()
            if reply[:1] != [b"message"]:
                return
            rest = reply[1:]
            come.append(lambda rest=rest: self._heard(*rest))  # type: ignore[misc]
