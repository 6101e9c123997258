"""The page at ``/`` of the operators' port, in Chromium: its script really runs, and what it shows is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from matchd.operators.access import Access
from matchd.operators.site import site
from tests.support.browser import Browser
from tests.support.fleet import Node
from tests.support.fleets import FleetCase
from tests.support.operators import MadeUpNode
from tests.support.players import Player
from tests.support.waiting import eventually, until

TOKEN = "operators-0123456789-abcdefghijkl"
NONE = "\u2013"
"""The dash that the page shows where there is no figure."""
MODES = """
[modes.Ranked]
teams = [1, 1]

[modes.Duos]
teams = [2, 2]

[modes.constructor]
teams = [3, 3]
"""
TEXT = "document.body.textContent"
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


class BrowserCase(FleetCase):
    """Tests with one browser, which has nothing to complain of."""

    timeout = 200

    def browser(self) -> Browser:
        """A browser that ends with the test."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        browser = Browser(folder)
        self.later(browser.close)
        return browser

    async def well(self, browser: Browser) -> None:
        """The page shows nothing that is no text, and the browser has kept it from nothing."""
        text = await browser.value(TEXT)
        for nonsense in ("[object", "undefined", "NaN", "null", "function"):
            self.assertNotIn(nonsense, text.partition('"use strict"')[0])
        self.assertEqual(browser.complaints, [])


class LivePageTests(BrowserCase):
    """A service in which players are everywhere."""

    async def service(self) -> tuple[Node, list[Player]]:
        """A node with a token: two players are matched, two load, three wait and one waits in another mode."""
        fleet = self.fleet()
        token = fleet.file("token", TOKEN)
        config = fleet.file("matchd.toml", f'operator_token_file = "{token}"\n{MODES}')
        node = await fleet.node("--config", config).ready()
        body = b'{"address":"127.0.0.1:9","capacity":7,"sessions":0,"region":"eu"}'
        reply = await node.ask("PUT", "/v1/servers/eu-1", body, Authorization=f"Bearer {TOKEN}")
        self.assertEqual(reply.status, 200, reply.text)
        wishes = [("l0", "Ranked"), ("l1", "Ranked"), *((f"d{i}", "Duos") for i in range(3)), ("c", "constructor")]
        players = [await self.player(name, node.url, mode=mode).enqueue() for name, mode in wishes]
        for player in players[:2]:
            await player.drawn()
        return node, players

    async def test_figures(self) -> None:
        """Every figure is that of the JSON: queues and their sum, players by place, servers, sessions."""
        node, _ = await self.service()
        browser = self.browser()
        await browser.open(f"http://127.0.0.1:{node.operator_port}/")
        await self.log_in(browser)
        said = {path: await self.get(node, path) for path in ("modes", "totals", "servers", "sessions")}
        await browser.shows("document.querySelector('#queues tfoot td:last-child')?.textContent", "4")
        self.assertEqual(await browser.table("queues"), self.queues(said["modes"], said["totals"]))
        self.assertEqual((await browser.table("queues"))[-1], ["all modes, all nodes", "", "", "4"])
        players, sessions = said["totals"]["players"], said["totals"]["sessions"]
        figures = [4, players["away"], 2, sessions["loading"], sessions["allocating"], players["matched"]]
        self.assertEqual(figures, [4, 0, 2, 1, 0, 0])
        self.assertEqual((await browser.table("players"))[1], [str(figure) for figure in figures])
        (server,), (session,) = said["servers"]["servers"], said["sessions"]["sessions"]
        shown = (await browser.table("servers"))[1]
        self.assertEqual(shown[:5], [server["id"], server["address"], server["region"], server["status"], "0 of 7"])
        shown = (await browser.table("sessions"))[1]
        self.assertEqual(shown[:5], [session["id"], "Ranked", "loading", "l0: loading, l1: loading", NONE])
        await self.check(browser)
        await self.well(browser)

    async def log_in(self, browser: Browser) -> None:
        """The page asks for the token, and says when it is a wrong one."""
        hidden = "[...['login', 'main', 'wrong']].map(id => document.getElementById(id).hidden)"
        await browser.shows(hidden, [False, True, True])
        for token, then in (("guessed", [False, True, False]), (TOKEN, [True, False, True])):
            typed = f"document.getElementById('token').value = {json.dumps(token)}"
            await browser.value(f"{typed}; document.querySelector('#login button').click()")
            await browser.shows(hidden, then)
        await browser.shows("document.getElementById('ready').textContent", "ready")

    async def check(self, browser: Browser) -> None:
        """Contradictions are looked for when the operator asks for it."""
        note = "document.getElementById('contradictions').closest('section').querySelector('small').textContent"
        self.assertEqual(await browser.value(note), "not looked for yet")
        await browser.value("document.getElementById('check').click()")
        await eventually(lambda: browser.value(note), lambda text: text.startswith("none at "))

    def queues(self, modes: Any, totals: Any) -> list[list[str]]:
        """The table of queues as it has to be."""
        queued = totals["players"]["queued"]
        rows = [
            [m["name"], " v ".join(map(str, m["teams"])), m["order"], str(queued[m["name"]])] for m in modes["modes"]
        ]
        sum_of_all = ["all modes, all nodes", "", "", str(sum(queued.values()))]
        return [["mode", "teams", "order", "queued"], *rows, sum_of_all]

    async def get(self, node: Node, path: str) -> Any:
        """What the port answers to an operator."""
        return json.loads((await node.ask("GET", f"/v1/{path}", Authorization=f"Bearer {TOKEN}")).text)


class Hostile(MadeUpNode):
    """A node where everything is called as somebody would who wants to get into the page."""

    censuses = 0

    def ready(self) -> str | None:
        return EVIL

    async def modes(self) -> list[dict[str, Any]]:
        return [{"name": EVIL, "teams": [1, 1], "order": EVIL, "players": {"queued": 3}}]

    async def totals(self) -> dict[str, Any]:
        queued = {EVIL: 3, "__proto__": 4, "constructor": 5}
        return {
            "players": {"queued": queued, "away": 1, "in_sessions": 2, "matched": 6},
            "sessions": {"loading": 1, "allocating": 0},
        }

    async def servers(self) -> list[dict[str, Any]]:
        row = {"id": EVIL, "address": EVIL, "status": EVIL, "region": EVIL, "sessions": 2, "heartbeat_age_s": 1}
        return [row | {"capacity": 4}, row | {"capacity": None}]

    async def sessions(self, limit: int) -> list[dict[str, Any]]:
        return [{"id": EVIL, "mode": EVIL, "state": EVIL, "players": {EVIL: EVIL}, "age_s": 2, "server": EVIL}]

    async def invariants(self) -> dict[str, Any]:
        self.censuses += 1
        return {"players": {"queued": {EVIL: 3}}, "contradictions": [EVIL]}


class HostileNamesTests(BrowserCase):
    """Names are shown, and nothing more."""

    async def test_names_are_text(self) -> None:
        """Markup in any name is shown as it is written; the census is taken when it is asked for, and then once."""
        node = Hostile()
        port = reactor.listenTCP(0, site(node, Access(), reactor), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        browser = self.browser()
        await browser.open(f"http://127.0.0.1:{port.getHost().port}/")
        await browser.shows("document.querySelector('#queues tfoot td:last-child')?.textContent", "12")
        self.assertEqual(
            await browser.table("queues"),
            [
                ["mode", "teams", "order", "queued"],
                [EVIL, "1 v 1", EVIL, "3"],
                ["__proto__", NONE, NONE, "4"],
                ["constructor", NONE, NONE, "5"],
                ["all modes, all nodes", "", "", "12"],
            ],
        )
        self.assertEqual((await browser.table("players"))[1], ["12", "1", "2", "1", "0", "6"])
        rows = await browser.table("servers")
        self.assertEqual([row[4] for row in rows], ["slots taken", "2 of 4", "2, always free"])
        self.assertEqual((await browser.table("sessions"))[1], [EVIL, EVIL, EVIL, f"{EVIL}: {EVIL}", EVIL, "2.0 s"])
        self.assertEqual(node.censuses, 0)
        await browser.value("document.getElementById('check').click()")
        await browser.shows("document.getElementById('contradictions').textContent", EVIL)
        self.assertEqual(
            await browser.value("[document.images.length, document.scripts.length, document.title]"), [0, 1, "matchd"]
        )
        self.assertEqual(node.censuses, 1)
        await self.well(browser)
        await until(lambda: not port.factory.connections)
