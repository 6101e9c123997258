"""What workers tell the first process, and how their metrics become one page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from matchd.metrics import Metrics
from matchd.siblings import Word, Words, merged, pack

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(page: bytes) -> Samples:
    """Every sample of a page, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


class WordsTests(SynchronousTestCase):
    @given(st.lists(st.builds(Word, st.none() | st.text(), st.binary()), min_size=1), st.integers(1, 50))
    def test_in_pieces(self, told: list[Word], size: int) -> None:
        """However the pipe cuts what is told, the last word counts."""
        data, words = b"".join(map(pack, told)), Words()
        for start in range(0, len(data), size):
            words.feed(data[start : start + size])
        self.assertEqual(words.last, told[-1])

    def test_half_a_word(self) -> None:
        """Is none yet."""
        words, data = Words(), pack(Word(None, b"x"))
        words.feed(data[:-1])
        self.assertIsNone(words.last)
        words.feed(data[-1:])
        self.assertEqual(words.last, Word(None, b"x"))


class MergedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.nodes = [Metrics(["Duel"], f"node-{number}") for number in range(3)]
        for number, metrics in enumerate(self.nodes):
            metrics.matches_formed("Duel", number + 1)
            metrics.waited('Duel"}\\', 0.3)

    def test_every_sample_of_every_process(self) -> None:
        """None is lost or changed; each says whose it is."""
        pages = {number: metrics.render() for number, metrics in enumerate(self.nodes)}
        found = samples(merged(pages))
        wanted: Samples = {}
        for number, page in pages.items():
            for (name, labels), value in samples(page).items():
                wanted[name, tuple(sorted((*labels, ("worker", str(number)))))] = value
        self.assertEqual(found, wanted)

    def test_each_family_once(self) -> None:
        """Prometheus refuses a page that describes one twice."""
        page = merged({number: metrics.render() for number, metrics in enumerate(self.nodes)}).decode()
        heads = [line for line in page.splitlines() if line.startswith("# TYPE")]
        self.assertEqual(len(heads), len(set(heads)))
        self.assertEqual(len(heads), self.nodes[0].render().count(b"# TYPE"))
