"""Behind the nginx and the HAProxy of docs/deployment.md: players are told apart, and speak TLS to the proxy.

Each is skipped where the program is not installed.
"""

from __future__ import annotations

import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.certificates import authority
from tests.support.children import Child, twistd
from tests.support.documents import Document
from tests.support.valkey import free_port

DEPLOYMENT = Document.read("docs/deployment.md")
LIMITS = '[limits]\naddress_connections = 1\ntrusted_networks = []\ntrusted_proxies = ["127.0.0.1"]\n'
PATIENCE = 20.0


class ProxyTests(SynchronousTestCase):
    """One player for each address, whatever it says in its headers."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="proxies-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.root = authority()
        key, certificate = self.root.issue("localhost")
        (self.folder / "key.pem").write_text(key)
        (self.folder / "cert.pem").write_text(certificate)
        (self.folder / "matchd.pem").write_text(certificate + key)
        self.inner, self.health, self.outer = free_port(), free_port(), free_port()

    def test_nginx(self) -> None:
        """`X-Forwarded-For`, with TLS before it."""
        config = self.config("nginx")
        wrapped = f"events {{}}\nhttp {{\naccess_log off;\n{self.temporary_paths()}\n{config}\n}}\n"
        (self.folder / "nginx.conf").write_text(wrapped)
        arguments = ("-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; pid nginx.pid;")
        with self.matchd("tcp"), self.proxy("nginx", *arguments):
            self.assert_told_apart()

    def test_haproxy(self) -> None:
        """The PROXY protocol, with TLS before it."""
        (self.folder / "haproxy.cfg").write_text(self.config("haproxy"))
        with self.matchd("haproxy:tcp"), self.proxy("haproxy", "-f", "haproxy.cfg"):
            self.assert_told_apart()

    # what is written in the document, with this test's ports and files

    def config(self, program: str) -> str:
        (text,) = DEPLOYMENT.section({"nginx": "nginx", "haproxy": "HAProxy"}[program]).code(program)
        for shown, real in {
            "127.0.0.1:8080": f"127.0.0.1:{self.inner}", "8081": str(self.health), "listen 443": f"listen {self.outer}",
            "maxconn 20000": "maxconn 100", ":443": f"127.0.0.1:{self.outer}",
            "/etc/ssl/matchd": str(self.folder), "/etc/haproxy": str(self.folder),
        }.items():  # fmt: skip
            text = text.replace(shown, real)
        return text

    def temporary_paths(self) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "\n".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)

    @contextmanager
    def matchd(self, kind: str) -> Iterator[None]:
        (self.folder / "matchd.toml").write_text(LIMITS)
        ports = f"{kind}:{self.inner}:interface=127.0.0.1", f"tcp:{self.health}:interface=127.0.0.1"
        options = ("--config", str(self.folder / "matchd.toml"), "--listen", ports[0], "--http", ports[1])
        with _ended(twistd(self.folder / "matchd", "-n", "matchd", *options)) as child:
            child.wait_to_print("players: ")
            yield

    @contextmanager
    def proxy(self, program: str, *arguments: str) -> Iterator[None]:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
        if path is None:
            raise SkipTest(f"{program} is not installed")
        with _ended(Child(self.folder, *arguments, program=path)) as child:
            deadline = time.monotonic() + PATIENCE
            while not self.is_there():
                self.assertIsNone(child.status, child.stderr)
                self.assertLess(time.monotonic(), deadline, child.stderr)
                time.sleep(0.1)
            yield

    # players

    def player(self, host: str, **headers: str) -> ClientConnection:
        context = ssl.create_default_context(cadata=self.root.pem)
        return connect(
            f"wss://localhost:{self.outer}/ws/", ssl=context, additional_headers=headers, source_address=(host, 0),
            open_timeout=PATIENCE,
        )  # fmt: skip

    def is_there(self) -> bool:
        try:
            self.player("127.0.0.9").close()
        except (OSError, InvalidStatus, EOFError):
            return False
        return True

    def assert_told_apart(self) -> None:
        """A second player of an address is refused, also with a header of his own; another address's is not."""
        with self.player("127.0.0.2") as first, self.player("127.0.0.3"):
            for forged in ({}, {"X-Forwarded-For": "127.0.0.7"}):
                refused = self.assertRaises(InvalidStatus, self.player, "127.0.0.2", **forged)
                self.assertEqual(refused.response.status_code, 429)
            first.send('{"type":"enqueue","player_id":"a","game_mode":"Normal_1v1"}')
            self.assertIn('"queued"', str(first.recv(PATIENCE)))


@contextmanager
def _ended(child: Child) -> Iterator[Child]:
    try:
        yield child
    finally:
        child.signal(15)
        child.ended()
