"""How what is published reaches the sessions of a node."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from matchd.players.notifications import Notifications
from matchd.players.presence import Presence


class Channels:
    """The subscriber connection: which channels are wanted."""

    def __init__(self) -> None:
        self.wanted: set[bytes] = set()

    def subscribe(self, channel: bytes) -> Deferred[None]:
        self.wanted.add(channel)
        return succeed(None)

    def unsubscribe(self, channel: bytes) -> None:
        self.wanted.discard(channel)


class Listener:
    """A session that notes what it hears."""

    def __init__(self, connection_id: str) -> None:
        self.connection_id = connection_id
        self.frames: list[bytes] = []
        self.was_superseded = False

    def hear(self, frame: bytes) -> None:
        self.frames.append(frame)

    def superseded(self) -> None:
        self.was_superseded = True


class NotificationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.channels = Channels()
        self.presence = Presence()
        self.notifications = Notifications(self.channels, self.presence, "{m}:")

    def session(self, connection_id: str, player_id: str) -> Any:
        session: Any = Listener(connection_id)
        self.presence.add(session, player_id)
        return session

    def test_channels(self) -> None:
        """Each player and each node has a channel, under the prefix of all keys."""
        self.notifications.listen("p")
        self.notifications.follow("n1")
        self.assertEqual(self.channels.wanted, {b"{m}:notifications:p", b"{m}:node:n1"})
        self.notifications.unlisten("p")
        self.notifications.follow("n2", "n1")
        self.assertEqual(self.channels.wanted, {b"{m}:node:n2"})

    def test_messages_for_a_player(self) -> None:
        """All connections of the player hear it, as it is, and nobody else does."""
        first, second, other = self.session("1", "p"), self.session("2", "p"), self.session("3", "q")
        self.notifications.heard(b"{m}:notifications:p", '{"type":"news","text":"ä"}'.encode())
        self.notifications.heard(b"{m}:notifications:gone", b"{}")
        self.assertEqual(first.frames, ['{"type":"news","text":"ä"}'.encode()])
        self.assertEqual((second.frames, other.frames), (first.frames, []))

    def test_superseded(self) -> None:
        """A node is told by name which of its connections is no longer a player's."""
        first, second = self.session("n1:1", "p"), self.session("n1:2", "p")
        self.notifications.heard(b"{m}:node:n1", b'{"superseded":"n1:1","player_id":"p"}')
        self.notifications.heard(b"{m}:node:n1", b'{"superseded":"n1:9","player_id":"p"}')
        self.assertEqual((first.was_superseded, second.was_superseded), (True, False))

    def test_nonsense(self) -> None:
        """What makes no sense is noted in one line, and nobody is told."""
        session = self.session("1", "p")
        for channel, payload, line in (
            (b"{m}:node:n1", b"hello", "what was said to this node makes no sense"),
            (b"{m}:node:n1", b'{"superseded":7}', "what was said to this node makes no sense"),
            (b"{m}:notifications:p", b'{"text":"\xe4"}', "is not UTF-8, and is not passed on"),
        ):
            with capturedLogs() as logged:
                self.notifications.heard(channel, payload)
            self.assertEqual([line in event["log_format"] for event in logged], [True])
        self.assertEqual((session.frames, session.was_superseded), ([], False))

    def test_other_channels(self) -> None:
        """What comes on a channel of somebody else is none of ours."""
        session = self.session("1", "p")
        self.notifications.heard(b"notifications:p", b"{}")
        self.assertEqual(session.frames, [])
