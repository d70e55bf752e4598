"""A DynamoDB API on this machine, for tests and demos. Needs the extra `dynadb-async[testing]`."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock, Thread, Timer
from typing import Any

from attrs import frozen

START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0


@frozen
class LocalServer:
    """
    A moto server that runs until its `with` block ends, empty at first.

    Attributes:
        endpoint_url: Its address, on loopback.
    """

    endpoint_url: str

    @property
    def client(self) -> dict[str, Any]:
        """The settings that reach it: `ClientConfig(**server.client)`."""
        return {
            "region_name": "us-east-1",
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
        }


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """
    Run a moto server on a free port of 127.0.0.1.

    It is a process of its own: it keeps its own tables, and a busy event loop and the server don't share
    an interpreter. It ends with the block, and also when this process dies. Starting takes about half a
    second and blocks: in a running loop, start it in a fixture, or enter it by `asyncio.to_thread`.

    Raises:
        ImportError:
            moto or its server is not installed.
        RuntimeError:
            The server did not start; its own words are on stderr.
    """
    _require_moto()
    # -P keeps this file's folder off the path: its queue.py and aiohttp.py would hide the real ones.
    command = [sys.executable, "-P", __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - a constant command
        try:
            yield LocalServer(f"http://127.0.0.1:{_announced_port(process)}")
        finally:
            _stop(process)


def _require_moto() -> None:
    if any(find_spec(name) is None for name in ("moto", "flask", "flask_cors")):
        raise ImportError("local_server() needs moto's server: pip install 'dynadb-async[testing]'", name="moto")


def _announced_port(process: subprocess.Popen[str]) -> int:
    watchdog = Timer(START_TIMEOUT, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        watchdog.cancel()
    if not line:
        raise RuntimeError("the local DynamoDB server did not start; see what it wrote on stderr")
    return int(line)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()


def _serve() -> None:
    """The server's own process: the port on stdout, then requests until stdin ends, as it does when the parent dies."""
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415 - only the server's process loads moto
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    _answer_one_at_a_time(DynamoHandler)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line per request
    app, handler = DomainDispatcherApplication(create_backend_app), _with_each_header_once(MotoRequestHandler)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


def _with_each_header_once(handler: Any) -> Any:
    """Werkzeug sends `Server` and `Date`, and then moto's own; aiohttp refuses two of a kind under `python -X dev`."""

    class OnceEach(handler):  # type: ignore[misc]  # what it is, the caller knows
        def send_response(self, *args: Any) -> None:
            self._sent: set[str] = set()
            super().send_response(*args)

        def send_header(self, keyword: str, value: Any) -> None:
            if keyword.lower() not in self._sent:
                self._sent.add(keyword.lower())
                super().send_header(keyword, value)

    return OnceEach


def _answer_one_at_a_time(handler: Any) -> None:
    """Make conditional writes atomic: after moto checked a condition, another of its threads may write first."""
    answer, lock = handler.call_action, Lock()

    def call_action(self: Any) -> Any:
        with lock:
            return answer(self)

    handler.call_action = call_action


if __name__ == "__main__":
    _serve()
