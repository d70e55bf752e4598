"""The status line and header fields of an answer, in exactly the form that DynamoDB sends them."""

import re

from dynadb_async.wire.exchange import UnusualAnswerError

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [^\r\n\x00]*)?\r\n")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\x00]*)\r\n")
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
        line = STATUS_LINE.match(raw)
        if line is None:
            raise UnusualAnswerError
        fields = _fields(raw, line.end())
        length = fields.get(b"content-length", b"")
        if not LENGTH.fullmatch(length) or not NEVER.isdisjoint(fields):
            raise UnusualAnswerError
        self.status = int(line[1])
        self.length = int(length)
        if self.length > LARGEST_BODY:
            raise UnusualAnswerError
        self.keeps = fields.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        checksum = fields.get(b"x-amz-crc32")
        self.checksum = None if checksum is None else checksum.decode("latin-1")
        self.request_id = fields.get(b"x-amzn-requestid", b"").decode("latin-1")


def _fields(raw: bytes, at: int) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    while at < len(raw):
        field = FIELD.match(raw, at)
        if field is None:
            raise UnusualAnswerError
        name = field[1].lower()
        if name in fields and name in ONCE:
            raise UnusualAnswerError
        fields[name] = field[2].strip(b" \t")
        at = field.end()
    return fields
