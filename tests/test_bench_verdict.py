"""What makes a soak unclean: each thing that can go wrong is planted, and has to be found."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.samples import Lives, Sample, slope
from bench.verdict import Evidence, Recovery, problems, table


def evidence() -> Evidence:
    """A soak in which all went well."""
    found = Evidence(seed=1, seconds=600, players=2, began=1000.0, ended=1600.0)
    found.recoveries = [Recovery("nothing", 1.0, 1.0, "somebody waits since 0.5 s"), Recovery("kill", 9.0, 7.0)]
    found.account = {
        "seconds": 600.0, "wishes": 2, "matched": 2, "gave_up": 0, "events": {"queued": 2}, "slowest": ["a: 1.0"],
        "waits": {"p50": 1.0, "p100": 9.0}, "lost": [], "doubled": [], "mismatched": [], "halves": [], "unexpected": [],
    }  # fmt: skip
    found.keys_before, found.keys_after = {"nodes"}, {"nodes", "tally", "fenced:1"}
    found.descriptors_before, found.descriptors_after = {"node-1": 13}, {"node-1": 14}
    found.store = [(1000.0, 1, 1), (1600.0, 3, 3)]
    found.lives = life(rss_a_minute=0.5, descriptors_a_minute=5)
    return found


def life(rss_a_minute: float, descriptors_a_minute: float, seconds: int = 600) -> Lives:
    """A process that grew like that."""
    lives = Lives()
    for at in range(0, seconds, 5):
        sample = Sample(1000.0 + at, 60 + rss_a_minute * at / 60, round(13 + descriptors_a_minute * at / 60))
        lives.add("node-1", 7, sample)
    return lives


class VerdictTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.evidence = evidence()

    def problem(self) -> str:
        """The one problem that there is."""
        (found,) = problems(self.evidence)
        return found

    def test_clean(self) -> None:
        """Nothing is wrong; the table has the figures."""
        self.assertEqual(problems(self.evidence), [])
        shown = table(self.evidence)
        self.assertIn("0 lost, 0 doubled, 0 mismatched, 0 unexpected, 0 told to some only", shown)
        self.assertIn("node-1      295 s: +0.50 MiB", shown)

    def test_not_normal(self) -> None:
        """A fault that was not got over."""
        self.evidence.recoveries.append(Recovery("kill", 62.0, 60.0, "", "node-1: redis"))
        self.assertEqual(self.problem(), f"{'kill':36} not normal after 62.0 s: node-1: redis")
        self.assertTrue(self.evidence.hopeless)

    def test_players(self) -> None:
        """Whatever the books say is wrong."""
        for kind in ("lost", "doubled", "mismatched", "unexpected"):
            self.evidence.account[kind] = ["a"]
            self.assertEqual(self.problem(), f"{kind}: a")
            self.evidence.account[kind] = []

    def test_waited_long(self) -> None:
        """Nobody is lost, but somebody waited for too long."""
        self.evidence.account["waits"]["p100"] = 31.0
        self.assertEqual(self.problem(), "somebody waited longer than 30 s: a: 1.0")

    def test_halves(self) -> None:
        """Half a match is wrong, unless the store was emptied within the second."""
        self.evidence.account["halves"] = [["session g (a)", 1200.0]]
        self.evidence.emptied = [1100.0, 1198.0]
        self.assertEqual(self.problem(), "only some were told of session g (a)")
        self.evidence.emptied = [1199.5]
        self.assertEqual(problems(self.evidence), [])
        self.assertEqual(self.evidence.torn, ["session g (a)"])

    def test_growth(self) -> None:
        """Memory, or descriptors, that become more and more in the second half."""
        self.evidence.lives = life(rss_a_minute=1.5, descriptors_a_minute=0)
        self.assertEqual(self.problem(), "it grows: node-1      295 s: +1.50 MiB, +0.0 descriptors a minute")
        self.evidence.lives = life(rss_a_minute=0, descriptors_a_minute=12)
        self.assertEqual(self.problem(), "it grows: node-1      295 s: +0.00 MiB, +12.0 descriptors a minute")

    def test_leftovers(self) -> None:
        """Descriptors and keys that are still there when everybody is gone, and keys that should still be there."""
        self.evidence.descriptors_after["node-1"] = 16
        self.assertEqual(self.problem(), "node-1 has 16 descriptors at the end, not 15 at most")
        self.evidence.descriptors_after["node-1"] = 13
        self.evidence.keys_after.add("player:a")
        self.assertEqual(self.problem(), "a key is left: player:a")
        self.evidence.keys_after -= {"player:a", "nodes"}
        self.assertEqual(self.problem(), "a key is gone: nodes")
        self.evidence.keys_after |= {"nodes", "fenced:2", "fenced:3"}
        self.assertEqual(self.problem(), "3 nodes were given up, more than there were faults")

    def test_traceback(self) -> None:
        """A program that has printed a traceback."""
        self.evidence.tracebacks = ["all is well\nTraceback (most recent call last)"]
        self.assertEqual(self.problem(), "a traceback was printed: Traceback (most recent call last)")


class LivesTests(SynchronousTestCase):
    def test_what_is_left_out(self) -> None:
        """A process's warm-up, what came before, and lives too short to judge do not count."""
        lives = life(rss_a_minute=6, descriptors_a_minute=0, seconds=100)
        (growth,) = lives.growths(since=0.0, until=2000.0, warm_up=30.0, least=60.0)
        self.assertEqual((growth.seconds, round(growth.rss_mib, 3)), (65.0, 6.0))
        self.assertEqual(lives.growths(since=1050.0, until=2000.0, warm_up=30.0, least=60.0), [])

    def test_slope(self) -> None:
        """One outlier does not make a slope; a single look makes none."""
        self.assertEqual(slope(range(10), [1, 1, 1, 90, 1, 1, 1, 1, 1, 1]), 0.0)
        self.assertEqual(slope([5], [1]), 0.0)
