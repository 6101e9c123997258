"""The books of a load: what every player wished for and what he was told, and what does not add up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from heapq import nlargest
from typing import Any

QUANTILES = (0.5, 0.9, 0.99, 1.0)
SLOWEST = 5
"""Of so many wishes it is told why they took so long."""
MOST_STEPS = 20


@dataclass(slots=True, eq=False)
class Wish:
    """One player's wish for one match; ``began`` in seconds, ``told`` are the game sessions he was sent to.

    ``steps`` are what happened, each with the seconds since the beginning.
    """

    player: str
    mode: str
    began: float
    told: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.player} for {self.mode}: {', '.join(self.steps[-MOST_STEPS:])}"


@dataclass(slots=True)
class Game:
    """A game session as its players were told of it: who, in which teams and of which modes, where, and when first.

    ``sizes`` are the teams that it should have.
    """

    session: str
    first_told: float
    sizes: Sequence[int] = ()
    players: list[str] = field(default_factory=list)
    teams: Counter[int] = field(default_factory=Counter)
    modes: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    wishes: list[Wish] = field(default_factory=list)

    def add(self, wish: Wish, address: str, team: int | None, sizes: Sequence[int]) -> None:
        """One more player was told of it; what happened to all of them is forgotten once it is whole and right."""
        self.players.append(wish.player)
        self.modes.add(wish.mode)
        self.addresses.add(address)
        self.wishes.append(wish)
        self.sizes = max(sizes, self.sizes, key=sum)
        if team is not None:
            self.teams[team] += 1
        if not self.lacks_players and not self.mistakes:
            self.wishes.clear()

    @property
    def lacks_players(self) -> bool:
        """Whether fewer were told of it than should be in it."""
        return len(self.players) < sum(self.sizes)

    @property
    def mistakes(self) -> list[str]:
        """What is wrong with it, besides that somebody was not told."""
        wrong = {
            "too many players": len(self.players) > sum(self.sizes),
            "a player twice": len(set(self.players)) < len(self.players),
            "players of several modes": len(self.modes) > 1,
            "several addresses": len(self.addresses) > 1,
            "teams of other sizes": self._has_other_teams(),
        }
        return [what for what, is_so in wrong.items() if is_so]

    def _has_other_teams(self) -> bool:
        if len(self.modes) > 1 or not self.teams or self.lacks_players:
            return False  # one thing wrong is enough
        return self.teams != dict(enumerate(self.sizes))


@dataclass(slots=True)
class Report:
    """How a load went. ``seconds`` are those to the last match; what follows ``waits`` (by quantile) should be empty.

    ``halves`` are sessions that fewer players were told of than a match has, with the moment of the first.
    """

    seconds: float
    wishes: int
    matched: int
    gave_up: int
    events: dict[str, int]
    slowest: list[str]
    waits: dict[str, float]
    lost: list[str]
    doubled: list[str]
    mismatched: list[str]
    halves: list[tuple[str, float]]
    unexpected: list[str]

    @property
    def wrong(self) -> list[str]:
        """Everything that is wrong, a line each."""
        halves = [f"only some were told of {what}" for what, _ in self.halves]
        return [*self.lost, *self.doubled, *self.mismatched, *halves, *self.unexpected]

    @property
    def per_second(self) -> float:
        """Players matched a second."""
        return self.matched / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


class Books:
    """Keeps account of every wish. ``teams`` are the sizes of teams, by mode; moments are the caller's seconds."""

    def __init__(self, teams: Mapping[str, Sequence[int]], now: float) -> None:
        self.events: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.wishes = 0
        self._teams = teams
        self._opened = self._last_match = now
        self._open: dict[Wish, None] = {}
        self._games: dict[str, Game] = {}
        self._waits: list[float] = []
        self._doubled: list[str] = []
        self._slowest: list[tuple[float, int, Wish]] = []
        self._gave_up = 0

    @property
    def matched(self) -> int:
        """Wishes that came true."""
        return len(self._waits)

    def begin(self, player: str, mode: str, now: float) -> Wish:
        """A player wishes for a match."""
        wish = Wish(player, mode, now)
        self._open[wish] = None
        self.wishes += 1
        return wish

    def note(self, wish: Wish, step: str, now: float) -> None:
        """Something happened to it."""
        self.events[step] += 1
        wish.steps.append(f"{now - wish.began:.2f} {step}")

    def found(self, wish: Wish, session: str, address: str, now: float, team: int | None = None) -> None:
        """He was told of a game session; of his ``team`` in it too, where that is said."""
        if wish.told:
            self._doubled.append(f"{wish.player} was sent to {session} after {wish.told[-1]}")
        else:
            self._waits.append(now - wish.began)
            self._slowest = nlargest(SLOWEST, [*self._slowest, (now - wish.began, len(self._waits), wish)])
            self._enter(wish, session, address, now, team)
            self._last_match = now
        wish.told.append(session)
        self._open.pop(wish, None)

    def give_up(self, wish: Wish) -> None:
        """He has left the queue, as agreed with the server."""
        if wish in self._open:
            del self._open[wish]
            self._gave_up += 1

    def waiting(self) -> Counter[str]:
        """How many wishes are open, by mode."""
        return Counter(wish.mode for wish in self._open)

    def oldest(self) -> Wish | None:
        """The open wish that began first; None when there is none."""
        return min(self._open, key=lambda wish: wish.began, default=None)

    def report(self, now: float) -> Report:
        """The account, at the end: whoever has an open wish now is lost."""
        games = self._games.values()
        return Report(
            seconds=round(self._last_match - self._opened, 3),
            wishes=self.wishes,
            matched=self.matched,
            gave_up=self._gave_up,
            events=dict(sorted(self.events.items())),
            slowest=[str(wish) for _, _, wish in sorted(self._slowest, reverse=True)],
            waits={f"p{q * 100:g}": round(quantile(self._waits, q), 3) for q in QUANTILES},
            lost=[f"waiting since {now - wish.began:.1f} s: {wish}" for wish in self._open],
            doubled=self._doubled,
            mismatched=[problem for game in games for problem in self._problems(game)],
            halves=[(self._named(game), game.first_told) for game in games if game.lacks_players],
            unexpected=self.unexpected,
        )

    def _enter(self, wish: Wish, session: str, address: str, now: float, team: int | None) -> None:
        self._games.setdefault(session, Game(session, now)).add(wish, address, team, self._teams[wish.mode])

    def _named(self, game: Game) -> str:
        seconds, wishes = game.first_told - self._opened, "; ".join(map(str, game.wishes))
        return f"session {game.session} of {', '.join(game.players)} at {seconds:.1f} s ({wishes})"

    def _problems(self, game: Game) -> list[str]:
        return [f"{what} in {self._named(game)}" for what in game.mistakes]


def quantile(values: Sequence[float], q: float) -> float:
    """The value that a share ``q`` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(len(ordered) * q) - 1))] if ordered else 0.0
