"""
The checkers must fail on designs that are broken on purpose: else their silence about ours would say nothing.

Each mutant takes away one part of what protects a save, and nothing else.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import Phase, given, settings

from dynadb_async import item as items
from dynadb_async.connection import answers, refusals, shape, wire
from dynadb_async.connection.request import Request
from dynadb_async.connection.sdk import answers as sdk_answers
from dynadb_async.connection.sdk import open_client
from dynadb_async.connection.wire import oddity
from dynadb_async.connection.wire.answer import HttpAnswer
from dynadb_async.item import Item, Layout, Loaded, conflict, loading, merge, recent, update
from dynadb_async.item.recent import Entry, write_of
from dynadb_async.running.group import Group
from dynadb_async.running.saving import Attempt, Save
from tests.checker import HOT, Trial, run_trial, violations
from tests.engines import Engine
from tests.hot_user import USER, count, outcomes, visits_of
from tests.sessions import adapter_on
from tests.test_hostile_answers import test_what_is_hostile_is_an_error as check_hostile_answers
from tests.test_merge_law import MEMBERS, REPEATED, SCALARS, check_law, data_of, list_idioms
from tests.test_state_machine import World, run_examples, world

# A fixture of both.
__all__ = ["world"]

pytestmark = pytest.mark.long

ALWAYS = "attribute_exists(#key) OR attribute_not_exists(#key)"
EXISTS = "attribute_exists(#key)"
MOST_TRIALS = 8
MOST_EXAMPLES = 300

condition_of = update._condition
new_update = items.update_of_save


def no_condition(patch: pytest.MonkeyPatch) -> None:
    """Whoever saves last wins."""
    patch.setattr(update, "_condition", lambda _loaded: (ALWAYS, {}))


def weakened_condition(patch: pytest.MonkeyPatch) -> None:
    """It is enough that the item is there, whoever wrote it last."""
    patch.setattr(update, "_condition", lambda loaded: condition_of(loaded) if loaded.stored is None else (EXISTS, {}))


def no_create_condition(patch: pytest.MonkeyPatch) -> None:
    """A new user's item is written whether or not it is there by now."""
    patch.setattr(update, "_condition", lambda loaded: condition_of(loaded) if loaded.stored else (ALWAYS, {}))


def no_write_id(patch: pytest.MonkeyPatch) -> None:
    """A save whose answer was lost takes its own write for somebody else's."""
    patch.setattr(items, "is_written", lambda _layout, _current, _write: False)
    patch.setattr(conflict, "_landed_attempt", lambda _layout, _loaded, _current: (None, False))


def counter_as_write_id(patch: pytest.MonkeyPatch) -> None:
    """The write id is the loaded one and one more, so that two saves from the same item have the same."""
    names: dict[str, str] = {}

    def update_of_save(layout: Layout, attributes: Item, entry: Entry, loaded: Loaded, *rest: Any) -> items.Update:
        newest = loaded.stored.newest if loaded.stored else None
        count = str(int(newest) + 1 if newest else 1)
        names[write_of(entry)] = count
        return new_update(layout, attributes, {"M": {**entry["M"], "write": {"S": count}}}, loaded, *rest)

    def is_written(layout: Layout, current: Item, write: str) -> bool:
        return conflict.is_written(layout, current, names[write])

    patch.setattr(items, "update_of_save", update_of_save)
    patch.setattr(items, "is_written", is_written)


def unmerged_line(patch: pytest.MonkeyPatch) -> None:
    """What the save before stored is known, and overwritten."""

    def is_caught_up(save: Save, _now: datetime) -> bool:
        save.turn.loaded.stored = save.line.latest
        return False

    patch.setattr(Save, "_is_caught_up", is_caught_up)


def wish_as_base(patch: pytest.MonkeyPatch) -> None:
    """What a turn wanted to store is handed on, not what it stored with others' changes in it."""
    saved = Save.saved

    def wished(save: Save, attempt: Attempt, current: Item | None, asked_at: float) -> None:
        saved(save, attempt, current, asked_at)
        latest = save.line.latest
        if latest is not None:
            save.line.latest = evolve(latest, read=attempt.ours.read, written=attempt.ours.written)

    patch.setattr(Save, "saved", wished)


def answered_before_stored(patch: pytest.MonkeyPatch) -> None:
    """Of turns that are stored together, nobody waits for that."""

    async def has_stored(_group: Group, _save: Save) -> bool:
        return True

    patch.setattr(Group, "has_stored", has_stored)


def lost_called_stored(patch: pytest.MonkeyPatch) -> None:
    """Turns that were to be stored together are, though another process was faster."""

    async def is_there(group: Group, _refused: BaseException, asked_at: float) -> bool:
        group._note_stored(asked_at)
        return True

    patch.setattr(Group, "_is_there", is_there)


def open_read_as_turn(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint makes the turn's next delivery a duplicate, though the turn never ended."""

    def entry_of_turn(entries: list[Entry], *rest: Any) -> Entry | None:
        closed = [{"M": {("turn" if name == "open" else name): v for name, v in e["M"].items()}} for e in entries]
        return recent.entry_of_turn(closed, *rest)

    patch.setattr(items, "entry_of_turn", entry_of_turn)
    patch.setattr(loading, "entry_of_turn", entry_of_turn)


def unfinished_entry_stays(patch: pytest.MonkeyPatch) -> None:
    """The end of a turn does not know the history entry that a delivery before left."""
    patch.setattr(loading, "places_of", lambda *_: [])
    patch.setattr(conflict, "places_of", lambda *_: [])


CHECKPOINT_MUTANTS = [open_read_as_turn, unfinished_entry_stays]
MUTANTS = [no_condition, weakened_condition, no_create_condition, no_write_id, counter_as_write_id]


async def is_broken(engine: Engine, table_name: str, trial: Trial) -> bool:
    """Whether the checker finds something, or a worker meets an error that ours never has."""
    try:
        return bool(violations(await run_trial(engine, table_name, trial, {})))
    except ExceptionGroup:
        return True


@pytest.mark.parametrize("mutant", MUTANTS + CHECKPOINT_MUTANTS, ids=lambda mutant: mutant.__name__)
async def test_checker_catches(
    mutant: Callable[[pytest.MonkeyPatch], None], moto: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history checker finds what each broken design loses or doubles."""
    mutant(monkeypatch)
    for seed in range(MOST_TRIALS):
        if await is_broken(moto, table_name, Trial(seed=seed)):
            return
    pytest.fail(f"the checker found nothing in {MOST_TRIALS} trials")


@pytest.mark.parametrize("mutant", [unmerged_line, wish_as_base], ids=lambda mutant: mutant.__name__)
async def test_checker_catches_in_line(
    mutant: Callable[[pytest.MonkeyPatch], None], moto: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it does where the saves of one user stand in line."""
    mutant(monkeypatch)
    for seed in range(MOST_TRIALS):
        if await is_broken(moto, table_name, evolve(HOT, seed=seed)):
            return
    pytest.fail(f"the checker found nothing in {MOST_TRIALS} trials")


@pytest.mark.parametrize("mutant", [answered_before_stored, lost_called_stored], ids=lambda mutant: mutant.__name__)
async def test_counting_catches(
    mutant: Callable[[pytest.MonkeyPatch], None], moto: Engine, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two processes count by `handle()`, more are answered than were counted."""
    mutant(monkeypatch)
    async with adapter_on(moto, table_name) as one, adapter_on(moto, table_name) as other:
        for _ in range(MOST_TRIALS):
            await one.delete(USER)
            ended = await outcomes([db.handle(USER, count) for _ in range(10) for db in (one, other)])
            if ended["int"] > await visits_of(one):
                return
    pytest.fail(f"each was counted in {MOST_TRIALS} trials")


@pytest.mark.parametrize("world", ["memory"], indirect=True)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_state_machine_catches(
    mutant: Callable[[pytest.MonkeyPatch], None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does the state machine, one turn after another."""
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        run_examples(world, MOST_EXAMPLES, derandomize=True, database=None, phases=[Phase.generate])


def any_overlap(patch: pytest.MonkeyPatch) -> None:
    """A list that ends as the other begins was cut and extended, whatever else it could have been."""

    def cut(was: list[merge.Key], now: list[merge.Key]) -> int | None:
        return next((n for n in range(len(was) + 1) if now[: len(was) - n] == was[n:]), None)

    patch.setattr(merge, "_cut", cut)


def lists_alike(patch: pytest.MonkeyPatch) -> None:
    """What both made alike of a list, or of a number, is clean."""
    patch.setattr(merge, "_adds_up", lambda _: False)


def longer_lists_win(patch: pytest.MonkeyPatch) -> None:
    """Of two changed lists that one is taken which has more in it."""
    patch.setattr(merge, "_merged_lists", lambda _, ours, theirs: max(ours, theirs, key=len))


@pytest.mark.parametrize("mutant", [any_overlap, lists_alike, longer_lists_win], ids=lambda mutant: mutant.__name__)
def test_law_catches(mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge without its law breaks it."""
    mutant(monkeypatch)
    law = given(data_of(REPEATED), *[list_idioms(REPEATED) | SCALARS | MEMBERS] * 2)(check_law)
    with pytest.raises((AssertionError, ExceptionGroup)):
        settings(max_examples=2000, derandomize=True, database=None, phases=[Phase.generate])(law)()


def key_not_compared(patch: pytest.MonkeyPatch) -> None:
    """An item is whoever's it says."""
    patch.setattr(answers, "check_answer", lambda request, answer: shape.check_shape(request.operation, answer))
    for room in (refusals, open_client):
        patch.setattr(room, "check_key", lambda _request, _answer: None)


def status_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """What comes with another status than 200 is a success if it looks like one."""
    answer_of, check_sdk_answer = answers.answer_of, sdk_answers.check_sdk_answer

    def of_any_status(request: Request, received: HttpAnswer) -> answers.Answer:
        received.status = received.status if received.status >= 400 else 200
        return answer_of(request, received)

    def check_of_200(response_dict: dict[str, Any], **details: Any) -> None:
        if response_dict["status_code"] == 200:
            check_sdk_answer(response_dict=response_dict, **details)

    patch.setattr(wire, "answer_of", of_any_status)
    patch.setattr(open_client, "check_sdk_answer", check_of_200)


@pytest.mark.parametrize("is_fast", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize(
    ("mutant", "operation"),
    [
        (key_not_compared, b".GetItem"),
        (status_not_looked_at, b".GetItem"),
        (status_not_looked_at, b".UpdateItem"),
    ],
)
async def test_hostile_answers_catch(
    mutant: Callable[[pytest.MonkeyPatch], None], operation: bytes, is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever believes more than an answer of one's own is found by the table; the SDK stumbles over some of it."""
    monkeypatch.setattr(oddity, "ODD_IN_A_ROW", 10**9)
    mutant(monkeypatch)
    with pytest.raises((AssertionError, AttributeError, TypeError)):
        await check_hostile_answers(is_fast, operation)
