"""An authority for tests, who signs a chain as Alexa's is, and Amazon's host where it is fetched."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

PEM = serialization.Encoding.PEM
SIGNER = "echo-api.amazon.com"
HOST = "s3.amazonaws.com"
DAY = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_rsa_key() -> rsa.RSAPrivateKey:
    """As Alexa's is."""
    return rsa.generate_private_key(65537, 2048)


@define(eq=False)
class Authority:
    """
    A root and one authority below it.

    Attributes:
        begins: When its certificates do.
    """

    begins: datetime = field(factory=lambda: datetime.now(UTC) - DAY)
    root_key: ec.EllipticCurvePrivateKey = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    key: ec.EllipticCurvePrivateKey = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    root: x509.Certificate = field(init=False)
    certificate: x509.Certificate = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Sign both."""
        self.root = self._signed("root", self.root_key, "root", self.root_key, is_authority=True)
        self.certificate = self._signed("between", self.key, "root", self.root_key, is_authority=True)

    def leaf(self, key: Key, name: str = SIGNER, *, days: float = 10, by: Key | None = None) -> x509.Certificate:
        """A certificate of *name*, valid for *days* after it begins; *by* is the key of another leaf that signs it."""
        return self._signed(name, key, SIGNER if by else "between", by or self.key, days=days)

    def chain(self, *leaves: x509.Certificate) -> bytes:
        """The PEM that is fetched."""
        return b"".join(one.public_bytes(PEM) for one in (*leaves, self.certificate))

    def bundle(self, folder: Path) -> Path:
        """The file that believes this authority."""
        file = folder / f"roots-{id(self)}.pem"
        file.write_bytes(self.root.public_bytes(PEM))
        return file

    def _signed(
        self, name: str, key: Key, issuer: str, by: Key, *, is_authority: bool = False, days: float = 100
    ) -> x509.Certificate:
        subject, issued_by = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, issuer))
        usage = x509.KeyUsage(
            digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
            content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = (
            x509.CertificateBuilder(issued_by, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(self.begins)
            .not_valid_after(self.begins + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if not is_authority:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            made = made.add_extension(names, critical=False).add_extension(purpose, critical=False)
        return made.sign(by, hashes.SHA256())


@define(eq=False)
class CertificateHost:
    """
    Amazon's host as far as a chain goes, over TLS on a free port.

    Attributes:
        files: What it answers with, by path; whole answers in bytes. Others are 404.
        asked: The paths that were asked for.
        address: Where it is.
        pause: Seconds before each byte.
    """

    files: dict[str, bytes] = field(factory=dict)
    asked: list[str] = field(factory=list)
    address: tuple[str, int] = ("", 0)
    pause: float = 0

    @asynccontextmanager
    async def serving(self, authority: Authority, folder: Path, name: str = HOST) -> AsyncIterator["CertificateHost"]:
        """Answer as *name* until the block ends."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = folder / "host.pem"
        unencrypted = serialization.NoEncryption()
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, unencrypted)
        file.write_bytes(private + authority.chain(authority.leaf(key, name)))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=context)
        self.address = server.sockets[0].getsockname()
        async with server:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
            self.asked.append(line[1].decode())
            answer = self.files.get(self.asked[-1], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            for part in [bytes([byte]) for byte in answer] if self.pause else [answer]:
                await asyncio.sleep(self.pause)
                writer.write(part)
                await writer.drain()
        finally:
            writer.close()


def ok(body: bytes) -> bytes:
    """A whole answer with this body."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
