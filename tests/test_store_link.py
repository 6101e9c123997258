"""The link for commands, to real servers that are away, die, freeze and come back."""

from __future__ import annotations

import signal

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from matchd.errors import StartupError
from matchd.store.connection import Connection
from tests.support.links import LinkTestCase
from tests.support.valkey import free_port, shared_valkey
from tests.support.waiting import pause, until


class Closing(Factory):
    """Accepts, closes at once, and counts."""

    accepted = 0

    def buildProtocol(self, addr: object) -> None:
        self.accepted += 1


class AwayTests(LinkTestCase):
    """While there is no server every command fails at once, and the link tries for ever."""

    async def test_nobody_there(self) -> None:
        """Nobody listens: the reason is kept, for readiness and for the error at start."""
        nobody = f"redis://127.0.0.1:{free_port()}"
        link = self.commands(nobody)
        self.assertEqual(link.problem, "not connected yet")
        link.start()
        error = await self.assertFailure(Deferred.fromCoroutine(link.reached(0.2)), StartupError)
        self.assertEqual(str(error), f"redis: {nobody}/0: connection refused")
        self.assertEqual((link.up, link.problem), (False, "connection refused"))
        failing = link.execute("PING")
        self.assertTrue(failing.called)
        self.assertEqual(await self.failing(failing), "no connection to Redis: connection refused")

    async def test_no_socket(self) -> None:
        """There is no such unix socket."""
        link = self.commands("unix:///nowhere/redis.sock")
        link.start()
        await until(lambda: link.problem == "no such file or directory")

    async def test_late_server(self) -> None:
        """A server that is started after matchd is found."""
        server = self.valkey()
        server.kill()
        link = self.commands(f"unix://{server.path}")
        link.start()
        await pause(0.2)
        self.assertFalse(link.up)
        server.start()
        await link.reached(2)

    async def test_accept_then_close(self) -> None:
        """A server that hangs up on the log-in is tried again and again."""
        factory = Closing()
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        link = self.commands(f"redis://:secret@127.0.0.1:{port.getHost().port}/1")
        link.start()
        await until(lambda: factory.accepted >= 5)
        self.assertIn(link.problem, ("closed by the other side", "connection lost"))

    async def test_wrong_password(self) -> None:
        """A wrong password is a problem that is told, and the right one helps as soon as it is valid."""
        server = self.valkey(password="right")
        link = self.commands(f"unix://:wrong@{server.path}")
        link.start()
        await until(lambda: link.problem.startswith("WRONGPASS"))
        self.assertEqual(link.problem, "WRONGPASS invalid username-password pair or user is disabled.")
        server.ask("CONFIG", "SET", "requirepass", "wrong")
        await link.reached(3)

    async def test_no_password(self) -> None:
        """A missing password is a problem that is told."""
        link = self.commands(f"unix://{self.valkey(password='right').path}")
        link.start()
        await until(lambda: link.problem == "NOAUTH Authentication required.")


class LossTests(LinkTestCase):
    """A server that goes takes with it what waits, and nothing else."""

    async def test_killed(self) -> None:
        """What waits fails when the server dies; when it is back the link is up again."""
        server = self.valkey()
        link = self.commands(f"unix://{server.path}")
        events: list[str] = []
        link.on_up = lambda: events.append("up")
        link.on_down = lambda: events.append("down")
        await self.up(link)
        waiting = [link.execute("DEBUG", "SLEEP", 5), *(link.execute("INCR", "a") for _ in range(3))]
        await pause(0.05)
        server.kill()
        for failing in waiting:
            reason = await self.failing(failing)
            self.assertEqual(reason, "the connection to Redis was lost: closed by the other side")
        self.assertFalse(link.up)
        server.start()
        await link.reached(3)
        self.assertEqual(await link.execute("GET", "a"), None)
        self.assertEqual(events, ["up", "down", "up"])

    async def test_frozen(self) -> None:
        """A server that is frozen is given up after 2 s, and not before, and used again when it wakes."""
        server = self.valkey()
        link = self.commands(f"unix://{server.path}")
        await self.up(link)
        server.signal(signal.SIGSTOP)
        started = reactor.seconds()
        reason = await self.failing(link.execute("INCR", "a"))
        self.assertEqual(reason, "the connection to Redis was lost: no answer within 2 s")
        self.assertGreater(reactor.seconds() - started, 1.7)
        await until(lambda: not link.up)
        server.signal(signal.SIGCONT)
        await link.reached(10)

    async def test_stop(self) -> None:
        """When the link is stopped what waits fails, at once or after; nothing stays behind."""
        server = shared_valkey()
        link = self.commands(f"unix://{server.path}")
        await self.up(link)
        waiting = link.execute("BLPOP", "nothing", "1")
        await link.stop()
        self.assertEqual(await self.failing(waiting), "the connection to Redis was lost: stopped")
        self.assertEqual(await self.failing(link.execute("PING")), "no connection to Redis: stopped")

    async def test_stop_while_frozen(self) -> None:
        """A server that is frozen does not keep a link from stopping."""
        server = self.valkey()
        link = self.commands(f"unix://{server.path}", timeout=0.3)
        await self.up(link)
        server.signal(signal.SIGSTOP)
        waiting = link.execute("SET", "big", b"x" * 10_000_000)
        started = reactor.seconds()
        await link.stop()
        self.assertTrue(reactor.seconds() - started < 1.0)
        await self.failing(waiting)

    async def test_stop_while_connecting(self) -> None:
        """A link may be stopped before it was ever up, and whoever waits for it is told."""
        link = self.commands(f"redis://127.0.0.1:{free_port()}")
        link.start()
        waiting = Deferred.fromCoroutine(link.reached(60))
        await link.stop()
        await self.assertFailure(waiting, Exception)


class PrepareTests(LinkTestCase):
    """A connection is made ready by whoever uses it before anybody else uses it."""

    async def test_each_connection(self) -> None:
        """Each new connection is prepared before the link is up."""
        server = self.valkey()
        link = self.commands(f"unix://{server.path}")
        seen: list[object] = []

        async def prepare(connection: Connection) -> None:
            seen.append((link.up, await connection.execute("SCRIPT", "LOAD", "return 1")))

        link.prepare = prepare
        await self.up(link)
        server.restart()
        await until(lambda: len(seen) == 2)
        await link.reached(3)
        self.assertEqual(seen, [(False, b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db")] * 2)

    async def test_failing(self) -> None:
        """A preparation that fails is a problem that is told, and is tried again on a new connection."""
        link = self.commands(f"unix://{shared_valkey().path}")
        attempts: list[Connection] = []

        async def prepare(connection: Connection) -> None:
            attempts.append(connection)
            if len(attempts) < 3:
                await connection.execute("NONSENSE")

        link.prepare = prepare
        link.start()
        await until(lambda: link.problem.startswith("ERR unknown command 'NONSENSE'"))
        await link.reached(3)
        self.assertEqual(len(set(attempts)), 3)

    async def test_hanging(self) -> None:
        """A preparation that does not end is given up, and tried again."""
        link = self.commands(f"unix://{shared_valkey().path}", timeout=0.1)
        attempts: list[Connection] = []

        def prepare(connection: Connection) -> Deferred[None]:
            attempts.append(connection)
            return Deferred()

        link.prepare = prepare
        link.start()
        await until(lambda: len(attempts) >= 2)
        self.assertEqual(link.problem, "no answer within 0.1 s")

    async def test_broken(self) -> None:
        """A preparation with a mistake in it is logged, and does not end the tries."""
        link = self.commands(f"unix://{shared_valkey().path}")
        attempts: list[Connection] = []

        async def prepare(connection: Connection) -> None:
            attempts.append(connection)
            if len(attempts) < 2:
                raise ZeroDivisionError

        link.prepare = prepare
        await self.up(link)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
