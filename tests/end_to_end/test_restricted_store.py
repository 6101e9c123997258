"""A service with every door locked: a store under the ACL file of docs/redis.md, tokens, secrets in files.

Two nodes, one of them with two processes, a game server that has the servers' token; and a node with its own store.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import hiredis

from tests.support.blocking import BlockingConnection
from tests.support.children import REPOSITORY
from tests.support.fleet import PATIENCE, Fleet, GameServer, Node
from tests.support.fleets import SharedFleetCase
from tests.support.loopback import ask, exchange
from tests.support.players import matched
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

PAGE = (REPOSITORY / "docs" / "redis.md").read_text()
PASSWORD, OPERATORS, SERVERS = "pa55word-of-the-store", "t0ken-of-the-operators", "t0ken-of-the-servers"
SECRETS = (PASSWORD, OPERATORS, SERVERS)
ADMIN = "adm1n"

SETTINGS = """
redis = "redis://matchd@127.0.0.1:{port}/0"
redis_password_file = "redis.password"
operator_token_file = "operator.token"
key_prefix = "matchd:"

[servers]
token_file = "servers.token"
networks = ["127.0.0.1"]
"""


def acl_file() -> str:
    """The file as the page has it, with a password; and somebody to look after the tests."""
    text = re.search(r"^```text\n(user default off\n.*?)^```", PAGE, re.M | re.S)
    assert text is not None
    return text[1].replace(">password", f">{PASSWORD}") + f"user admin on >{ADMIN} ~* &* +@all\n"


class RestrictedStoreTests(SharedFleetCase):
    """Everything works, and nothing that is not needed does."""

    store: Valkey
    nodes: list[Node]
    alone: Node
    server: GameServer

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        cls.store = fleet.valkey("--aclfile", fleet.file("users.acl", acl_file()), user="admin", password=ADMIN)
        secrets = {"redis.password": PASSWORD, "operator.token": OPERATORS, "servers.token": SERVERS}
        for name, secret in secrets.items():
            Path(fleet.file(name, secret + "\n")).chmod(0o600)
        config = fleet.file("matchd.toml", SETTINGS.format(port=cls.store.port))
        cls.nodes = [fleet.node("--config", config, *more) for more in (["--workers", "2"], ["--log-format", "json"])]
        cls.alone = fleet.node("--config", fleet.file("alone.toml", 'operator_token_file = "operator.token"'))
        for node in (*cls.nodes, cls.alone):
            await node.ready()
        token_file = str(fleet.folder / "servers.token")
        cls.server = fleet.game_server(cls.nodes[0], "--token-file", token_file, "--capacity", "50")
        await cls.server.logs("registered with")

    async def invariants(self) -> dict[str, object]:
        reply = await self.nodes[1].ask("GET", "/v1/invariants", Authorization=f"Bearer {OPERATORS}")
        self.assertEqual(reply.status, 200)
        return dict(json.loads(reply.text))

    async def test_whole_way(self) -> None:
        """Players of both nodes are matched, leave, come back and are swept, and no script misses a right (T32)."""
        games = await self.crowd("restricted", 8, *(node.url for node in self.nodes)).play()
        self.assertEqual([len(players) for players in games.values()], [2] * 4)
        leaver = self.player("leaver", self.nodes[0].url)
        await leaver.enqueue()
        leaver.client.close()
        extra = self.fleet().node("--config", str(self.shared.folder / "matchd.toml"))
        await extra.ready()
        waiting = self.player("waiting", extra.url)
        await waiting.enqueue()
        extra.kill()
        await eventually(self.invariants, lambda seen: not any(seen["players"]["queued"].values()), PATIENCE)
        self.assertEqual((await self.invariants())["contradictions"], [])
        self.assert_nothing_was_missed(extra)
        keys = self.store.ask("KEYS", "*")
        self.assertEqual([key for key in keys if not key.startswith(b"matchd:")], [])
        self.assertGreater(len(keys), 5)

    async def test_store_that_forgets(self) -> None:
        """What a store has lost comes back from the nodes: that takes no other rights either (T32)."""
        first = self.player("first", self.nodes[0].url)
        await first.enqueue()
        await self.restart_store()
        second = self.player("second", self.nodes[1].url)
        await second.enqueue()
        await matched(first, second)
        self.assert_nothing_was_missed()

    async def restart_store(self) -> None:
        """Have it die, and come back empty."""
        self.store.kill()
        for node in self.nodes:
            await eventually(node.health, lambda health: health[0] == 503, PATIENCE)
        self.store.start()
        for node in self.nodes:
            await node.ready()

    def assert_nothing_was_missed(self, *others: Node) -> None:
        """No command was refused to any of them."""
        for program in (*self.nodes, *others, self.server):
            self.assertNotIn("NOPERM", program.log)
            self.assertNotIn("can't see its maxmemory-policy", program.log)

    async def test_name(self) -> None:
        """A game server that names its host is known by the address that the name led to (T28)."""
        token = {"Authorization": f"Bearer {SERVERS}"}
        reply = await self.nodes[1].ask("PUT", "/v1/servers/named", b'{"address":"localhost:7000"}', **token)
        self.assertEqual(reply.status, 200, reply.text)
        listed = await self.nodes[0].ask("GET", "/v1/servers", Authorization=f"Bearer {OPERATORS}")
        addresses = {server["id"]: server["address"] for server in json.loads(listed.text)["servers"]}
        self.assertEqual(addresses["named"], "127.0.0.1:7000")
        self.assertEqual((await self.nodes[1].ask("DELETE", "/v1/servers/named", **token)).status, 204)

    def test_refused(self) -> None:
        """What matchd's user has no business with is refused, in scripts too (T32)."""
        self.store.ask("SET", "other", "secret")
        connection = BlockingConnection(self.store.path)
        self.addCleanup(connection.close)
        connection.ask("AUTH", "matchd", PASSWORD)
        for command in (
            *(("GET", "other"), ("SET", "other", "x"), ("DEL", "other"), ("KEYS", "*"), ("SCAN", "0"), ("FLUSHALL",)),
            *(("FLUSHDB",), ("CONFIG", "GET", "*"), ("CONFIG", "SET", "dir", "/tmp"), ("DEBUG", "SLEEP", "0")),
            *(("PSUBSCRIBE", "*"), ("SUBSCRIBE", "other"), ("PUBLISH", "other", "x"), ("ACL", "LIST"), ("MONITOR",)),
            *(("SHUTDOWN",), ("REPLICAOF", "127.0.0.1", "1"), ("SAVE",), ("CLIENT", "LIST"), ("SCRIPT", "FLUSH")),
            *(
                ("FUNCTION", "LIST"),
                ("MODULE", "LIST"),
                ("RENAME", "matchd:nodes", "other"),
                ("RESTORE", "other", "0", ""),
            ),
            ("EVAL", "return redis.call('GET', 'other')", "0"),
            ("EVAL", "return redis.call('PUBLISH', 'other', 'x')", "0"),
            ("EVAL", "return redis.call('FLUSHALL')", "0"),
            ("EVAL", "return redis.call('KEYS', 'matchd:*')", "0"),
        ):
            error = str(self.assertRaises(hiredis.ReplyError, connection.ask, *command))
            self.assertRegex(error, "NOPERM|ACL failure", command)

    async def test_servers_token(self) -> None:
        """Who has no token, the wrong one, or no allowed address, registers nothing (T31)."""
        node = self.nodes[0]
        good = {"Authorization": f"Bearer {SERVERS}"}
        for headers, body, status in (
            ({}, b'{"address":"127.0.0.1:7000"}', 401),
            ({"Authorization": "Bearer guess"}, b'{"address":"127.0.0.1:7000"}', 401),
            ({**good, "Origin": "https://evil.example"}, b'{"address":"127.0.0.1:7000"}', 403),
            (good, b'{"address":"169.254.169.254:80"}', 400),
            (good, b'{"address":"10.0.0.1:7000"}', 400),
            (good, b'{"address":"[::1]:7000"}', 400),
        ):
            reply = await node.ask("PUT", "/v1/servers/rogue", body, **headers)
            self.assertEqual(reply.status, status, reply.text)
        self.assertEqual((await node.ask("DELETE", f"/v1/servers/{self.server.server_id}")).status, 401)
        self.assertEqual((await node.ask("GET", "/v1/servers", **good)).status, 401)
        listed = await node.ask("GET", "/v1/servers", Authorization=f"Bearer {OPERATORS}")
        self.assertEqual([server["id"] for server in json.loads(listed.text)["servers"]], [self.server.server_id])
        metrics = (await node.ask("GET", "/metrics", Authorization=f"Bearer {OPERATORS}")).text
        for reason, count in (("unauthorized", 3), ("origin", 1), ("address", 3)):
            self.assertIn(f'matchd_registrations_refused_total{{worker="0",reason="{reason}"}} {count}.0', metrics)

    async def test_nothing_on_the_players_port(self) -> None:
        """What operators are shown is not on the players' port, with their token neither (T27)."""
        token = {"Authorization": f"Bearer {OPERATORS}"}
        for path in ("/metrics", "/admin", "/", "/v1/servers", "/v1/sessions", "/health/live", "/health/ready"):
            for method in ("GET", "PUT", "DELETE"):
                reply = await ask(self.nodes[0].player_port, method, path, **token)
                self.assertEqual(reply.status, 404, path)

    async def test_log_lines(self) -> None:
        """Whatever is in a request, each line of the log is one event, and none commands a terminal (T25)."""
        evil = "\x1b[2J\x1b]0;x\x07\t\x85\u2028{message}%s"
        for node in self.nodes:
            for port in (node.player_port, node.operator_port):
                for path in (f"/{evil}", f"/ws/{evil}", f"/v1/servers/{evil}"):
                    headers = "".join(f"{name}: {evil}\r\n" for name in ("Origin", "User-Agent", "Authorization", "X"))
                    for upgrade in ("", "Upgrade: websocket\r\nConnection: Upgrade\r\n"):
                        await exchange(port, f"PUT {path} HTTP/1.1\r\n{headers}{upgrade}\r\n".encode())
            player = self.player("evil", node.url)
            await player.connect()
            player.client.enqueue(evil, evil, token=evil)
            await player.hear("error")
            await player.client.close()
        text, lines = self.nodes[0].log, self.nodes[1].log
        self.assertTrue(text.replace("\n", "").isprintable())
        self.assertTrue(all(line[:2] == "20" or line.startswith("    ") for line in text.splitlines()))
        self.assertGreater(len([json.loads(line)["message"] for line in lines.splitlines()]), 3)

    async def test_secrets(self) -> None:
        """No secret is on a command line, in a log, in an answer or in an error page (T33)."""
        for token in ("", OPERATORS, SERVERS):
            headers = {"Authorization": f"Bearer {token}"}
            for path in (
                "/",
                "/metrics",
                "/v1/servers",
                "/v1/totals",
                "/v1/invariants",
                "/nowhere",
                f"/v1/sessions?limit={SERVERS}",
            ):
                for node in (*self.nodes, self.alone):
                    reply = await node.ask("GET", path, **headers)
                    self.assert_no_secret(reply.text + repr(reply.headers), path)
        await self.restart_store()
        usage = self.shared.program("matchd", *self.alone.arguments[1:], "--help")
        await usage.ended()
        self.assertIn("--config", usage.log)
        for program in (*self.nodes, self.alone, self.server, usage):
            self.assert_no_secret(program.log + program.complaints, program.folder.name)
        commands = self.command_lines()
        for part in ("matchd.worker", "valkey.sock", "guardian.py", "--token-file"):
            self.assertIn(part, " ".join(commands))
        for command in commands:
            self.assert_no_secret(command, command)

    def command_lines(self) -> list[str]:
        """Those of every process that there is; they may come and go meanwhile."""
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return lines

    def assert_no_secret(self, text: str, where: str) -> None:
        for secret in SECRETS:
            self.assertNotIn(secret, text, where)
