"""Players who are gone, until the store knows it."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.model import Reason
from matchd.players.departures import Departures
from matchd.store.answers import Cancelled
from tests.support.worlds import WorldTestCase

UNDONE = (Cancelled("Ranked", Reason.PLAYER_LEFT),)


class Register:
    """A store that notes who has left, unless it is away."""

    def __init__(self) -> None:
        self.left: list[tuple[str, str, int]] = []
        self.hung_up: list[bool] = []
        self.away = False

    async def leave(
        self, player_id: str, connection_id: str, grace_ms: int, hung_up: bool = False
    ) -> tuple[Cancelled, ...]:
        if self.away:
            raise StoreUnavailable("away")
        self.left.append((player_id, connection_id, grace_ms))
        self.hung_up.append(hung_up)
        return UNDONE


class DeparturesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Register()
        self.cancelled: list[tuple[Cancelled, ...]] = []
        self.told: list[str] = []
        self.background = Background(Clock())
        self.departures = Departures(self.store, self.background, self.cancelled.append, 1.5, self.told.append)

    def retry(self) -> None:
        self.successResultOf(self.background.spawn("retry", self.departures.retry()))

    def test_gone(self) -> None:
        """The store is told at once, with the grace in ms, and what fell through by it is passed on."""
        self.departures.add("p", "c1")
        self.assertEqual(self.store.left, [("p", "c1", 1500)])
        self.assertEqual(self.cancelled, [UNDONE])
        self.assertEqual((len(self.departures), self.told), (0, ["p"]))

    def test_gone_while_the_store_is_away(self) -> None:
        """It is told when it is back, once for each connection."""
        self.store.away = True
        self.departures.add("p", "c1")
        self.departures.add("q", "c2")
        self.retry()
        self.assertEqual((len(self.departures), self.store.left), (2, []))
        self.store.away = False
        self.retry()
        self.retry()
        self.assertEqual(self.store.left, [("p", "c1", 1500), ("q", "c2", 1500)])
        self.assertEqual((len(self.departures), self.background.failures), (0, {}))

    def test_hung_up(self) -> None:
        """That a client hung up counts where the store hears it at once; later it is the service that was late."""
        self.departures.add("p", "c1", hung_up=True)
        self.store.away = True
        self.departures.add("q", "c2", hung_up=True)
        self.assertEqual(self.told, ["p"])
        self.store.away = False
        self.retry()
        self.assertEqual((self.store.hung_up, self.told), ([True, False], ["p", "q"]))

    def test_a_grace_that_changes(self) -> None:
        """A node that drains gives those who leave it time to come back elsewhere."""
        self.departures.grace = 15.0
        self.departures.add("p", "c1")
        self.assertEqual(self.store.left, [("p", "c1", 15_000)])

    def test_given_up(self) -> None:
        """For players whom the other nodes have given up there is nothing left to say."""
        self.store.away = True
        self.departures.add("p", "c1")
        self.departures.forget_all()
        self.store.away = False
        self.retry()
        self.assertEqual((len(self.departures), self.store.left, self.told), (0, [], ["p"]))


class DeparturesOfRealPlayersTests(WorldTestCase):
    def test_a_store_that_is_too_busy_for_a_moment(self) -> None:
        """Where the store could not answer, and the connection to it stayed: nobody remains in the queue for ever."""
        world = self.world()
        gone = world.player("gone").enqueue("Ranked")
        world.nodes[0].commands.down = True
        gone.vanish()
        world.nodes[0].commands.down = False
        world.advance(3)
        self.assertEqual(world.invariants()["players"]["queued"]["Ranked"], 0)
