"""Threats of docs/security.md that no other test is about alone; their numbers are in the names."""

from __future__ import annotations

import json
import re
import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import MAX_BYTES, BadMessage, CloseCode, decode
from matchd.store import runner
from tests.inputs.door import STATES, Door
from tests.support.children import REPOSITORY
from tests.support.conversations import NOT_IN_SESSION, Conversation
from tests.support.keyspace import dump
from tests.support.wire import CLOSE, PortCase, frame
from tests.support.world import Player
from tests.support.worlds import WorldTestCase


class T07SessionOfOthersTests(SynchronousTestCase):
    """``loading_complete`` for a session that one is not in."""

    def test_t07_nobody_loads_for_others(self) -> None:
        """In every state, for sessions in every state: the same words as for one that does not exist, and no change."""
        door = Door()
        self.addCleanup(door.close)
        sessions = {state: door.guest(state).session for state in ("loading", "allocating", "matched")}
        sessions["unknown"] = "9f86d081884c7d65-1"
        for state in STATES:
            guest = door.guest(state)
            for whose, session in sessions.items():
                before = door.dump()
                answered = guest.tell(type="loading_complete", loading_session_id=session)
                self.assertEqual([json.loads(text) for _, text in answered], [NOT_IN_SESSION], (state, whose))
                self.assertEqual(door.dump(), before, (state, whose))
            door.dismiss(guest)


class T08ReplayTests(Conversation):
    """What was said once is said again by somebody who has listened."""

    nodes = 2

    def said(self, player: Player, session: str) -> None:
        """All that this player said after he had asked for a match."""
        player.load(loading_session_id=session)
        player.load()
        player.dequeue()

    def test_t08_a_finished_match(self) -> None:
        """Every message of a finished match, from its connections and from new ones, changes nothing. It is refused,
        but for `loading_complete` said again by those who played."""
        a, b, session = self.matched()
        new = self.connect("c")
        before = dump(self.service.direct)
        for player in (a, b, new):
            heard = len(player.heard)
            self.said(player, session)
            refused = 3 if player is new else 2
            self.assertEqual([message["type"] for message in player.heard[heard:]], ["error"] * refused)
        self.assertEqual(dump(self.service.direct), before)

    def test_t08_in_the_next_match(self) -> None:
        """The session of the last match counts for nothing in the next."""
        a, b, old = self.matched()
        a.enqueue("Ranked")
        b.enqueue("Ranked")
        self.assertEqual(a.types[-1], "start_loading")
        before = dump(self.service.direct)
        self.assertEqual(a.load(loading_session_id=old).last, NOT_IN_SESSION)
        self.assertEqual(dump(self.service.direct), before)


class T09TwoSocketsTests(WorldTestCase):
    """One player enqueues from two sockets at once, on one node or on two."""

    ROUNDS = 1000

    def race(self, *nodes: int) -> None:
        """Again and again: he stands in the queue once, and the older socket is told that it has no more say."""
        world = self.world(2)
        self.patch(runner, "PATIENCE_MS", 10**9)  # the nodes' clock stands still, the store's does not
        for number in range(self.ROUNDS):
            name = f"p{number}"
            sockets = [world.player(name, node) for node in nodes]
            wish = json.dumps({"type": "enqueue", "player_id": name, "game_mode": "Ranked"}).encode()
            for socket in sockets:
                socket.session.receive(wish)
            world.settle()
            self.assertEqual(world.direct.ask("SMEMBERS", "queue:Ranked"), [name.encode()])
            self.assertEqual([socket.closed for socket in sockets], [CloseCode.SUPERSEDED, None])
            self.assertEqual(sockets[1].dequeue().types, ["queued", "dequeued"], (number, sockets[1].heard))
            self.assertEqual(world.direct.ask("SCARD", "queue:Ranked"), 0)
            sockets[1].vanish()

    def test_t09_on_one_node(self) -> None:
        """A thousand times."""
        self.race(0, 0)

    def test_t09_on_two_nodes(self) -> None:
        """A thousand times."""
        self.race(0, 1)


class T12HugeFrameTests(PortCase):
    """A frame that says that it is endless."""

    def test_t12_nothing_is_set_aside_for_it(self) -> None:
        """It is refused by its head, and costs no memory."""
        client, _ = self.port().open()
        tracemalloc.start()
        try:
            client.feed(b"\x81\xff" + (2**63 - 1).to_bytes(8, "big") + bytes(4))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertEqual(client.closed and client.closed[0], 1009)
        self.assertLess(peak, 100_000)


class T13CompressionTests(PortCase):
    """A message that grows when it is unpacked."""

    def test_t13_a_version_that_counts_what_it_unpacks(self) -> None:
        """The lowest Autobahn that may be installed is one without the hole of versions before 26.7.1."""
        match = re.search(r'"autobahn>=(\d+)\.(\d+)', (REPOSITORY / "setup.py").read_text())
        assert match
        self.assertGreater((int(match[1]), int(match[2])), (26, 7))

    def test_t13_a_bomb(self) -> None:
        """A compressed frame is a broken one, offered or not."""
        for offer in ((), ("Sec-WebSocket-Extensions: permessage-deflate",)):
            client, listener = self.port().open(*offer)
            client.feed(frame(b"\xaa" * 4000, first=0xC1))
            self.assertEqual((client.closed and client.closed[0], listener.received), (1002, []))


class T20DepthTests(SynchronousTestCase):
    """JSON so deep that whoever reads it runs out of stack."""

    def test_t20_every_depth(self) -> None:
        """As deep as a message may be long, in brackets and in braces: an error, and the socket lives."""
        door = Door()
        self.addCleanup(door.close)
        guest = door.guest()
        for open_, close, longest in (("[", "]", 2048), ('{"a":', "}", 682)):
            for depth in (*range(1, 50), *range(50, longest, 61), longest):
                said = open_ * depth + ("1" if close == "}" else "") + close * depth
                self.assertLessEqual(len(said), MAX_BYTES)
                [(_, answer)] = guest.send(frame(said.encode()))
                self.assertEqual(json.loads(answer)["type"], "error", depth)
        self.assertTrue(guest.answers)

    def test_t20_deeper_than_a_message_is_long(self) -> None:
        """Five thousand brackets are too many bytes."""
        door = Door()
        self.addCleanup(door.close)
        [(kind, answer)] = door.guest().send(frame(b"[" * 5000))
        self.assertEqual((kind, int.from_bytes(answer[:2], "big")), (CLOSE, 1009))


class T21NumberTests(SynchronousTestCase):
    """Numbers so long that reading them takes for ever, or that only some can read."""

    def test_t21_every_length(self) -> None:
        """As many digits as fit, in a field that is read and in one that is not: at once an error, or no matter."""
        for digits in (*range(1, 400), 1000, 2000, 3000, 4000):
            number = "9" * digits
            for field, bounds in (("rating", 9), ("party_size", 1)):
                said = f'{{"type":"enqueue","player_id":"p","game_mode":"m","{field}":{number}}}'.encode()
                self.assertEqual(self.is_refused(said), digits > bounds, (field, digits))
            self.assertFalse(self.is_refused(f'{{"type":"dequeue","x":{number}}}'.encode()), digits)

    def is_refused(self, said: bytes) -> bool:
        try:
            decode(said)
        except BadMessage:
            return True
        return False


class T24BadMessagesTests(PortCase):
    """One bad message after the other."""

    def test_t24_the_end(self) -> None:
        """Twenty are forgiven, the next is the last, whatever is wrong with them."""
        client, _ = self.port().open()
        client.say(*[b"bad"] * 20)
        self.assertIsNone(client.closed)
        client.say(b"bad")
        self.assertEqual(client.closed, (4008, "too many bad messages"))
