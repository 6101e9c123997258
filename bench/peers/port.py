"""The same flow on asyncio: websockets, redis.asyncio and aiohttp on uvloop, each used as its documentation shows.

A subscription for each player, a command a step, a script only where two players may otherwise both believe that
they were the last; a tick of 0.1 s draws. ``python -m bench.peers.port PORT REDIS_PORT GAME_SERVER``. Like
``literal.py`` it loses players when anything dies.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from typing import Any

import aiohttp
import redis.asyncio as redis
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

TICK = 0.1
MODE = "Game"

READY = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
redis.call('HSET', KEYS[1], ARGV[1], 'ready')
local players = {}
for i, value in ipairs(redis.call('HGETALL', KEYS[1])) do
  if i % 2 == 1 then players[#players + 1] = value
  elseif value ~= 'ready' then return {} end
end
redis.call('DEL', KEYS[1])
return players
"""


class Port:
    """What all players share: connections to Redis, one session for HTTP, and the tick."""

    def __init__(self, redis_port: int, game_server: str) -> None:
        pool = redis.BlockingConnectionPool(host="127.0.0.1", port=redis_port, max_connections=20, timeout=30)
        self.redis: Any = redis.Redis(connection_pool=pool)
        self.listening: Any = redis.Redis(host="127.0.0.1", port=redis_port, max_connections=100_000)
        self._ready = self.redis.register_script(READY)
        self._game_server = f"http://{game_server}/session/create"

    async def run(self, port: int) -> None:
        """Serve players until the process ends."""
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as self._http,
            serve(self.player, "127.0.0.1", port, compression=None, backlog=4096),
        ):
            while True:
                await asyncio.sleep(TICK)
                await self.draw()

    async def draw(self) -> None:
        """Take pairs from the queue until there is none."""
        while len(pair := await self.redis.spop(f"queue:{MODE}", 2)) == 2:
            players, session = [player.decode() for player in pair], str(uuid.uuid4())
            await self.redis.hset(f"loading:{session}", mapping=dict.fromkeys(players, "loading"))
            for player in players:
                await self.tell(player, type="start_loading", loading_session_id=session)
        if pair:
            await self.redis.sadd(f"queue:{MODE}", *pair)

    async def tell(self, player: str, **message: Any) -> None:
        """Publish a message for a player."""
        await self.redis.publish(f"notifications:{player}", json.dumps(message))

    async def player(self, connection: ServerConnection) -> None:
        """One player's socket, from the first word to the last."""
        name, hearing, listening = "", None, None
        try:
            async for text in connection:
                message = json.loads(text)
                if message["type"] == "enqueue":
                    name = message["player_id"]
                    hearing = self.listening.pubsub(ignore_subscribe_messages=True)
                    await hearing.subscribe(f"notifications:{name}")
                    listening = asyncio.create_task(_pass_on(hearing, connection))
                    await self.redis.sadd(f"queue:{message['game_mode']}", name)
                    await self.tell(name, type="queued")
                elif message["type"] == "loading_complete":
                    await self._loaded(message["loading_session_id"], name)
        except ConnectionClosed:
            pass
        finally:
            if listening is not None and hearing is not None:
                listening.cancel()
                await hearing.aclose()
            if name:
                await self.redis.srem(f"queue:{MODE}", name)

    async def _loaded(self, session: str, player: str) -> None:
        players = [name.decode() for name in await self._ready(keys=[f"loading:{session}"], args=[player])]
        if players:
            wanted = {"players": players, "game_mode": MODE, "loading_session_id": session}
            async with self._http.post(self._game_server, json=wanted) as answer:
                game = await answer.json()
            for name in players:
                await self.tell(name, type="match_found", **game)


async def _pass_on(hearing: Any, connection: ServerConnection) -> None:
    async for heard in hearing.listen():
        await connection.send(heard["data"].decode())


if __name__ == "__main__":
    uvloop.run(Port(int(sys.argv[2]), sys.argv[3]).run(int(sys.argv[1])))
