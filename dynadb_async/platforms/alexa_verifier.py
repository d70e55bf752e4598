"""
Who may call a skill: Alexa signs each call with a key whose certificates it names. Needs `dynadb-async[alexa]`.

https://developer.amazon.com/docs/alexa/custom-skills/host-a-custom-skill-as-a-web-service.html
"""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
from attrs import Factory, define, field, frozen

from dynadb_async.platforms.alexa_chain import (
    ChainOverHttps,
    Roots,
    Signer,
    chain_url,
    known_authorities,
    roots_of,
    signer,
)
from dynadb_async.platforms.request import member, optional_text
from dynadb_async.platforms.verifier import Clock, Headers, SignatureError, now_in_utc, one_header, secrets, time_of

SKILL_EVENT = "AlexaSkillEvent."
SKILL_EVENT_WINDOW = timedelta(hours=1)  # Amazon delivers these for so long
MOST_KEPT = 16
THREADS, MOST_SOUGHT = 4, 64


@frozen
class _Kept:
    """A signer, and when its chain was fetched."""

    signer: Signer
    since: datetime


@define(eq=False)
class AlexaVerifier:
    """
    Alexa's signature over the body, the certificates it is made with, and the call's time.

    Certificates are fetched and checked in threads of their own, at most four, and kept: a call whose chain is known
    waits for nobody.

    Attributes:
        skill_id: The skill that a call must be for, as `amzn1.ask.skill.…`: Alexa signs those of everybody's skills. If
            None, the app has to look at `applicationId` itself.
        fetch: Returns the PEM of a checked URL, as bytes, in a thread; raises if it can't.
        roots: The authorities in PEM that Alexa's certificate may come from; certifi's by default.
        window: How old a call may be. A skill event may be an hour old, as Amazon has it.
        keep: How long a chain is not fetched again. Where that fails or takes too long, the old one serves while it is
            valid.
        patience: Seconds that a call waits for its chain.
        clock: The time.
    """

    skill_id: str | None = None
    fetch: Callable[[str], bytes] = field(factory=ChainOverHttps, kw_only=True, repr=False)
    roots: Path = field(factory=known_authorities, kw_only=True)
    window: timedelta = field(default=timedelta(seconds=150), kw_only=True)
    keep: timedelta = field(default=timedelta(hours=1), kw_only=True)
    patience: float = field(default=5, kw_only=True)
    clock: Clock = field(default=now_in_utc, kw_only=True, repr=False)
    _kept: dict[str, _Kept] = field(factory=dict, init=False, repr=False)
    _sought: dict[str, Future[Signer]] = field(factory=dict, init=False, repr=False)
    _believed: Roots | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)
    # Threads of its own: a flood of forged calls must not take those in which the app looks up names.
    _threads: ThreadPoolExecutor = field(
        default=Factory(lambda: ThreadPoolExecutor(THREADS, "dynadb-alexa")), init=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        """
        Check the skill's id.

        Raises:
            ConfigError: It is empty, as a variable that was never set.
        """
        if self.skill_id is not None:
            secrets(self.skill_id)

    async def check(self, method: str, url: str, headers: Headers, body: bytes) -> None:  # noqa: ARG002
        """
        Return if Alexa sent it.

        Raises:
            SignatureError: It is not signed, signed by somebody else, changed, too old, or for another skill; or its
                chain could not be fetched.
        """
        place = chain_url(one_header(headers, "SignatureCertChainUrl"))
        signature = _from_base64(one_header(headers, "Signature-256"))
        signed_by = await self._signer(place)
        if not signed_by.has_signed(body, signature):
            raise SignatureError("Signature-256 is not that of this body under the certificate's key")
        call = _from_json(body)
        self._check_skill(call)
        self._check_time(call)

    async def _signer(self, place: str) -> Signer:
        now = time_of(self.clock)
        kept = self._kept.get(place)
        is_valid = kept is not None and kept.signer.is_valid(now)
        if kept is not None and is_valid and now - kept.since <= self.keep:
            return kept.signer
        looking = self._looking_up(place, now)
        if looking is not None:
            with suppress(TimeoutError):
                return await self._waited_for(looking)
        if kept is not None and is_valid:
            return kept.signer
        problem = "the chain did not come in time"
        raise SignatureError(problem if looking else "too many chains are looked up: somebody makes up their names")

    async def _waited_for(self, looking: Future[Signer]) -> Signer:
        found = asyncio.wrap_future(looking)
        # Where nobody waits any more, the loop would complain of an error that nobody took.
        found.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Shielded: many may wait for one chain, and who gives up takes it from nobody.
        return await asyncio.wait_for(asyncio.shield(found), self.patience)

    def _looking_up(self, place: str, now: datetime) -> Future[Signer] | None:
        """Who finds out, whoever asked first; None if too many are at it."""
        with self._lock:
            looking = self._sought.get(place)
            if looking is not None or len(self._sought) >= MOST_SOUGHT:
                return looking
            looking = self._sought[place] = self._threads.submit(self._looked_up, place, now)
        looking.add_done_callback(lambda _: self._sought.pop(place, None))
        return looking

    def _looked_up(self, place: str, now: datetime) -> Signer:
        kept = self._kept.get(place)
        if kept is not None and kept.signer.is_valid(now) and kept.since >= now:
            return kept.signer  # another call was waiting for it, too
        try:
            chain = self.fetch(place)
        except Exception as error:  # whatever an app's own function raises: nothing proves the call
            if kept is None or not kept.signer.is_valid(now):
                raise SignatureError(f"the chain could not be fetched: {type(error).__name__}") from error
            found = kept.signer
        else:
            found = signer(chain, self._authorities(), now)
        with self._lock:
            self._kept[place] = _Kept(found, now)
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return found

    def _authorities(self) -> Roots:
        if self._believed is None:
            self._believed = roots_of(self.roots.read_bytes())
        return self._believed

    def _check_skill(self, call: Any) -> None:
        path = ("session",) if member(call, "context", "System") is None else ("context", "System")
        if self.skill_id is not None and member(call, *path, "application", "applicationId") != self.skill_id:
            raise SignatureError("the call is for another skill")

    def _check_time(self, call: Any) -> None:
        now = time_of(self.clock)
        try:
            age = now - datetime.fromisoformat(optional_text(call, "request", "timestamp") or "")
        except (ValueError, TypeError):
            # No time, or one without its zone.
            raise SignatureError("expected a time with its zone - at request.timestamp") from None
        is_event = (optional_text(call, "request", "type") or "").startswith(SKILL_EVENT)
        if not -self.window <= age <= (SKILL_EVENT_WINDOW if is_event else self.window):
            raise SignatureError("the call is too old, or the clock of this machine is wrong")


def _from_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise SignatureError("expected base64 in Signature-256") from None


def _from_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        raise SignatureError("expected JSON in the body") from None
