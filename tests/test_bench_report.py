"""What the benches write down: medians, verdicts, the page and its plots; and what they remember of earlier runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from bench import drawing, report, results
from bench.__main__ import parse, play
from bench.results import Result
from bench.scenario import Figure, Outcome, Scenario
from bench.stage import Stage

RATE = Figure("rate", "players a second", 1300, 2000, least=True)
COST = Figure("cost", "us a player", 60, 40)


async def fails(stage: Stage) -> Outcome:
    raise ValueError("no such luck")


async def sleeps(stage: Stage) -> Outcome:
    await asyncio.sleep(60)
    return Outcome()


async def invents(stage: Stage) -> Outcome:
    return Outcome({"beauty": 1.0})


def scenario(run: object = fails, seconds: float = 10.0) -> Scenario:
    return Scenario("rush", "how many?", (RATE, COST), run, {}, {}, seconds)  # type: ignore[arg-type]


def result(*rates: float) -> Result:
    """A scenario that was played so often."""
    rounds = [Outcome({"rate": rate, "cost": 50.0}, series={"p50": [(25.0, 1.0)]}) for rate in rates]
    return Result(scenario(), {"revision": "abc"}, rounds)


class VerdictTests(SynchronousTestCase):
    def test_verdicts(self) -> None:
        """At least so much, or at most; without a target there is none."""
        self.assertEqual([RATE.verdict(x) for x in (1299, 1300, 2000)], ["missed", "reached", "beyond"])
        self.assertEqual([COST.verdict(x) for x in (61, 60, 40)], ["missed", "reached", "beyond"])
        self.assertEqual(Figure("x").verdict(1.0), "")

    def test_medians(self) -> None:
        """The median counts, and the range is told."""
        found = result(900.0, 1500.0, 1400.0)
        self.assertEqual((found.figures["rate"], found.ranges["rate"]), (1400.0, (900.0, 1500.0)))


class PlayTests(SynchronousTestCase):
    """A scenario that goes wrong is told, and hinders no other."""

    def setUp(self) -> None:
        self.said: list[str] = []

    def play(self, scenario: Scenario) -> Result:
        return asyncio.run(play(scenario, rounds=2, say=self.said.append))

    def test_fails(self) -> None:
        """What it raised is told, and it is not played again."""
        found = self.play(scenario())
        self.assertEqual((found.wrong, found.rounds), (["round 1: ValueError: no such luck"], []))
        self.assertEqual(self.said, ["rush, round 1 of 2"])

    def test_does_not_end(self) -> None:
        """It is given up when its time is over."""
        self.assertEqual(self.play(scenario(sleeps, 0.05)).wrong, ["round 1: it did not end within 0 s"])

    def test_invents(self) -> None:
        """A figure that nobody declared would have neither unit nor target: that is a mistake."""
        self.assertIn("that it does not declare: ['beauty']", self.play(scenario(invents)).failed)

    def test_sizes(self) -> None:
        """A long run differs from a full one in what the scenario says."""
        each = Scenario("rush", "how many?", (), fails, {"n": 5, "seconds": 1}, {"n": 1}, long={"seconds": 9})
        sizes = [dict(each.size(name)) for name in ("full", "long", "smoke")]
        self.assertEqual(sizes, [{"n": 5, "seconds": 1}, {"n": 5, "seconds": 9}, {"n": 1}])

    def test_options(self) -> None:
        """Everything, in a bounded time, unless something else is asked for."""
        chosen = parse(["--only", "flood"])
        self.assertEqual((chosen.only, chosen.minutes, chosen.size), (["flood"], 15.0, "full"))
        self.assertEqual((parse(["--long"]).size, parse(["--long"]).minutes), ("long", 30.0))


class PageTests(SynchronousTestCase):
    def test_page(self) -> None:
        """The page has targets, figures, what was wrong, and on what it was measured."""
        folder = Path(self.mktemp())
        found = result(900.0, 1500.0, 1400.0)
        found.rounds[1].wrong.append("somebody is\nlost")
        folder.mkdir()
        report.write({"rush": found}, folder / "RESULTS.md", folder)
        page = (folder / "RESULTS.md").read_text()
        self.assertIn("| [rush](#rush) | rate | 1,400 | at least 1300 | 2000 | reached |", page)
        self.assertIn("| cost | 50.0 | us a player | 50.0 to 50.0 | at most 60 | 40 | reached |", page)
        self.assertIn("**Wrong:** somebody is lost", page)
        self.assertIn("3 of 1 rounds; revision: abc.", page)

    def test_kept(self) -> None:
        """What was measured is there again for the next run; of a scenario that is gone nothing is kept."""
        file = Path(self.mktemp()) / "results.json"
        file.parent.mkdir()
        found = result(900.0)
        found.failed = "round 2: no"
        results.write({"rush": found, "gone": found}, file)
        self.assertEqual(list(results.read([scenario()], file)), ["rush"])
        again = results.read([scenario()], file)["rush"]
        self.assertEqual((again.figures, again.failed), (found.figures, "round 2: no"))
        self.assertEqual(results.read([], Path("nowhere")), {})


class DrawingTests(SynchronousTestCase):
    """Plots are SVG that any viewer can read."""

    def test_bars(self) -> None:
        """Each row's sum is written at the end of its bar."""
        drawn = drawing.bars("A & B", {"a": {"server": 1200.0, "redis": 300.0}, "b": {"server": 20.0}}, "us")
        texts = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]
        self.assertIn("A & B", texts)
        self.assertIn("1,500 us", texts)

    def test_lines(self) -> None:
        """The axes name each place that was measured; without any point there is still a picture."""
        drawn = drawing.lines("t", {"p50": [(25.0, 0.8), (50.0, 12.0)], "p99": [(25.0, 3.0)]}, "load", "ms")
        texts = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]
        for expected in ("25", "50", "0.1", "1", "10", "100"):
            self.assertIn(expected, texts)
        self.assertIn("svg", drawing.lines("t", {}, "load", "ms"))
