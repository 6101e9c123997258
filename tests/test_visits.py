"""What one address may have and do at the players' port, and whose address counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.websocket.addresses import Addresses, TooMuch
from matchd.websocket.limits import Limits
from tests.support.properties import patient
from tests.support.wire import PING, Client, Port, PortCase, frame, request

PROXIES = Limits(trusted_proxies=("10.0.0.0/8", "fd00::/8"))


class ClientTests(SynchronousTestCase):
    """Whose request it is."""

    def assert_client(self, host: str, forwarded: str, client: str) -> None:
        self.assertEqual(str(Addresses(PROXIES).client(host, forwarded)), client, (host, forwarded))

    def test_nobody_but_a_proxy_is_believed(self) -> None:
        """A header that anybody can write changes nothing."""
        for forwarded in ("", "203.0.113.7", "127.0.0.1", "10.0.0.1, 203.0.113.7", "nonsense"):
            self.assert_client("198.51.100.1", forwarded, "198.51.100.1")

    def test_a_proxy_is_believed_on_the_hop_before_it(self) -> None:
        """And no further: what stands left of that came from outside."""
        self.assert_client("10.0.0.1", "203.0.113.7", "203.0.113.7")
        self.assert_client("10.0.0.1", "127.0.0.1, 203.0.113.7", "203.0.113.7")
        self.assert_client("10.0.0.1", "127.0.0.1, 203.0.113.7, 10.2.2.2", "203.0.113.7")
        self.assert_client("fd00::1", "1.2.3.4,203.0.113.7", "203.0.113.7")

    def test_a_proxy_that_says_nothing_of_use(self) -> None:
        """Then it counts itself."""
        for forwarded in ("", "unknown", "203.0.113.7, _hidden", ",", "1.2.3.4.5"):
            self.assert_client("10.0.0.1", forwarded, "10.0.0.1")

    def test_ports_brackets_and_forms(self) -> None:
        """As proxies write them; an IPv4 address in IPv6's clothes is itself."""
        self.assert_client("10.0.0.1", "203.0.113.7:5000", "203.0.113.7")
        self.assert_client("10.0.0.1", "[2001:db8::1]:5000", "2001:db8::1")
        self.assert_client("::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7")
        self.assert_client("198.51.100.1%eth0", "", "198.51.100.1")

    def test_a_socket_without_an_address(self) -> None:
        """Such as a Unix socket's."""
        self.assertIsNone(Addresses(PROXIES).client("", "203.0.113.7"))

    @patient
    @given(st.text(max_size=60))
    def test_nothing_makes_it_fail(self, forwarded: str) -> None:
        """Whatever a header holds."""
        Addresses(PROXIES).client("10.0.0.1", forwarded)


class MemoryTests(SynchronousTestCase):
    """What is kept of those who come and go."""

    def test_nothing_is_left(self) -> None:
        """Once all sockets are gone, no count is."""
        addresses = Addresses(Limits())
        visits = [addresses.arrives(f"198.51.100.{i}", 0) for i in range(200)]
        visits += [addresses.enters(f"198.51.100.{i}", "", 0) for i in range(200)]
        for visit in visits:
            assert visit is not None
            visit.ends()
        self.assertEqual((len(addresses.half_open), len(addresses.open)), (0, 0))

    def test_a_flood_from_many_networks(self) -> None:
        """A hundred thousand /64s, each with a socket that comes and goes, take no room."""
        addresses = Addresses(Limits())
        for i in range(100_000):
            visit = addresses.arrives(f"2001:db8:{i >> 16:x}:{i & 0xFFFF:x}::1", i / 1e6)
            assert visit is not None
            visit.ends()
        self.assertLessEqual(len(addresses._sockets), 10_000)
        self.assertEqual(len(addresses.half_open), 0)

    def test_one_customer_is_one_address(self) -> None:
        """However many addresses his /64 has."""
        addresses = Addresses(Limits(address_half_open=3))
        for i in range(3):
            addresses.arrives(f"2001:db8::{i:x}:1", 0)
        self.assertRaises(TooMuch, addresses.arrives, "2001:db8::ffff", 0)
        addresses.arrives("2001:db8:0:1::1", 0)


class VisitTests(PortCase):
    """Sockets of one address."""

    def guests(self, port: Port, number: int, host: str = "198.51.100.1", *extra: str) -> list[Client]:
        return [port.visitor(*extra, host=host) for _ in range(number)]

    def statuses(self, clients: list[Client]) -> list[str]:
        return [client.status.split(" ")[1] if client.status else "cut" for client in clients]

    def test_connections(self) -> None:
        """Three may be open; the fourth gets a 429, and may come when one of them has gone."""
        port = self.port(Limits(address_connections=3))
        guests = self.guests(port, 4)
        self.assertEqual(self.statuses(guests), ["101", "101", "101", "429"])
        self.assertTrue(guests[3].is_cut)
        guests[0].hang_up()
        self.assertEqual(self.statuses(self.guests(port, 1)), ["101"])
        self.assertEqual(port.gateway.refused, {"address": 1})

    def test_others_come_in(self) -> None:
        """One address takes no place of another's."""
        port = self.port(Limits(address_connections=1))
        self.assertEqual(self.statuses(self.guests(port, 2)), ["101", "429"])
        self.assertEqual(self.statuses(self.guests(port, 1, "198.51.100.2")), ["101"])

    def test_the_answer(self) -> None:
        """Who gets a 429 is told why."""
        port = self.port(Limits(address_connections=1))
        _, refused = self.guests(port, 2)
        self.assertEqual(refused.rest, b"too many connections from your address\n")

    def test_handshakes(self) -> None:
        """Ten seconds' worth at once, then a 429, and from twice as many on nothing at all."""
        port = self.port(Limits(address_handshakes_per_second=1))
        guests = self.guests(port, 25)
        self.assertEqual(self.statuses(guests), ["101"] * 10 + ["429"] * 10 + ["cut"] * 5)
        self.assertEqual(guests[10].rest, b"too many handshakes from your address\n")
        port.clock.advance(12)
        self.assertEqual(self.statuses(self.guests(port, 12)), ["101"] * 10 + ["429"] * 2)

    def test_handshakes_in_the_long_run(self) -> None:
        """One a second."""
        port = self.port(Limits(address_handshakes_per_second=1))
        self.guests(port, 12)
        port.clock.advance(2)
        self.assertEqual(self.statuses(self.guests(port, 3)), ["101", "101", "429"])

    def test_half_open_handshakes(self) -> None:
        """Two that do not finish, and the third is cut; once one has finished, there is room again."""
        port = self.port(Limits(address_half_open=2))
        first, second = port.client("198.51.100.1"), port.client("198.51.100.1")
        self.assertTrue(port.client("198.51.100.1").is_cut)
        first.feed(request())
        self.assertFalse(port.client("198.51.100.1").is_cut)
        second.hang_up()
        self.assertFalse(port.client("198.51.100.1").is_cut)

    def test_messages_of_all_connections_together(self) -> None:
        """Each keeps within its own limits; together they are too fast, and the one that goes on is cut."""
        port = self.port(Limits(address_messages_per_second=1))
        first, second = self.guests(port, 2)
        for _ in range(3):
            first.say(b"echo")
        second.say(b"echo")
        refusal = b'{"type":"error","code":"rate_limited","message":"too many messages from your address"}'
        self.assertEqual((len(first.texts), second.texts), (3, [refusal]))
        for _ in range(40):
            second.say(b"echo")
        self.assertEqual((first.closed, second.closed), (None, (4008, "too many messages")))

    def test_bytes(self) -> None:
        """Few messages may be too much as well; pings count too."""
        port = self.port(Limits(address_bytes_per_second=500))
        (guest,) = self.guests(port, 1)
        guest.say(b"echo" + b"." * 3000)
        guest.say(b"echo" + b"." * 3000)
        self.assertEqual(len(guest.texts[0]), 3004)
        self.assertIn(b"from your address", guest.texts[1])
        guest.feed(frame(b"." * 100, PING) * 40)
        self.assertLess(len(guest.heard(10)), 21)

    def test_shut_out(self) -> None:
        """Who does not stop finds nobody there for ten seconds, whatever he says; others do."""
        port = self.port(Limits(address_connections=1))
        self.assertEqual(self.statuses(self.guests(port, 253))[-2:], ["429", "cut"])
        self.assertEqual(port.gateway.refused["outcast"], 1)
        port.clock.advance(9.9)
        self.assertEqual(self.statuses(self.guests(port, 2)), ["cut"] * 2)
        self.assertEqual(self.statuses(self.guests(port, 1, "198.51.100.2")), ["101"])
        port.clock.advance(0.2)
        self.assertEqual(self.statuses(self.guests(port, 1)), ["429"])

    def test_shut_out_for_abuse(self) -> None:
        """Eleven floods at once are more than enough; one that is cut now and then is not."""
        port = self.port()
        for floods, status in ((11, "cut"), (10, "101")):
            for guest in self.guests(port, floods):
                guest.feed(frame(b"m") * 100)
                self.assertEqual(guest.closed, (4008, "too many messages"))
            self.assertEqual(self.statuses(self.guests(port, 1)), [status])
            port.clock.advance(20)

    def test_shut_out_for_nonsense(self) -> None:
        """Requests for what is not here, and players who go without a word: fifty at once."""
        for request_, end in ((request("/nope"), "404"), (request(), "101")):
            port = self.port()
            for _ in range(51):
                client = port.client("198.51.100.1")
                client.feed(request_)
                self.assertIn(end, client.status)
                client.hang_up()
            self.assertEqual(self.statuses(self.guests(port, 1)), ["cut"])

    def test_who_plays_is_never_shut_out(self) -> None:
        """However many come and go, as long as they come for something."""
        port = self.port(Limits(address_handshakes_per_second=100))
        for _ in range(900):
            client = port.visitor(host="198.51.100.1")
            port.listeners[-1].enqueued = True
            client.hang_up()
        self.assertEqual(self.statuses(self.guests(port, 1)), ["101"])

    def test_nobody_is_shut_out_where_that_is_not_wanted(self) -> None:
        """With 0 seconds."""
        port = self.port(Limits(address_connections=1, address_shut_out_seconds=0))
        self.assertEqual(set(self.statuses(self.guests(port, 300))[1:]), {"429"})

    def test_those_who_are_trusted(self) -> None:
        """Loopback has no such limits, unless the list of those who are trusted is another one."""
        tight = Limits(address_connections=1, address_half_open=1, address_messages_per_second=0.1)
        port = self.port(tight)
        self.assertEqual(self.statuses([port.visitor() for _ in range(3)]), ["101"] * 3)
        self.assertEqual(self.statuses(self.guests(port, 3, "::1")), ["101"] * 3)
        strict = self.port(Limits(address_connections=1, trusted_networks=("192.0.2.0/24",)))
        self.assertEqual(self.statuses([strict.visitor() for _ in range(2)]), ["101", "429"])
        self.assertEqual(self.statuses(self.guests(strict, 3, "192.0.2.9")), ["101"] * 3)

    def test_behind_a_proxy(self) -> None:
        """Whom it names is counted; it is not."""
        port = self.port(Limits(address_connections=1, address_half_open=1, trusted_proxies=("10.0.0.0/8",)))
        for address in ("203.0.113.1", "203.0.113.2"):
            guests = self.guests(port, 2, "10.0.0.1", f"X-Forwarded-For: 127.0.0.1, {address}")
            self.assertEqual(self.statuses(guests), ["101", "429"])

    def test_two_headers(self) -> None:
        """The last one is the proxy's."""
        port = self.port(Limits(address_connections=1, trusted_proxies=("10.0.0.0/8",)))
        headers = "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.1"
        self.assertEqual(self.statuses(self.guests(port, 2, "10.0.0.1", *headers)), ["101", "429"])

    def test_a_forged_header(self) -> None:
        """Who is no proxy is counted, whoever he says he is."""
        port = self.port(Limits(address_connections=1, trusted_proxies=("10.0.0.0/8",)))
        guests = [port.visitor(f"X-Forwarded-For: 203.0.113.{i}", host="198.51.100.1") for i in range(2)]
        self.assertEqual(self.statuses(guests), ["101", "429"])

    def test_the_slowest_makes_room(self) -> None:
        """Of too many unfinished handshakes the oldest is cut, whoever it is: who is honest is done in no time."""
        port = self.port(Limits(half_open=3))
        slow = [port.client(f"198.51.100.{i}") for i in range(5)]
        self.assertEqual([client.is_cut for client in slow], [True, True, False, False, False])
        self.assertEqual(self.statuses([port.visitor()]), ["101"])

    def test_a_request_in_too_many_pieces(self) -> None:
        """A byte at a time it would be read over and over."""
        port = self.port(Limits(handshake_pieces=10))
        client = port.client()
        for byte in request()[:11]:
            client.feed(bytes([byte]))
        self.assertEqual(client.status, "HTTP/1.1 408 Request Timeout")
