"""How the process ends, seen from outside: real twistd processes, their exit status and their last words."""

from __future__ import annotations

import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.children import Child, twistd

NODE = """
import sys
from twisted.application.service import Application, Service
from twisted.internet import reactor
from matchd import exits

def say(word):
    print(word, file=sys.__stdout__, flush=True)

class Node(Service):
    def startService(self):
        reactor.callWhenRunning(say, "running")
        {started}

    def stopService(self):
        say("stopped")

application = Application("node")
Node().setServiceParent(application)
"""


class Nodes(SynchronousTestCase):
    """Starts nodes whose service does something of the test's choosing when it starts."""

    def node(self, started: str) -> Child:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        (self.folder / "node.tac").write_text(NODE.format(started=started))
        child = twistd(self.folder, "-noy", "node.tac")
        self.addCleanup(child.kill)
        return child

    def assert_orderly(self, child: Child, status: int) -> None:
        """It stopped its service, ended with the status, and left no pidfile."""
        self.assertEqual(child.ended(), status, child.stdout + child.stderr)
        self.assertEqual(child.stdout.count("stopped\n"), 1, child.stdout)
        self.assertFalse((self.folder / "twistd.pid").exists())


class FailTests(Nodes):
    """A node that can't go on says so in one line and ends with status 1."""

    def test_while_the_reactor_runs(self) -> None:
        """A failure in the middle of work: one line on stderr, the services stopped, status 1."""
        child = self.node('reactor.callLater(0, exits.fail, reactor, "--listen: port 8080 is in use")')
        self.assert_orderly(child, 1)
        self.assertEqual(child.stderr, "matchd: --listen: port 8080 is in use\n")
        self.assertNotIn("Traceback", child.stdout)
        self.assertIn("--listen: port 8080 is in use", child.stdout)

    def test_before_the_reactor_runs(self) -> None:
        """A failure while services start ends the same way."""
        child = self.node('exits.fail(reactor, "redis: nobody answers")')
        self.assert_orderly(child, 1)
        self.assertEqual(child.stderr, "matchd: redis: nobody answers\n")

    def test_several_failures(self) -> None:
        """Each of several failures has its line; the node still stops once."""
        child = self.node('[exits.fail(reactor, w) for w in "ab"]; reactor.callLater(0, exits.fail, reactor, "c")')
        self.assert_orderly(child, 1)
        self.assertEqual(child.stderr, "matchd: a\nmatchd: b\nmatchd: c\n")

    def test_one_line_whatever_the_text(self) -> None:
        """Line ends and control characters in the reason can't forge a second line."""
        child = self.node(r'exits.fail(reactor, "file: a\nb \x1b[31m", "dedicated")')
        self.assert_orderly(child, 1)
        self.assertEqual(child.stderr, "dedicated: file: a\\nb \\x1b[31m\n")

    def test_other_exit_work_is_done(self) -> None:
        """What others have registered for the process's end still happens."""
        child = self.node('import atexit; atexit.register(say, "cleaned up"); exits.fail(reactor, "no")')
        self.assert_orderly(child, 1)
        self.assertIn("cleaned up\n", child.stdout)


class SignalTests(Nodes):
    """SIGTERM drains, a second one or SIGINT stops at once, and none of them is a failure."""

    ANSWER = 'exits.on_terminate(reactor, lambda: say("draining"), lambda: say("at once"))'

    def test_drained(self) -> None:
        """SIGTERM drains; when that is done the node ends with status 0."""
        child = self.node("exits.on_terminate(reactor, lambda: exits.stop(reactor), lambda: say('at once'))")
        child.wait_to_print("running")
        child.signal(signal.SIGTERM)
        self.assert_orderly(child, 0)
        self.assertNotIn("at once", child.stdout)

    def test_second_sigterm(self) -> None:
        """The node drains as long as it takes; a second SIGTERM ends it at once, with status 0."""
        child = self.node(self.ANSWER)
        child.wait_to_print("running")
        child.signal(signal.SIGTERM)
        child.wait_to_print("draining")
        child.signal(signal.SIGTERM)
        self.assert_orderly(child, 0)
        self.assertEqual(child.stdout.count("at once"), 1)

    def test_sigint(self) -> None:
        """Ctrl-C does not drain, but stops in order, with status 0."""
        child = self.node(self.ANSWER)
        child.wait_to_print("running")
        child.signal(signal.SIGINT)
        self.assert_orderly(child, 0)
        self.assertIn("at once", child.stdout)
        self.assertNotIn("draining", child.stdout)

    def test_ignored_sigint_stays_ignored(self) -> None:
        """A background job, whose SIGINT the shell ignores, is not stopped by a Ctrl-C meant for another."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            child = self.node(self.ANSWER)
        finally:
            signal.signal(signal.SIGINT, before)
        child.wait_to_print("running")
        child.signal(signal.SIGINT)
        child.signal(signal.SIGTERM)
        child.wait_to_print("draining")
        self.assertNotIn("at once", child.stdout)

    def test_sighup_and_sigusr1(self) -> None:
        """Neither ends a node: each is a line in the log."""
        child = self.node(self.ANSWER)
        child.wait_to_print("running")
        child.signal(signal.SIGHUP)
        child.wait_to_print("SIGHUP: settings are read at the start only: nothing is changed")
        child.signal(signal.SIGUSR1)
        child.wait_to_print("SIGUSR1: there is no --logfile to rotate: nothing is changed")
        child.signal(signal.SIGINT)
        self.assert_orderly(child, 0)

    def test_other_answers_stay(self) -> None:
        """Where something else answers SIGHUP, or it is ignored as by nohup, it is left so."""
        child = self.node("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + self.ANSWER)
        child.wait_to_print("running")
        child.signal(signal.SIGHUP)
        child.signal(signal.SIGINT)
        self.assert_orderly(child, 0)
        self.assertNotIn("SIGHUP", child.stdout)

    def test_early_signal(self) -> None:
        """A signal that comes before the reactor runs, and was held, is answered once it runs."""
        early = "import os, signal; exits.hold_signals(); os.kill(os.getpid(), signal.SIGTERM); "
        child = self.node(early + "exits.on_terminate(reactor, lambda: exits.stop(reactor), lambda: say('at once'))")
        self.assert_orderly(child, 0)
        self.assertIn("running", child.stdout)

    def test_drain_that_breaks(self) -> None:
        """A drain that raises does not leave a node which nobody can stop: it is logged, and the node ends."""
        child = self.node("exits.on_terminate(reactor, lambda: 1 / 0, lambda: say('at once'))")
        child.wait_to_print("running")
        child.signal(signal.SIGTERM)
        self.assert_orderly(child, 0)
        self.assertIn("ZeroDivisionError", child.stdout)
