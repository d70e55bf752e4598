"""Turns of one user, overlapping in every way that Hypothesis can think of, against a model that is a plain dict."""

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    OutcomeUnknownError,
    TableConfig,
    TimeToLive,
    Turn,
    VersionConflictError,
)
from dynadb_async.connection import retry
from tests.engines import Engine
from tests.proxy import Fault, no_fault, script
from tests.seam import with_faults
from tests.sizes import of_size

EXAMPLES = of_size(20, large=200)

LIFE = timedelta(days=1)
MOST_ATTEMPTS = 4

R = TypeVar("R")
Data = dict[str, str]

keys = st.sampled_from("ab")
turn_ids = st.sampled_from([None, "x"])
lost_answers = st.sampled_from([0, 1, MOST_ATTEMPTS])


class ConflictError(Exception):
    """The model's: both changed the same key."""


def merged(loaded: Data, ours: Data, theirs: Data) -> Data:
    """Key by key, whoever changed it; both, only if to the same."""
    result = {}
    for key in loaded.keys() | ours.keys() | theirs.keys():
        was, mine, other = loaded.get(key), ours.get(key), theirs.get(key)
        if mine not in (was, other) and was != other:
            raise ConflictError
        value = other if mine == was else mine
        if value is not None:
            result[key] = value
    return result


@define
class Stored:
    """What the table should hold: the data, the writes that it remembers, newest first, and the turns among them."""

    data: Data
    writes: list[int] = field(factory=list)
    turn_ids: dict[str, int] = field(factory=dict)
    expires: datetime | None = None
    version: int = field(factory=count().__next__)


@define(eq=False)
class Open:
    """A turn that is under way, and what it knows of its item."""

    turn: Turn[dict[str, Any]]
    base: Data
    known: Stored | None
    is_expired: bool
    is_merged: bool = False
    own: dict[int, Data] = field(factory=dict)
    landed: dict[int, Data] = field(factory=dict)


class World:
    """An adapter behind what makes faults, in an event loop of its own, and a clock that is moved by hand."""

    def __init__(self, engine: Engine) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.runner = asyncio.Runner()
        self.proxy = with_faults(engine)
        self.users = count()
        self.table = f"test-{uuid4().hex}"
        self.run(self.proxy.__aenter__())
        client: dict[str, Any] = {**self.proxy.client_settings, "max_attempts": MOST_ATTEMPTS // 2, "read_timeout": 1.0}
        config = DynamoDbConfig(
            TableConfig(self.table, ttl=TimeToLive(LIFE)), client=ClientConfig(**client), recent_turns=100
        )
        self.db = AsyncDynamoDb(config, clock=lambda: self.now)
        self.plain = engine.client()
        self.client = self.run(self.plain.__aenter__())

    def run(self, operation: Coroutine[Any, Any, R]) -> R:
        """In the world's event loop."""
        return self.runner.run(operation)

    def refill(self) -> None:
        """Retries never run out here, however many answers were lost before."""
        assert self.db._live is not None
        self.db._live.connection.budget.tokens = retry.TOKENS

    def close(self) -> None:
        """End it."""
        self.run(self.db.close())
        self.run(self.plain.__aexit__(None, None, None))
        self.run(self.proxy.__aexit__())
        self.runner.close()


@pytest.fixture(scope="module", params=["moto", "memory", "file"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One for all examples, with retries that hardly wait; each example has a user of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "FIRST_PAUSE", 0.001)
        patch.setattr(retry, "LONGEST_PAUSE", 0.001)
        world = World(request.getfixturevalue(request.param))
        yield world
        world.close()


class OneUser(RuleBasedStateMachine):
    """What can happen to one user's item, and the model's opinion of it."""

    turns = Bundle("turns")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.db = world, world.db
        self.user = f"user-{next(world.users)}"
        self.fresh = map(str, count())
        self.stored: Stored | None = None

    def is_expired(self, stored: Stored | None) -> bool:
        """Whether it reads as no item."""
        return stored is not None and stored.expires is not None and stored.expires <= self.world.now

    @rule(target=turns, turn_id=turn_ids)
    def load(self, turn_id: str | None) -> Open:
        """A turn sees what is stored, unless that has expired, and knows whether it is a second delivery."""
        turn = self.world.run(self.db.load(self.user, turn_id=turn_id))
        is_expired = self.is_expired(self.stored)
        live = None if is_expired else self.stored
        assert turn.user.is_new == (live is None)
        assert turn.user.data == (live.data if live else {})
        assert turn.is_duplicate == (live is not None and turn_id in live.turn_ids)
        return Open(turn, dict(turn.user.data), self.stored, is_expired)

    @rule(open_turn=turns, key=st.none() | keys, is_removed=st.booleans(), lost=lost_answers)
    def save(self, open_turn: Open, key: str | None, is_removed: bool, lost: int) -> None:
        """A save stores, merges, refuses or finds a duplicate as the model does, with or without its answers."""
        if key is not None and is_removed:
            open_turn.turn.user.data.pop(key, None)
        elif key is not None:
            open_turn.turn.user.data[key] = next(self.fresh)
        self.world.proxy.plan = script(*[Fault.LOSE] * lost, operations=("UpdateItem",))
        self.world.refill()
        is_nothing = open_turn.turn.is_duplicate
        try:
            self.world.run(self.db.save(open_turn.turn))
            happened = "saved"
        except VersionConflictError as conflict:
            happened = "deleted" if conflict.deleted else "conflict"
        except OutcomeUnknownError:
            happened = "unknown"
        finally:
            self.world.proxy.plan = no_fault
        assert happened == ("saved" if is_nothing else self.expected(open_turn, lost))

    def expected(self, one: Open, lost: int) -> str:
        """What the save comes to, and does."""
        ours = dict(one.turn.user.data)
        try:
            written = merged(one.base, ours, one.known.data) if one.is_merged and one.known else ours
            if lost == MOST_ATTEMPTS:
                if self.is_as_known(one):
                    one.landed[self.write(one, written)] = ours
                return "unknown"
            return self.settled(one, ours, written)
        except ConflictError:
            return "conflict"

    def is_found_duplicate(self, one: Open) -> bool:
        """Whether this very save finds that another delivery was faster."""
        earlier = None if self.stored is None else self.stored.turn_ids.get(one.turn.turn_id or "")
        return earlier is not None and earlier not in one.own and not self.is_as_known(one)

    def is_as_known(self, one: Open) -> bool:
        """Whether the condition is met."""
        known = one.known and one.known.version
        return (self.stored is None and one.is_expired) or known == (self.stored and self.stored.version)

    def settled(self, one: Open, ours: Data, written: Data) -> str:
        """The save that comes to an end."""
        is_merged = one.is_merged
        if not self.is_as_known(one):
            if self.stored is None:
                return "deleted"
            if self.is_found_duplicate(one):
                assert one.turn.is_duplicate
                return "saved"
            is_merged = not self.is_expired(self.stored)
            landed = next((one.landed[write] for write in self.stored.writes if write in one.landed), one.base)
            written = merged(landed, ours, self.stored.data) if is_merged else ours
            one.is_expired = not is_merged
        self.write(one, written)
        one.known, one.is_expired, one.is_merged, one.base = self.stored, False, is_merged, ours
        one.landed.clear()
        return "saved"

    def write(self, one: Open, data: Data) -> int:
        """What the table holds then."""
        kept = Stored({}) if self.stored is None or one.is_expired else self.stored
        stored = Stored(data, kept.writes, dict(kept.turn_ids), self.world.now + LIFE)
        stored.writes = [stored.version, *kept.writes]
        if one.turn.turn_id:
            stored.turn_ids[one.turn.turn_id] = stored.version
        one.own[stored.version] = data
        self.stored = stored
        return stored.version

    @rule(open_turn=turns, key=keys)
    def save_again(self, open_turn: Open, key: str) -> None:
        """Nobody knows what became of a save, so the turn goes on and saves again."""
        self.save(open_turn, key, False, MOST_ATTEMPTS)
        self.save(open_turn, key, False, 0)

    @rule(key=keys)
    def take_whole_turn(self, key: str) -> None:
        """Another turn comes in between."""
        self.save(self.load(None), key, False, 0)

    @rule(open_turn=consumes(turns))
    def forget(self, open_turn: Open) -> None:
        """A turn that forgets deletes the user, whoever saved meanwhile, unless it is a second delivery."""
        open_turn.turn.forget()
        self.world.run(self.db.save(open_turn.turn))
        if not open_turn.turn.is_duplicate:
            self.stored = None

    @rule(lost=st.integers(0, 1))
    def delete(self, lost: int) -> None:
        """Deleting is idempotent, with or without its answer."""
        self.world.proxy.plan = script(*[Fault.LOSE] * lost, operations=("DeleteItem",))
        self.world.run(self.db.delete(self.user))
        self.stored = None

    @rule(data=st.dictionaries(keys, st.just("jovo")))
    def overwrite(self, data: Data) -> None:
        """Jovo replaces the whole item, without a condition and without our attributes."""
        self.stored = Stored(data)
        written = f"2026-01-01T00:00:00.{self.stored.version % 1000:03}Z"
        item = {
            "userId": {"S": self.user},
            "user": {"M": {"data": {"M": {key: {"S": value} for key, value in data.items()}}}},
            "createdAt": {"S": "2025-01-01T00:00:00.000Z"},
            "updatedAt": {"S": written},
        }
        self.world.run(self.world.client.put_item(TableName=self.world.table, Item=item))

    @rule()
    def expire(self) -> None:
        """Time passes, so that what is stored expires, though nobody deletes it."""
        self.world.now += LIFE

    @invariant()
    def is_as_expected(self) -> None:
        """What is stored is what the model holds."""
        exported = self.world.run(self.db.export(self.user))
        assert exported.get("user", {}).get("data") == (self.stored.data if self.stored else None)


def run_examples(world: World, examples: int, **options: Any) -> None:
    """So many sequences of events, of up to 30 each; an AssertionError where the adapter and the model part."""
    run_state_machine_as_test(
        lambda: OneUser(world),  # type: ignore[arg-type] - a factory will do
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


@pytest.mark.long
def test_one_user(world: World) -> None:
    """Whatever overlaps, nothing is lost, doubled or brought back, and each turn is told the truth."""
    run_examples(world, EXAMPLES)
