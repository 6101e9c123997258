"""Starts the players of ``tests/interop``, and hears what they heard."""

from __future__ import annotations

import atexit
import json
import shutil
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM
from subprocess import DEVNULL, PIPE, STDOUT, run
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from tests.support.children import REPOSITORY, Child
from tests.support.fleets import FleetCase
from tests.support.waiting import until

PLAYERS = REPOSITORY / "tests" / "interop"
PATIENCE = 60.0
"""Seconds until a player is given up, on a machine that is busy with starting a browser."""

Heard = list[dict[str, Any]]
"""What a player was told, in order."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ALONE = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""A browser that shows nothing and talks to nobody but the page."""


def command(library: str) -> list[str]:
    """How a player on this library is started; raises SkipTest where the library is not there."""
    if library == "ws":
        return [program("node"), str(_with_ws() / "player_ws.cjs")]
    if find_spec(library) is None:
        raise SkipTest(f"{library} is not installed: pip install -e '.[interop]'")
    return [sys.executable, str(PLAYERS / f"player_{library}.py")]


def program(*names: str) -> str:
    """The first of these programs that this machine has; raises SkipTest where it has none."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise SkipTest(f"there is no {names[0]} on this machine")
    return found


@cache
def _with_ws() -> Path:
    """A folder with ws and the player on it; raises SkipTest where it can't be had."""
    home = Path(mkdtemp(prefix="matchd-interop-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in ("package.json", "package-lock.json", "player_ws.cjs"):
        shutil.copy(PLAYERS / name, home)
    install = [program("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(home / "npm")]
    done = run(install, cwd=home, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, timeout=PATIENCE, check=False)
    if done.returncode:
        raise SkipTest(f"npm could not install ws: {done.stdout.decode(errors='replace')[:300]}")
    return home


def start(library: str, folder: Path, url: str, player_id: str) -> Child:
    """A player on this library, who has begun to play; end him in the test's cleanup."""
    executable, *arguments = command(library)
    return Child(folder / player_id, *arguments, url, player_id, program=executable)


async def heard(child: Child) -> Heard:
    """What he heard, once he was told of his match."""
    await until(lambda: child.status is not None, PATIENCE)
    assert child.status == 0, f"status {child.status}: {child.stderr}"
    told: Heard = json.loads(child.stdout)
    return told


class Page(Resource):
    """A page whose players play; ``heard`` fires with what each heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Deferred[list[Heard]] = Deferred()
        self.putChild(b"", Data((PLAYERS / "browser.html").read_bytes(), "text/html; charset=utf-8"))
        self.putChild(b"heard", _Heard(self))
        self.port = reactor.listenTCP(0, Site(self), interface="127.0.0.1")

    def address(self, url: str, *player_ids: str, tokens: tuple[str, ...] = ()) -> str:
        """Where a browser finds it; its players may have a token each."""
        players = [("player", player_id) for player_id in player_ids] + [("token", token) for token in tokens]
        query = urlencode([("url", url), *players])
        return f"http://127.0.0.1:{self.port.getHost().port}/?{query}"


class _Heard(Resource):
    isLeaf = True

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def render_POST(self, request: Any) -> bytes:
        """The page says what its players heard."""
        self._page.heard.callback(json.load(request.content))
        return b""


class Interop(FleetCase):
    """Tests with players on other libraries and in browsers."""

    def folder(self) -> Path:
        """A new folder for this test."""
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return folder.absolute()

    async def browse(self, url: str, *player_ids: str, tokens: tuple[str, ...] = ()) -> list[Heard]:
        """What these players heard, who play in a browser."""
        page = Page()
        self.addCleanup(page.port.stopListening)
        folder = self.folder()
        data = f"--user-data-dir={folder / 'profile'}"
        child = Child(folder, *ALONE, data, page.address(url, *player_ids, tokens=tokens), program=program(*CHROMIUM))
        self.later(lambda: self.end(child))
        return await page.heard.addTimeout(PATIENCE, reactor)

    async def end(self, child: Child) -> None:
        """A browser has processes of its own, which it ends when it is asked to."""
        child.signal(SIGTERM)
        try:
            await until(lambda: child.status is not None, PATIENCE)
        finally:
            child.kill()

    def assert_matched(self, players: list[Heard]) -> None:
        """All were told each step once, and of the same match."""
        for heard in players:
            self.assertEqual([message["type"] for message in heard], ["queued", "start_loading", "match_found"], heard)
            self.assertEqual([message["seq"] for message in heard], [1, 2, 3])
        for field in ("session_id", "server_address"):
            self.assertEqual(len({heard[-1][field] for heard in players}), 1, players)
        self.assertEqual({heard[-1]["team"] for heard in players}, {0, 1})
