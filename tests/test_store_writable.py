"""A store that answers and refuses to write: noticed, told once, and over as soon as it is over."""

from __future__ import annotations

import shutil
from pathlib import Path

from twisted.logger import globalLogPublisher

from matchd.store import link as links
from tests.support.links import LinkTestCase
from tests.support.waiting import until

ENQUEUE = "#!lua\nreturn redis.call('SET', 'a', '1')"
"""A script with the flags that `enqueue` has."""
NO_MEMORY = "OOM command not allowed when used memory > 'maxmemory'"


class RefusingTests(LinkTestCase):
    """A link to a store that gets into trouble."""

    async def setUp(self) -> None:
        """A server and a link to it, which asks often whether it can write."""
        self.patch(links, "PING_INTERVAL", 0.05)
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self._hear)
        self.addCleanup(globalLogPublisher.removeObserver, self._hear)
        self.server = self.valkey("--enable-protected-configs", "yes")
        self.link = self.commands(f"unix://{self.server.path}")
        await self.up(self.link)

    def _hear(self, event: dict[str, object]) -> None:
        if event.get("log_namespace") == "matchd.store.link":
            self.lines.append(str(event["log_format"]).partition(":")[2].partition("{")[0].strip())

    async def refuses(self, reason: str) -> None:
        """Wait until the link says that the store refuses writes for this reason."""
        await until(lambda: self.link.refusal.startswith(reason))
        self.assertTrue(self.link.up)
        self.assertFalse(self.link.writable)
        self.assertTrue(self.link.trouble.startswith(f"refuses writes: {reason}"), self.link.trouble)

    async def recovers(self) -> None:
        """Wait until all is well, which was told once as its beginning was."""
        await until(lambda: self.link.writable)
        self.assertEqual(self.link.trouble, "")
        await self.link.execute("EVAL", ENQUEUE, 0)
        self.assertEqual(self.lines, ["connected to", "the store refuses writes:", "the store takes writes again"])

    async def test_healthy_store(self) -> None:
        """A store that writes is in no trouble, and nothing is said of it."""
        await self.link.execute("EVAL", ENQUEUE, 0)
        self.assertTrue(self.link.writable)
        self.assertEqual((self.link.trouble, self.lines), ("", ["connected to"]))

    async def test_out_of_memory_while_nobody_asks(self) -> None:
        """It is noticed without a player's question."""
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        await self.refuses(NO_MEMORY)
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        await self.recovers()

    async def test_replicas_missing(self) -> None:
        """The same where the store lacks replicas."""
        self.server.ask("CONFIG", "SET", "min-replicas-to-write", "1")
        await self.refuses("NOREPLICAS Not enough good replicas to write.")
        self.server.ask("CONFIG", "SET", "min-replicas-to-write", "0")
        await self.recovers()

    async def test_snapshot_that_can_not_be_written(self) -> None:
        """The same where the store can't write its file."""
        gone = Path(self.mktemp()).absolute()
        gone.mkdir()
        self.server.ask("CONFIG", "SET", "dir", str(gone))
        shutil.rmtree(gone)
        self.server.ask("CONFIG", "SET", "save", "3600 1")
        self.server.ask("BGSAVE")
        await self.refuses("MISCONF ")
        self.server.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        await self.recovers()

    async def test_refused_question(self) -> None:
        """A question that is refused tells at once; one that the store still answers does not mean that all is well."""
        self.link._pings.stop()
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        self.assertIn("OOM", await self.failing(self.link.execute("EVAL", ENQUEUE, 0)))
        await self.refuses(NO_MEMORY)
        await self.link.execute("EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', 'b', '1')", 0)
        await self.refuses(NO_MEMORY)

    async def test_many_refused_questions(self) -> None:
        """However many are refused, one line tells of it."""
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        for _ in range(50):
            await self.failing(self.link.execute("EVAL", ENQUEUE, 0))
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        await self.recovers()

    async def test_new_connection(self) -> None:
        """After the connection was lost the store's word counts anew, be it the same or not."""
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        await self.refuses(NO_MEMORY)
        self.link.drop("a test")
        self.assertEqual((self.link.writable, self.link.trouble), (False, "connection lost"))
        await until(lambda: self.link.problem)
        self.assertEqual((self.link.writable, self.link.trouble), (False, "a test"))
        await self.link.reached(3)
        await self.refuses(NO_MEMORY)
        self.link.drop("a test")
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        await until(lambda: self.link.writable)
        self.assertEqual(self.lines.count("the store refuses writes:"), 1)
        self.assertEqual(self.lines.count("the store takes writes again"), 1)

    async def test_user_who_may_not_write(self) -> None:
        """A store that forbids the question itself takes no writes either."""
        self.server.ask("ACL", "SETUSER", "default", "-eval")
        await self.refuses("NOPERM ")
        self.server.ask("ACL", "SETUSER", "default", "+eval")
        await self.recovers()
