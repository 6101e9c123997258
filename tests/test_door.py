"""The door to the players' port: few come in at once, and who is shut out finds nobody, as the kernel has it."""

from __future__ import annotations

import socket
from ipaddress import IPv4Network, IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bench.abuse.attacks import is_connected
from matchd.background import Background
from matchd.websocket.door import AT_ONCE, COLLECTING_SECONDS, Door, guard
from matchd.websocket.gateway import Gateway
from matchd.websocket.limits import Limits
from matchd.websocket.sieve import MOST, Instruction, program, sift
from tests.support.properties import patient
from tests.support.waiting import until

Network = IPv4Network | IPv6Network
NETWORKS = st.one_of(
    st.ip_addresses(v=4).map(ip_network),
    st.ip_addresses(v=6).map(lambda address: ip_network((int(address) >> 64 << 64, 64))),
)


def header(address: str) -> bytes:
    """The head of an IP packet from this address."""
    source = next(iter(ip_network(address)))
    return b"\x45" + bytes(11) + source.packed if source.version == 4 else b"\x60" + bytes(7) + source.packed


def passes(code: list[Instruction], packet: bytes) -> bool:
    """What a program says of a packet: the few instructions of classic BPF that ours have."""
    at = accumulator = 0
    while True:
        kind, if_true, if_false, operand = code[at]
        at += 1
        offset = operand - (0x1_0000_0000 - 0x10_0000)
        if kind == 0x30:
            accumulator = packet[offset]
        elif kind == 0x20:
            accumulator = int.from_bytes(packet[offset : offset + 4], "big")
        elif kind == 0x74:
            accumulator >>= operand
        elif kind == 0x15:
            at += if_true if accumulator == operand else if_false
        elif kind == 0x05:
            at += operand
        else:
            return operand != 0


class ProgramTests(SynchronousTestCase):
    @patient
    @given(st.lists(NETWORKS, max_size=20), NETWORKS)
    def test_who_is_meant_and_nobody_else(self, networks: list[Network], other: Network) -> None:
        """Whatever the list, of both families."""
        code = program(networks)
        for network in networks:
            self.assertFalse(passes(code, header(str(network.network_address))), network)
        self.assertEqual(passes(code, header(str(other.network_address))), other not in networks)

    def test_one_customer(self) -> None:
        """All addresses of a /64, and none of the next."""
        code = program([IPv6Network("2001:db8:0:1::/64")])
        self.assertFalse(passes(code, header("2001:db8:0:1:ffff::7")))
        self.assertTrue(passes(code, header("2001:db8:0:2::7")))


class SocketCase(SynchronousTestCase):
    """A listening socket of the kernel."""

    def setUp(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listening.setblocking(False)
        self.addCleanup(self.listening.close)

    def comes_in(self, host: str) -> bool:
        """Whether somebody from there gets a connection."""
        with socket.socket() as sock:
            sock.bind((host, 0))
            sock.settimeout(0.3)
            try:
                sock.connect(self.listening.getsockname())
            except TimeoutError:
                return False
        self.listening.accept()[0].close()
        return True


class SieveTests(SocketCase):
    def test_the_kernel(self) -> None:
        """It drops what it is told to, until it is told otherwise."""
        sift(self.listening, [IPv4Network("127.0.0.3"), IPv6Network("2001:db8::/64"), IPv4Network("127.0.0.5")])
        self.assertEqual([self.comes_in(f"127.0.0.{last}") for last in (2, 3, 4, 5)], [True, False, True, False])
        sift(self.listening, [])
        self.assertTrue(self.comes_in("127.0.0.3"))

    def test_as_many_as_there_may_be(self) -> None:
        """More are let in rather than the first ones forgotten."""
        sift(self.listening, [IPv4Network((2**31 - 2**24 + number, 32)) for number in range(10, 10 + 2 * MOST)])
        self.assertEqual(
            [self.comes_in(f"127.0.{last}") for last in ("0.9", "0.10", "1.3", "1.4")], [True, False, False, True]
        )


class DoorTests(SocketCase):
    def test_few_in_one_turn(self) -> None:
        """To who accepts more it seems as if there were no more; in the next turn there are."""
        clock = Clock()
        door = Door(self.listening, clock)
        crowd = [socket.create_connection(self.listening.getsockname()) for _ in range(AT_ONCE + 5)]
        came = [door.accept()[0] for _ in range(AT_ONCE)]
        self.assertRaises(BlockingIOError, door.accept)
        clock.advance(0)
        came += [door.accept()[0] for _ in range(5)]
        self.assertRaises(BlockingIOError, door.accept)
        self.assertEqual(door.fileno(), self.listening.fileno())
        for sock in crowd + came:
            sock.close()


class GuardTests(TestCase):
    def setUp(self) -> None:
        limits = Limits(trusted_networks=(), address_shut_out_seconds=0.5)
        self.gateway = Gateway(Background(reactor), lambda outlet: self.fail("nobody is let in"), limits)
        self.port: IListeningPort = reactor.listenTCP(0, self.gateway, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.send_home = guard(self.port, self.gateway)
        self.addCleanup(self.send_home)

    def begin(self, host: str = "127.0.0.9") -> socket.socket:
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind((host, 0))
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", self.port.getHost().port))
        return sock

    async def test_who_is_shut_out(self) -> None:
        """He finds nobody, and finds somebody again afterwards, when he asks again."""
        self.gateway.addresses.offends("127.0.0.9", reactor.seconds(), 1000)
        began = reactor.seconds()
        await until(lambda: reactor.seconds() > began + COLLECTING_SECONDS + 0.1, 20)
        outcast, other = self.begin(), self.begin("127.0.0.8")
        await until(lambda: is_connected(other), 20)
        if reactor.seconds() < began + 0.5:
            self.assertFalse(is_connected(outcast))
        await until(lambda: is_connected(outcast), 20)
        await until(lambda: self.send_home.__self__._due is None, 20)

    async def test_little_is_kept_of_what_nobody_reads(self) -> None:
        """By the kernel, for each connection."""
        sock = self.port.socket
        self.assertLess(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), 65_536)

    def test_what_is_no_socket(self) -> None:
        """Has no door."""
        guard(object(), self.gateway)()
