"""An answer whose head, a status line and header fields, is in exactly the form that DynamoDB sends."""

import re
from collections.abc import Callable

# One pass that reads what is needed and refuses all else: a second field, or any other, that says where the answer
# ends is nobody's honest answer. Possessive, so that what does not fit is refused without going back.
USUAL = re.compile(
    rb"HTTP/1\.1 200 OK\r\nServer: [!-~]*+\r\nDate: [ -~]*+\r\nContent-Type: application/x-amz-json-1\.0\r\n"
    rb"Content-Length: ([0-9]{1,8})\r\nConnection: keep-alive\r\n"
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


class UnusualAnswerError(Exception):
    """
    An answer that is not in the form that DynamoDB sends: the ordinary client may understand it.

    Attributes:
        is_first: The first on its connection: it is no remainder of another.
    """

    is_first: bool = False


class HttpAnswer:
    """
    An answer: its head, and its body once that is there.

    Attributes:
        status: Such as 200.
        length: Of the body, in bytes.
        keeps: Whether the connection may be used again.
        checksum: The CRC32 of the body in decimal, if the server states one.
        id: The server's handle for the request, or empty.
        date: What time it is, where that matters: on an answer that is no success. Or empty.
        body: As it came.
        distrust: Closes its connection: what comes next on it may not belong to the next request.
    """

    __slots__ = ("body", "checksum", "date", "distrust", "id", "keeps", "length", "status")

    body: bytes
    distrust: Callable[[], object]

    def __init__(self, raw: bytes | bytearray, end: int) -> None:
        self.status: int = OK
        self.keeps: bool = True
        self.date: str = ""
        form = USUAL.fullmatch(raw, 0, end)
        length, request_id, checksum = self._read(raw, end) if form is None else form.groups()
        self.id: bytes = request_id
        self.checksum: str | None = None if checksum is None else checksum.decode("latin-1")
        self.length: int = int(length)
        if self.length > LARGEST_BODY:
            raise UnusualAnswerError

    @property
    def request_id(self) -> str:
        """The server's handle for the request, or empty."""
        return self.id.decode("latin-1")

    def _read(self, raw: bytes | bytearray, end: int) -> tuple[bytes, bytes, bytes | None]:
        form = FORM.fullmatch(raw, 0, end)
        if form is None:
            raise UnusualAnswerError
        status, length, connection, checksum, request_id = form.groups()
        if length is None:
            raise UnusualAnswerError
        self.status = int(status)
        self.keeps = connection is None or connection.strip(BLANKS).lower() == b"keep-alive"
        date = DATE.search(raw, 0, end) if self.status != OK else None
        self.date = "" if date is None else date[1].decode("latin-1")
        return length, (request_id or b"").strip(BLANKS), checksum and checksum.strip(BLANKS)
