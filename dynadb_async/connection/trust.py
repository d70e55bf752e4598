"""Whom we talk to, on every way: a server with a certificate for its name, from an authority that is trusted."""

import ssl

from dynadb_async.errors import ConfigError

# OpenSSL's names for it that the two sides have no version or cipher in common: asking again changes nothing.
NOTHING_IN_COMMON = {
    "NO_PROTOCOLS_AVAILABLE",
    "NO_SHARED_CIPHER",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
}


def verified(context: ssl.SSLContext) -> ssl.SSLContext:
    """*context*, so that it accepts only a trusted certificate for the host that was asked for, over TLS >= 1.2."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    # An authority vouches for the names in subjectAltName; the subject's own is a label, as browsers have it too.
    context.hostname_checks_common_name = False
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


def is_verified(verify: object) -> bool:
    """What the SDK's `verify` means. An empty variable with a CA file's name is no wish to trust everybody."""
    return verify is not False


def unusable_certificates(error: object) -> ConfigError:
    """What is said when a file of certificates can't be used."""
    why = type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror:
        why = error.strerror
    return ConfigError(
        f"a file of certificates can't be used ({why}); check client.verify, AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, "
        "ca_bundle in the AWS configuration, and client_cert and proxies_config in client.options"
    )


def is_too_old(error: BaseException | None) -> bool:
    """Whether a handshake failed for the server's TLS is older than what is still safe."""
    return isinstance(error, ssl.SSLError) and error.reason in NOTHING_IN_COMMON
