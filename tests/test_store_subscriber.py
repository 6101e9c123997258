"""The link that listens: every wanted channel is heard, and after a loss it is only up when all are again."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import StoreUnavailable
from matchd.store.subscriber import SubscriberConnection, SubscriberLink
from tests.support.links import LinkTestCase
from tests.support.valkey import Valkey, shared_valkey
from tests.support.waiting import until

PING = b"*1\r\n$4\r\nPING\r\n"


def push(*words: bytes | int) -> bytes:
    """What Redis sends unasked: a list of texts and numbers."""
    parts = (b":%d\r\n" % word if isinstance(word, int) else b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n%s" % (len(words), b"".join(parts))


class ConnectionTests(SynchronousTestCase):
    """One connection, in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.heard: list[tuple[bytes, bytes]] = []
        self.connection = SubscriberConnection(self.clock, 2.0)
        self.connection.on_message = lambda channel, payload: self.heard.append((channel, payload))
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.connection
        self.connection.makeConnection(self.transport)
        self.addCleanup(self.connection.drop, "the test is over")

    def confirm(self, channel: bytes) -> None:
        self.connection.dataReceived(push(b"subscribe", channel, 1))

    def test_confirmed_by_name(self) -> None:
        """A confirmation is for the channel that it names, whatever else comes in between."""
        several, one = self.connection.subscribe([b"a", b"b"]), self.connection.subscribe([b"c"])
        self.confirm(b"a")
        self.connection.dataReceived(push(b"message", b"a", b"5") + push(b"pong", b""))
        self.assertNoResult(several)
        self.confirm(b"b")
        self.assertIsNone(self.successResultOf(several))
        self.assertNoResult(one)
        self.confirm(b"c")
        self.assertIsNone(self.successResultOf(one))
        self.assertEqual(self.heard, [(b"a", b"5")])

    def test_back_and_forth(self) -> None:
        """Subscribed, unsubscribed and subscribed again: each is confirmed by its own confirmation."""
        first = self.connection.subscribe([b"a"])
        self.connection.unsubscribe([b"a"])
        second = self.connection.subscribe([b"a"])
        self.confirm(b"a")
        self.successResultOf(first)
        self.connection.dataReceived(push(b"unsubscribe", b"a", 0))
        self.assertNoResult(second)
        self.assertFalse(self.connection.is_settled(b"a"))
        self.confirm(b"a")
        self.successResultOf(second)
        self.assertTrue(self.connection.is_settled(b"a"))

    def test_lost_before_confirmed(self) -> None:
        """What is not confirmed when the connection ends fails, and so does what comes later."""
        pending = self.connection.subscribe([b"a"])
        self.connection.drop("enough")
        for failing in (pending, self.connection.subscribe([b"b"])):
            reason = str(self.failureResultOf(failing, StoreUnavailable).value)
            self.assertEqual(reason, "the connection to Redis was lost: enough")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_mistake_in_a_listener(self) -> None:
        """Whoever cannot deal with a message does not cost the others theirs."""
        self.connection.on_message = lambda channel, payload: 1 // int(payload)
        self.connection.dataReceived(push(b"message", b"a", b"0"))
        self.assertTrue(self.connection.connected)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_not_allowed(self) -> None:
        """A channel that this user may not hear ends the connection, and says why."""
        pending = self.connection.subscribe([b"a"])
        self.connection.dataReceived(b"-NOPERM No permissions to access a channel\r\n")
        reason = str(self.failureResultOf(pending, StoreUnavailable).value)
        self.assertEqual(reason, "the connection to Redis was lost: NOPERM No permissions to access a channel")

    def test_no_channel(self) -> None:
        """To unsubscribe from nothing must not be taken for all."""
        self.connection.unsubscribe([])
        self.assertEqual(self.transport.value(), b"")

    def test_half_open(self) -> None:
        """After 4 s of silence Redis is asked for a sign of life, after 4 more the connection is given up."""
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(1)
        self.assertEqual(self.transport.value(), PING)
        self.clock.pump([1.0] * 3)
        self.assertTrue(self.connection.connected)
        self.clock.advance(1)
        self.assertEqual((self.connection.connected, self.connection.reason), (0, "nothing heard for 8 s"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_signs_of_life(self) -> None:
        """Whatever Redis says is a sign of life."""
        for sign in (b"+PONG\r\n", push(b"pong", b""), push(b"message", b"a", b""), push(b"unsubscribe", b"a", 0)) * 5:
            self.clock.pump([1.0] * 7)
            self.connection.dataReceived(sign)
        self.assertEqual(self.transport.value(), PING * 20)
        self.assertTrue(self.connection.connected)

    def test_stall_of_our_own(self) -> None:
        """When our process did not run for long, what lies ready is still heard."""
        self.clock.advance(60)
        self.assertTrue(self.connection.connected)


class LinkTests(LinkTestCase):
    """The link to a real server."""

    def setUp(self) -> None:
        self.heard: list[tuple[bytes, bytes]] = []

    async def listening(self, server: Valkey) -> SubscriberLink:
        """A link that is up."""
        link = self.subscriber(f"unix://{server.path}")
        link.on_message = lambda channel, payload: self.heard.append((channel, payload))
        await self.up(link)
        return link

    async def test_hear(self) -> None:
        """What is published once a subscription is confirmed is heard, as it is."""
        server = shared_valkey()
        link = await self.listening(server)
        await link.subscribe(b"a")
        server.ask("PUBLISH", "a", b"007\xff")
        server.ask("PUBLISH", "b", "not ours")
        server.ask("PUBLISH", "a", "end")
        await until(lambda: len(self.heard) == 2)
        self.assertEqual(self.heard, [(b"a", b"007\xff"), (b"a", b"end")])

    async def test_unsubscribe(self) -> None:
        """A channel that is wanted no more is not heard any more."""
        server = shared_valkey()
        link = await self.listening(server)
        await link.subscribe(b"a")
        link.unsubscribe(b"a")
        await until(lambda: server.ask("PUBSUB", "NUMSUB", "a") == [b"a", 0])

    async def test_again(self) -> None:
        """A channel that is confirmed is confirmed at once; after it was unwanted it is not."""
        link = await self.listening(shared_valkey())
        await link.subscribe(b"a")
        self.successResultOf(link.subscribe(b"a"))
        link.unsubscribe(b"a")
        again = link.subscribe(b"a")
        self.assertNoResult(again)
        await again

    async def test_impatient(self) -> None:
        """Two that want the same channel at the same time both wait for the confirmation."""
        link = await self.listening(shared_valkey())
        both = link.subscribe(b"a"), link.subscribe(b"a")
        self.assertNoResult(both[1])
        await gatherResults(both)

    async def test_down(self) -> None:
        """While the link is down a subscription fails at once, but is made as soon as it is up."""
        server = shared_valkey()
        link = self.subscriber(f"unix://{server.path}")
        failing = link.subscribe(b"early")
        self.assertTrue(failing.called)
        self.assertEqual(await self.failing(failing), "no connection to Redis: not connected yet")
        await self.up(link)
        self.assertEqual(server.ask("PUBSUB", "NUMSUB", "early"), [b"early", 1])

    async def test_reconnect(self) -> None:
        """After a loss the link is up only when every wanted channel is confirmed."""
        server = self.valkey()
        link = await self.listening(server)
        channels = {b"channel:%d" % number for number in range(2500)}
        await gatherResults([link.subscribe(channel) for channel in (*channels, b"unwanted")])
        link.unsubscribe(b"unwanted")
        subscribed: list[set[bytes]] = []
        link.on_up = lambda: subscribed.append(set(server.ask("PUBSUB", "CHANNELS")))
        downs: list[None] = []
        link.on_down = lambda: downs.append(None)
        server.restart()
        await until(lambda: subscribed)
        self.assertEqual((subscribed, len(downs)), ([channels], 1))

    async def test_changes_while_resubscribing(self) -> None:
        """What is wanted or unwanted while the link comes up counts."""
        server = shared_valkey()
        link = self.subscriber(f"unix://{server.path}")
        for number in range(2500):
            link.subscribe(b"channel:%d" % number).addErrback(lambda _: None)
        changed = False

        def change(connection: SubscriberConnection, channel: bytes) -> None:
            nonlocal changed
            if not changed:
                changed = True
                link.unsubscribe(b"channel:7")
                link.subscribe(b"late").addErrback(lambda _: None)

        confirm = SubscriberConnection._confirm
        self.patch(SubscriberConnection, "_confirm", lambda *args: (change(*args), confirm(*args)))
        await self.up(link)
        await until(lambda: server.ask("PUBSUB", "NUMSUB", "channel:7", "late") == [b"channel:7", 0, b"late", 1])
        self.assertEqual(len(server.ask("PUBSUB", "CHANNELS")), 2500)

    async def test_no_permission(self) -> None:
        """A user who may not listen is a problem that is told."""
        server = shared_valkey()
        server.ask("ACL", "SETUSER", "deaf", "on", ">secret", "resetchannels", "+subscribe", "+role", "+ping")
        self.addCleanup(server.ask, "ACL", "DELUSER", "deaf")
        link = self.subscriber(f"unix://deaf:secret@{server.path}")
        await self.up(link)
        await self.failing(link.subscribe(b"a"))
        await until(lambda: link.problem == "NOPERM No permissions to access a channel")

    async def test_stop(self) -> None:
        """A link that is stopped lets go of the server, and whoever waits is told."""
        server = shared_valkey()
        link = await self.listening(server)
        waiting: Deferred[None] = link.subscribe(b"a")
        await link.stop()
        self.assertEqual(await self.failing(waiting), "the connection to Redis was lost: stopped")
        await until(lambda: server.ask("PUBSUB", "CHANNELS") == [])
