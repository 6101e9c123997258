"""What records say to those who read them outside of Redis."""

from __future__ import annotations

from matchd.store.records import PLAYER, SESSION, read_record
from tests.support.stores import StoreTestCase


class RecordTests(StoreTestCase):
    """The scripts write the fields in the order in which they are read here."""

    def test_player(self) -> None:
        """Each field of a player's record is found by its name."""
        since = self.enqueue("a").since
        self.assertEqual(
            read_record(PLAYER, self.redis.ask("GET", "player:a")),
            dict.fromkeys(PLAYER, "")
            | {"id": "a", "state": "queued", "mode": "Ranked", "order": "fifo", "since": since, "node": "here"}
            | {"conn": "a1", "seq": "1", "answer": "1", "kept_from": "1", "told": '{"type":"queued"\n'},
        )

    def test_session(self) -> None:
        """Each field of a loading session's record is found by its name."""
        session = self.allocating("a", "b")
        record = read_record(SESSION, self.redis.ask("HGET", f"loading:{session}", ":session"))
        moments = int(record.pop("created")), int(record.pop("deadline"))
        self.assertLess(*moments)
        self.assertEqual(
            record,
            {"state": "allocating", "mode": "Ranked", "size": "2", "roster": "a b", "teams": "0 1", "ready": "2"}
            | {"owner": "here", "server": "one", "address": "one:7000", "tried": ""},
        )

    def test_of_others(self) -> None:
        """What another application has written says nothing."""
        for text in b"", b"foreign", b"\xff\x00", b"\0" * 14, b"\0" * 16, b"a\0b":
            self.assertEqual(read_record(PLAYER, text), {})
