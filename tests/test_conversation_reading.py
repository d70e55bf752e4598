"""A conversation's entries are read the quick way as they are the thorough one; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from dynadb_async import DynaDbError
from dynadb_async.conversations.layout import Names
from dynadb_async.conversations.pages import Place, Taken
from dynadb_async.conversations.reading import Reader

NAMES = Names(key_name="userId", user_id="user-1", id="talk")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
NEWEST = 50
USUAL = ["[1]", '["a", "b"]', '[{"n": 1.0}]', '["x"]', "[]", f" [{10**30}]"]
UNUSUAL = ["", "7", "[1],[2]", "[1", "2]", "null", " ", " " + "[" * 9000, '{"a": 1}']


class Thorough(Reader):
    """Takes nothing for plain."""

    def plain(self, items: Sequence[Any], wanted: int) -> list[list[Any]]:
        """None."""
        return []


def entry(random: Random, number: int) -> dict[str, Any]:
    """Mostly as it ought to be."""
    usual = NAMES.key(NAMES.entry(number)) | {
        "messages": {"S": random.choice(USUAL)},
        "write": {"S": f"w{number}"},
        "at": {"S": "2026-05-01T10:20:30.125Z"},
    }
    unusual: list[dict[str, Any]] = [
        {"cut": {"N": str(random.randint(0, number))}},
        {"expiresAt": {"N": str(SECONDS + random.randint(-1, 1))}},
        {"part": {"N": "0"}, "parts": {"N": "2"}},
        {"part": {"N": "1"}},
        {"messages": {"S": random.choice(UNUSUAL)}},
        {"messages": {"B": b"[1]"}},
        {"write": {"N": "7"}},
        {"name": {"S": "c/talk/12x"}},
        {"expiresAt": {"N": "soon"}},
    ]
    return usual if random.random() < 0.8 else usual | random.choice(unusual)


def read(reader: Reader, limit: int | None, place: Place, answers: list[list[dict[str, Any]]]) -> list[Any]:
    """All that a page is made of, or what is said."""
    taken = Taken(limit, place)
    try:
        for items in answers:
            if taken.has_enough_with(reader, items):
                break
    except DynaDbError as error:
        return [type(error), str(error)]
    return [taken.messages(), taken.before, taken.number, reader.revision, reader.dead, reader.is_at_end]


@pytest.mark.parametrize("hidden_from", [None, NEWEST - 2], ids=["whole", "cut"])
def test_quick_is_thorough(hidden_from: int | None) -> None:
    """Whatever is cut, in parts, expired, damaged or divided by a page's end: the same page, or the same words."""
    for seed in range(1500):
        random = Random(seed)
        items = [entry(random, number) for number in range(NEWEST, NEWEST - random.randint(0, 9), -1)]
        answers = [items[:3], items[3:]] if seed % 2 else [items]
        limit, place = random.choice([None, 1, 2, 3, 4, 6, 9]), Place(below=NEWEST, rest=random.choice([0, 0, 0, 1]))
        quick, thorough = (kind(NOW, None, hidden_from, NEWEST + 1) for kind in (Reader, Thorough))
        expected = read(thorough, limit, place, answers)
        assert (seed, expected) == (seed, read(quick, limit, place, answers))
