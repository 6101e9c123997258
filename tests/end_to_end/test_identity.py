"""Tokens of players against a real matchd: every way in, everything that is refused, and what the log has of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.accounts import BY_SECRET, settings_file, token
from tests.support.fleet import PATIENCE, Fleet, Node
from tests.support.fleets import FleetCase, SharedFleetCase
from tests.support.interop import Interop
from tests.support.keys import SECRET
from tests.support.talking import Talk, exchange, talking
from tests.support.tokens import Signer
from tests.support.waiting import eventually, until
from tests.support.wire import frame, request

BROWSER = ["matchd"]


def wish(player_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "enqueue", "player_id": player_id, "game_mode": "Normal_1v1", **fields}


class OneNode(SharedFleetCase):
    """A node with a game server, for players with tokens; at the end nobody is in its queue."""

    node: Node

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        cls.node = await fleet.node("--config", settings_file(fleet, "matchd.toml", BY_SECRET)).ready()
        await fleet.game_server(cls.node).ready()

    async def settle(self) -> None:
        await eventually(self.node.queued, lambda waiting: waiting == 0)

    def assert_refused(self, talk: Talk, why: str) -> None:
        heard = talk.hear()
        self.assertEqual((heard["code"], heard["message"]), ("unauthorized", why))
        self.assertEqual(talk.closed(), 4003)


class T02IdentityTests(Interop, OneNode):
    """Who plays as whom."""

    timeout = 200

    def test_t02_every_way_in(self) -> None:
        """By the header, by a sub-protocol as a browser does it, and in the first message; all the way to a match."""
        url, protocols = self.node.url, [*BROWSER, f"bearer.{token('bob')}"]
        with (
            talking(url, additional_headers={"Authorization": f"Bearer {token('ada')}"}) as ada,
            talking(url, subprotocols=protocols) as bob,
            talking(url) as cyd,
            talking(url) as dan,
        ):
            everybody = {"ada": ada, "bob": bob, "cyd": cyd, "dan": dan}
            for name, talk in everybody.items():
                talk.tell(**wish(name, **({"token": token(name)} if name in ("cyd", "dan") else {})))
                self.assertEqual(talk.hear()["type"], "queued", name)
            for talk in everybody.values():
                talk.tell(type="loading_complete", loading_session_id=talk.hear()["loading_session_id"])
            self.assertEqual([talk.hear()["type"] for talk in everybody.values()], ["match_found"] * 4)

    async def test_t02_client(self) -> None:
        """The test client, with a file of tokens."""
        fleet = self._home.shared
        assert fleet is not None
        tokens = fleet.file("tokens", f"{token('ada')}\n{token('bob')}\n")
        child = fleet.client("--url", self.node.url, "--loading", "0.1", "--token-file", tokens)
        await until(lambda: child.status is not None, PATIENCE)
        self.assertEqual((child.status, child.stderr), (0, ""), child.stdout)
        self.assertIn("2 of 2 players matched", child.stdout)

    async def test_t02_page(self) -> None:
        """A page in a real browser, whose players show their tokens as sub-protocols."""
        players = "page-1", "page-2"
        self.assert_matched(await self.browse(self.node.url, *players, tokens=tuple(map(token, players))))

    def test_t02_browser(self) -> None:
        """The server agrees to ``matchd`` alone, and says nothing of the token."""
        protocols = ", ".join([*BROWSER, f"bearer.{token('ada')}"])
        opening = request("/ws/", f"Sec-WebSocket-Protocol: {protocols}")
        answer = exchange(self.node.player_port, opening + frame(b"\x03\xe8", opcode=8))
        self.assertIn(b"\r\nSec-WebSocket-Protocol: matchd\r\n", answer)
        self.assertNotIn(b"bearer", answer)

    async def test_t02_refused(self) -> None:
        """Whoever is not who he says is told why, and cut (4003); the queue stays empty."""
        forged = Signer("ES256").token("ada", exp=time.time() + 600)
        url = self.node.url
        for shown, why in (
            (None, "token: missing"),
            (token("eve"), "player_id: the token is somebody else's"),
            (forged, "token: is not signed by HS256"),
            (token("ada", exp=time.time() - 1), "token: has expired"),
            (token("ada", aud="another"), "token: is for another audience"),
            (token("ada", iss="https://evil.example"), "token: is of another issuer"),
        ):
            with talking(url) as talk:
                talk.tell(**wish("ada", **({"token": shown} if shown else {})))
                self.assert_refused(talk, why)
        for options in (
            {"additional_headers": {"Authorization": f"Bearer {forged}"}},
            {"subprotocols": [*BROWSER, f"bearer.{forged}"]},
        ):
            with talking(url, **options) as talk:
                self.assert_refused(talk, "token: is not signed by HS256")
        with talking(f"{url}?token={token('ada')}") as talk:
            talk.tell(**wish("ada"))
            self.assert_refused(talk, "token: missing")
        counted = await self.node.get("/v1/invariants")
        self.assertEqual((counted["players"]["queued"]["Normal_1v1"], counted["contradictions"]), (0, []))


class T03LogTests(OneNode):
    """Where tokens must not turn up."""

    def test_t03_no_token_in_any_log(self) -> None:
        """Twenty-four ways in which something goes wrong while a token is about: the log has no piece of one."""
        good, bad = token("ada"), token("ada", exp=1)
        port, url = self.node.player_port, self.node.url
        for each in (good, bad):
            header, protocol = f"Authorization: Bearer {each}", f"Sec-WebSocket-Protocol: matchd, bearer.{each}"
            end = frame(b"\x03\xe8", opcode=8)
            for opening in (
                request(f"/ws/?token={each}") + end,
                request(f"/ws/?token={each}", "Origin: null") + end,
                request(f"/{each}"),
                request(f"/ws/{each}"),
                request("/ws/", header) + b"\xff\xff",
                request("/ws/", header) + frame(b"nonsense") + end,
                request("/ws/", header, header) + end,
                request("/ws/", header, "Sec-WebSocket-Key: x"),
                request("/ws/", protocol) + frame(each.encode()) + end,
                request("/ws/", protocol, protocol) + end,
                request("/ws/", f"Sec-WebSocket-Protocol: bearer.{each}, bearer.{each}"),
                f"GET /ws/?token={each} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode(),
            ):
                self.assertTrue(exchange(port, opening))
        with talking(url) as talk:
            talk.tell(**wish("eve", token=good))
            self.assert_refused(talk, "player_id: the token is somebody else's")
        for piece in {*good.split("."), *bad.split("."), SECRET}:
            self.assertNotIn(piece, self.node.log + self.node.complaints)
        self.assertNotIn(SECRET, Path(f"/proc/{self.node.child.pid}/cmdline").read_text())


class T04ExpiryTests(OneNode):
    """A token that runs out while its player waits."""

    def test_t04_in_time_and_too_late(self) -> None:
        """He is asked for a new one; with that he stays, without he is cut and out of the queue."""
        with talking(self.node.url) as talk:
            talk.tell(**wish("ada", token=token("ada", exp=time.time() + 1)))
            self.assertEqual([talk.hear()["type"], talk.hear()["code"]], ["queued", "token_expired"])
            talk.tell(type="resume", player_id="ada", token=token("ada", exp=time.time() + 1))
            self.assertEqual([talk.hear()["type"], talk.hear()["code"]], ["queued", "token_expired"])
            self.assert_refused(talk, "token: has expired, and no new one came")


class InsecureTests(FleetCase):
    """A player port that other machines reach, without tokens."""

    async def test_it_says_so(self) -> None:
        """A warning in the log says what that means; on loopback there is nothing to say."""
        fleet = self.fleet()
        anywhere = "tcp:0:interface=0.0.0.0"
        exposed = fleet.program("matchd", "--listen", anywhere, "--http", "none", "--insecure")
        local = await fleet.node("--insecure").ready()
        await exposed.logs("players: ws://")
        why = f"insecure: players are not authenticated, whoever reaches {anywhere} plays under any name"
        self.assertRegex(exposed.log, rf"(?m)^\S+ warn .*{why}$")
        self.assertNotIn("insecure", local.log)


class WorkersTests(FleetCase):
    """Several processes, each of which has to know the key."""

    async def test_every_process(self) -> None:
        """Players on all of them show who they are; the key is in no command line and no log (T33)."""
        fleet = self.fleet()
        path = settings_file(fleet, "matchd.toml", f"workers = 3\n{BY_SECRET}")
        node = await fleet.node("--config", path).ready()
        await fleet.game_server(node, "--capacity", "20").ready()
        await until(lambda: node.log.count("players: ws://") == 3, PATIENCE)
        names = [f"p{number}" for number in range(24)]
        players = [await self.player(name, node.url).enqueue(token=token(name)) for name in names]
        for player in players:
            await player.hear("start_loading")
        stranger = self.client()
        await stranger.connect(node.url)
        stranger.enqueue("p1", token=token("p2"))
        await until(lambda: stranger.closed, PATIENCE)
        self.assertEqual(stranger.closed_code, 4003)
        commands = [entry.read_bytes() for entry in Path("/proc").glob("[0-9]*/cmdline") if entry.exists()]
        self.assertEqual([command for command in commands if SECRET.encode() in command], [])
        self.assertNotIn(SECRET, node.log + node.complaints)
