"""A player on aiohttp."""

import asyncio
import json
import sys

from aiohttp import ClientSession


async def play(url: str, player_id: str) -> list[dict[str, object]]:
    """What he heard, up to his match."""
    heard = []
    async with ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_json({"type": "enqueue", "player_id": player_id, "game_mode": "Normal_1v1"})
        async for frame in socket:
            heard.append(frame.json())
            if heard[-1]["type"] == "start_loading":
                session = heard[-1]["loading_session_id"]
                await socket.send_json({"type": "loading_complete", "loading_session_id": session})
            elif heard[-1]["type"] == "match_found":
                break
    return heard


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(play(*sys.argv[1:]))))
