"""The status line and header fields of an answer, in exactly the form that DynamoDB sends them."""

import re

from dynadb_async.wire.exchange import UnusualAnswerError

# Possessive, so that a head that does not fit is refused in one pass.
FORM = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [^\r\n\x00]*+)?+\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[^\r\n\x00]*+\r\n)*+"
)
READ = re.compile(
    rb"\n(content-length|content-encoding|transfer-encoding|connection|x-amz-crc32|x-amzn-requestid):([^\r]*+)",
    re.IGNORECASE,
)
LENGTH = re.compile(rb"[0-9]{1,8}")

# 400 KB of the shortest values are several times that in JSON.
LARGEST_BODY = 16 * 1024 * 1024

# Two of these, or of anything that says where the answer ends, are nobody's honest answer.
ONCE = {b"content-length", b"x-amz-crc32", b"connection"}
NEVER = {b"transfer-encoding", b"content-encoding"}


class Head:
    """
    What an answer says before its body.

    Attributes:
        status: Such as 200.
        length: Of the body, in bytes.
        keeps: Whether the connection may be used again.
        checksum: The CRC32 that the server states, if it does.
        request_id: The server's handle, or empty.
    """

    def __init__(self, raw: bytes) -> None:
        form = FORM.fullmatch(raw)
        if form is None:
            raise UnusualAnswerError
        fields = _fields(raw)
        length = fields.get(b"content-length", b"")
        if not LENGTH.fullmatch(length) or not NEVER.isdisjoint(fields):
            raise UnusualAnswerError
        self.status: int = int(form[1])
        self.length: int = int(length)
        if self.length > LARGEST_BODY:
            raise UnusualAnswerError
        self.keeps: bool = fields.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        checksum = fields.get(b"x-amz-crc32")
        self.checksum: str | None = None if checksum is None else checksum.decode("latin-1")
        self.request_id: str = fields.get(b"x-amzn-requestid", b"").decode("latin-1")


def _fields(raw: bytes) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in READ.findall(raw):
        known = name.lower()
        if known in fields and known in ONCE:
            raise UnusualAnswerError
        fields[known] = value.strip(b" \t")
    return fields
