"""
Engines that a whole test run shares, started when the first test asks for one.

A run in parallel has one of each, too: the process that the workers report to runs them, and ends them when it ends.
A worker that owned one could be through with its tests before the others are.
"""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from threading import Lock, Thread
from typing import Any

from tests import engines
from tests.engines import Engine

STARTERS: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "moto": engines.moto,
    "dynamodb-local": engines.dynamodb_local,
    "dynalite": engines.dynalite,
    # Its tables are CREATING and DELETING for one second.
    "slow-dynalite": partial(engines.dynalite, create_ms=1000, delete_ms=1000),
}


class OwnEngines:
    """The engines of this process."""

    def __init__(self) -> None:
        self._running: dict[str, Engine] = {}
        self._locks = {name: Lock() for name in STARTERS}
        self._ends = ExitStack()

    def engine(self, name: str) -> Engine:
        """
        The one of this name.

        Raises:
            EngineMissingError: It can't be started here.
        """
        with self._locks[name]:
            if name not in self._running:
                self._running[name] = self._ends.enter_context(STARTERS[name]())
            return self._running[name]

    def lend(self) -> dict[str, Any]:
        """Let other processes ask for them: what `LentEngines` takes, in plain values."""
        key = secrets.token_bytes(16)
        door = self._ends.enter_context(Listener(("127.0.0.1", 0), authkey=key))
        Thread(target=self._answer, args=(door,), daemon=True).start()
        host, port = door.address
        return {"host": host, "port": port, "key": key}

    def _answer(self, door: Listener) -> None:
        while True:
            try:
                asker = door.accept()
            except OSError:
                return
            # Each on its own: while one waits for Java, the next may have its moto.
            Thread(target=self._tell, args=(asker,), daemon=True).start()

    def _tell(self, asker: "Connection[Any, Any]") -> None:
        with asker:
            try:
                asker.send(self.engine(asker.recv()))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                asker.send(error)

    def close(self) -> None:
        """End them all."""
        self._ends.close()


class LentEngines:
    """The engines of the process that started this one; moto, which is soon started and soon busy, is our own."""

    def __init__(self, *, host: str, port: int, key: bytes) -> None:
        self._address, self._key = (host, port), key
        self._own = OwnEngines()

    def engine(self, name: str) -> Engine:
        """As with `OwnEngines`."""
        if name == "moto":
            return self._own.engine(name)
        with Client(self._address, authkey=self._key) as owner:
            owner.send(name)
            answer = owner.recv()
        if isinstance(answer, Exception):
            raise answer
        running: Engine = answer
        return running

    def close(self) -> None:
        """End what is our own."""
        self._own.close()
