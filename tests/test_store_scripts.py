"""How the scripts are made of their files."""

from __future__ import annotations

import re
from importlib.resources import files

from twisted.trial.unittest import SynchronousTestCase

from matchd.store.scripts import PRELUDES, load_all


class AssemblyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.scripts = {name: script.text.decode() for name, script in load_all().items()}

    def test_nothing_that_it_does_not_use(self) -> None:
        """A script that only says that a node lives does not carry the making of matches."""
        self.assertNotIn("local function settle", self.scripts["heartbeat"])
        self.assertIn("local function guard", self.scripts["heartbeat"])

    def test_whatever_it_uses(self) -> None:
        """What a script uses it has, and before it is used."""
        for name, text in self.scripts.items():
            code = re.sub(r"--.*", "", text)
            for used in re.finditer(r"(?<![\w.:'])(\w+)\(", code):
                if defined := re.search(rf"local function {used[1]}\(", code):
                    self.assertLess(defined.start(), used.start() + 1, f"{name}: {used[1]}")

    def test_every_part_of_the_preludes_is_used(self) -> None:
        """Nothing stands in the preludes that no script needs."""
        whole: list[str] = []
        load_all(lambda name, text: whole.append(text) or text)  # type: ignore[func-returns-value]
        for function in re.findall(r"^local function (\w+)", whole[0], re.MULTILINE):
            self.assertTrue(any(f"function {function}(" in text for text in self.scripts.values()), function)

    def test_what_is_gathered_is_written(self) -> None:
        """A script that changes something through the preludes ends with writing it."""
        for name, text in self.scripts.items():
            body = (files("matchd.store.scripts") / f"{name}.lua").read_text()
            gathers = re.search(r"local function (?:note|put|recount)\(", text)
            if gathers and "flags=no-writes" not in text:
                self.assertRegex(body, r"\b(?:commit|answer_each)\(", name)

    def test_the_preludes_are_no_scripts(self) -> None:
        """They are only ever a part of one."""
        self.assertEqual(set(PRELUDES) & set(self.scripts), set())

    def test_the_head_comes_first(self) -> None:
        """Redis reads how a script may be run in its first line."""
        for name, text in self.scripts.items():
            self.assertEqual(text[:5], "#!lua", name)

    def test_edited(self) -> None:
        """A file that is edited changes all scripts that use the part, and their digests."""
        edited = load_all(lambda name, text: text.replace("FENCED", "GONE") if name == "prelude" else text)
        self.assertIn(b"GONE", edited["enqueue"].text)
        self.assertNotEqual(edited["enqueue"].sha, load_all()["enqueue"].sha)
        self.assertEqual(edited["tally"].sha, load_all()["tally"].sha)
