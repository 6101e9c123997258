"""The keys of players' tokens from a URL: fetched at the start, from time to time, and when a new one is named.

Where they are may be out of reach just when a node starts: then it waits for them, and asks ever more seldom. A node
that ended instead would make a short outage of the accounts a long one of the game. What is wrong for good ends it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from matchd.auth.keyset import KeySet, read_jwks
from matchd.background import Background, Loop
from matchd.errors import MatchdError, StartupError
from matchd.matches.exchange import Exchanges, Unanswered, Unreachable

log = Logger()

DEADLINE = 5.0
"""Seconds for a fetch, from connecting to the last byte."""
LARGEST = 64 * 1024
"""Bytes of a key set; the large providers' have 20 KiB."""
PAUSE = 10.0
"""Seconds between two fetches for the sake of keys that tokens name: whoever makes names up costs no more."""
BUSY = (408, 429)
"""What a server answers that would rather be asked later, as with any 5xx."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds between two fetches while there are no keys at all: twice as many each time."""


class KeySource(Protocol):
    """Where keys come from."""

    @property
    def keys(self) -> KeySet:
        """Those that count now."""

    @property
    def problem(self) -> str | None:
        """Why there are none yet; None where there are."""

    async def start(self) -> None:
        """Get them, unless they are out of reach. Raises StartupError."""

    async def obtained(self) -> None:
        """Returns when there are keys. Raises CancelledError when nobody asks any more."""

    async def renew(self) -> bool:
        """A token names a key that is not among them: look for newer ones; whether it is worth another try."""

    async def stop(self) -> None:
        """There is nobody left who asks."""


class FixedKeys:
    """Keys that stay as they are."""

    problem = None

    def __init__(self, keys: KeySet) -> None:
        self.keys = keys

    async def start(self) -> None:
        """They are here."""

    async def obtained(self) -> None:
        """They were here all the time."""

    async def renew(self) -> bool:
        """There are no others."""
        return False

    async def stop(self) -> None:
        """Nothing to stop."""


class RenewedKeys:
    """A key set, got every ``interval`` seconds; while that fails, the last one counts. ``key`` is the setting."""

    key = ""
    keys: KeySet
    problem: str | None = None

    def __init__(self, algorithm: str, interval: float, background: Background) -> None:
        self._algorithm = algorithm
        self._background = background
        self._loop = Loop(background, "keys", interval, self._refresh)
        self._next = 0.0
        self._waiting: list[Deferred[bool]] = []
        self._fetching = False
        self._persisting: Deferred[None] | None = None

    async def start(self) -> None:
        """Get them for the first time, unless they are out of reach. Raises StartupError."""
        try:
            self.keys = await self._fetch()
        except KeysOutOfReach as error:
            self.problem = f"{self.key}: {error}"
            log.error("{problem}; no players are let in before it answers", problem=self.problem)
        except KeysNotFetched as error:
            raise StartupError(f"{self.key}: {error}") from None
        self._loop.start()

    async def obtained(self) -> None:
        """Returns when there are keys. Raises CancelledError when ``stop`` came first."""
        self._persisting = Deferred.fromCoroutine(self._persist())
        await self._persisting

    async def _persist(self) -> None:
        wait = FIRST_WAIT
        while self.problem is not None:
            await deferLater(self._background.reactor, wait)
            wait = min(2 * wait, LONGEST_WAIT)
            await self._refresh()

    async def stop(self) -> None:
        """Get no more."""
        self._loop.stop()
        if self._persisting is not None:
            self._persisting.cancel()

    async def renew(self) -> bool:
        """Get them again, unless that was done a moment ago; who asks meanwhile waits for the same answer."""
        if not self._fetching and self._background.reactor.seconds() < self._next:
            return False
        answer: Deferred[bool] = Deferred(self._waiting.remove)
        self._waiting.append(answer)
        if not self._fetching:
            self._background.spawn("keys", self._refresh())
        return await answer

    async def _refresh(self) -> None:
        if self._fetching:
            return
        self._fetching = True
        fresh = False
        try:
            self.keys = await self._fetch()
            fresh, self.problem = True, None
        except KeysNotFetched as error:
            self._note(error)
        finally:
            self._fetching = False
            self._next = self._background.reactor.seconds() + PAUSE
            waiting, self._waiting = self._waiting, []
            for answer in waiting:
                answer.callback(fresh)

    def _note(self, error: KeysNotFetched) -> None:
        if self.problem is None:
            log.warn("the keys of players' tokens stay as they were: {reason}", reason=str(error))
        else:
            self.problem = f"{self.key}: {error}"
            log.warn("no keys of players' tokens yet: {problem}", problem=self.problem)

    async def _fetch(self) -> KeySet:
        """Get them now. Raises KeysNotFetched."""
        raise NotImplementedError


class KeysInFile(RenewedKeys):
    """The key set in the file at ``path``, which may be exchanged while matchd runs."""

    key = "auth.jwks_file"

    def __init__(self, path: Path, algorithm: str, interval: float, background: Background) -> None:
        super().__init__(algorithm, interval, background)
        self._path = path

    async def _fetch(self) -> KeySet:
        try:
            with self._path.open("rb") as file:
                content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise KeysNotFetched(f"{self._path}: more than {LARGEST} bytes")
            return read_jwks(self._algorithm, content)
        except OSError as error:
            raise KeysNotFetched(f"{self._path}: {error.strerror}") from None
        except ValueError as error:
            raise KeysNotFetched(f"{self._path} {error}") from None


class FetchedKeys(RenewedKeys):
    """The key set at ``url``."""

    key = "auth.jwks_url"

    def __init__(
        self, url: str, algorithm: str, interval: float, background: Background, exchanges: Exchanges | None = None
    ) -> None:
        """``exchanges`` takes the place of the usual ones in tests."""
        super().__init__(algorithm, interval, background)
        self._url = url
        self._exchanges = exchanges or Exchanges(background.reactor, timeout=DEADLINE, keep=0, limit=LARGEST)

    async def stop(self) -> None:
        """Fetch no more."""
        await super().stop()
        await self._exchanges.close()

    async def _fetch(self) -> KeySet:
        try:
            answer = await self._exchanges.ask("GET", self._url, headers={"Accept": "application/json"})
            if answer.status in BUSY or answer.status >= 500:
                raise KeysOutOfReach(f"{self._url} answered {answer.status}")
            if not answer.ok:
                raise KeysNotFetched(f"{self._url} answered {answer.status}")
            if answer.flaw:
                raise KeysOutOfReach(f"{self._url}: {answer.flaw}")
            return read_jwks(self._algorithm, answer.body)
        except (Unreachable, Unanswered) as error:
            raise KeysOutOfReach(f"{self._url}: {error}") from None
        except ValueError as error:
            raise KeysNotFetched(f"{self._url} {error}") from None


class KeysNotFetched(MatchdError):
    """There were none to be had; the text says why."""


class KeysOutOfReach(KeysNotFetched):
    """Nobody answers, not to the end, or says that he can't just now: that passes."""
