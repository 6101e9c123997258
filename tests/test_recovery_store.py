"""A store that is emptied: nodes give it back what it has forgotten, players and game servers."""

from __future__ import annotations

from matchd.model import GameServer
from tests.support.nodes import NodesTestCase
from tests.support.world import outcome


class EmptiedTests(NodesTestCase):
    """The store is started anew without what it held, and the nodes lose their connections meanwhile."""

    def empty(self) -> None:
        self.away()
        self.service.direct.ask("FLUSHALL")
        self.service.direct.ask("SCRIPT", "FLUSH")
        self.service.advance(1)
        self.back()
        self.service.advance(2.5)

    def no_slots(self) -> None:
        """From now on the game server has no slot for another match."""
        self.capacity = 0
        self.service.server("one", 0)

    def test_queued(self) -> None:
        """Whoever waited waits again, in the old order and with the time that he had; nobody is told anything."""
        self.service.server("one", 0)
        players = []
        for i, name in enumerate("abcde"):
            players.append(self.queued(name, i % 2))
            self.service.advance(1)
        self.capacity = 0
        waited = [self.waited(name) for name in "abcde"]
        self.empty()
        self.assertEqual(self.queue(), ["a", "b", "c", "d", "e"])
        now = [self.waited(name) for name in "abcde"]
        self.assertTrue(all(before <= after <= before + 5 for before, after in zip(waited, now, strict=True)), now)
        self.assertEqual({tuple(player.types) for player in players}, {("queued",)})

    def test_drawn_afterwards(self) -> None:
        """They are matched in the order in which they had come."""
        self.service.server("one", 0)
        a, b, c = self.queued("a"), self.queued("b", 1), self.queued("c")
        self.empty()
        self.service.advance(1)
        self.assertEqual([player.types[-1] for player in (a, b, c)], ["start_loading", "start_loading", "queued"])

    def test_loading(self) -> None:
        """Whoever loaded is told that it fell through, and starts again at once with those who had waited longest."""
        a, b = self.loading(0, 1)
        self.no_slots()
        self.empty()
        self.assertEqual(a.types, ["queued", "start_loading", "requeued"])
        self.assertEqual((b.last["type"], b.last["reason"]), ("requeued", "allocation_failed"))
        self.assertEqual(self.queue(), ["a", "b"])

    def test_loaded(self) -> None:
        """To have loaded for a match that is no more is refused, and costs nothing."""
        a, _b = self.loading(0, 1)
        self.no_slots()
        self.empty()
        a.load(loading_session_id=a.heard[1]["loading_session_id"])
        self.assertEqual((a.last["code"], self.queue()), ("not_in_session", ["a", "b"]))

    def test_while_a_request_is_out(self) -> None:
        """A match that was being made is not told; what the server made of it is asked to end in time, or is over."""
        a, b = self.loading(0, 1)
        self.games.behaviour["one:7000"] = "slow"
        a.load()
        b.load()
        self.no_slots()
        self.empty()
        self.games.answer_all()
        self.service.advance(2)
        self.assertEqual((a.types[-1], b.types[-1], self.queue()), ("requeued", "requeued", ["a", "b"]))

    def test_matched(self) -> None:
        """Whoever was matched is not told again, can ask for it as before, and is in no queue."""
        a, b = self.matched(0, 1)
        self.empty()
        self.service.advance(2)
        self.assertEqual((a.types.count("match_found"), b.types.count("match_found"), self.queue()), (1, 1, []))
        again = self.service.player("b", 0).resume()
        self.assertEqual({**again.last, "seq": 0}, {**b.last, "seq": 0})

    def test_left_meanwhile(self) -> None:
        """Whoever left while the store was away does not come back with it."""
        self.service.server("one", 0)
        a, _b = self.queued("a"), self.queued("b", 1)
        self.away()
        a.vanish()
        self.service.direct.ask("FLUSHALL")
        self.back()
        self.assertEqual(self.queue(), ["b"])

    def test_numbering(self) -> None:
        """The messages' numbers go on, so that nothing that comes afterwards is taken for an old one."""
        a, _b = self.loading(0, 1)
        self.empty()
        self.service.advance(2)
        self.assertEqual([message["seq"] for message in a.heard], [1, 2, 3, 4])
        self.assertEqual(a.types[2:], ["requeued", "start_loading"])


class EmptiedInPassingTests(EmptiedTests):
    """The store is emptied without any connection being lost."""

    def empty(self) -> None:
        self.service.direct.ask("FLUSHALL")
        self.service.advance(4)
        self.service.server("one", self.capacity)


class ForgottenServersTests(NodesTestCase):
    """The store forgets the game servers too, and nobody waits for their next heartbeats."""

    def empty(self) -> None:
        for node in self.service.nodes:
            node.disconnect()
        self.service.direct.ask("FLUSHALL")
        for node in self.service.nodes:
            node.reconnect()

    def test_given_back(self) -> None:
        """A server that was heard of lately is there again at once, with the sessions that it had."""
        self.service.server("one", self.capacity, 4)
        self.service.advance(3)
        self.empty()
        self.assertEqual((self.slots(), self.queued("a").types, self.slots()), (4, ["queued"], 4))
        self.assertEqual(self.queued("b").types, ["queued", "start_loading"])

    def test_not_for_ever(self) -> None:
        """One that has been silent for longer than it may is not given back."""
        self.service.advance(16)
        self.empty()
        self.assertEqual(self.service.direct.ask("EXISTS", "dedicated_server:one"), 0)

    def test_many_with_ids_of_their_own(self) -> None:
        """The node forgets them when they have been silent for too long, also where it hears of no others."""
        provider = self.service.nodes[0].node.provider
        for number in range(2000):
            outcome(provider.register(GameServer(f"pod{number}", "pod:7000")))
        self.assertGreaterEqual(len(provider._heard), 2000)
        self.service.advance(14, step=1)
        outcome(provider.register(GameServer("pod0", "pod:7000")))
        self.service.advance(7, step=1)
        self.assertEqual(list(provider._heard), ["pod0"])

    def test_gone_on_purpose(self) -> None:
        """One that has left is not given back."""
        outcome(self.service.nodes[0].node.provider.deregister("one"))
        self.empty()
        self.assertEqual(self.service.direct.ask("EXISTS", "dedicated_server:one"), 0)

    def test_what_the_store_knows_better(self) -> None:
        """Where the store has not forgotten, what a node remembers changes nothing."""
        self.service.server("one", self.capacity, 4)
        self.matched(0, 0)
        self.service.advance(3)
        before = self.service.direct.ask("HGETALL", "dedicated_server:one")
        self.away()
        for node in self.service.nodes:
            node.reconnect()
        self.assertEqual(self.service.direct.ask("HGETALL", "dedicated_server:one"), before)
