"""Players as the model has them: connections that ask, load, vanish, and write down what they hear."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from matchd.messages import CloseCode
from tests.model.transcript import Transcript

if TYPE_CHECKING:
    from tests.model.nodes import ModelNode
    from tests.model.world import ModelWorld


class Client:
    """One connection of a player to a node; ``number`` orders all there ever were."""

    def __init__(self, world: ModelWorld, node: ModelNode, player_id: str, number: int) -> None:
        self.node, self.player_id, self.number = node, player_id, number
        self.open, self.gone = True, False
        self.hung_up = self.lost_in_outage = False
        """Whether the client ended the connection, and whether its node could not tell the store of the end."""
        self.closed: CloseCode | None = None
        self._world = world
        self.transcript = Transcript(str(self), self._object, world.lived)
        self.conversation = node.node.open(self)

    def __str__(self) -> str:
        return f"{self.player_id}#{self.number}"

    @property
    def connection_id(self) -> str:
        """Its name across all nodes."""
        return self.conversation.speaker.connection_id

    @property
    def place(self) -> str:
        """Where the client believes to be."""
        return self.transcript.place

    def _object(self, invariant: int, text: str) -> None:
        """Something it may not hear, unless it is another connection that is spoken to."""
        history = self._world.history
        if invariant == 11 and history.others_spoke_since(self):
            return  # they ask in turns, and each hears what the other is answered
        speaks = [self.connection_id] == history.speakers[self.player_id][-1:]
        if self.player_id not in history.contested and (speaks or not history.speakers[self.player_id]):
            history.wrong(invariant, text)

    # the Outlet of its conversation

    def send(self, frame: bytes) -> None:
        """The client hears this."""
        if self.open:
            message = json.loads(frame)
            session = self.transcript.session
            self.transcript.hear(message)
            self._world.history.heard(self, message, session)

    def close(self, code: CloseCode, reason: str) -> None:
        """The node closes the connection; it hears a little later that it is gone."""
        if self.open:
            self.open, self.closed = False, code
            self._world.history.closed(self, code)
            self.node.bring(lambda: self._lost(code))

    def fault(self) -> None:
        """The client sent something bad."""

    # what the client does

    def say(self, **message: Any) -> None:
        """One message to the node, which comes when the node reads."""
        if self.open:
            self._world.history.said(self, message)
            self.transcript.say(message)
            frame = json.dumps(message).encode()
            self.node.bring(lambda: self.conversation.receive(frame))

    def enqueue(self, mode: str) -> None:
        """Ask for a mode."""
        self.say(type="enqueue", player_id=self.player_id, game_mode=mode)

    def resume(self) -> None:
        """Ask where the player stands."""
        self.say(type="resume", player_id=self.player_id)

    def dequeue(self) -> None:
        """Ask to be let go."""
        self.say(type="dequeue")

    def load(self, session: str | None = "") -> None:
        """Say that the session is loaded: the one it was told to load, another (by its id), or none named (None)."""
        named = {} if session is None else {"loading_session_id": session or self.transcript.session or "none"}
        self.say(type="loading_complete", **named)

    def vanish(self) -> None:
        """The socket is gone."""
        if self.open:
            self.open, self.hung_up = False, True
            self.node.bring(self._lost)

    def _lost(self, code: int = 1006) -> None:
        self.gone, self.lost_in_outage = True, not self.node.commands.up
        self.conversation.lost(code)
