"""The model test: random histories of a whole service, and every invariant after every step."""

from __future__ import annotations

import os
import time
from unittest.mock import patch

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from matchd.store import runner
from tests.model.bugs import BUGS
from tests.model.machine import MatchmakingMachine
from tests.model.planted import hunt, planted
from tests.model.runner import Effort, search
from tests.model.world import ModelWorld
from tests.support.worlds import valkey_path

SEED = int(os.environ.get("MODEL_SEED", "1000"))
SECONDS = float(os.environ.get("MODEL_SECONDS", "20"))
SEEDS = int(os.environ.get("MODEL_SEEDS", "9"))
QUICKLY_CAUGHT = (
    "the last come are the first served",
    "an old connection's goodbye counts",
    "a player may be in two modes",
)


class ModelTests(SynchronousTestCase):
    """Whatever happens, and in whatever order."""

    def test_every_invariant_holds(self) -> None:
        """Nobody is lost, nobody is matched twice; ``MODEL_SEED``, ``MODEL_SEEDS``, ``MODEL_SECONDS`` say which."""
        end, effort = time.monotonic() + SECONDS, Effort(runs=10)
        outcome = search(MatchmakingMachine, SEED, lambda far: time.monotonic() < end and far.seeds < SEEDS, effort)
        self.assertIsNone(outcome.failed_seed, str(outcome))
        self.assertGreater(outcome.runs, 0)

    def test_the_checker_is_any_good(self) -> None:
        """Bugs that are planted in the product are caught."""
        for bug in BUGS:
            if bug.name in QUICKLY_CAUGHT:
                self.assertIsNotNone(hunt(bug, 1).failed_seed, bug.name)

    def test_world_that_can_not_begin(self) -> None:
        """A world whose making fails half-way is undone: the product is whole again, and nothing watches its log."""
        whole = runner.load_all
        with patch("tests.model.world.ModelNode", side_effect=MemoryError), self.assertRaises(MemoryError):
            ModelWorld(valkey_path(), 2)
        self.assertIs(runner.load_all, whole)
        with patch("tests.model.history.History.wrong") as wrong:
            Logger().error("something went wrong here")
        wrong.assert_not_called()

    def test_planted_bugs_fit(self) -> None:
        """Every bug that is planted still has its place in the product."""
        self.assertGreaterEqual(len(BUGS), 30)
        self.assertEqual(len({bug.name for bug in BUGS}), len(BUGS))
        for bug in BUGS:
            with planted(bug):
                pass
