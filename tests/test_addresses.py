"""Where game servers may be: every form in which an address can be written, seen through (T28)."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from matchd.matches.addresses import (
    AddressRefused,
    Allowed,
    is_address,
    joined,
    literal,
    read_network,
    read_ports,
    split,
)
from tests.support.properties import patient

LOOPBACK = "127.0.0.1 is a loopback address, and servers.networks does not list it as one"
METADATA = "169.254.169.254 is a link-local address, and servers.networks does not list it as one"


def guarded(host: str, kind: str) -> str:
    return f"{host} is a {kind} address, and servers.networks does not list it as one"


REFUSED = {
    # this machine
    "127.0.0.1:6379": LOOPBACK,
    "127.1:80": LOOPBACK,
    "127.0.1:80": LOOPBACK,
    "127.0.0.1.:80": LOOPBACK,
    "2130706433:80": LOOPBACK,
    "017700000001:80": LOOPBACK,
    "0x7f000001:80": LOOPBACK,
    "0X7F000001:80": LOOPBACK,
    "0x7f.1:80": LOOPBACK,
    "0x7f.0x0.0x0.0x1:80": LOOPBACK,
    "0177.0.0.1:80": LOOPBACK,
    "0177.0x0.1:80": LOOPBACK,
    "127.0.0.01:80": LOOPBACK,
    "[::ffff:127.0.0.1]:80": LOOPBACK,
    "[::FFFF:7F00:1]:80": LOOPBACK,
    "[0:0:0:0:0:ffff:127.0.0.1]:80": LOOPBACK,
    "127.255.255.254:80": guarded("127.255.255.254", "loopback"),
    "[::1]:80": guarded("::1", "loopback"),
    "[0:0:0:0:0:0:0:1]:80": guarded("::1", "loopback"),
    "[::0001]:80": guarded("::1", "loopback"),
    # nobody
    "0.0.0.0:80": "0.0.0.0 is no host's address",
    "0:80": "0.0.0.0 is no host's address",
    "0x0:80": "0.0.0.0 is no host's address",
    "0.1.2.3:80": "0.1.2.3 is no host's address",
    "[::]:80": ":: is no host's address",
    "[::ffff:0.0.0.0]:80": "0.0.0.0 is no host's address",
    "224.0.0.1:80": "224.0.0.1 is no host's address",
    "240.0.0.1:80": "240.0.0.1 is no host's address",
    "255.255.255.255:80": "255.255.255.255 is no host's address",
    "4294967295:80": "255.255.255.255 is no host's address",
    "[ff02::1]:80": "ff02::1 is no host's address",
    # what a cloud tells its machines, their credentials among it
    "169.254.169.254:80": METADATA,
    "2852039166:80": METADATA,
    "0xa9fea9fe:80": METADATA,
    "0251.0376.0251.0376:80": METADATA,
    "169.254.43518:80": METADATA,
    "169.16689662:80": METADATA,
    "[::ffff:169.254.169.254]:80": METADATA,
    "[::ffff:a9fe:a9fe]:80": METADATA,
    "169.254.170.2:80": guarded("169.254.170.2", "link-local"),
    "[fe80::1]:80": guarded("fe80::1", "link-local"),
    "[fec0::1]:80": guarded("fec0::1", "link-local"),
    "100.100.100.200:80": guarded("100.100.100.200", "metadata"),
    "168.63.129.16:80": guarded("168.63.129.16", "metadata"),
    "192.0.0.192:80": guarded("192.0.0.192", "metadata"),
    "[fd00:ec2::254]:80": guarded("fd00:ec2::254", "metadata"),
    "[fd20:ce::254]:80": guarded("fd20:ce::254", "metadata"),
    # IPv4 inside IPv6
    "[64:ff9b::169.254.169.254]:80": guarded("64:ff9b::a9fe:a9fe", "tunnel"),
    "[64:ff9b::7f00:1]:80": guarded("64:ff9b::7f00:1", "tunnel"),
    "[64:ff9b:1::7f00:1]:80": guarded("64:ff9b:1::7f00:1", "tunnel"),
    "[::ffff:0:127.0.0.1]:80": guarded("::ffff:0:7f00:1", "tunnel"),
    "[::127.0.0.1]:80": guarded("::7f00:1", "tunnel"),
    "[2002:7f00:1::]:80": guarded("2002:7f00:1::", "tunnel"),
    "[2002:a9fe:a9fe::]:80": guarded("2002:a9fe:a9fe::", "tunnel"),
    "[2001:0:a9fe:a9fe::]:80": guarded("2001:0:a9fe:a9fe::", "tunnel"),
    # nothing at all
    "256.1.1.1:80": "256.1.1.1 is no IP address",
    "1.2.3.4.5:80": "1.2.3.4.5 is no IP address",
    "4294967296:80": "4294967296 is no IP address",
    "0x100000000:80": "0x100000000 is no IP address",
    "08.0.0.1:80": "08.0.0.1 is no IP address",
    "host.7:80": "host.7 is no IP address",
    "evil.0x7f000001:80": "evil.0x7f000001 is no IP address",
    "[::ffff:127.1]:80": "::ffff:127.1 is no IP address",
    "[1::2::3]:80": "1::2::3 is no IP address",
    "[127.0.0.1]:80": LOOPBACK,
}

NUMERIC = r"((0|0[xX]|)[0-9a-f]{0,4}\.){0,4}(0|0[xX]|)[0-9a-f]{0,12}"
HOSTS = [split(address)[0] for address in REFUSED]

ALLOWED = {
    "10.0.0.7:7000": "10.0.0.7:7000",
    "10.7:7000": "10.0.0.7:7000",
    "012.0.0.7:7000": "10.0.0.7:7000",
    "167772167:7000": "10.0.0.7:7000",
    "[::ffff:10.0.0.7]:7000": "10.0.0.7:7000",
    "172.16.5.4:1": "172.16.5.4:1",
    "192.168.0.9:65535": "192.168.0.9:65535",
    "203.0.113.7:443": "203.0.113.7:443",
    "[2001:DB8::7]:7000": "[2001:db8::7]:7000",
    "[2a00:1450:4001::1]:7000": "[2a00:1450:4001::1]:7000",
    "[fd12:3456::1]:7000": "[fd12:3456::1]:7000",
}

NAMES = ("localhost", "game-1.example", "a1", "0x7g", "1e3", "7f.x1", "metadata.google.internal", "a.b.c.", "_game.x")


def checked(address: str, allowed: Allowed) -> str:
    """The address as it is used; raises AddressRefused."""
    name, port = split(address)
    host = literal(name)
    assert host is not None, address
    allowed.check(host, port)
    return joined(host, port)


class FormTests(SynchronousTestCase):
    """What is an address at all."""

    def test_addresses(self) -> None:
        """A name, an IPv4 address or an IPv6 address in brackets, and a port."""
        for text in ("localhost:1", "a.b-c_d.example:65535", "10.0.0.4:7777", "[::1]:80", "[fe80::1.2.3.4]:80"):
            self.assertTrue(is_address(text), text)

    def test_others(self) -> None:
        """No scheme, path, user or space; no port out of range; no more than 255 characters."""
        for text in (
            *("::1:80", "-a:1", "a:1x", "a:", ":1", "a b:1", "http://a:1", "a:1/", "é:1", "h" * 254 + ":1"),
            *("u@127.0.0.1:80", "u:p@h:80", "h:80#", "h:80?", "h\\:80", "h%00:80", "h\n:80", "h:80\n", "1@2:80"),
            *("[fe80::1%25eth0]:80", "[fe80::1%eth0]:80", "①②⑦.⓪.⓪.①:80", "127。0。0。1:80", "h:0", "h:65536", "h:+80"),
        ):
            self.assertFalse(is_address(text), text)


class SeenThroughTests(SynchronousTestCase):
    """Addresses as a stranger may write them, where nothing is listed and matchd is not on loopback."""

    def test_refused(self) -> None:
        """Whatever form hides this machine, the metadata service or nobody, it is seen through."""
        self.assertGreater(len(REFUSED), 60)
        for address, why in REFUSED.items():
            error = self.assertRaises(AddressRefused, checked, address, Allowed())
            self.assertEqual(str(error), why, address)

    def test_allowed(self) -> None:
        """Any other is used, in its plain form."""
        for address, plain in ALLOWED.items():
            self.assertEqual(checked(address, Allowed()), plain)

    def test_names(self) -> None:
        """What no resolver takes for an address is a name, to be looked up."""
        for name in NAMES:
            self.assertIsNone(literal(name), name)

    @patient
    @given(st.integers(0, 2**32 - 1), st.sampled_from(("d", "#x", "#o")), st.integers(0, 3))
    def test_every_form(self, number: int, form: str, dots: int) -> None:
        """Decimal, hexadecimal and octal, in one to four parts, is the address that it stands for."""
        parts = [number >> 24, number >> 16 & 255, number >> 8 & 255][:dots]
        parts.append(number & (2 ** (8 * (4 - dots)) - 1))
        written = ".".join(format(part, form).replace("0o", "0") for part in parts)
        self.assertEqual(literal(written), IPv4Address(number), written)

    @settings(patient, max_examples=300)
    @given(st.from_regex(NUMERIC, fullmatch=True) | st.sampled_from(HOSTS))
    def test_as_the_system_reads_it(self, host: str) -> None:
        """Whatever this machine's own resolver takes for an address, without asking anybody, is taken for the same."""
        try:
            ((*_, (system, *_)), *_) = socket.getaddrinfo(host.encode(), None, flags=socket.AI_NUMERICHOST)
        except OSError:
            return
        meant = ip_address(system)
        self.assertEqual(literal(host.lower()), getattr(meant, "ipv4_mapped", None) or meant)

    @patient
    @given(st.ip_addresses())
    def test_plain_forms(self, host: object) -> None:
        """What is allowed can be written down and read again."""
        name, port = split(joined(ip_address(str(host)), 7000))
        again = literal(name)
        assert again is not None
        self.assertEqual(getattr(host, "ipv4_mapped", None) or host, again)
        self.assertEqual(port, 7000)


class ListedTests(SynchronousTestCase):
    """What the settings list."""

    def allowed(self, *networks: str, ports: tuple[str, ...] = (), loopback: bool = False) -> Allowed:
        return Allowed(tuple(map(read_network, networks)), tuple(map(read_ports, ports)), loopback)

    def refusal(self, address: str, allowed: Allowed) -> str:
        return str(self.assertRaises(AddressRefused, checked, address, allowed))

    def test_networks(self) -> None:
        """Where networks are listed, what is in none of them is refused."""
        allowed = self.allowed("10.0.0.0/8", "203.0.113.7", "2001:db8::/32")
        for address in ("10.255.0.1:1", "203.0.113.7:1", "[2001:db8:1::2]:1", "[::ffff:10.0.0.1]:1"):
            checked(address, allowed)
        for host in ("11.0.0.1", "203.0.113.8", "192.168.0.1"):
            self.assertEqual(self.refusal(f"{host}:1", allowed), f"{host} is not in servers.networks")
        self.assertEqual(self.refusal("[2001:db9::1]:1", allowed), "2001:db9::1 is not in servers.networks")

    def test_ports(self) -> None:
        """Where ports are listed, any other is refused."""
        allowed = self.allowed(ports=("443", "7000-7999"))
        for port in (443, 7000, 7500, 7999):
            checked(f"10.0.0.1:{port}", allowed)
        for port in (442, 444, 6999, 8000, 6379):
            self.assertEqual(self.refusal(f"10.0.0.1:{port}", allowed), f"port {port} is not in servers.ports")

    def test_guarded(self) -> None:
        """A wide network does not open loopback or the metadata service; an entry for them does."""
        wide = self.allowed("0.0.0.0/0", "::/0")
        for address in ("127.0.0.1:1", "169.254.169.254:1", "[::1]:1", "100.100.100.200:1", "[64:ff9b::7f00:1]:1"):
            self.assertIn("does not list it as one", self.refusal(address, wide))
        checked("127.0.0.1:1", self.allowed("127.0.0.0/8"))
        checked("[::ffff:127.0.0.1]:1", self.allowed("127.0.0.1"))
        checked("[::1]:1", self.allowed("::1"))
        checked("169.254.7.7:1", self.allowed("10.0.0.0/8", "169.254.7.0/24"))
        self.assertEqual(self.refusal("127.0.0.1:1", self.allowed("127.0.0.2")), LOOPBACK)

    def test_nobody(self) -> None:
        """What is no host's address is not opened by any entry."""
        for host, listed in (("0.0.0.0", "0.0.0.0/8"), ("224.0.0.1", "224.0.0.0/4"), ("255.255.255.255",) * 2):
            self.assertEqual(self.refusal(f"{host}:1", self.allowed(listed)), f"{host} is no host's address")

    def test_loopback(self) -> None:
        """A matchd on loopback takes game servers there, unless networks are listed: then what is listed counts."""
        for address in ("127.0.0.1:1", "[::1]:1", "10.0.0.1:1"):
            checked(address, self.allowed(loopback=True))
        self.assertEqual(self.refusal("169.254.169.254:1", self.allowed(loopback=True)), METADATA)
        self.assertEqual(self.refusal("127.0.0.1:1", self.allowed("10.0.0.0/8", loopback=True)), LOOPBACK)

    def test_no_networks(self) -> None:
        """A network with host bits is a mistake, and so is one of IPv4 in the clothes of IPv6."""
        for text in ("10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/255.0.255.0", "::ffff:10.0.0.0/104", "localhost", "", "10"):
            self.assertRaises(ValueError, read_network, text)

    def test_no_ports(self) -> None:
        """A range rises, and keeps within 1 to 65535."""
        for text in ("0", "65536", "7999-7000", "1-65536", "-1", "80-", "x", "", "80,443", "٣"):
            self.assertRaises(ValueError, read_ports, text)
