"""Whatever stands in a file or on the command line is either right or told what is wrong."""

from __future__ import annotations

import tempfile
from typing import Any

from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.config.settings import Settings, SettingsError, load, read

SECTIONS = ["limits", "recovery", "matchmaking", "modes", "auth"]
KEYS = [
    *("listen", "http", "redis", "data_dir", "config", "dedicated", "workers", "log_format", "insecure"),
    *("operator_token", "operator_token_file", "key_prefix", "origins"),
]
INNER = [
    *("teams", "loading_timeout", "order", "mode", "burst", "tick", "node_timeout", "A", "a b"),
    *("key", "jwks_file", "jwks_url"),
]
scalars = (
    st.none().map(lambda _: "tcp:0:interface=127.0.0.1")
    | st.sampled_from(["redis://h", "host:1", "json", "fifo", "none", "unix:", "ssl:0", "*", "sentinel://a,b/c"])
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
)
flat = scalars | st.lists(scalars, max_size=3)
keys = st.sampled_from(INNER) | st.text(max_size=8)
tables = st.dictionaries(keys, flat | st.dictionaries(keys, flat, max_size=3) | st.lists(flat, max_size=2), max_size=3)
trees = st.dictionaries(st.sampled_from(KEYS + SECTIONS) | st.text(max_size=8), flat | tables, max_size=5)


class AnythingTests(SynchronousTestCase):
    """Whatever stands in a file or on the command line."""

    def outcome(self, load: Any, *args: Any) -> None:
        """Settings, or lines that say what is wrong; never another error, never more than one line each."""
        try:
            self.assertIsInstance(load(*args), Settings)
        except SettingsError as error:
            self.assertTrue(error.problems)
            for line in error.problems:
                self.assertIn(": ", line)
                self.assertEqual(len(line.splitlines()), 1, line)

    @example_settings(deadline=None, max_examples=200, database=None)
    @given(trees)
    def test_any_tree(self, tree: dict[str, object]) -> None:
        """Any TOML is either right or told what is wrong."""
        self.outcome(read, tree, {})

    @example_settings(deadline=None, max_examples=100, database=None)
    @given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=20) | st.lists(st.text(max_size=20), max_size=3)))
    def test_any_options(self, options: dict[str, object]) -> None:
        """So are any options."""
        self.outcome(load, {**options, "config": None})

    @example_settings(deadline=None, max_examples=100, database=None)
    @given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_any_file(self, content: bytes) -> None:
        """So is any file."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self.outcome(load, {"config": file.name})
