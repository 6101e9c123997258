"""A real browser that a test drives: Chromium, over its DevTools protocol."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from signal import SIGTERM
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from tests.support.children import Child
from tests.support.interop import ALONE, CHROMIUM, PATIENCE, program
from tests.support.waiting import eventually, until

COMPLAINTS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
"""What a browser reports of a page that does something wrong, or that it keeps from doing it."""


class DevTools(WebSocketClientProtocol):  # type: ignore[misc]
    """One conversation with a browser."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[None] = Deferred()
        self.events: list[dict[str, Any]] = []
        self._numbers = count(1)
        self._asked: dict[int, Deferred[Any]] = {}

    def ask(self, method: str, session: str = "", **params: Any) -> Deferred[Any]:
        """One command to the browser, or to the page of a ``session``; fires with its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self.sendMessage(json.dumps(message).encode())
        self._asked[number] = Deferred()
        return self._asked[number].addTimeout(PATIENCE, reactor)

    def onOpen(self) -> None:
        """Begin."""
        self.opened.callback(None)

    def onMessage(self, payload: bytes, is_binary: bool) -> None:
        """An answer, or an event."""
        message = json.loads(payload)
        if "id" not in message:
            self.events.append(message)
            return
        asked = self._asked.pop(message["id"])
        if "error" in message:
            asked.errback(AssertionError(message["error"]))
        else:
            asked.callback(message["result"])


class Browser:
    """Chromium with one page, a profile of its own in ``folder``, and nothing to say to anybody else.

    Raises SkipTest where there is no Chromium. ``close`` it in the test's cleanup.
    """

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "profile"
        arguments = (*ALONE, f"--user-data-dir={self._profile}", "--remote-debugging-port=0", "about:blank")
        self._child = Child(folder, *arguments, program=program(*CHROMIUM))
        self._tools: DevTools | None = None
        self._session = ""

    async def open(self, url: str) -> None:
        """Go to this page."""
        if self._tools is None:
            self._tools = await self._connect()
            page = await eventually(self._page, bool)  # the one in the foreground: others count as hidden
            self._session = (await self._tools.ask("Target.attachToTarget", targetId=page, flatten=True))["sessionId"]
            for domain in ("Runtime", "Log", "Page"):
                await self._ask(f"{domain}.enable")
        await self._ask("Page.navigate", url=url)
        await self.shows("`${document.readyState} ${location.href}`", f"complete {url}")

    async def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = await self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def shows(self, expression: str, value: Any) -> None:
        """Wait until the expression has this value."""
        await eventually(lambda: self.value(expression), lambda found: found == value)

    async def table(self, element: str) -> list[list[str]]:
        """The texts of a table, by row and cell."""
        rows = f"[...document.querySelectorAll('#{element} tr')]"
        texts: list[list[str]] = await self.value(f"{rows}.map(row => [...row.cells].map(cell => cell.textContent))")
        return texts

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """Exceptions, errors on the console and breaches of the policy; an answer that is an error is none."""
        events = [] if self._tools is None else self._tools.events
        entries = [event for event in events if event["method"] in COMPLAINTS]
        return [event for event in entries if event["params"].get("entry", {}).get("source") != "network"]

    async def close(self) -> None:
        """End the browser, and all of its processes with it."""
        if self._tools is not None:
            self._tools.dropConnection(abort=True)
        self._child.signal(SIGTERM)
        try:
            await until(lambda: self._child.status is not None, PATIENCE)
        finally:
            self._child.kill()

    async def _page(self) -> str:
        assert self._tools is not None
        targets = (await self._tools.ask("Target.getTargets"))["targetInfos"]
        return next((target["targetId"] for target in targets if target["type"] == "page"), "")

    async def _ask(self, method: str, **params: Any) -> Any:
        assert self._tools is not None
        return await self._tools.ask(method, self._session, **params)

    async def _connect(self) -> DevTools:
        written = self._profile / "DevToolsActivePort"
        await until(lambda: self._child.status is not None or (written.exists() and written.read_text()), PATIENCE)
        assert self._child.status is None, self._child.stderr
        port, path = written.read_text().split()
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{port}{path}")
        factory.protocol = DevTools
        tools: DevTools = await TCP4ClientEndpoint(reactor, "127.0.0.1", int(port)).connect(factory)
        await tools.opened.addTimeout(PATIENCE, reactor)
        return tools
