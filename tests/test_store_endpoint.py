"""Every kind of address leads to the store, and TLS only to the right one."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.portforward import ProxyFactory

from matchd.errors import StartupError
from tests.support.certificates import authority
from tests.support.links import LinkTestCase
from tests.support.valkey import shared_valkey
from tests.support.waiting import until


class WayTests(LinkTestCase):
    """Every kind of address leads to the store."""

    async def assert_works(self, url: str) -> None:
        link = self.commands(url)
        await self.up(link)
        await link.execute("SET", "where", url)
        self.assertEqual(await link.execute("GET", "where"), url.encode())

    async def test_tcp(self) -> None:
        """Over TCP, by address and by name."""
        await self.assert_works(f"redis://127.0.0.1:{shared_valkey().port}")
        await self.assert_works(f"redis://localhost:{shared_valkey().port}")

    async def test_unix_socket(self) -> None:
        """Over a unix socket."""
        await self.assert_works(f"unix://{shared_valkey().path}")

    async def test_database(self) -> None:
        """In the database that the address names."""
        await self.assert_works(f"unix://{shared_valkey().path}?db=3")
        self.assertIsNone(shared_valkey().ask("GET", "where"))

    async def test_password(self) -> None:
        """With a password that needs to be encoded."""
        server = self.valkey(password="s:e/c@r#e?t")
        await self.assert_works(f"redis://:s%3Ae%2Fc%40r%23e%3Ft@127.0.0.1:{server.port}")

    async def test_user(self) -> None:
        """As a user who may only do what matchd needs."""
        server = shared_valkey()
        server.ask("ACL", "SETUSER", "matchd", "on", ">secret", "~*", "+set", "+get", "+role", "+ping")
        self.addCleanup(server.ask, "ACL", "DELUSER", "matchd")
        await self.assert_works(f"unix://matchd:secret@{server.path}")


class TlsTests(LinkTestCase):
    """A server proves who it is, or nothing is said to it."""

    def setUp(self) -> None:
        self.authority = authority()
        self.ca = Path(self.mktemp())
        self.ca.write_text(self.authority.pem)

    def listen(self, options: CertificateOptions) -> int:
        """The port of a server with TLS in front of the shared one."""
        port = reactor.listenSSL(0, ProxyFactory("127.0.0.1", shared_valkey().port), options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port.getHost().port

    async def test_private_root(self) -> None:
        """A certificate of the root that the address names is good."""
        port = self.listen(self.authority.server("localhost"))
        link = self.commands(f"rediss://localhost:{port}?ca={self.ca}")
        await self.up(link)
        self.assertEqual(await link.execute("PING"), b"PONG")

    async def assert_refused(self, url: str, problem: str) -> None:
        link = self.commands(url)
        link.start()
        await until(lambda: link.problem == problem)
        self.assertFalse(link.up)

    async def test_unknown_root(self) -> None:
        """A certificate of anybody else is not."""
        port = self.listen(self.authority.server("localhost"))
        await self.assert_refused(f"rediss://localhost:{port}", "TLS: certificate verify failed")

    async def test_other_root(self) -> None:
        """A root that signed others signs nothing for this one (T32)."""
        self.ca.write_text(authority().pem)
        port = self.listen(self.authority.server("localhost"))
        await self.assert_refused(f"rediss://localhost:{port}?ca={self.ca}", "TLS: certificate verify failed")

    async def test_other_host(self) -> None:
        """A certificate for another host is not, whoever signed it."""
        port = self.listen(self.authority.server("elsewhere.example"))
        await self.assert_refused(f"rediss://localhost:{port}?ca={self.ca}", "TLS: the certificate is another host's")

    async def test_no_tls(self) -> None:
        """A server without TLS is not spoken to in the clear."""
        link = self.commands(f"rediss://127.0.0.1:{shared_valkey().port}", timeout=0.3)
        link.start()
        await until(lambda: link.problem != "not connected yet")
        self.assertFalse(link.up)

    def test_useless_file(self) -> None:
        """A file that is not there, or without a certificate in it, is found at start."""
        empty = Path(self.mktemp())
        empty.write_text("-----BEGIN NOTHING-----")
        broken = Path(self.mktemp())
        broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
        complaints = {
            "/nowhere.pem": "No such file or directory",
            str(empty): "no certificate in it",
            str(broken): "a certificate in it can't be read",
        }
        for path, complaint in complaints.items():
            error = self.assertRaises(StartupError, self.commands, f"rediss://localhost?ca={path}")
            self.assertEqual(str(error), f"redis: ca: {path}: {complaint}")
