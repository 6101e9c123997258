"""Secrets of the settings, and what is said about game servers: where each comes from, and what is wrong with it."""

from __future__ import annotations

from ipaddress import ip_network

from matchd.config.servers import Servers
from matchd.config.settings import Settings, read
from matchd.matches.addresses import Ports
from tests.support.certificates import authority
from tests.support.settings import TreeCase

FORM = "a text of visible ASCII characters without spaces"
NETWORK = 'an IP address or network without host bits, as "10.0.0.0/8"'
PORTS = 'a port or a range of ports, as "7000-7999"'


class SecretTests(TreeCase):
    """Every secret can stay out of the file of settings (T33)."""

    def test_environment(self) -> None:
        """A secret may come from the environment."""
        self.environ = {"MATCHD_OPERATOR_TOKEN": "0ps", "MATCHD_SERVERS_TOKEN": "g4me"}
        settings = self.read()
        self.assertEqual((settings.operator_token, settings.servers.token), ("0ps", "g4me"))

    def test_environment_opens_the_port(self) -> None:
        """The operators' port may be beyond loopback with a token from there as well."""
        self.environ = {"MATCHD_OPERATOR_TOKEN": "0ps"}
        self.assertEqual(self.read(http="tcp:8081").http, "tcp:8081")

    def test_files(self) -> None:
        """Or from a file of its own."""
        self.file("servers.token", "g4me\n")
        settings = self.read(servers={"token_file": "servers.token"})
        self.assertEqual(settings.servers.token, "g4me")
        self.assertEqual(settings.warnings, ())

    def test_one_of_them(self) -> None:
        """One that comes from two places is refused: nobody could say which counts."""
        self.file("t", "g4me")
        self.environ = {"MATCHD_SERVERS_TOKEN": "g4me"}
        for key, value in (("token", "x"), ("token_file", "t")):
            self.assertEqual(
                self.problems(servers={key: value}),
                [f"servers.{key}: MATCHD_SERVERS_TOKEN is set too; keep one of them"],
            )
        self.environ = {}
        self.assertEqual(
            self.problems(servers={"token": "x", "token_file": "t"}),
            ["servers.token_file: token is set too; keep one of them"],
        )

    def test_no_secret(self) -> None:
        """What is wrong with a secret is told without it."""
        self.environ = {"MATCHD_SERVERS_TOKEN": "two words"}
        self.assertEqual(self.problems(), [f"servers.token: MATCHD_SERVERS_TOKEN holds no token: {FORM}"])
        self.environ = {"MATCHD_SERVERS_TOKEN": ""}
        self.assertEqual(self.problems(), [f"servers.token: MATCHD_SERVERS_TOKEN holds no token: {FORM}"])
        self.environ = {}
        path = self.file("t", "two words")
        self.assertEqual(
            self.problems(servers={"token_file": "t"}), [f"servers.token_file: {path} holds no token: {FORM}"]
        )
        self.assertEqual(self.problems(servers={"token": "two words"}), [f"servers.token: {FORM}"])
        self.assertEqual(
            self.problems(servers={"token_file": "nowhere"}),
            [f"servers.token_file: {self.folder}/nowhere: No such file or directory"],
        )

    def test_readable_by_all(self) -> None:
        """A secret that other users of the machine can read is used, with a warning that names the file."""
        path = self.file("t", "g4me", 0o644)
        settings = self.read(servers={"token_file": "t"})
        self.assertEqual(settings.servers.token, "g4me")
        self.assertEqual(settings.warnings, (f"every user of this machine can read {path}: servers.token_file",))

    def test_settings_readable_by_all(self) -> None:
        """So is one that stands in a file of settings which all can read."""
        tree = {"operator_token": "0ps", "servers": {"token": "g4me"}}
        path = self.file("matchd.toml", "", 0o644)
        warning = f"every user of this machine can read {path}: operator_token, servers.token"
        self.assertEqual(self.read(**tree).warnings, (warning,))
        self.assertEqual(self.read().warnings, ())
        self.file("matchd.toml", "", 0o640)
        self.assertEqual(self.read(**tree).warnings, ())

    def test_private_key(self) -> None:
        """The key of a certificate is a secret too."""
        for mode, count in ((0o600, 0), (0o644, 1)):
            path = self.file("a key:1.pem", "".join(authority().issue("localhost")), mode)
            escaped = path.replace(":", "\\:")
            endpoint = f"ssl:8443:privateKey={escaped}:certKey={escaped}:interface=127.0.0.1"
            warning = f"every user of this machine can read {path}: the privateKey of "
            warnings = [warning + "listen", warning + "http"] * count
            self.assertEqual(list(self.read(listen=endpoint, http=endpoint).warnings), warnings)

    def test_password(self) -> None:
        """The store's password may come from the environment or a file, for the user that the address names."""
        self.environ = {"MATCHD_REDIS_PASSWORD": "hunter2"}
        redis = self.read(redis="rediss://matchd@store").redis
        assert redis is not None
        self.assertEqual((redis.username, redis.password), ("matchd", "hunter2"))
        self.assertIsNone(self.read().redis)
        self.environ = {}
        self.file("p", "hunter3\n")
        redis = self.read(redis="sentinel://store/mm", redis_password_file="p").redis
        assert redis is not None
        self.assertEqual((redis.username, redis.password), ("", "hunter3"))

    def test_password_problems(self) -> None:
        """Two passwords, none, or one that can't be read are refused."""
        self.file("matchd.toml", "")
        self.assertEqual(
            self.problems(redis="redis://me:hunter2@store", redis_password="hunter3"),
            ["redis: there is a password in it, and redis_password is set too; keep one of them"],
        )
        self.assertEqual(
            self.problems(redis="redis://me@store"),
            ["redis: a user needs a password: set redis_password_file, or write user:password@host"],
        )
        self.environ = {"MATCHD_REDIS_PASSWORD": "hunter\n2"}
        self.assertEqual(
            self.problems(redis="redis://store"), [f"redis_password: MATCHD_REDIS_PASSWORD holds no password: {FORM}"]
        )

    def test_password_in_public(self) -> None:
        """A password on the command line, or in settings that all can read, works with a warning."""
        url = "redis://me:hunter2@store"
        given = read({}, {"redis": url}).warnings
        self.assertEqual(given, ("every user of this machine can read the secret in --redis",))
        path = self.file("matchd.toml", "", 0o644)
        self.assertEqual(self.read(redis=url).warnings, (f"every user of this machine can read {path}: redis",))
        self.assertEqual(self.read(redis="redis://store").warnings, ())
        self.assertNotIn("hunter2", repr(read({}, {"redis": url})))

    def test_masked(self) -> None:
        """Settings that are printed show none."""
        self.file("matchd.toml", "")
        shown = repr(self.read(operator_token="s3cret-1", servers={"token": "s3cret-2"}))
        self.assertNotIn("s3cret", shown)


class ServersTests(TreeCase):
    """Where game servers may be."""

    def test_lists(self) -> None:
        """Networks and ports are what they say."""
        servers = self.read(servers={"networks": ["10.0.0.0/8", "2001:db8::7"], "ports": ["443", "7000-7999"]}).servers
        self.assertEqual(servers.networks, (ip_network("10.0.0.0/8"), ip_network("2001:db8::7/128")))
        self.assertEqual(servers.ports, (Ports(443, 443), Ports(7000, 7999)))

    def test_mistakes(self) -> None:
        """What is no network or no port is named, item by item."""
        wrong = {"networks": ["10.0.0.1/8", "10.0.0.0/8", 5], "ports": ["0", 443], "network": []}
        expected = [
            f'servers.networks: {NETWORK}, got "10.0.0.1/8"',
            f"servers.networks: {NETWORK}, got 5",
            f'servers.ports: {PORTS}, got "0"',
            f"servers.ports: {PORTS}, got 443",
            "servers.network: unknown key, did you mean networks?",
        ]
        self.assertEqual(self.problems(servers=wrong), expected)

    def test_registers_anyone(self) -> None:
        """Where players come from elsewhere, a token should keep others on the machine from registering servers."""
        self.assertFalse(Settings().registers_anyone)
        self.assertTrue(Settings(listen="tcp:8080").registers_anyone)
        for guarded in ({"http": None}, {"operator_token": "0ps"}, {"servers": Servers(token="g4me")}):
            self.assertFalse(Settings(listen="tcp:8080", **guarded).registers_anyone)

    def test_on_loopback(self) -> None:
        """matchd is on loopback as long as neither port can be reached from elsewhere."""
        self.assertTrue(Settings().on_loopback)
        self.assertTrue(Settings(http=None).on_loopback)
        self.assertFalse(Settings(listen="tcp:8080").on_loopback)
        self.assertFalse(Settings(http="tcp:8081:interface=10.0.0.1").on_loopback)
