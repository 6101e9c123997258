"""The settings for real players that the README shows, filled in and used: every lock in them is locked, and opens."""

from __future__ import annotations

import json
import re
import ssl
import time
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectError
from websockets.exceptions import InvalidMessage

from tests.end_to_end.test_restricted_store import ADMIN, OPERATORS, PASSWORD, SERVERS, acl_file
from tests.support.certificates import Authority, authority
from tests.support.documents import Document
from tests.support.fleet import PATIENCE, Fleet, Program, endpoint
from tests.support.fleets import SharedFleetCase
from tests.support.keys import SECRET
from tests.support.loopback import ask
from tests.support.talking import Talk, talking
from tests.support.tokens import Signer, signer
from tests.support.valkey import free_port
from tests.support.waiting import eventually

SETTINGS = Document.read("README.md").section("Run it for real players").code("toml")[0]


class RealPlayersTests(SharedFleetCase):
    """TLS before players and the store, tokens of operators and game servers, a store's user: as the README has it."""

    authority: Authority
    program: Program
    players: int
    operators: int
    games: int

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        """Everything that the settings name is made."""
        cls.authority = authority()
        cls.players, cls.operators, cls.games, encrypted = free_port(), free_port(), free_port(), free_port()
        store = fleet.valkey("--aclfile", fleet.file("users.acl", acl_file()), user="admin", password=ADMIN)
        key, certificate = cls.authority.issue("localhost")
        for name, content in {
            "key.pem": key, "cert.pem": certificate, "redis-ca.pem": cls.authority.pem, "redis.password": PASSWORD,
            "operator.token": OPERATORS, "servers.token": SERVERS, "join.key": SECRET,
            "accounts.pem": signer("ES256").verifying,
        }.items():  # fmt: skip
            Path(fleet.file(name, content)).chmod(0o600)
        own = f"privateKey={fleet.folder}/key.pem:certKey={fleet.folder}/cert.pem:interface=127.0.0.1"
        inside = ("--host", "127.0.0.1", "--dest_port", str(store.port))
        proxy = fleet.program("portforward", "--port", f"ssl:{encrypted}:{own}", *inside)
        await proxy.logs("starting on")
        settings = SETTINGS
        for shown, real in {
            "ssl:8443": f"ssl:{cls.players}", "tcp:8081:interface=10.0.0.5": endpoint(cls.operators),
            "redis.internal:6379": f"localhost:{encrypted}", "10.0.0.0/8": "127.0.0.1", "7000-7999": str(cls.games),
            "/etc/matchd": str(fleet.folder),
        }.items():  # fmt: skip
            assert shown in settings, shown
            settings = settings.replace(shown, real)
        cls.program = fleet.program("matchd", "--config", fleet.file("matchd.toml", settings))
        await eventually(cls.status, lambda status: status == 200, PATIENCE)
        secrets = (
            "--token-file",
            str(fleet.folder / "servers.token"),
            "--join-key-file",
            str(fleet.folder / "join.key"),
        )
        home = f"http://127.0.0.1:{cls.operators}"
        server = fleet.program("dedicated", "--matchd", home, "--listen", endpoint(cls.games), *secrets)
        await server.logs("registered with")

    @classmethod
    async def status(cls, path: str = "/health/ready", **headers: str) -> int:
        """What the operators' port answers."""
        try:
            return (await ask(cls.operators, "GET", path, **headers)).status
        except ConnectError:
            assert cls.program.child.status is None, cls.program.complaints
            return 0

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.players}/ws/"

    def talk(self, roots: Authority | None = None) -> Any:
        """A connection of a player who believes in these roots."""
        trusted = ssl.create_default_context(cadata=(roots or self.authority).pem)
        return talking(self.url, ssl=trusted)

    async def test_players_are_matched(self) -> None:
        """Over TLS, on a server that has registered with its token, and lets each of them in by his own."""
        with self.talk() as one, self.talk() as two:
            for talk, player_id in ((one, "ada"), (two, "bob")):
                self.assertEqual(self.enqueue(talk, player_id)["type"], "queued")
            for talk in (one, two):
                talk.tell(type="loading_complete", loading_session_id=talk.hear()["loading_session_id"])
            told = [one.hear(), two.hear()]
        self.assertEqual([message["type"] for message in told], ["match_found"] * 2, told)
        self.assertEqual(len({message["session_id"] for message in told}), 1)
        for player_id, match in zip(("ada", "bob"), told, strict=True):
            shown = json.dumps({"join_token": match["join_token"]}).encode()
            reply = await ask(self.games, "POST", f"/session/{match['session_id']}/join", shown)
            self.assertEqual(json.loads(reply.text), {"player_id": player_id, "team": match["team"]})

    def enqueue(self, talk: Talk, player_id: str) -> dict[str, Any]:
        token = signer("ES256").token(player_id, exp=time.time() + 600)
        wish = {"type": "enqueue", "player_id": player_id, "game_mode": "Duel", "token": token}
        return talk.answer(json.dumps(wish))

    def test_nobody_plays_without_a_token(self) -> None:
        """Nor with one of somebody else's making (T2)."""
        forged = Signer("ES256").token("ada", exp=time.time() + 600)
        for shown in ({}, {"token": forged}):
            with self.talk() as talk:
                talk.tell(type="enqueue", player_id="ada", game_mode="Duel", **shown)
                self.assertEqual(talk.hear()["code"], "unauthorized")
                self.assertEqual(talk.closed(), 4003)

    def test_nobody_listens_in(self) -> None:
        """Who speaks without TLS is not answered; who does not know the certificate does not speak (T34)."""
        with self.assertRaises(InvalidMessage), talking(self.url.replace("wss:", "ws:")):
            pass
        with self.assertRaises(ssl.SSLCertVerificationError), self.talk(authority()):
            pass

    async def test_operators_have_a_token(self) -> None:
        """Nothing but health is told to anybody else, and the servers' token opens none of it."""
        self.assertEqual(await self.status("/v1/invariants"), 401)
        self.assertEqual(await self.status("/v1/invariants", Authorization=f"Bearer {SERVERS}"), 401)
        self.assertEqual(await self.status("/v1/invariants", Authorization=f"Bearer {OPERATORS}"), 200)

    def test_nothing_to_warn_of(self) -> None:
        """matchd has no word to say against these settings."""
        warnings = re.findall(r"^\S+ (?:warn|error|critical) .*$", self.program.log, re.MULTILINE)
        self.assertEqual(warnings, [])
