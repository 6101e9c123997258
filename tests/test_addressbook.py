"""Names of game servers: looked up once, checked, and pinned to what they led to (T28)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from matchd.matches.addressbook import AddressBook
from matchd.matches.addresses import AddressRefused, Allowed, read_network, read_ports
from tests.support.names import Names

METADATA = "169.254.169.254 is a link-local address, and servers.networks does not list it as one"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.names = Names({"game.example": ["10.0.0.7"]})
        self.book = AddressBook(self.names, Allowed())

    def pin(self, address: str, server_id: str = "one") -> str:
        pinned: str = self.successResultOf(Deferred.fromCoroutine(self.book.pin(server_id, address)))
        return pinned

    def refusal(self, address: str) -> str:
        return str(self.failureResultOf(Deferred.fromCoroutine(self.book.pin("one", address)), AddressRefused).value)

    def answer(self, address: str, asked: str = "10.0.0.7:7000") -> str:
        """Why a server may not send players there; empty where it may."""
        found: list[object] = []
        Deferred.fromCoroutine(self.book.check(address, asked)).addBoth(found.append)
        (result,) = found
        return "" if result is None else str(result.value)  # type: ignore[attr-defined]


class PinTests(Case):
    """The address with which a game server registers."""

    def test_address(self) -> None:
        """An IP address is taken in its plain form, and nobody is asked about it."""
        self.assertEqual(self.pin("10.7:7000"), "10.0.0.7:7000")
        self.assertEqual(self.refusal("0xa9fea9fe:80"), METADATA)
        self.assertEqual(self.names.asked, [])

    def test_name(self) -> None:
        """A name is replaced by what it leads to."""
        self.assertEqual(self.pin("game.example:7000"), "10.0.0.7:7000")

    def test_rebinding(self) -> None:
        """A name that leads elsewhere later is of no use: it stays what it was while the server is in."""
        self.pin("Game.Example:7000")
        self.names.known["game.example"] = ["169.254.169.254"]
        for _ in range(4):
            self.names.advance(5)
            self.assertEqual(self.pin("Game.Example:7000"), "10.0.0.7:7000")
        self.assertEqual(self.names.asked, ["game.example"])

    def test_looked_up_anew(self) -> None:
        """Who was away, has left, or comes with another address, is looked up anew, and checked anew."""
        self.pin("game.example:7000")
        self.names.known["game.example"] = ["10.0.0.8"]
        self.names.advance(15.5)
        self.assertEqual(self.pin("game.example:7000"), "10.0.0.8:7000")
        self.names.known["game.example"] = ["10.0.0.9"]
        self.book.unpin("one")
        self.assertEqual(self.pin("game.example:7000"), "10.0.0.9:7000")
        self.names.known["game.example"] = ["169.254.169.254"]
        self.assertEqual(self.refusal("game.example:7001"), f"game.example: {METADATA}")

    def test_leads_inside(self) -> None:
        """A name that leads to what is guarded is refused, in whatever form its answer is."""
        for host, text in (("169.254.169.254", METADATA), ("::ffff:169.254.169.254", METADATA)):
            self.names.known["evil.example"] = [host]
            self.assertEqual(self.refusal("evil.example:80"), f"evil.example: {text}")
        self.names.known["localhost"] = ["::1", "127.0.0.1"]
        self.assertIn("localhost: ::1 is a loopback address", self.refusal("localhost:80"))

    def test_several(self) -> None:
        """Of several addresses the first that is allowed is taken, IPv4 before IPv6, whatever order they come in."""
        self.names.known["many.example"] = ["2001:db8::1", "127.0.0.1", "10.0.0.9", "10.0.0.8"]
        self.assertEqual(self.pin("many.example:7000"), "10.0.0.8:7000")
        self.names.known["six.example"] = ["2001:db8::1", "169.254.169.254"]
        self.assertEqual(self.pin("six.example:7000"), "[2001:db8::1]:7000")

    def test_unknown(self) -> None:
        """A name that leads nowhere is refused."""
        self.assertEqual(self.refusal("nowhere.example:80"), "nowhere.example is unknown")

    def test_silence(self) -> None:
        """A name server that does not answer is waited for for two seconds; a late answer disturbs nobody."""
        self.names.silent.add("slow.example")
        asked = Deferred.fromCoroutine(self.book.pin("one", "slow.example:80"))
        self.names.advance(1.9)
        self.assertNoResult(asked)
        self.names.advance(0.1)
        error = self.failureResultOf(asked, AddressRefused).value
        self.assertEqual(str(error), "slow.example could not be looked up within 2 s")
        self.names.answer_all()

    def test_silences(self) -> None:
        """However many names get no answer, no more than four threads wait for one, until the answers come."""
        self.names.silent = {f"slow-{number}.example" for number in range(20)}
        asked = [Deferred.fromCoroutine(self.book.pin(name, f"{name}:80")) for name in sorted(self.names.silent)]
        self.assertEqual(len(self.names.asked), 4)
        self.names.advance(2)
        for each in asked:
            self.failureResultOf(each, AddressRefused)
        last = Deferred.fromCoroutine(self.book.pin("one", "game.example:80"))
        self.assertNoResult(last)
        self.assertEqual(len(self.names.asked), 4)
        self.names.answer_all()
        self.assertEqual(self.successResultOf(last), "10.0.0.7:80")

    def test_silences_again(self) -> None:
        """Names that had no answer before keep none of the others waiting, however many they are."""
        self.names.silent = {f"slow-{number}.example" for number in range(12)}
        for name in sorted(self.names.silent):
            asked = Deferred.fromCoroutine(self.book.pin(name, f"{name}:80"))
            self.names.advance(2)
            self.failureResultOf(asked, AddressRefused)
            self.names.answer_all()
        self.names.asked.clear()
        again = [Deferred.fromCoroutine(self.book.pin(name, f"{name}:80")) for name in sorted(self.names.silent)]
        self.assertEqual(self.pin("game.example:80"), "10.0.0.7:80")
        self.assertEqual(len(self.names.asked), 3)
        self.names.advance(2)
        for each in again:
            self.failureResultOf(each, AddressRefused)
        self.names.answer_all()
        self.names.silent.clear()
        self.names.known["slow-0.example"] = ["10.0.0.8"]
        self.assertEqual(self.pin("slow-0.example:80"), "10.0.0.8:80")

    def test_no_names(self) -> None:
        """What no resolver could take is refused without asking one."""
        for name in ("a..b", "x" * 64, ".".join(["a", "x" * 64, "b"])):
            self.assertEqual(self.refusal(f"{name}:80"), f"{name[:64]} is no host's name")
        self.assertEqual(self.names.asked, [])

    def test_port_first(self) -> None:
        """A port that is not listed is refused before anybody is asked."""
        self.book = AddressBook(self.names, Allowed(ports=(read_ports("7000-7999"),)))
        self.assertEqual(self.refusal("game.example:6379"), "port 6379 is not in servers.ports")
        self.assertEqual(self.names.asked, [])


class AnswerTests(Case):
    """The address to which a game server sends players."""

    def test_own_host(self) -> None:
        """It may send them to itself, at any port that is allowed."""
        self.assertEqual(self.answer("127.0.0.1:7777", asked="127.0.0.1:7000"), "")
        self.assertEqual(self.answer("game-1:7777", asked="game-1:7000"), "")
        self.book = AddressBook(self.names, Allowed(ports=(read_ports("7777"),)))
        self.assertEqual(self.answer("127.0.0.1:7000", asked="127.0.0.1:7000"), "")
        self.assertEqual(self.answer("127.0.0.1:80", asked="127.0.0.1:7000"), "port 80 is not in servers.ports")

    def test_elsewhere(self) -> None:
        """It may not send them where no game server may be."""
        self.assertEqual(self.answer("203.0.113.7:7777"), "")
        self.assertEqual(self.answer("[::ffff:169.254.169.254]:80"), METADATA)
        self.assertIn("127.0.0.1 is a loopback address", self.answer("2130706433:80"))

    def test_names_for_players(self) -> None:
        """A name is for players to look up, and not for matchd, where all of the internet is open anyhow."""
        self.assertEqual(self.answer("eu-1.games.example:7777"), "")
        self.assertEqual(self.names.asked, [])
        for name in ("localhost", "localhost.", "x.localhost"):
            self.assertEqual(self.answer(f"{name}:80"), f"{name} is unknown")

    def test_names_in_networks(self) -> None:
        """Where networks are listed, a name has to lead into one of them."""
        self.book = AddressBook(self.names, Allowed((read_network("10.0.0.0/8"),)))
        self.names.known["evil.example"] = ["203.0.113.7"]
        self.assertEqual(self.answer("game.example:7777"), "")
        self.assertEqual(self.answer("evil.example:7777"), "evil.example: 203.0.113.7 is not in servers.networks")
        self.assertEqual(self.answer("nowhere.example:7777"), "nowhere.example is unknown")
