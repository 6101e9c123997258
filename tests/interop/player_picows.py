"""A player on picows."""

import asyncio
import json
import sys
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect


class Player(WSListener):
    """What he says when, and what he heard."""

    def __init__(self, player_id: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self._player_id = player_id

    def on_ws_connected(self, transport: WSTransport) -> None:
        """It is open."""
        self._say(transport, type="enqueue", player_id=self._player_id, game_mode="Normal_1v1")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame has come."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        self.heard.append(json.loads(frame.get_payload_as_utf8_text()))
        message = self.heard[-1]
        if message["type"] == "start_loading":
            self._say(transport, type="loading_complete", loading_session_id=message["loading_session_id"])
        elif message["type"] == "match_found":
            transport.send_close()
            transport.disconnect()

    def _say(self, transport: WSTransport, **message: object) -> None:
        transport.send(WSMsgType.TEXT, json.dumps(message).encode())


async def play(url: str, player_id: str) -> list[dict[str, Any]]:
    """What he heard, up to his match."""
    transport, player = await ws_connect(lambda: Player(player_id), url)
    await transport.wait_disconnected()
    return player.heard


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(play(*sys.argv[1:]))))
