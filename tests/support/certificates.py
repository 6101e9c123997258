"""Certificates that only these tests believe in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import CertificateOptions, PrivateCertificate


@dataclass(frozen=True)
class Authority:
    """A root of trust, as PEM, and what is needed to sign with it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """What those who trust it need."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, host: str) -> tuple[str, str]:
        """The private key and the certificate of a server that goes by the name ``host``, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = (
            _builder(host, self.certificate.subject, key).add_extension(names, False).sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private.decode(), certificate.public_bytes(Encoding.PEM).decode()

    def server(self, host: str) -> CertificateOptions:
        """What such a server needs to listen."""
        return PrivateCertificate.loadPEM("".join(self.issue(host)).encode()).options()


def authority() -> Authority:
    """A new root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("matchd's tests")
    root = x509.BasicConstraints(ca=True, path_length=0)
    return Authority(_builder("matchd's tests", name, key).add_extension(root, True).sign(key, hashes.SHA256()), key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
