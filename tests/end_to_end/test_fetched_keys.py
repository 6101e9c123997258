"""A real matchd that fetches the keys of players' tokens: rotated, out of reach, wrong, and by TLS."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.error import ConnectError

from tests.support.accounts import SETTINGS, settings_file, token
from tests.support.badservers import ScriptedPort
from tests.support.certificates import authority
from tests.support.fleet import PATIENCE, Node
from tests.support.fleets import FleetCase
from tests.support.network import ScriptedServer, response
from tests.support.tokens import Signer, jwks, signer
from tests.support.valkey import free_port
from tests.support.waiting import eventually


class RotationTests(FleetCase):
    """A key set on a server, whose keys are changed while matchd runs."""

    def provider(self, offered: list[Signer]) -> ScriptedPort:
        """A server with the keys of these; it does not listen yet."""

        def reply(server: ScriptedServer, head: bytes, body: bytes) -> None:
            server.say(response("200 OK", jwks(*offered).encode()))

        provider = ScriptedPort(reply)
        self.later(provider.close)
        return provider

    def node(self, provider: str) -> Node:
        """A node, just started, that believes in the keys there."""
        fleet = self.fleet()
        keys = f'algorithm = "RS256"\njwks_url = "{provider}/jwks.json"\n'
        return fleet.node("--config", settings_file(fleet, "matchd.toml", SETTINGS + keys))

    async def health(self, node: Node) -> tuple[int, Any] | None:
        """What a node says of itself; None before it does."""
        try:
            return await node.health()
        except ConnectError:
            return None

    async def test_rotation(self) -> None:
        """A new key counts as soon as somebody shows a token by it; the server may be gone then."""
        old, new = signer("RS256", "old"), signer("RS256", "new")
        offered = [old]

        provider = self.provider(offered).listen()
        node = await self.node(f"http://{provider.address}").ready()
        await self.player("ada", node.url).enqueue(token=token("ada", old))
        offered.append(new)
        await self.player("bob", node.url).enqueue(token=token("bob", new))
        await provider.close()
        self.assertEqual(provider.asked, ["GET /jwks.json HTTP/1.1"] * 2)
        await self.player("cyd", node.url).enqueue(token=token("cyd", old))

    async def test_no_provider(self) -> None:
        """matchd waits for keys with its door shut, and says why; when they are there it opens."""
        by, port = signer("RS256", "one"), free_port()
        node = self.node(f"http://127.0.0.1:{port}")
        problem = f"auth.jwks_url: http://127.0.0.1:{port}/jwks.json: connection refused"
        await node.logs(f"{problem}; no players are let in before it answers")
        health = await eventually(lambda: self.health(node), bool, PATIENCE)
        self.assertEqual(health, (503, {"status": "unready", "reason": problem}))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", node.player_port)).close()
        self.provider([by]).listen(port=port)
        await node.ready()
        await self.player("ada", node.url).enqueue(token=token("ada", by))

    async def test_stopped_meanwhile(self) -> None:
        """A node that waits for keys ends as it is told to, in order."""
        node = self.node("http://127.0.0.1:1")
        await node.logs("no players are let in before it answers")
        self.assertEqual(await node.stop(), 0)
        self.assertNotIn("Traceback", node.complaints)

    async def test_wrong_keys(self) -> None:
        """What does not pass is a mistake: one line, and matchd does not start."""
        provider = self.provider([signer("ES256", "one")]).listen()
        node = self.node(f"http://{provider.address}")
        self.assertEqual(await node.ended(), 1)
        url = f"http://{provider.address}/jwks.json"
        self.assertIn(f"matchd: auth.jwks_url: {url} holds no key that verifies RS256\n", node.complaints)

    async def test_tls(self) -> None:
        """The server shows a certificate, by an authority that the machine trusts; else its keys are not believed."""
        roots, by = authority(), signer("RS256", "one")
        provider = self.provider([by]).listen(roots.server("localhost"))
        url = f"https://localhost:{provider.address.partition(':')[2]}"
        stranger = self.node(url)
        await stranger.logs(f"auth.jwks_url: {url}/jwks.json: ")
        self.assertEqual(await stranger.stop(), 0)
        trusted = Path(self.mktemp())
        trusted.write_text(roots.pem)
        with mock.patch.dict(os.environ, SSL_CERT_FILE=str(trusted.absolute())):
            node = self.node(url)
        await node.ready()
        await self.player("ada", node.url).enqueue(token=token("ada", by))
