"""A player on the ``websockets`` package."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def play(url: str, player_id: str) -> list[dict[str, object]]:
    """What he heard, up to his match."""
    heard = []
    async with connect(url, proxy=None) as socket:
        await socket.send(json.dumps({"type": "enqueue", "player_id": player_id, "game_mode": "Normal_1v1"}))
        async for frame in socket:
            heard.append(json.loads(frame))
            if heard[-1]["type"] == "start_loading":
                session = heard[-1]["loading_session_id"]
                await socket.send(json.dumps({"type": "loading_complete", "loading_session_id": session}))
            elif heard[-1]["type"] == "match_found":
                break
    return heard


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(play(*sys.argv[1:]))))
