"""Keys of players' tokens at a URL: their provider, in a network in memory, and somebody who believes in them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from matchd.auth.authority import Authority, authority
from matchd.auth.tokens import Identity, UnknownKey
from matchd.background import Background
from matchd.config.auth import Auth
from tests.support.network import Network, ScriptedServer, ScriptedServers, response
from tests.support.tokens import NOW, jwks, signer

URL = "http://127.0.0.1:7000/jwks.json"
OLD, NEW = signer("ES256", "old"), signer("ES256", "new")


class Fetching(SynchronousTestCase):
    """A provider of keys in a network in memory, and somebody who believes in them."""

    def setUp(self) -> None:
        self.network = Network()
        self.background = Background(self.network.reactor)
        self.answer = response("200 OK", jwks(OLD).encode())
        self.provider = ScriptedServers(self.reply)
        self.network.listen(7000, self.provider)
        self.authority = self.believer()
        self.warnings: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def believer(self) -> Authority:
        auth = Auth(mode="jwt", algorithm="ES256", jwks_url=URL, jwks_refresh=300)
        made = authority(auth, self.background, lambda: NOW)
        assert made is not None
        return made

    def note(self, event: Any) -> None:
        if event["log_level"].name == "warn":
            self.warnings.append(event["log_format"].format(**event))

    def reply(self, server: ScriptedServer, head: bytes, body: bytes) -> None:
        server.say(self.answer)

    def start(self) -> Deferred[None]:
        started = Deferred.fromCoroutine(self.authority.start())
        self.network.settle()
        return started

    def started(self) -> None:
        self.successResultOf(self.start())
        self.addCleanup(self.stop)

    def stop(self) -> None:
        """Nothing stays behind."""
        self.successResultOf(Deferred.fromCoroutine(self.authority.stop()))
        self.background.cancel_all()
        self.network.settle()
        self.assertEqual(self.network.open, 0)
        self.assertEqual(self.network.reactor.getDelayedCalls(), [])

    def identify(self, token: str) -> Deferred[Identity]:
        asked = Deferred.fromCoroutine(self.authority.identify(token))
        self.network.settle()
        return asked

    def assert_known(self, token: str) -> None:
        self.assertEqual(self.successResultOf(self.identify(token)).player_id, "ada")

    def assert_unknown(self, token: str) -> None:
        self.failureResultOf(self.identify(token), UnknownKey)

    @property
    def fetched(self) -> int:
        return len(self.provider.requests)

    def offer(self, *signers: Any) -> None:
        self.answer = response("200 OK", jwks(*signers).encode())
