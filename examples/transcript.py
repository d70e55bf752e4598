"""What is said in a call, stored in its order while the call goes on: what both examples of voice agents share."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

from dynadb_async import RequestError, SerializationError
from dynadb_async.conversations import Conversation

PAUSES = (0.1, 0.5, 2.0)  # seconds, the last one again and again
GRACE = 10.0  # seconds that a call which is over waits for what is still to be stored

log = logging.getLogger(__name__)


class Transcript:
    """
    Appends to a conversation in the background, and leaves nothing behind when its block ends.

    async with Transcript(talk) as transcript:
        transcript.add("item-1", {"role": "user", "content": "Hello"})
    """

    def __init__(self, talk: Conversation) -> None:
        """Nothing is stored yet."""
        self._talk = talk
        self._said: asyncio.Queue[tuple[str, list[dict[str, Any]]] | None] = asyncio.Queue()

    def add(self, item_id: str, *messages: dict[str, Any]) -> None:
        """Messages to be stored together, once for an id. It never waits, so that an event may call it."""
        self._said.put_nowait((item_id, list(messages)))

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        Wait until all is stored, also if the call was cut off.

        Raises:
            TimeoutError: DynamoDB can't be reached.
            VersionConflictError: The conversation was deleted while the call went on.
        """
        self._said.put_nowait(None)
        await asyncio.wait_for(self._writing, GRACE)

    async def _write(self) -> None:
        while (said := await self._said.get()) is not None:
            await self._store(*said)

    async def _store(self, item_id: str, messages: list[dict[str, Any]]) -> None:
        tries = 0
        while True:
            try:
                await self._talk.append(messages, append_id=item_id)
            except RequestError as error:  # nothing of what was said is in its text
                log.warning("not stored yet: %s", error)
                await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
            except SerializationError as error:  # no JSON, or too large: what comes after it is stored all the same
                log.error("never stored: %s", error)  # noqa: TRY400  # its text has the place, a traceback the words
                return
            else:
                return
