"""The status line and header fields of an answer, in exactly the form that DynamoDB sends them."""

import re

from dynadb_async.connection.wire.exchange import UnusualAnswerError

# One pass that reads what is needed and refuses all else: a second field, or any other, that says where the answer
# ends is nobody's honest answer. Possessive, so that what does not fit is refused without going back.
USUAL = re.compile(
    rb"HTTP/1\.1 (200) OK\r\nServer: [!-~]*+\r\nDate: [ -~]*+\r\nContent-Type: application/x-amz-json-1\.0\r\n"
    rb"Content-Length: ([0-9]{1,8})\r\nConnection: (keep-alive)\r\n"
    rb"x-amzn-RequestId: ([!-~]*+)\r\nx-amz-crc32: ([0-9]*+)\r\n\r\n"
)
"""As DynamoDB nearly always sends them, which is read quicker."""
FORM = re.compile(
    rb"""
    HTTP/1\.1\ ([2-5][0-9][0-9]) (?:\ [^\r\n\x00]*+)?+ \r\n
    (?:
        (?i:
            content-length: (?(2)(?!)) [ \t]*+ ([0-9]{1,8}) [ \t]*+
            | connection: (?(3)(?!)) [ \t]*+ ([^\r\n\x00]*+)
            | x-amz-crc32: (?(4)(?!)) [ \t]*+ ([^\r\n\x00]*+)
            | x-amzn-requestid: [ \t]*+ ([^\r\n\x00]*+)
            | (?! (?:content-length|connection|x-amz-crc32|transfer-encoding|content-encoding): )
              [!#$%&'*+.^_`|~0-9a-z-]++: [^\r\n\x00]*+
        ) \r\n
    )*+
    \r\n
    """,
    re.VERBOSE,
)

DATE = re.compile(rb"\r\ndate:[ \t]*+([^\r\n\x00]*+)", re.IGNORECASE)
OK = 200

BLANKS = b" \t"
# 400 KB of the shortest values are several times that in JSON.
LARGEST_BODY = 16 * 1024 * 1024


class Head:
    """
    What an answer says before its body.

    Attributes:
        status: Such as 200.
        length: Of the body, in bytes.
        keeps: Whether the connection may be used again.
        checksum: The CRC32 that the server states, if it does.
        request_id: The server's handle, or empty.
        date: What time it is, where that matters: on an answer that is no success. Or empty.
    """

    __slots__ = ("checksum", "date", "keeps", "length", "request_id", "status")

    def __init__(self, raw: bytes | bytearray, end: int) -> None:
        form = USUAL.fullmatch(raw, 0, end)
        if form is not None:
            status, length, connection, request_id, checksum = form.groups()
        elif (form := FORM.fullmatch(raw, 0, end)) is not None:
            status, length, connection, checksum, request_id = form.groups()
        else:
            raise UnusualAnswerError
        self.status: int = int(status)
        self.length: int = LARGEST_BODY + 1 if length is None else int(length)
        if self.length > LARGEST_BODY:
            raise UnusualAnswerError
        self.keeps: bool = connection in (None, b"keep-alive") or connection.strip(BLANKS).lower() == b"keep-alive"
        self.checksum: str | None = None if checksum is None else checksum.strip(BLANKS).decode("latin-1")
        self.request_id: str = (request_id or b"").strip(BLANKS).decode("latin-1")
        date = DATE.search(raw, 0, end) if self.status != OK else None
        self.date: str = "" if date is None else date[1].decode("latin-1")
