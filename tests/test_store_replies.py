"""What a real server says, as the caller of the link gets it."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from matchd.errors import StoreError
from tests.support.blocking import BlockingConnection
from tests.support.links import LinkTestCase
from tests.support.valkey import free_port, shared_valkey
from tests.support.waiting import pause, until


class ReplyTests(LinkTestCase):
    """What the server says, as the caller gets it."""

    async def setUp(self) -> None:
        self.server = shared_valkey()
        self.link = self.commands(f"unix://{self.server.path}")
        await self.up(self.link)

    async def test_kinds(self) -> None:
        """Bytes, numbers, nothing, and lists of them."""
        script = "return {'007', 7, false, {'a'}}"
        self.assertEqual(await self.link.execute("EVAL", script, 0), [b"007", 7, None, [b"a"]])

    async def test_order(self) -> None:
        """Commands run in the order of the calls."""
        replies = [self.link.execute("APPEND", "text", str(number % 10)) for number in range(500)]
        self.assertEqual(await gatherResults(replies), list(range(1, 501)))

    async def test_big_reply(self) -> None:
        """A set with 20,000 members comes in one piece."""
        await self.link.execute("SADD", "many", *map(str, range(20_000)))
        self.assertEqual(len(await self.link.execute("SMEMBERS", "many")), 20_000)

    async def test_unknown_script(self) -> None:
        """A script that the server does not know is the caller's to load."""
        error = await self.assertFailure(self.link.execute("EVALSHA", "0" * 40, 0), StoreError)
        self.assertEqual(str(error), "NOSCRIPT No matching script.")

    async def test_refused(self) -> None:
        """A command that makes no sense is refused, and the next one runs."""
        await self.link.execute("SET", "text", "a")
        refused, fine = self.link.execute("INCR", "text"), self.link.execute("GET", "text")
        error = await self.assertFailure(refused, StoreError)
        self.assertEqual(str(error), "ERR value is not an integer or out of range")
        self.assertEqual(await fine, b"a")

    async def test_out_of_memory(self) -> None:
        """A server without memory is unavailable for writing, and stays connected."""
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        self.addCleanup(self.server.ask, "CONFIG", "SET", "maxmemory", "0")
        reason = await self.failing(self.link.execute("SET", "a", "1"))
        self.assertEqual(reason, "OOM command not allowed when used memory > 'maxmemory'.")
        script = "redis.call('SET', KEYS[1], '1')"
        reason = await self.failing(self.link.execute("EVAL", script, 1, "a"))
        self.assertEqual(reason.split()[0], "OOM")
        self.assertTrue(self.link.up)

    async def test_busy(self) -> None:
        """A server that runs somebody's long script is unavailable, and stays connected."""
        self.server.ask("CONFIG", "SET", "busy-reply-threshold", "10")
        self.addCleanup(self.server.ask, "CONFIG", "SET", "busy-reply-threshold", "5000")
        other = BlockingConnection(self.server.path)
        self.addCleanup(other.close)
        other.send("EVAL", "while true do end", 0)
        await pause(0.05)
        reason = await self.failing(self.link.execute("GET", "a"))
        self.assertEqual(reason.split()[0], "BUSY")
        await self.link.execute("SCRIPT", "KILL")
        other.reply()
        self.assertIsNone(await self.link.execute("GET", "a"))


class RoleTests(LinkTestCase):
    """Only a primary is of use."""

    async def test_demoted(self) -> None:
        """A primary that becomes a replica is left at the first write, and used again when it is a primary again."""
        server = self.valkey()
        link = self.commands(f"unix://{server.path}")
        await self.up(link)
        server.ask("REPLICAOF", "127.0.0.1", free_port())
        reason = await self.failing(link.execute("SET", "a", "1"))
        self.assertEqual(reason, "READONLY You can't write against a read only replica.")
        await until(lambda: link.problem == "this is a replica, not the primary")
        self.assertFalse(link.up)
        server.ask("REPLICAOF", "NO", "ONE")
        await link.reached(3)
