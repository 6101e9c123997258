"""Game servers that answer late, wrongly, elsewhere, without end, or not at all: players hardly notice."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from twisted.internet import reactor
from twisted.logger import Logger

from tests.support.badservers import ScriptedPort, after, made
from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import FleetCase, SharedFleetCase
from tests.support.network import Script, ScriptedServer, always, response
from tests.support.players import Crowd
from tests.support.valkey import free_port
from tests.support.waiting import until

log = Logger()

SETTINGS = """
[matchmaking]
allocation_timeout = 0.5
"""

ANSWER = b'{"session_id":"g","server_address":"127.0.0.1:7000"}'


def break_off(server: ScriptedServer) -> None:
    """Answer, but for the end."""
    server.say(response("200 OK", ANSWER)[:-9])
    server.hang_up()


WRONG: dict[str, Script] = {
    "an error": always(response("500 Internal Server Error", b"something broke here")),
    "no room": always(response("503 Service Unavailable")),
    "no such page": always(response("404 Not Found")),
    "no JSON": always(response("200 OK", b"<html>It works!</html>")),
    "nothing": always(response("204 No Content")),
    "no session": always(response("200 OK", b'{"server_address":"127.0.0.1:7000"}')),
    "no address": always(response("200 OK", b'{"session_id":"g"}')),
    "an address that is none": always(response("200 OK", b'{"session_id":"g","server_address":"over there"}')),
    "a number for a session": always(response("200 OK", b'{"session_id":7,"server_address":"127.0.0.1:7000"}')),
    "an address that is guarded": always(response("200 OK", ANSWER.replace(b"127.0.0.1", b"0xa9fea9fe"))),
    "half an answer": lambda server, head, body: break_off(server),
    "no HTTP": always(b"220 mail.example ESMTP\r\n"),
    "headers without end": always(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000),
    "a body without end": always(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 500_000 + ANSWER),
    "silence": lambda server, head, body: None,
    "silence after the headers": always(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"),
    "a closed door": lambda server, head, body: server.hang_up(),
    "an answer that is late": after(0.8, always(response("200 OK", ANSWER))),
}


LARGE = 20_000_000
CHUNK = b"1000\r\n" + b" " * 4096 + b"\r\n"
BOMBS: dict[str, Script] = {
    "a body": always(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * LARGE + ANSWER),
    "a long body": always(response("200 OK", b" " * LARGE + ANSWER)),
    "chunks": always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK * 5000),
    "headers": always(b"HTTP/1.1 200 OK\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyy\r\n" * (LARGE // 26)),
    "one header": always(b"HTTP/1.1 200 OK\r\nX: " + b"y" * LARGE),
    "packed": always(response("200 OK", gzip.compress(b" " * 10 * LARGE), "Content-Encoding: gzip")),
    "a status": always(b"HTTP/1.1 200 " + b"y" * LARGE),
}


def peak_memory(node: Node) -> int:
    """The most bytes that the process ever had in memory."""
    text = Path(f"/proc/{node.child.pid}/status").read_text()
    return 1024 * int(text.partition("VmHWM:")[2].split()[0])


class Servers:
    """Puts game servers of the test process on the list of a node, and takes them off it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._listed: dict[str, str] = {}

    async def put(self, server_id: str, address: str, capacity: int) -> None:
        """One that is on the list for 15 s."""
        body = json.dumps({"address": address, "capacity": capacity, "sessions": 0}).encode()
        reply = await self._node.ask("PUT", f"/v1/servers/{server_id}", body)
        assert reply.status == 200, reply.text
        self._listed[server_id] = address

    async def clear(self) -> None:
        """None is on the list any more."""
        for server_id in self._listed:
            await self._node.ask("DELETE", f"/v1/servers/{server_id}")
        self._listed = {}


class BadGameServerTests(SharedFleetCase):
    """Bad servers and good ones, on the list of one node; the bad ones have more room, and so are asked first."""

    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        store, config = fleet.valkey(), fleet.file("matchd.toml", SETTINGS)
        cls.node = await fleet.node("--redis", f"redis://127.0.0.1:{store.port}", "--config", config).ready()

    async def setUp(self) -> None:
        await super().setUp()
        self.servers = Servers(self.node)
        self.later(self.servers.clear)

    async def settle(self) -> None:
        """Nothing contradicts itself."""
        self.assertEqual((await self.node.get("/v1/invariants"))["contradictions"], [])

    def port(self, script: Script) -> ScriptedPort:
        """A game server that listens."""
        port = ScriptedPort(script).listen()
        self.later(port.close)
        return port

    async def loaded(self, name: str) -> Crowd:
        """Two players who have been drawn and have loaded."""
        crowd = self.crowd(name.replace(" ", "-").replace("'", ""), 2, self.node.url)
        for player in crowd.players:
            await player.enqueue()
        for player in crowd.players:
            await player.drawn()
        for player in crowd.players:
            player.client.loading_complete()
        return crowd

    async def test_the_next_one_is_used(self) -> None:
        """Whatever the first server answers, the second one is asked, and the players notice nothing but the time."""
        good = self.port(made("127.0.0.1:7001"))
        for number, (what, script) in enumerate(WRONG.items()):
            bad = self.port(script)
            await self.servers.put("good", good.address, 1)
            await self.servers.put(f"bad-{number}", bad.address, 1000)
            began = reactor.seconds()
            crowd = await self.loaded(what)
            for player in crowd.players:
                self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7001", what)
                self.assertEqual(player.told, ["queued", "start_loading", "match_found"], what)
            self.took(f"match_found in spite of {what}", reactor.seconds() - began)
            self.assertEqual(len(bad.wanted), 1, what)
            self.assertEqual(bad.wanted[0], good.wanted[-1], "both have to be asked for the same")
            await crowd.leave()
            await self.servers.clear()

    async def test_bombs(self) -> None:
        """Twenty megabytes of body, of headers, of packed nothing: hardly any of it is ever in memory (T30)."""
        good = self.port(made("127.0.0.1:7009"))
        await self.servers.put("good", good.address, 10)
        for player in (warm := await self.loaded("warm")).players:
            await player.hear("match_found")
        await warm.leave()
        before = peak_memory(self.node)
        for number, (what, script) in enumerate(BOMBS.items()):
            await self.servers.put(f"bomb-{number}", self.port(script).address, 1000)
            await self.servers.put("good", good.address, 10)
            crowd = await self.loaded(what)
            for player in crowd.players:
                self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7009", what)
            await crowd.leave()
            await self.node.ask("DELETE", f"/v1/servers/bomb-{number}")
        grown = peak_memory(self.node) - before
        log.info("measured: bombs: {grown} bytes", grown=grown)
        self.assertLess(grown, LARGE // 5)

    async def test_back_to_the_queue(self) -> None:
        """When no server takes them, the players are back in the queue, and are matched once a good one comes."""
        bad = self.port(WRONG["no room"])
        await self.servers.put("full", bad.address, 1000)
        crowd = await self.loaded("unlucky")
        for player in crowd.players:
            self.assertEqual((await player.hear("requeued"))["reason"], "allocation_failed")
        self.assertEqual(await self.node.queued(), 2)
        await self.servers.put("fine", self.port(made("127.0.0.1:7002")).address, 4)
        for player in crowd.players:
            await player.drawn()
        for player in crowd.players:
            player.client.loading_complete()
        for player in crowd.players:
            self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7002")

    async def test_three_times_in_all(self) -> None:
        """Three servers are tried, the most roomy first; then the players go back, and the fourth has its turn."""
        ports = [self.port(WRONG["an error"]) for _ in range(3)]
        good = self.port(made("127.0.0.1:7003"))
        for number, port in enumerate(ports):
            await self.servers.put(f"bad-{number}", port.address, 10 + number)
        await self.servers.put("good", good.address, 1)
        crowd = await self.loaded("third-time")
        for player in crowd.players:
            self.assertEqual((await player.hear("requeued"))["reason"], "allocation_failed")
        self.assertEqual([len(port.wanted) for port in ports], [1, 1, 1])
        for player in crowd.players:
            await player.drawn()
        for player in crowd.players:
            player.client.loading_complete()
        for player in crowd.players:
            self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7003")

    async def test_redirect(self) -> None:
        """A redirect is not followed, wherever it points: not to another host, not back to matchd."""
        target = self.port(made("127.0.0.1:7666"))
        bad = self.port(
            always(response("307 Temporary Redirect", b"", f"Location: http://{target.address}/session/create"))
        )
        await self.servers.put("elsewhere", bad.address, 1000)
        await self.servers.put("good", self.port(made("127.0.0.1:7004")).address, 1)
        crowd = await self.loaded("redirected")
        for player in crowd.players:
            self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7004")
        self.assertEqual((len(bad.wanted), target.requests), (1, []))

    async def test_no_session_is_left_over(self) -> None:
        """A server that answered too late has a session that nobody plays: it is asked to end it."""
        late = self.port(after(0.8, made("127.0.0.1:7005")))
        await self.servers.put("late", late.address, 1000)
        await self.servers.put("good", self.port(made("127.0.0.1:7006")).address, 1)
        crowd = await self.loaded("orphan")
        for player in crowd.players:
            self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7006")
        session = late.wanted[0]["loading_session_id"]
        began = reactor.seconds()
        await until(lambda: f"DELETE /session/{session} HTTP/1.1" in late.asked, PATIENCE)
        self.took("the server is asked to end what it made too late", reactor.seconds() - began)

    async def test_nobody_listens(self) -> None:
        """A server that is on the list and not there any more costs nobody his match."""
        await self.servers.put("gone", f"127.0.0.1:{free_port()}", 1000)
        await self.servers.put("good", self.port(made("127.0.0.1:7007")).address, 1)
        crowd = await self.loaded("nobody")
        for player in crowd.players:
            self.assertEqual((await player.hear("match_found"))["server_address"], "127.0.0.1:7007")


class FixedGameServerTests(FleetCase):
    """Game servers that are named on the command line, and send no heartbeats."""

    async def test_one_of_two(self) -> None:
        """Of two with `--dedicated` the one that is not there is skipped, also by the next players."""
        port = ScriptedPort(made("127.0.0.1:7008")).listen()
        self.later(port.close)
        gone = f"127.0.0.1:{free_port()}"
        node = await self.fleet().node("--dedicated", gone, "--dedicated", port.address).ready()
        for name in ("first", "second"):
            crowd = self.crowd(name, 6, node.url)
            self.assertEqual([len(players) for players in (await crowd.play()).values()], [2] * 3)
        self.assertEqual(len(port.wanted), 6)
        self.assertEqual((await node.get("/v1/invariants"))["contradictions"], [])
