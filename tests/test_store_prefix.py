"""Everything under a prefix of its own: beside other applications, and in one slot of a cluster."""

from __future__ import annotations

import time
from typing import Any

from matchd.store.scripts import load_all
from tests.support.blocking import BlockingConnection
from tests.support.keyspace import changes, copy, put_back
from tests.support.questions import busy
from tests.support.stores import StoreTestCase
from tests.support.valkey import Valkey
from tests.support.world import FIFO, outcome

PREFIX = "{matchd}:"


class PrefixTests(StoreTestCase):
    """A busy store, moved under a prefix."""

    def setUp(self) -> None:
        super().setUp()
        self.questions = busy(self)
        self.scripts = load_all()
        self.plain = copy(self.redis)
        self.prefixed = [(PREFIX.encode() + key, ttl, content) for key, ttl, content in self.plain]

    def ask(self, script: str, prefix: str = PREFIX, redis: BlockingConnection | None = None) -> Any:
        args = self.questions[script]
        return (redis or self.redis).ask("EVAL", self.scripts[script].text, 1, prefix, "here", 0, *args)

    def test_keys_and_channels(self) -> None:
        """No script touches a key or speaks on a channel without it."""
        spoken = set()
        for script in self.questions:
            put_back(self.redis, self.prefixed)
            self.ask(script)
            self.assertEqual([key for key in self.dump() if not key.startswith(PREFIX)], [], script)
            spoken |= {channel.partition(":")[0] for channel, _ in self.ear.heard()}
        self.assertEqual(spoken, {"{matchd}"})
        put_back(self.redis, self.plain)

    def test_nothing_else_differs(self) -> None:
        """A script changes the same keys as it would without the prefix."""
        for script in self.questions:
            changed = []
            for prefix, content in (("", self.plain), (PREFIX, self.prefixed)):
                put_back(self.redis, content)
                before = self.dump()
                self.ask(script, prefix)
                changed.append({key.removeprefix(prefix) for key in changes(before, self.dump())})
            self.assertEqual(changed[0], changed[1], script)
        put_back(self.redis, self.plain)

    def test_two_services(self) -> None:
        """Services under different prefixes know nothing of each other."""
        before = self.dump()
        other = self.node("here", PREFIX)
        outcome(other.enqueue("q1", "q11", FIFO, 0))
        outcome(other.sweep(4000, 0))
        self.assertEqual({key: content for key, content in self.dump().items() if not key.startswith(PREFIX)}, before)
        self.assertEqual(self.redis.ask("SMEMBERS", f"{PREFIX}queue:Ranked"), [b"q1"])

    def test_cluster(self) -> None:
        """With a hash tag for a prefix, a server in cluster mode runs every script."""
        server = Valkey("--cluster-enabled", "yes", "--port", "0").start()
        self.addCleanup(server.stop)
        redis = BlockingConnection(server.path)
        self.addCleanup(redis.close)
        redis.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + 10
        while b"cluster_state:ok" not in redis.ask("CLUSTER", "INFO"):
            self.assertLess(time.monotonic(), deadline, "the cluster does not come up")
            time.sleep(0.05)
        for script in self.questions:
            put_back(redis, self.prefixed)
            self.ask(script, redis=redis)
