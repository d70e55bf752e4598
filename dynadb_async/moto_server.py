"""The program of `testing.local_server()`: moto in a process of its own. It imports nothing of ours."""

import logging
import signal
import sys
from threading import Lock, Thread
from typing import Any


def serve() -> None:
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
    serve()
