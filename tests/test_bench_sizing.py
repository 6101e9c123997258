"""What a game of some size needs: the arithmetic of docs/performance.md."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.sizing import PER_PROCESS, Costs, Game, needs
from matchd.config.settings import Limits
from tests.support.documents import Document

COSTS = Costs(server_us=500, redis_us=100, server_kib=8, redis_kib=2)


class SizingTests(SynchronousTestCase):
    def test_example(self) -> None:
        """The example of the documentation: 100,000 players, matches of 20 minutes, a minute connected."""
        game = Game(100_000)
        need = needs(game, COSTS)
        self.assertEqual((round(game.per_second), round(game.connections, -2)), (79, 4800))
        self.assertEqual((round(need.cores, 2), need.processes), (0.04, 2))
        self.assertLess(need.redis_core, 0.01)
        shown = " ".join(Document.read("docs/performance.md").text.split())
        self.assertIn("`r = 100,000 / 1,260 = 79` players a second and `n = 79 · 60 = 4,800` connections", shown)

    def test_connections_decide(self) -> None:
        """Players who wait for long need processes to be connected to, however little they cost."""
        need = needs(Game(1_000_000, connected_seconds=300.0), COSTS)
        self.assertEqual(need.processes, 12 + 1)
        self.assertEqual(round(need.server_mib), 1562)

    def test_work_decides(self) -> None:
        """Short matches are much work: half of each core is kept free."""
        need = needs(Game(100_000, match_seconds=40.0, connected_seconds=10.0), COSTS)
        self.assertEqual((need.cores, need.processes, round(need.redis_core, 3)), (1.0, 2 + 1, 0.2))

    def test_default(self) -> None:
        """A process takes as many connections as matchd's default lets it."""
        self.assertEqual(Limits().max_connections, PER_PROCESS)
