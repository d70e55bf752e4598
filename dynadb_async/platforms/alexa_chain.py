"""Alexa's certificates: which URL they may come from, the way to them, and whether a chain of them is Amazon's."""

import http.client
import posixpath
import re
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from attrs import field, frozen

try:
    import certifi
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
except ImportError as _missing:
    raise ImportError("this needs cryptography: pip install 'dynadb-async[alexa]'", name=_missing.name) from _missing

from dynadb_async.platforms.verifier import SignatureError

HOST = "s3.amazonaws.com"
PORT = 443
FOLDER = "/echo.api/"
SIGNER = "echo-api.amazon.com"
MOST_BYTES = 65_536  # of a chain; Amazon's has 7,000
MOST_CERTIFICATES = 10
LEAST_BITS = 2048
DAMAGED = (
    *(ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.ExtensionNotFound),
    *(x509.UnsupportedGeneralNameType, VerificationError),
)

Roots: TypeAlias = Store
"""The authorities that are believed."""


def chain_url(sent: str) -> str:
    """
    Where to fetch the certificates, made anew of the checked parts of what the call says.

    https://developer.amazon.com/docs/alexa/custom-skills/host-a-custom-skill-as-a-web-service.html

    Raises:
        SignatureError: It is not on Amazon's host, in Amazon's folder, or written in a way that two readers could take
            for two places.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,1024}", sent) or re.search(r"[%\\@?#;]", sent):
        raise SignatureError("SignatureCertChainUrl has characters that Amazon's has not")
    try:
        parts = urlsplit(sent)
        port = parts.port
    except ValueError:
        raise SignatureError("SignatureCertChainUrl is no URL") from None
    path = posixpath.normpath(parts.path)
    is_amazons = parts.scheme.lower() == "https" and parts.netloc.lower() in (HOST, f"{HOST}:{PORT}")
    if not is_amazons or port not in (None, PORT) or not path.startswith(FOLDER):
        raise SignatureError(f"SignatureCertChainUrl is not below https://{HOST}:{PORT}{FOLDER}")
    return f"https://{HOST}{path}"


def known_authorities() -> Path:
    """The bundle that certifi brings."""
    return Path(certifi.where())


class _InTime(ssl.SSLSocket):
    """A connection whose time-out is that of all its reads together: a byte now and then is no answer."""

    _ends: float | None = None

    def recv_into(self, *place: Any, **size: Any) -> int:
        """As ever, within what is left of the time."""
        if self._ends is None:
            self._ends = time.monotonic() + (self.gettimeout() or 0)
        self.settimeout(max(self._ends - time.monotonic(), 0.001))
        return super().recv_into(*place, **size)


@frozen(kw_only=True)
class ChainOverHttps:
    """
    Fetches a chain: a plain function, which the verifier calls in a thread of its own.

    It goes straight to Amazon. Behind a proxy, give the verifier a function of your own.

    Attributes:
        timeout: Seconds, for each step: to connect, to agree on TLS, for the whole answer.
        address: Host and port to connect to in place of Amazon's; the certificate must be Amazon's all the same.
        cafile: The authorities that the server's certificate may come from, in PEM; certifi's by default.
    """

    timeout: float = 2
    address: tuple[str, int] = (HOST, PORT)
    cafile: Path = field(factory=known_authorities)

    def __call__(self, url: str) -> bytes:
        """
        The body of a 200. Redirects are not followed.

        Raises:
            OSError: There is no answer, another status, or more than any chain has.
        """
        context = ssl.create_default_context(cafile=str(self.cafile))
        context.sslsocket_class = _InTime
        with socket.create_connection(self.address, self.timeout) as bare:
            secured = context.wrap_socket(bare, server_hostname=HOST)
            return self._answer(secured, urlsplit(url).path)

    def _answer(self, secured: ssl.SSLSocket, path: str) -> bytes:
        connection = http.client.HTTPConnection(HOST, timeout=self.timeout)
        connection.sock = secured
        try:
            connection.request("GET", path, headers={"Accept-Encoding": "identity", "Connection": "close"})
            with connection.getresponse() as response:
                body = response.read(MOST_BYTES + 1)
        except http.client.HTTPException as error:
            raise ConnectionError("the answer is no HTTP") from error
        finally:
            connection.close()
        if response.status != http.client.OK or len(body) > MOST_BYTES or response.length:
            raise ConnectionError(f"expected a chain, got status {response.status} and {len(body)} bytes")
        return body


def roots_of(pem: bytes) -> Roots:
    """The authorities of a PEM bundle."""
    return Store(_certificates(pem))


def _certificates(pem: bytes) -> list[x509.Certificate]:
    # A few authorities of old have no serial number: cryptography warns of them, and will not read them one day.
    # Amazon's own, which Alexa's chain leads to, have one.
    bundle = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.DOTALL)
    return [x509.load_pem_x509_certificate(one) for one in bundle if _has_positive_serial(one)]


def _has_positive_serial(pem: bytes) -> bool:
    der = ssl.PEM_cert_to_DER_cert(pem.decode("latin-1"))
    # Version 3, then the serial number: a tag, its length, its bytes.
    _, _, serial = der.partition(b"\xa0\x03\x02\x01\x02\x02")
    return not serial or int.from_bytes(serial[1 : 1 + serial[0]], signed=True) > 0


@frozen
class Signer:
    """
    Whose signature is Alexa's.

    Attributes:
        key: The public key.
        valid_from: When the last certificate of the chain begins.
        valid_until: When the first one ends.
    """

    key: RSAPublicKey = field(repr=False)
    valid_from: datetime
    valid_until: datetime

    def is_valid(self, at: datetime) -> bool:
        """Whether all certificates of the chain are, at this time."""
        return self.valid_from <= at <= self.valid_until

    def has_signed(self, body: bytes, signature: bytes) -> bool:
        """Whether *signature* is this key's, of SHA-256 of *body*."""
        try:
            self.key.verify(signature, body, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def signer(pem: bytes, roots: Roots, at: datetime) -> Signer:
    """
    Who a chain is of, once it is proved: its first certificate is Alexa's, valid, and leads to a root.

    Raises:
        SignatureError: It is not.
    """
    try:
        leaf, *between = _certificates(pem)
        if len(between) >= MOST_CERTIFICATES:
            raise SignatureError("the chain has more certificates than any")
        policy = PolicyBuilder().store(roots).time(at.astimezone(UTC))
        chain = policy.build_server_verifier(x509.DNSName(SIGNER)).verify(leaf, between)
        key = leaf.public_key()
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except DAMAGED as error:
        raise SignatureError(f"the chain is not one of {SIGNER}, valid and from a known authority") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        raise SignatureError(f"the certificate's key is not of RSA with {LEAST_BITS} bits or more")
    # Amazon asks for the name itself: `*.amazon.com` is on many machines.
    if SIGNER not in map(str.lower, names.get_values_for_type(x509.DNSName)):
        raise SignatureError(f"the certificate is not of {SIGNER}")
    begins, ends = zip(*((one.not_valid_before_utc, one.not_valid_after_utc) for one in chain), strict=True)
    return Signer(key, max(begins), min(ends))
