"""What comes from elsewhere: nonsense from a client, and news for a player that others publish."""

from __future__ import annotations

from tests.support.conversations import Conversation, queued
from tests.support.world import Player

BAD_FRAMES = {
    b"hello": ("invalid_json", "not JSON"),
    b"[]": ("invalid_message", "message: must be an object"),
    b"{}": ("invalid_message", "type: missing"),
    b'{"type":"join"}': ("unknown_type", "type: 'join' is unknown"),
    b'{"type":"enqueue","game_mode":"Ranked"}': ("invalid_message", "player_id: missing"),
    b'{"type":"enqueue","player_id":"","game_mode":"Ranked"}': (
        "invalid_message",
        "player_id: must be 1 to 64 characters of A-Z a-z 0-9 . _ -",
    ),
    b'{"type":"resume","player_id":7}': (
        "invalid_message",
        "player_id: must be 1 to 64 characters of A-Z a-z 0-9 . _ -",
    ),
    b'{"type":"dequeue","type":"dequeue"}': ("invalid_message", "type: given twice"),
    b'{"type":"dequeue","x":"\\ud800"}': ("invalid_json", "a string with half a surrogate pair"),
    b'{"type":"dequeue","x":NaN}': ("invalid_json", "not JSON"),
    b'{"type":"loading_complete","loading_session_id":""}': (
        "invalid_message",
        "loading_session_id: must be a string of 1 to 128 characters",
    ),
}


class BadInput(Conversation):
    def say_all(self, player: Player) -> None:
        """Every bad frame; each gets its answer, and the connection counts it."""
        before = player.faults
        for frame, (code, text) in BAD_FRAMES.items():
            player.say_raw(frame)
            self.assertEqual(player.last, {"type": "error", "code": code, "message": text}, frame)
        self.assertEqual((player.faults - before, player.closed), (len(BAD_FRAMES), None))

    def test_on_a_new_connection(self) -> None:
        """Nonsense is answered, and then the connection is used as ever."""
        a = self.connect("a")
        self.say_all(a)
        self.assertFalse(a.session.enqueued)
        self.assertEqual(a.enqueue("Ranked").last, queued(1))

    def test_on_the_way(self) -> None:
        """A player who talks nonsense at every step loses nothing by it."""
        a = self.queued()
        self.say_all(a)
        b = self.queued("b")
        self.say_all(a)
        a.load()
        self.say_all(a)
        b.load()
        self.say_all(a)
        self.assertEqual([type_ for type_ in a.types if type_ != "error"], ["queued", "start_loading", "match_found"])


class NewsFromOthers(Conversation):
    """Anybody may publish on ``notifications:{player_id}``."""

    def publish(self, player_id: str, payload: bytes) -> None:
        self.service.direct.ask("PUBLISH", f"notifications:{player_id}", payload)
        self.service.settle()

    def test_at_every_step(self) -> None:
        """It reaches the player as it is, whatever he does, and disturbs nothing."""
        news = b'{ "type": "news",  "seq": 1, "text": "\xc3\xa4" }'
        a = self.queued()
        self.publish("a", news)
        b = self.queued("b")
        self.publish("a", news)
        a.load()
        b.load()
        self.publish("a", news)
        self.assertEqual([a.frames[1], a.frames[3], a.frames[5]], [news] * 3)
        self.assertEqual(a.types, ["queued", "news", "start_loading", "news", "match_found", "news"])
        self.assertEqual(b.types, ["queued", "start_loading", "match_found"])

    def test_in_the_words_of_the_store(self) -> None:
        """A message of a known type reaches him too; without the store's number it changes nothing."""
        match = b'{"type":"match_found","session_id":"g","server_address":"h:1"}'
        a = self.queued()
        self.publish("a", match)
        self.publish("a", b'{"type":"dequeued"}')
        self.assertEqual([a.frames[1], a.types[2]], [match, "dequeued"])
        self.queued("b")
        self.assertEqual(a.types[3:], ["start_loading"])

    def test_any_text(self) -> None:
        """It need not even be JSON; but what is no text at all would break the connection, and is dropped."""
        a = self.queued()
        for payload in (b"hello", b"", b"[" * 3000, b'{"type":7}', b"\xff\xfe"):
            self.publish("a", payload)
        self.assertEqual(a.frames[1:], [b"hello", b"", b"[" * 3000, b'{"type":7}'])

    def test_only_while_he_is_here(self) -> None:
        """A connection hears of a player from his first question on, and no more once it speaks for him no longer."""
        a = self.connect("a")
        self.publish("a", b'"early"')
        a.enqueue("Ranked")
        new = self.queued("a")
        self.publish("a", b'"for the new one"')
        new.vanish()
        self.publish("a", b'"late"')
        self.assertEqual((a.frames[1:], new.frames[1:]), ([], [b'"for the new one"']))
        self.assertEqual(self.service.direct.ask("PUBSUB", "CHANNELS", "notifications:*"), [])


class BadInputOnTwoNodes(BadInput):
    nodes = 2


class NewsFromOthersOnTwoNodes(NewsFromOthers):
    nodes = 2


class Pace(Conversation):
    """How many messages one player may send to a node, whatever connections he uses."""

    def test_it_does_not_help_to_connect_anew(self) -> None:
        """Forty at once are his, on all connections together; each one more is refused, and held against him."""
        for _ in range(4):
            player = self.queued()
            for _ in range(9):
                player.enqueue("Ranked")
            self.assertNotIn("error", player.types)
        late = self.queued()
        refusal = {"type": "error", "code": "rate_limited", "message": "too many messages of this player"}
        self.assertEqual((late.heard, late.faults), ([refusal], 1))
        self.service.advance(0.25)
        self.assertEqual(late.enqueue("Ranked").last["type"], "queued")

    def test_others_are_not_slowed_down(self) -> None:
        """Each player has his own pace."""
        for _ in range(41):
            self.queued()
        self.assertEqual(self.queued("b").last["type"], "start_loading")
