"""docs/security.md: every threat is there, with a defence and tests that exist."""

from __future__ import annotations

from types import ModuleType
from unittest import TestCase

from twisted.python.reflect import namedAny, prefixedMethodNames
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import Document
from tests.threats import threats

THREATS = 38


def is_tested_by(name: str) -> bool:
    """Whether this is a test, or a class or a module that has some."""
    found = namedAny(f"tests.{name}")
    if isinstance(found, ModuleType):
        return any(_has_tests(each) for each in vars(found).values())
    return _has_tests(found) or found.__name__.startswith("test")


def _has_tests(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, TestCase) and bool(prefixedMethodNames(found, "test"))


class SecurityTests(SynchronousTestCase):
    def test_every_threat(self) -> None:
        """Each is there once, in the form of the others."""
        self.assertEqual([threat.number for threat in threats()], [*range(1, THREATS + 1)])
        self.assertEqual(Document.read("docs/security.md").text.count("\n**T"), THREATS)

    def test_every_test_exists(self) -> None:
        """Whatever is named is something that trial runs."""
        for threat in threats():
            for name in threat.tests:
                self.assertTrue(is_tested_by(name), (threat.number, name))

    def test_no_proof_no_claim(self) -> None:
        """A threat has a defence and tests, or a sentence why it has no test."""
        for threat in threats():
            self.assertTrue(threat.what.endswith("."), threat)
            self.assertTrue(threat.defence.endswith(".") if threat.tests else threat.excuse.endswith("."), threat)
