"""Who may use the operators' port, and who may change something there."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from matchd.model import GameServer
from matchd.operators import access
from tests.support.operators import Browser, MadeUpNode, error

ADDRESS = b'{"address":"10.0.0.7:7000"}'


class Access(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = MadeUpNode()
        self.browser = Browser(self.node, token="s3cret")

    def test_no_token(self) -> None:
        """Where a token is set, nobody without it learns even which paths there are."""
        for method, path in (
            ("GET", "/metrics"),
            ("GET", "/v1/servers"),
            ("PUT", "/v1/servers/a"),
            ("GET", "/nowhere"),
        ):
            reply = self.browser.ask(method, path, b'{"address":"h:1"}')
            self.assertEqual((401, error("Authorization: Bearer with the operator_token is needed")), tuple(reply))
            self.assertEqual('Bearer realm="matchd"', reply.headers["WWW-Authenticate"])
        self.assertEqual({}, self.node.registry)

    def test_wrong_token(self) -> None:
        """Only the whole token as a bearer's will do."""
        for given in ("Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer s3crét"):
            self.assertEqual(401, self.browser.get("/metrics", Authorization=given).status, given)

    def test_token(self) -> None:
        """With the token everything is as without one, by whatever name the port is reached."""
        for given in ("Bearer s3cret", "bearer s3cret"):
            self.assertEqual(200, self.browser.get("/metrics", Authorization=given, Host="ops.example.com").status)

    def test_health_is_open(self) -> None:
        """Orchestrators need no token."""
        for path in ("/health/live", "/health/ready"):
            self.assertEqual(200, self.browser.get(path, Host="ops.example.com").status)

    def test_name(self) -> None:
        """Without a token a web page whose name was made to point here gets nothing."""
        browser = Browser(self.node)
        for host in ("127.0.0.1", "127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081"):
            self.assertEqual(200, browser.get("/metrics", Host=host).status, host)
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[", "", "a@b:c"):
            expected = (403, error("Host: without an operator_token only an address or localhost is served"))
            self.assertEqual(expected, tuple(browser.get("/metrics", Host=host)), host)
        self.assertIn(b"200 OK", browser.send(b"GET /metrics HTTP/1.0\r\n\r\n"))

    def test_servers_token(self) -> None:
        """Game servers' own token lets them register, and no more; the operators' opens everything (T31)."""
        browser = Browser(self.node, token="s3cret", servers="g4me")
        needed = error("Authorization: Bearer with the servers.token is needed")
        for given in ("Bearer g4me2", "Bearer g4m", "Bearer", "Basic g4me", ""):
            for method in ("PUT", "DELETE"):
                reply = browser.ask(method, "/v1/servers/a", ADDRESS, Authorization=given)
                self.assertEqual((401, needed), tuple(reply), given)
        self.assertEqual({}, self.node.registry)
        self.assertEqual(["unauthorized"] * 10, self.node.refused)
        for token in ("g4me", "s3cret"):
            given = f"Bearer {token}"
            self.assertEqual(200, browser.ask("PUT", "/v1/servers/a", ADDRESS, Authorization=given).status)
            self.assertEqual(204, browser.ask("DELETE", "/v1/servers/a", Authorization=given).status)
        self.assertEqual(401, browser.get("/v1/servers", Authorization="Bearer g4me").status)
        self.assertEqual(200, browser.get("/v1/servers", Authorization="Bearer s3cret").status)

    def test_servers_token_alone(self) -> None:
        """With the game servers' token alone, whoever is on this machine may look, and needs it to change (T27)."""
        browser = Browser(self.node, servers="g4me")
        self.assertEqual(200, browser.get("/v1/servers").status)
        self.assertEqual(403, browser.get("/v1/servers", Host="evil.example").status)
        self.assertEqual(401, browser.ask("PUT", "/v1/servers/a", ADDRESS).status)
        reply = browser.ask("PUT", "/v1/servers/a", ADDRESS, Authorization="Bearer g4me", Host="matchd.internal")
        self.assertEqual(200, reply.status)

    def test_compared_as_a_whole(self) -> None:
        """However much of a token is right, comparing takes as long: hmac's comparison is used, and for each token."""
        compared: list[bytes] = []
        self.patch(access.hmac, "compare_digest", lambda sent, token: bool(compared.append(token)))
        Browser(self.node, token="s3cret", servers="g4me").ask("PUT", "/v1/servers/a", Authorization="Bearer x")
        self.assertEqual([b"s3cret", b"g4me"], compared)

    def test_pages_change_nothing(self) -> None:
        """A web page in a browser of this machine can't enter or take out a game server, token or not (T27)."""
        self.node.registry["a"] = GameServer("a", "10.0.0.7:7000")
        refused = (403, error("Origin: no web page may change anything here"))
        for browser in (Browser(self.node), self.browser):
            for header, value in (
                *(("Origin", origin) for origin in ("https://evil.example", "null", "http://127.0.0.1:8081")),
                *(("Sec-Fetch-Site", site) for site in ("cross-site", "same-site", "same-origin")),
            ):
                for method in ("PUT", "DELETE", "POST", "PATCH"):
                    more = {header: value, "Authorization": "Bearer s3cret", "Content-Type": "text/plain"}
                    self.assertEqual(refused, tuple(browser.ask(method, "/v1/servers/a", ADDRESS, **more)), value)
        self.assertEqual(["a"], list(self.node.registry))
        self.assertEqual({"origin"}, set(self.node.refused))

    def test_preflight(self) -> None:
        """A browser that asks whether a page of another site may change something gets no leave."""
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
        reply = Browser(self.node).ask("OPTIONS", "/v1/servers/a", **asked)
        self.assertEqual(405, reply.status)
        self.assertFalse([name for name in reply.headers if name.lower().startswith("access-control")])

    def test_rebinding(self) -> None:
        """A page whose own name was made to point here can neither look nor change (T27)."""
        browser = Browser(self.node)
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(403, browser.ask(method, "/v1/servers/a", ADDRESS, Host="evil.example:8081").status)
        self.assertEqual(["origin"] * 2, self.node.refused)

    def test_log(self) -> None:
        """A request is one line at debug, without the token and the query."""
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.browser.get("/v1/sessions?limit=7", Authorization="Bearer s3cret")
        [event] = events
        self.assertEqual((LogLevel.debug, "GET /v1/sessions: 200"), (event["log_level"], formatEvent(event)))
        self.assertNotIn("s3cret", repr({k: v for k, v in event.items() if k != "log_source"}))
