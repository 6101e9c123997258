"""``python -m client``: the whole way to a match, step by step, for as many players as one likes."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from autobahn.websocket.util import parse_url
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import react

from client.match_client import ConnectionClosed, MatchClient, Message
from client.tokens import subject, token, tokens_in

RETRY_SECONDS = 1.0

Say = Callable[[str], None]


class Player:
    """One player's way from ``enqueue`` to ``match_found``, told to ``say`` at every step."""

    def __init__(self, reactor: Any, options: argparse.Namespace, number: int, say: Say) -> None:
        self.client = MatchClient(reactor)
        self._reactor = reactor
        self._options = options
        self._say = say
        self._shown = {"token": options.tokens[number - 1]} if options.tokens else {}
        self._id = subject(**self._shown) if options.tokens else f"player-{number}-{secrets.token_hex(4)}"
        self._planned: IDelayedCall | None = None

    async def play(self) -> bool:
        """Whether a match was found in time; the connection is open before, and closed after."""
        deadline = self._reactor.seconds() + self._options.timeout
        matched = None
        try:
            self._enqueue()
            while matched is None:
                message = await self.client.next_message(timeout=deadline - self._reactor.seconds())
                matched = self._hear(message)
        except TimeoutError:
            self._say(f"no match within {self._options.timeout:g} s")
        except ConnectionClosed as closed:
            self._say(str(closed))
        self._unplan()
        await self.client.close()
        return bool(matched)

    def _hear(self, message: Message) -> bool | None:
        """Act on a message; True or False when it ends the player's way."""
        match message:
            case {"type": "match_found", "session_id": session, "server_address": address}:
                self._say(f"Match found! session {session} at {address}")
                return True
            case {"type": "start_loading", "loading_session_id": session}:
                self._say(f"start_loading {session}")
                self._plan(self._options.loading, partial(self._loaded, session))
            case {"type": "requeued"}:
                self._say(f"requeued ({message.get('reason')}), waiting on")
                self._unplan()
            case {"type": "error", "code": "unavailable"}:
                self._say(f"unavailable, asking again in {RETRY_SECONDS:g} s")
                self._plan(RETRY_SECONDS, self._enqueue)
            case {"type": "error"}:
                self._say(f"error {message.get('code')}: {message.get('message')}")
                return False
            case _:
                self._say(str(message.get("type")))
        return None

    def _enqueue(self) -> None:
        self.client.enqueue(self._id, self._options.mode, **self._shown)

    def _loaded(self, session: str) -> None:
        self._say("loading_complete")
        self.client.loading_complete(session)

    def _plan(self, seconds: float, step: Callable[[], None]) -> None:
        self._unplan()
        self._planned = self._reactor.callLater(seconds, step)

    def _unplan(self) -> None:
        if self._planned is not None and self._planned.active():
            self._planned.cancel()


async def play(reactor: Any, options: argparse.Namespace, say: Say, complain: Say) -> bool:
    """Play with all players at once; whether every one of them was matched."""
    width = len(f"player-{options.players}:")
    players = []
    for number in range(1, options.players + 1):
        players.append(Player(reactor, options, number, _labelled(say, f"player-{number}:".ljust(width))))
    began = reactor.seconds()
    try:
        for player in players:
            await player.client.connect(options.url)
    except (ConnectError, DNSLookupError, ConnectionClosed, TimeoutError) as error:
        for player in players:
            await player.client.close()
        complain(f"can't reach {options.url}: {_in_words(error)}. Is matchd running? Start it with: twistd -n matchd")
        return False
    outcomes = await gatherResults([Deferred.fromCoroutine(player.play()) for player in players])
    say(f"{sum(outcomes)} of {len(players)} players matched in {reactor.seconds() - began:.1f} s")
    return all(outcomes)


def _labelled(say: Say, label: str) -> Say:
    return lambda step: say(f"{label} {step}")


def _in_words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, DNSLookupError):
        return "unknown host"
    return str(error)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse the command line in one line."""
        self.exit(2, f"{self.prog}: {message}\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process with one line on stderr when one is wrong."""
    parser = _Parser(prog="python -m client", description="Plays the way to a match, printed step by step.")
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws/", type=_url, help="where matchd serves players")
    parser.add_argument("--players", type=_count, help="how many play [2, or as many as there are tokens]")
    parser.add_argument("--mode", default="Normal_1v1", help="the game mode")
    parser.add_argument("--loading", default=2.0, type=_seconds, help="seconds of pretended loading")
    parser.add_argument("--timeout", default=60.0, type=_seconds, help="seconds to wait for a match")
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument(
        "--token", dest="tokens", default=[], type=token, action="append",
        help="a player's JSON Web Token, whose sub is his id; once for each player. Others on this machine can see it",
    )  # fmt: skip
    tokens.add_argument("--token-file", dest="tokens", type=tokens_in, help="a file of tokens, one a line")
    options = parser.parse_args(arguments)
    if options.players is None:
        options.players = len(options.tokens) or 2
    if options.tokens and options.players != len(options.tokens):
        parser.error(f"argument --players: {options.players} players have {len(options.tokens)} tokens")
    return options


def _url(text: str) -> str:
    try:
        parse_url(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a ws:// or wss:// URL") from None
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000")
    return int(text)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) <= 86_400:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")


def main(arguments: Sequence[str]) -> int:
    """Run the client; the exit status."""
    options = parse(arguments)
    matched = False

    async def run(reactor: Any) -> None:
        nonlocal matched
        matched = await play(reactor, options, partial(print, flush=True), partial(print, file=sys.stderr))

    with suppress(SystemExit):
        react(run)
    return 0 if matched else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
