"""Players show their join tokens at the game server, all of it real processes."""

from __future__ import annotations

import json

from tests.support.fleet import Fleet, GameServer, Node
from tests.support.fleets import SharedFleetCase
from tests.support.keys import pair
from tests.support.loopback import ask
from tests.support.operators import Reply


class JoinTokenTests(SharedFleetCase):
    """matchd signs with a private key, `twistd -n dedicated` has the public one."""

    node: Node
    server: GameServer

    @classmethod
    async def launch(cls, fleet: Fleet) -> None:
        store = fleet.valkey()
        private, public = pair("EdDSA")
        for name, key in (("private.pem", private), ("public.pem", public)):
            (fleet.folder / name).write_text(key)
            (fleet.folder / name).chmod(0o600)
        config = fleet.folder / "matchd.toml"
        config.write_text('[join]\nkey_file = "private.pem"\nalgorithm = "EdDSA"\n')
        cls.node = await fleet.node("--config", str(config), "--redis", f"redis://127.0.0.1:{store.port}/0").ready()
        check = ("--join-key-file", str(fleet.folder / "public.pem"), "--join-algorithm", "EdDSA")
        cls.server = await fleet.game_server(cls.node, *check).ready()

    async def join(self, session: str, token: str) -> Reply:
        port = int(self.server.address.rpartition(":")[2])
        return await ask(port, "POST", f"/session/{session}/join", json.dumps({"join_token": token}).encode())

    async def test_everybody_by_his_own(self) -> None:
        """Each player of a match gets in by his token, once; nobody finds it in a log."""
        crowd = self.crowd("join", 2, self.node.url)
        for player in crowd.players:
            await player.enqueue()
        for player in crowd.players:
            await player.drawn()
            player.client.loading_complete()
        for player in crowd.players:
            found = await player.hear("match_found")
            session, token = found["session_id"], found["join_token"]
            reply = await self.join(session, token)
            self.assertEqual(json.loads(reply.text), {"player_id": player.name, "team": found["team"]})
            reply = await self.join(session, token)
            self.assertEqual((reply.status, json.loads(reply.text)), (403, {"error": "join_token: was used before"}))
            for log in (self.node.log, self.server.log):
                self.assertNotIn(token, log)
