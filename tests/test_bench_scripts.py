"""The bench that has matchd's scripts asked by themselves, beside the least that the same flow can take."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.scripts.__main__ import least, matchds
from bench.scripts.flow import STEPS, Flow
from matchd.store.records import PLAYER, read_record
from tests.support.valkey import shared_valkey


class FlowTests(SynchronousTestCase):
    def play(self, scripts: dict[str, bytes]) -> tuple[list[bytes], dict[str, str]]:
        """What four players who are matched leave in the store, and one's record."""
        store = shared_valkey()
        flow = Flow(store, scripts)
        self.addCleanup(flow.close)
        taken = flow.play(4)
        self.assertEqual(list(taken), list(STEPS))
        self.assertTrue(all(micros > 0 for micros in taken.values()), taken)
        return sorted(store.ask("KEYS", "*")), read_record(PLAYER, store.ask("GET", "player:player-3"))

    def test_the_least_leaves_what_matchd_leaves(self) -> None:
        """Scripts without checks are only a measure while they bring about the same."""
        (keys, known), (bare_keys, bare) = self.play(matchds()), self.play(least())
        self.assertEqual(bare_keys, keys)
        self.assertEqual(len(bare["told"]), len(known["told"]))
        for field in ("since", "match", "told"):  # these have moments and the names of sessions
            del bare[field], known[field]
        self.assertEqual(bare, known)
