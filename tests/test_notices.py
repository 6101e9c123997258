"""What a node reads of the messages that it passes on from the store to a player."""

from __future__ import annotations

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from matchd.messages import Notice, read_notice
from tests.support.frames import frames
from tests.support.properties import patient


class WhatANodeReadsOnTheWay(SynchronousTestCase):
    def test_messages_of_the_store(self) -> None:
        """Their number, and what a node has to know of them."""
        for frame, notice in (
            (b'{"type":"queued","seq":3}', Notice("queued", 3)),
            (b'{"type":"start_loading","loading_session_id":"s","seq":4}', Notice("start_loading", 4, "s")),
            (
                b'{"type":"error","code":"loading_timeout","message":"m","seq":5}',
                Notice("error", 5, None, "loading_timeout"),
            ),
            (
                b'{"type":"match_found","session_id":"g","server_address":"h:1","team":0,"seq":6}',
                Notice("match_found", 6),
            ),
        ):
            self.assertEqual(read_notice(frame), notice)

    def test_messages_of_others_have_no_number(self) -> None:
        """Whatever they call their own fields: a ``seq`` of theirs is not the store's."""
        for frame, type_ in (
            (b'{"type":"chat","seq":7,"text":"hi"}', "chat"),
            (b'{"type":"queued"}', "queued"),
            (b'{"type":"queued","seq":"7"}', ""),
            (b'{"type":"queued","seq":0}', ""), (b'{"type":"queued","seq":%d}' % 10**30, ""),
            (b'{"type":7}', ""), (b"[]", ""), (b"hello", ""), (b"", ""), (b"\xff", ""), (b"[" * 100_000, ""),
        ):  # fmt: skip
            self.assertEqual(read_notice(frame), Notice(type_))

    @patient
    @given(frames)
    def test_any_bytes(self, frame: bytes) -> None:
        """Reading never fails."""
        self.assertIsInstance(read_notice(frame), Notice)
