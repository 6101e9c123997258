"""What operators, game servers and orchestrators are answered on the operators' port."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import NodeFenced, StoreError, StoreUnavailable
from matchd.matches.addresses import AddressRefused
from matchd.metrics import CONTENT_TYPE
from matchd.model import GameServer
from tests.support.operators import Browser, MadeUpNode, error, hang_up

READS = ("/v1/modes", "/v1/servers", "/v1/sessions", "/v1/totals", "/v1/invariants")


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = MadeUpNode()
        self.browser = Browser(self.node)
        self.get = self.browser.get

    def put(self, server_id: str, body: str | bytes) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else body.encode()
        return tuple(self.browser.ask("PUT", f"/v1/servers/{server_id}", data))


class Health(Case):
    def test_live(self) -> None:
        """A process that answers is alive, whatever it lacks."""
        self.node.unready = "draining"
        self.assertEqual((200, '{"status":"live"}'), tuple(self.get("/health/live")))

    def test_ready(self) -> None:
        """A node that can serve players says so."""
        self.assertEqual((200, '{"status":"ready"}'), tuple(self.get("/health/ready")))

    def test_not_ready(self) -> None:
        """A load balancer sees by the status, an operator by the reason, why a node gets no players."""
        for reason in ("draining", "redis: connection refused"):
            self.node.unready = reason
            expected = (503, f'{{"status":"unready","reason":"{reason}"}}')
            self.assertEqual(expected, tuple(self.get("/health/ready")))


class Views(Case):
    def test_metrics(self) -> None:
        """Prometheus gets the node's metrics in its own format."""
        reply = self.get("/metrics")
        self.assertEqual((200, "matchd_redis_up 1.0\n"), tuple(reply))
        self.assertEqual(CONTENT_TYPE, reply.headers["Content-Type"])

    def test_what_there_is(self) -> None:
        """Modes, servers, sessions, totals and invariants are JSON objects."""
        self.node.registry["eu-1"] = GameServer("eu-1", "10.0.0.4:7777")
        texts = {
            "/v1/modes": '{"modes":[{"name":"Normal_1v1","teams":[1,1],"order":"fifo","players":{"queued":3}}]}',
            "/v1/servers": '{"servers":[{"id":"eu-1","address":"10.0.0.4:7777"}]}',
            "/v1/sessions": '{"sessions":[{"id":"s1","mode":"Normal_1v1","state":"loading",'
            '"players":{"a":"ready","b":"loading"}}]}',
            "/v1/totals": '{"players":{"queued":{"Normal_1v1":3},"away":0,"in_sessions":2,"matched":4}}',
            "/v1/invariants": '{"players":{"queued":3,"loading":2},"contradictions":[]}',
        }
        for path, text in texts.items():
            reply = self.get(path)
            self.assertEqual((200, text), tuple(reply))
            self.assertEqual("application/json", reply.headers["Content-Type"])

    def test_limit(self) -> None:
        """One sees 100 sessions unless one asks for more or fewer."""
        for query in ("", "?limit=1", "?limit=1000"):
            self.get("/v1/sessions" + query)
        self.assertEqual([100, 1, 1000], self.node.limits)

    def test_senseless_limit(self) -> None:
        """A limit that is no number from 1 to 1000 is refused, and the store is not asked."""
        for given in ("0", "1001", "-1", "", "1.5", "ten", "1e3", "%D9%A3", "9" * 400, "1&limit=2"):
            reply = tuple(self.get(f"/v1/sessions?limit={given}"))
            self.assertEqual((400, error("limit: only a number from 1 to 1000")), reply, given)
        self.assertEqual([], self.node.limits)


class Registry(Case):
    def test_enter(self) -> None:
        """A game server that registers is told for how long it is in."""
        said = '{"address":"10.0.0.4:7777","capacity":4,"region":"eu","sessions":2,"sessions_made":9}'
        reply = self.put("eu-1", said)
        self.assertEqual((200, '{"server_id":"eu-1","ttl_s":15}'), reply)
        self.assertEqual({"eu-1": GameServer("eu-1", "10.0.0.4:7777", 4, "eu", 2, made=9)}, self.node.registry)

    def test_enter_where_none_may_be(self) -> None:
        """A game server where none may be is told so."""
        self.node.failure = AddressRefused("10.0.0.4 is not in servers.networks")
        reply = self.put("eu-1", '{"address":"10.0.0.4:7777"}')
        self.assertEqual((400, error("address: 10.0.0.4 is not in servers.networks")), reply)

    def test_enter_with_little(self) -> None:
        """Only the address must be given; a field from the future is ignored."""
        self.put("a", '{"address":"localhost:1","colour":"red","sessions":null}')
        self.assertEqual({"a": GameServer("a", "localhost:1", 1, "", None)}, self.node.registry)

    def test_overfull(self) -> None:
        """A game server may run more sessions than it meant to, and says so."""
        self.assertEqual(200, self.put("a", '{"address":"h:1","capacity":2,"sessions":1000000}')[0])

    def test_addresses(self) -> None:
        """A name, an IPv4 or a bracketed IPv6 address, with a port."""
        for address in ("game:1", "eu.example.com:65535", "10.0.0.4:7777", "[::1]:7777", "game_server-1:80"):
            self.assertEqual(200, self.put("a", f'{{"address":"{address}"}}')[0], address)

    def test_no_addresses(self) -> None:
        """What is no host and port is refused; so is whatever could make the request go elsewhere."""
        for address in (
            *("", "game", ":80", "game:", "game:0", "game:65536", "game:-1", "game:x", "http://game:80", "game:80/x"),
            *("user@game:80", "game:80?x", "game:80#x", " game:80", "game:80 ", "a b:80", "::1:80", "[::1]", "ga me:1"),
            *("gäme:80", "game:٣", "game:80\\n", "a" * 254 + ":1"),
        ):
            reply = self.put("a", f'{{"address":"{address}"}}')
            self.assertEqual((400, error("address: must be host:port")), reply, address)
        self.assertEqual({}, self.node.registry)

    def test_refused(self) -> None:
        """A registration that can't be meant is refused in one line that begins with the field."""
        for body, text in (
            ("", "body: not JSON"),
            ("{", "body: not JSON"),
            (b'{"address":"\xff:1"}', "body: not JSON"),
            ("[" * 4000, "body: Expected object, got array"),
            ("[]", "body: Expected object, got array"),
            ("{}", "address: missing"),
            ('{"address":5}', "address: Expected str, got int"),
            ('{"address":"h:1","capacity":0}', "capacity: Expected int >= 1"),
            ('{"address":"h:1","capacity":100001}', "capacity: Expected int <= 100000"),
            ('{"address":"h:1","capacity":1.5}', "capacity: Expected int, got float"),
            ('{"address":"h:1","capacity":true}', "capacity: Expected int, got bool"),
            ('{"address":"h:1","capacity":"4"}', "capacity: Expected int, got str"),
            ('{"address":"h:1","sessions":-1}', "sessions: Expected int >= 0"),
            ('{"address":"h:1","sessions":1000001}', "sessions: Expected int <= 1000000"),
            ('{"address":"h:1","sessions_made":-1}', "sessions_made: Expected int >= 0"),
            ('{"address":"h:1","region":"e u"}', "region: must be 1 to 64 of A-Z a-z 0-9 . _ -, or empty"),
            ('{"address":"h:1","region":"%s"}' % ("e" * 65), "region: must be 1 to 64 of A-Z a-z 0-9 . _ -, or empty"),
        ):
            self.assertEqual((400, error(text)), self.put("a", body), body)
        self.assertEqual({}, self.node.registry)

    def test_ids(self) -> None:
        """A server's id is a name like any other."""
        for server_id in ("a%20b", "a%2Fb", "%00", "%FF", "%C3%A4", "a%0A", "a:b", "*", "x" * 65):
            for method in ("PUT", "DELETE"):
                reply = self.browser.ask(method, f"/v1/servers/{server_id}", b'{"address":"h:1"}')
                expected = (400, error("server_id: must be 1 to 64 of A-Z a-z 0-9 . _ -"))
                self.assertEqual(expected, tuple(reply), server_id)

    def test_leave(self) -> None:
        """A game server that leaves is out at once; one that never was in is told so."""
        self.put("eu-1", '{"address":"h:1"}')
        reply = self.browser.ask("DELETE", "/v1/servers/eu-1")
        self.assertEqual((204, ""), tuple(reply))
        self.assertNotIn("Content-Type", reply.headers)
        self.assertEqual({}, self.node.registry)
        reply = self.browser.ask("DELETE", "/v1/servers/eu-1")
        self.assertEqual((404, error("server_id: eu-1 is not registered")), tuple(reply))


class Trouble(Case):
    def test_store_away(self) -> None:
        """While the store is away every answer that needs it is 503, with the reason."""
        self.node.failure = StoreUnavailable("redis: connection refused")
        expected = (503, error("redis: connection refused"))
        for path in READS:
            self.assertEqual(expected, tuple(self.get(path)))
        self.assertEqual(expected, self.put("a", '{"address":"h:1"}'))
        self.assertEqual(expected, tuple(self.browser.ask("DELETE", "/v1/servers/a")))
        self.assertEqual(200, self.get("/metrics").status)

    def test_fenced(self) -> None:
        """A node that the others gave up answers as if the store were away."""
        self.node.failure = NodeFenced("this node was given up")
        self.assertEqual((503, error("this node was given up")), tuple(self.get("/v1/modes")))

    def test_refused_by_the_store(self) -> None:
        """A key of another application is 500 with a text that names it, and one line in the log, no traceback."""
        self.node.failure = StoreError("WRONGTYPE the key servers is not of matchd")
        with capturedLogs() as events:
            self.assertEqual((500, error(str(self.node.failure))), tuple(self.get("/v1/servers")))
        said = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.warn]
        self.assertEqual(said, ["GET /v1/servers failed: WRONGTYPE the key servers is not of matchd"])

    def test_mistake(self) -> None:
        """A mistake of ours is 500 without any detail, and stands in the log once."""
        self.node.failure = ZeroDivisionError("secret detail")
        self.assertEqual((500, error("internal error")), tuple(self.get("/v1/modes")))
        self.assertEqual(["secret detail"], [f.getErrorMessage() for f in self.flushLoggedErrors(ZeroDivisionError)])

    def test_client_leaves(self) -> None:
        """A client that leaves before the answer is there is no error, and what it asked for is done."""
        self.node.pending = Deferred()
        channel, wire = self.browser.connect()
        channel.dataReceived(
            b'PUT /v1/servers/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n{"address":"h:1"}'
        )
        hang_up(channel)
        self.node.pending.callback(None)
        self.assertEqual(b"", wire.value())
        self.assertEqual(["a"], list(self.node.registry))

    def test_nowhere(self) -> None:
        """A path that leads nowhere is 404, in JSON."""
        for path in (
            "/x",
            "/v1",
            "/v1/",
            "/health",
            "/v1/modes/",
            "/v1/servers/",
            "/v1/servers/a/b",
            "//",
            "/%2e%2e/x",
        ):
            self.assertEqual((404, error("nothing is here")), tuple(self.get(path)), path)

    def test_methods(self) -> None:
        """A method that a path does not know is 405, with those that it does."""
        for method, path, allowed in (
            ("POST", "/", "GET"),
            ("PUT", "/health/live", "GET"),
            ("DELETE", "/v1/servers", "GET"),
            ("OPTIONS", "/v1/modes", "GET"),
            ("TRACE", "/metrics", "GET"),
            ("get", "/metrics", "GET"),
            ("GET", "/v1/servers/a", "DELETE, PUT"),
        ):
            reply = self.browser.ask(method, path)
            self.assertEqual((405, error(f"method: only {allowed}")), tuple(reply))
            self.assertEqual(allowed, reply.headers["Allow"])

    def test_head(self) -> None:
        """``HEAD`` is answered like ``GET``, less the body."""
        reply = self.browser.ask("HEAD", "/health/live")
        self.assertEqual((200, ""), tuple(reply))
        self.assertEqual("17", reply.headers["Content-Length"])
