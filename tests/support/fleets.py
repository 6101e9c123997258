"""Test cases with real processes: fleets that end with the test, or with the last test of those that share one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.trial.unittest import TestCase

from client.match_client import MatchClient
from tests.support.fleet import Fleet, Node
from tests.support.players import Crowd, Player
from tests.support.waiting import eventually

log = Logger()


class FleetCase(TestCase):
    """Whatever a test starts here has ended after it, and nothing that it started has printed a traceback."""

    timeout = 110

    def fleet(self) -> Fleet:
        """A fleet for this test alone."""
        fleet = Fleet()
        self.addCleanup(self._close, fleet)
        return fleet

    def client(self) -> MatchClient:
        """A client, not yet connected."""
        client = MatchClient(reactor)
        self.addCleanup(client.close)
        return client

    def player(self, name: str, url: str, **given: Any) -> Player:
        """A player, not yet connected."""
        player = Player(name, url, **given)
        self.addCleanup(player.client.close)
        return player

    def crowd(self, name: str, count: int, *urls: str, **given: Any) -> Crowd:
        """Players, not yet connected."""
        crowd = Crowd(name, count, urls, **given)
        self.addCleanup(crowd.leave)
        return crowd

    def later(self, cleanup: Callable[[], Coroutine[Deferred[Any], Any, object]]) -> None:
        """Have this awaited when the test is over."""
        self.addCleanup(lambda: Deferred.fromCoroutine(cleanup()))

    def took(self, what: str, seconds: float) -> None:
        """Note a figure in trial's log."""
        log.info("measured: {what}: {seconds:.3f} s", what=what, seconds=seconds)

    def _close(self, fleet: Fleet) -> None:
        """End a fleet; what it printed goes to trial's log, for whoever wants to know why a test failed."""
        tracebacks = fleet.tracebacks()
        for program in fleet.programs:
            log.info("{name} printed: {log}", name=program.folder.name, log=program.log + program.complaints)
        fleet.close()
        self.assertEqual(tracebacks, [])


class SharedFleetCase(FleetCase):
    """Tests that share one fleet with all others that have the same ``launch``.

    It is made for the first of them, and ends with the last; or when something in it has gone wrong, and
    then the next one gets a new one.
    """

    shared: ClassVar[Fleet | None] = None
    to_come: ClassVar[int] = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._home.to_come += 1

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        """Start what the tests share, and wait until it is ready."""
        raise NotImplementedError

    async def settle(self) -> None:
        """What has to come true again after each test, when its players have left."""

    async def setUp(self) -> None:
        """See to it that there is a fleet."""
        self.addCleanup(self._leave)
        if self._home.shared is None:
            fleet = Fleet()
            try:
                await self._home.launch(fleet)
            except BaseException:
                self._close(fleet)
                raise
            self._home.shared = fleet
        self.later(self.settle)

    @property
    def _home(self) -> type[SharedFleetCase]:
        """The class that says how to launch."""
        return next(cls for cls in type(self).__mro__ if "launch" in vars(cls))

    def _leave(self) -> None:
        home = self._home
        home.to_come -= 1
        fleet = home.shared
        if fleet is not None and (home.to_come <= 0 or fleet.tracebacks()):
            home.shared = None
            self._close(fleet)


class OneNodeCase(SharedFleetCase):
    """Tests that share one node, started without any configuration; after each of them nobody is in its queue."""

    node: ClassVar[Node]

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        """Start the node."""
        cls.node = await fleet.node().ready()

    async def settle(self) -> None:
        """Nobody waits, and nothing contradicts itself."""
        await eventually(self.node.queued, lambda waiting: waiting == 0)
        self.assertEqual((await self.node.get("/v1/invariants"))["contradictions"], [])
