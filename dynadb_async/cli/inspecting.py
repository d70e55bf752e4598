"""`dynadb inspect`: the page in the browser, until Ctrl-C."""

import sys
from typing import TYPE_CHECKING, Any

from dynadb_async.cli.working import INTERRUPTED, Settings, fail, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb


def inspect(settings: Settings, *, host: str, port: int, allow_delete: bool) -> None:
    """Serve the page; Ctrl-C is how it ends, and no failure."""
    try:
        from dynadb_async.inspect import serve
    except ImportError as missing:
        fail(str(missing))

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        await serve(db, announce=_announce, warn=_warn, host=host, port=port, allow_delete=allow_delete)

    try:
        run(settings, work, told=None)
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    sys.stderr.write("Open this address in a browser; Ctrl-C ends the page.\n")


def _warn(text: str) -> None:
    sys.stderr.write(f"{text}\n")
