"""What may stand behind ``--redis``, and what is said about what may not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from matchd.errors import StartupError
from matchd.store.address import RedisAddress, parse


class GoodAddressTests(SynchronousTestCase):
    """Each kind of address is understood."""

    def test_host(self) -> None:
        """A host is enough; the port is 6379 and the database 0."""
        self.assertEqual(parse("redis://cache"), RedisAddress(hosts=(("cache", 6379),)))

    def test_everything(self) -> None:
        """User, password, port and database; user and password are percent-decoded."""
        address = parse("redis://me%3A:p%40ss%2Fword@cache:7000/3")
        expected = RedisAddress(hosts=(("cache", 7000),), db=3, username="me:", password="p@ss/word")
        self.assertEqual(address, expected)

    def test_password_without_user(self) -> None:
        """An old Redis knows no users, only a password."""
        address = parse("redis://:secret@cache/")
        self.assertEqual((address.username, address.password), ("", "secret"))

    def test_user_with_an_empty_password(self) -> None:
        """A user whose password is empty is still a user who logs in."""
        address = parse("redis://me:@cache")
        self.assertEqual((address.username, address.password), ("me", ""))

    def test_nobody(self) -> None:
        """Without a user and a password nobody logs in."""
        self.assertIsNone(parse("redis://:@cache").password)

    def test_ipv6(self) -> None:
        """An IPv6 address stands in brackets."""
        self.assertEqual(parse("redis://[::1]:7000").hosts, (("::1", 7000),))

    def test_tls(self) -> None:
        """``rediss`` means TLS, and may name the file of a private root."""
        expected = RedisAddress(hosts=(("cache", 6380),), db=1, tls=True, ca="/etc/a+b c.pem")
        self.assertEqual(parse("rediss://cache:6380/1?ca=/etc/a+b%20c.pem"), expected)

    def test_unix_socket(self) -> None:
        """A unix socket by its path, with a database and a user."""
        expected = RedisAddress(path="/run/my redis.sock", db=2, username="me", password="secret")
        self.assertEqual(parse("unix://me:secret@/run/my%20redis.sock?db=2"), expected)

    def test_sentinels(self) -> None:
        """Sentinels, each with or without a port, and the name of the primary that they watch."""
        address = parse("sentinel://me:secret@s1,s2:7000,[::1]:7001/mymaster?db=1")
        hosts = (("s1", 26379), ("s2", 7000), ("::1", 7001))
        expected = RedisAddress(hosts=hosts, primary="mymaster", db=1, username="me", password="secret")
        self.assertEqual(address, expected)

    def test_scheme_in_capitals(self) -> None:
        """A scheme is the same in capitals."""
        self.assertEqual(parse("REDIS://cache"), parse("redis://cache"))


class SecretTests(SynchronousTestCase):
    """A password is nowhere to be seen."""

    def test_log(self) -> None:
        """What goes to a log has neither the user nor the password."""
        shown = {
            "redis://me:secret@cache:7000/3": "redis://cache:7000/3",
            "rediss://me:secret@[::1]/3": "rediss://[::1]:6379/3",
            "unix://me:secret@/run/redis.sock": "unix:///run/redis.sock",
            "sentinel://me:secret@s1,s2/mymaster": "sentinel://s1:26379,s2:26379/mymaster",
        }
        self.assertEqual({url: str(parse(url)) for url in shown}, shown)

    def test_repr(self) -> None:
        """A traceback that shows the address does not show the password."""
        self.assertNotIn("secret", repr(parse("redis://me:secret@cache")))

    def test_complaints(self) -> None:
        """A password that breaks the URL is not quoted in the complaint."""
        for url in ("redis://me:sec/ret@cache", "redis://sec@cache", "redis://me:sec#ret@cache", "me:sec@cache"):
            self.assertNotIn("sec", str(self.assertRaises(StartupError, parse, url)))


class BadAddressTests(SynchronousTestCase):
    """Each mistake gets one line that begins with the option."""

    def refuses(self, url: str, complaint: str) -> None:
        self.assertEqual(str(self.assertRaises(StartupError, parse, url)), f"redis: {complaint}")

    def test_no_scheme(self) -> None:
        """A host alone could be anything."""
        for url in ("", "cache:6379", "//cache"):
            self.refuses(url, "the scheme is missing: write redis://host:6379/0")

    def test_unknown_scheme(self) -> None:
        """Only four schemes are known."""
        for url in ("http://cache", "://cache", "redis+tls://cache"):
            self.refuses(url, "the scheme must be one of redis, rediss, unix, sentinel")

    def test_bad_port(self) -> None:
        """A port is a number from 1 to 65535."""
        for port in ("0", "65536", "x", "", "-1", "6379x", "\u0661", "9" * 5000, ":6379"):
            self.refuses(f"redis://cache:{port}", "the port must be a number from 1 to 65535")
        self.refuses("sentinel://s1:x/mymaster", "the port must be a number from 1 to 65535")

    def test_bad_database(self) -> None:
        """A database is a number."""
        for url in (
            "redis://cache/x",
            "redis://cache/-1",
            "redis://cache/1/2",
            "unix:///r?db=x",
            "sentinel://s/m?db=1.5",
        ):
            self.refuses(url, "the database must be a number, 0 or more")

    def test_no_host(self) -> None:
        """A host is never made up."""
        for url in (
            "redis://",
            "redis:///0",
            "rediss://:6380",
            "redis://me:secret@",
            "sentinel://s1,,s2/m",
            "sentinel:///m",
        ):
            self.refuses(url, "the host is missing")

    def test_odd_host(self) -> None:
        """Brackets are for IPv6 addresses."""
        for url in ("redis://[::1", "redis://[]", "redis://[::1]x:6379"):
            self.refuses(url, "the host is not well-formed")

    def test_no_primary(self) -> None:
        """Sentinels may watch several primaries, so the name has to be given."""
        for url in ("sentinel://s1", "sentinel://s1/", "sentinel://s1/a/b"):
            self.refuses(url, "sentinels need the name of the primary: write sentinel://host:26379/NAME")

    def test_bad_socket(self) -> None:
        """A unix socket has an absolute path, and no host."""
        for url in ("unix://", "unix:///", "unix://run/redis.sock"):
            self.refuses(url, "a unix socket needs an absolute path: write unix:///run/redis.sock")

    def test_long_socket(self) -> None:
        """The kernel takes no longer path."""
        self.refuses(f"unix:///{'x' * 107}", "the path of a unix socket has at most 107 bytes")

    def test_user_without_password(self) -> None:
        """Redis has no log-in without a password."""
        problem = "a user needs a password: set redis_password_file, or write user:password@host"
        self.refuses("redis://me@cache", problem)
        self.refuses("sentinel://me@cache/mm", problem)

    def test_password_from_elsewhere(self) -> None:
        """A password that is not in the URL is taken as it is, for any user; two are one too many."""
        for url in ("redis://me@cache", "rediss://cache", "sentinel://me@cache/mm", "unix://me@/run/redis.sock"):
            address = parse(url, "p%41ss@word")
            self.assertEqual((address.password, address.username), ("p%41ss@word", "me" if "me@" in url else ""))
            self.assertNotIn("ss@word", repr(address) + str(address))
        error = self.assertRaises(StartupError, parse, "redis://me:hunter2@cache", "other")
        problem = "redis: there is a password in it, and redis_password is set too; keep one of them"
        self.assertEqual(str(error), problem)

    def test_fragment(self) -> None:
        """A # would cut the URL off."""
        self.refuses("redis://:a#b@cache", "a # must be written as %23")

    def test_unknown_parameter(self) -> None:
        """A parameter that means nothing is a mistake, and so is one given twice."""
        self.refuses("redis://cache?db=1", "what may stand behind the ? of redis://, once: nothing")
        self.refuses("rediss://cache?verify=no", "what may stand behind the ? of rediss://, once: ca")
        self.refuses("unix:///r?db=1&db=2", "what may stand behind the ? of unix://, once: db")
