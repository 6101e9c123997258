"""What the ports that the settings describe do for every connection."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SkipTest, TestCase

from matchd.errors import StartupError
from matchd.ports import PROBES, listen, url, with_port


class PortsTests(TestCase):
    async def accepted(self, description: str, shared: bool = False) -> Any:
        """A connection to a port with this description, as the listening side has it."""
        came: Deferred[Any] = Deferred()

        class Accepted(Protocol):
            def connectionMade(self) -> None:
                came.callback(self.transport)

        port = await listen(reactor, "listen", description, Factory.forProtocol(Accepted), shared)
        self.addCleanup(port.stopListening)
        where = port.getHost()
        path = getattr(where, "name", None)
        door = UNIXClientEndpoint(reactor, path) if path else TCP4ClientEndpoint(reactor, "127.0.0.1", where.port)
        client = await connectProtocol(door, Protocol())
        self.addCleanup(client.transport.abortConnection)
        transport = await came
        self.addCleanup(transport.abortConnection)
        return transport

    async def test_the_kernel_looks_for_clients_that_vanish(self) -> None:
        """Of all connections, whether other processes share the port or not: who has no power says no goodbye."""
        if not hasattr(socket, "TCP_USER_TIMEOUT"):
            raise SkipTest("needs Linux")
        for shared in (False, True):
            transport = await self.accepted("tcp:0:interface=127.0.0.1", shared)
            self.assertTrue(transport.getTcpKeepAlive())
            for name in PROBES.keys() - {"SO_KEEPALIVE"}:
                asked = transport.socket.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                self.assertEqual(asked, PROBES[name], name)

    def test_they_are_found_within_thirty_seconds(self) -> None:
        """So docs/reliability.md promises: after some silence, and as long as it takes to be sure."""
        idle, every, times = (PROBES[f"TCP_KEEP{name}"] for name in ("IDLE", "INTVL", "CNT"))
        self.assertEqual((idle + every * times, PROBES["TCP_USER_TIMEOUT"]), (30, 30_000))

    async def test_processes_share_a_port_of_ipv6(self) -> None:
        """``--workers`` goes with an IPv6 address, written with backslashes as Twisted wants it, as with others."""
        factory = Factory.forProtocol(Protocol)
        for description in (
            r"tcp:0:interface=\:\:1",
            r"tcp:port=0:interface=\:\:",
            "tcp:0:interface=127.0.0.1",
            "tcp:0",
        ):
            first = await listen(reactor, "listen", description, factory, True)
            self.addCleanup(first.stopListening)
            second = await listen(reactor, "listen", with_port(description, first), factory, True)
            self.addCleanup(second.stopListening)
            self.assertEqual(first.getHost(), second.getHost())

    async def test_what_processes_can_not_share(self) -> None:
        """What is no plain TCP port, or has a further argument, is refused in one line that says what would do."""
        for description in ("unix:/tmp/socket", "haproxy:tcp:0", "tcp:0:backlog=5", r"tcp:0:interface=\:\:1:backlog=5"):
            listening = Deferred.fromCoroutine(listen(reactor, "listen", description, Factory(), True))
            error = await self.assertFailure(listening, StartupError)
            wanted = f"--workers: more than one needs tcp:PORT:interface=ADDRESS to listen on, got {description}"
            self.assertEqual(str(error), wanted)

    async def test_where_they_are(self) -> None:
        """The log names a URL that a client can take as it is: an IPv6 address stands in brackets."""
        for description, host in (
            (r"tcp:0:interface=\:\:1", "[::1]"),
            (r"tcp:interface=\:\::port=0", "[::]"),
            ("tcp:0:interface=127.0.0.1", "127.0.0.1"),
            ("tcp:0", "localhost"),
        ):
            port = await listen(reactor, "http", description, Factory(), False)
            self.addCleanup(port.stopListening)
            self.assertEqual(url("http", description, port), f"http://{host}:{port.getHost().port}")
        self.assertEqual(url("ws", "unix:/tmp/socket", port), "ws on unix:/tmp/socket")

    async def test_what_has_no_network_has_nothing_to_look_for(self) -> None:
        """A socket in the file system is listened on all the same."""
        transport = await self.accepted(f"unix:{self.mktemp()}")
        self.assertEqual(transport.socket.family, socket.AF_UNIX)
