"""The primary as sentinels name it, with real ones that watch real servers."""

from __future__ import annotations

import signal

from tests.support.links import LinkTestCase
from tests.support.valkey import Sentinel, Valkey, free_port
from tests.support.waiting import until

BUSY = 45.0
"""Seconds; a sentinel that was not scheduled for 2 s trusts no clock for 30 s."""


class SentinelTests(LinkTestCase):
    """Whoever names sentinels is led to the primary, whichever that is."""

    timeout = 110

    def sentinel(self, primary: Valkey, down_after_ms: int = 500, password: str = "") -> Sentinel:
        """A sentinel of the test's own."""
        sentinel = Sentinel(primary, down_after_ms, password)
        self.addCleanup(sentinel.stop)
        sentinel.start()
        return sentinel

    async def test_find(self) -> None:
        """One sentinel that answers is enough; those that are gone or silent are passed over."""
        primary = self.valkey()
        silent, good = self.sentinel(primary), self.sentinel(primary)
        silent.signal(signal.SIGSTOP)
        link = self.commands(
            f"sentinel://127.0.0.1:{free_port()},127.0.0.1:{silent.port},127.0.0.1:{good.port}/mm?db=1"
        )
        await self.up(link)
        await link.execute("SET", "where", "here")
        self.assertIn(b"db1:keys=1", primary.ask("INFO", "keyspace"))

    async def test_password(self) -> None:
        """Sentinels that want a password are given the primary's."""
        primary = self.valkey(password="secret")
        sentinel = self.sentinel(primary, password="secret")
        link = self.commands(f"sentinel://:secret@127.0.0.1:{sentinel.port}/mm")
        await self.up(link)
        self.assertEqual(await link.execute("PING"), b"PONG")

    async def test_password_for_the_primary_only(self) -> None:
        """Sentinels without a password do not mind one."""
        primary = self.valkey(password="secret")
        sentinel = self.sentinel(primary)
        link = self.commands(f"sentinel://:secret@127.0.0.1:{sentinel.port}/mm")
        await self.up(link)

    async def test_unknown_name(self) -> None:
        """A name that no sentinel knows is a problem that says what each of them said."""
        gone, port = free_port(), self.sentinel(self.valkey()).port
        for hosts, said in {
            f"127.0.0.1:{port}": f"127.0.0.1:{port}: it knows no such primary",
            f"127.0.0.1:{gone}": f"127.0.0.1:{gone}: connection refused",
        }.items():
            link = self.commands(f"sentinel://{hosts}/other")
            link.start()
            await until(lambda link=link: link.problem != "not connected yet")
            self.assertEqual(link.problem, f"no sentinel names the primary 'other': {said}")

    async def test_demoted(self) -> None:
        """A server that a sentinel still names, but that is a replica by now, is refused."""
        primary = self.valkey()
        sentinel = self.sentinel(primary, down_after_ms=60_000)
        primary.ask("REPLICAOF", "127.0.0.1", free_port())
        link = self.commands(f"sentinel://127.0.0.1:{sentinel.port}/mm")
        link.start()
        await until(lambda: link.problem == "this is a replica, not the primary")
        self.assertFalse(link.up)

    async def test_stop(self) -> None:
        """A link may be stopped while it asks."""
        primary = self.valkey()
        sentinel = self.sentinel(primary)
        sentinel.signal(signal.SIGSTOP)
        link = self.commands(f"sentinel://127.0.0.1:{sentinel.port}/mm")
        link.start()
        await link.stop()

    async def test_failover(self) -> None:
        """When the primary dies, commands and subscriptions go on with the one that takes its place."""
        primary = self.valkey("--repl-diskless-sync-delay", "0")
        replica = self.valkey("--replicaof", f"127.0.0.1 {primary.port}")
        await until(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"), BUSY)
        sentinel = self.sentinel(primary)
        await until(lambda: sentinel.replicas() == 1, BUSY)
        url = f"sentinel://127.0.0.1:{sentinel.port}/mm"
        commands, subscriber = self.commands(url), self.subscriber(url)
        await self.up(commands)
        await self.up(subscriber)
        await subscriber.subscribe(b"news")
        await commands.execute("SET", "a", "1")
        await until(lambda: replica.ask("GET", "a") == b"1", BUSY)
        lost: list[str] = []
        commands.on_down, subscriber.on_down = lambda: lost.append("commands"), lambda: lost.append("subscriber")
        primary.kill()
        await until(lambda: len(lost) == 2, BUSY)
        await until(lambda: commands.up and subscriber.up, BUSY)
        self.assertEqual(await commands.execute("SET", "a", "2"), b"OK")
        self.assertEqual(replica.ask("GET", "a"), b"2")
        self.assertEqual(replica.ask("PUBSUB", "NUMSUB", "news"), [b"news", 1])
