"""Test cases for links to a real store."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from matchd.background import Background
from matchd.errors import StoreUnavailable
from matchd.store.address import parse
from matchd.store.link import CommandLink, Link
from matchd.store.subscriber import SubscriberLink
from tests.support.valkey import Valkey

L = TypeVar("L", CommandLink, SubscriberLink)


class LinkTestCase(TestCase):
    """Whatever links and servers a test has are gone when it ends."""

    timeout = 20

    def valkey(self, *options: str, password: str = "") -> Valkey:
        """A server of the test's own."""
        server = Valkey(*options, password=password)
        self.addCleanup(server.stop)
        return server.start()

    def commands(self, url: str, timeout: float = 2.0) -> CommandLink:
        """A link for commands, not started yet."""
        return self._kept(CommandLink(reactor, Background(reactor), parse(url), timeout))

    def subscriber(self, url: str, timeout: float = 2.0) -> SubscriberLink:
        """A link that listens, not started yet."""
        return self._kept(SubscriberLink(reactor, Background(reactor), parse(url), timeout))

    async def up(self, link: Link[Any]) -> None:
        """Have it connect."""
        link.start()
        await link.reached(5)

    async def failing(self, deferred: Deferred[Any]) -> str:
        """Why it fails with StoreUnavailable."""
        return str(await self.assertFailure(deferred, StoreUnavailable))

    def _kept(self, link: L) -> L:
        self.addCleanup(lambda: Deferred.fromCoroutine(link.stop()))
        return link
