"""Texts that are no Unicode, stored by another program: what was read can be written again, if it is the same."""

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from dynadb_async import (
    DynamoDbConfig,
    DynamoDbSerializer,
    InvalidUserIdError,
    SerializationError,
    Session,
    StoredElements,
    Turn,
)
from dynadb_async.item import Layout, attributes_of_turn, check_user_id, new_entry, turn_from_item, update_of_save
from dynadb_async.item.conflict import merged
from dynadb_async.values.attribute_json import decoded, encoded
from dynadb_async.values.size import attribute_size
from dynadb_async.values.stored_text import StoredText, as_stored

ODD = "half \ud83d"
DATA: dict[str, Any] = {
    "M": {"word": {"S": ODD}, "list": {"L": [{"S": ODD}]}, "map": {"M": {ODD: {"S": "x"}}}, "set": {"SS": [ODD]}}
}
SESSION = {"M": {"id": {"S": "s"}, "data": {"M": {"word": {"S": ODD}}}, "updatedAt": {"S": "2099-01-01T00:00:00Z"}}}
HISTORY = {"M": {"items": {"L": [{"M": {"output": {"S": ODD}}}]}}}
ALL = StoredElements(session=True, history=True)


LAYOUT = Layout(config=DynamoDbConfig("users", stored_elements=ALL), serializer=DynamoDbSerializer(), user_data=dict)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BODY = json.dumps(
    {"Item": {"user": {"M": {"data": DATA}}, "session": SESSION, "history": HISTORY, "other": {"S": ODD}}}
)


def turn_of_body(layout: Layout = LAYOUT) -> Turn[Any]:
    """A turn of what another program stored, as GetItem answers it."""
    item = decoded(BODY.encode(), "Item")["Item"]
    return turn_from_item(layout, item, "user", body=BODY.encode(), now=NOW, session=Session("s"), turn_id=None)


def stored(turn: Turn[Any], *, is_whole: bool = False, layout: Layout = LAYOUT) -> Any:
    """The item that its save asks for, once it went over the wire."""
    item = attributes_of_turn(layout, turn, {"output": "new"}, NOW, is_whole=is_whole)
    entry = new_entry(LAYOUT, "write", None, None)
    return update_of_save(LAYOUT, item, entry, turn.loaded, "user", NOW).written.item()


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_was_read_is_written_again(is_whole: bool) -> None:
    """In user data, session and history, in lists, maps, sets and names; what else changed is stored."""
    turn = turn_of_body()
    turn.user.data["visits"] = 1
    item = stored(turn, is_whole=is_whole)

    assert {**DATA["M"], "visits": {"N": "1"}} == item["user"]["M"]["data"]["M"]
    assert {"S": ODD} == item["session"]["M"]["data"]["M"]["word"]
    assert {"S": ODD} == item["history"]["M"]["items"]["L"][1]["M"]["output"]


def test_a_field_of_a_class_holds_it_too() -> None:
    """As long as it is unchanged, it is written again beside what is."""

    @attrs.define
    class Words:
        word: str = ""
        map: dict[str, str] = attrs.field(factory=dict)
        new: str = ""

    layout = attrs.evolve(LAYOUT, user_data=Words)
    turn = turn_of_body(layout)
    turn.user.data.new = "new"
    assert {**DATA["M"], "new": {"S": "new"}} == stored(turn, layout=layout)["user"]["M"]["data"]["M"]


def test_it_is_merged_as_any_other() -> None:
    """Also if only the other turn has it."""
    base, theirs = stored(turn_of_body()), stored(turn_of_body())
    ours = stored(turn_of_body())
    ours["user"]["M"]["data"]["M"]["visits"] = {"N": "1"}
    theirs["user"]["M"]["data"]["M"]["half"] = theirs["user"]["M"]["data"]["M"].pop("word")

    data = merged(LAYOUT, base, ours, theirs)["user"]["M"]["data"]["M"]
    assert ({"N": "1"}, {"S": ODD}, None) == (data["visits"], data["half"], data.get("word"))


def test_what_was_made_of_it_is_refused() -> None:
    """A changed text is a new one, and so is one that comes from elsewhere."""
    for made in (lambda text: text + "!", lambda text: str(text)[:-1] + "\ud83d", lambda _: "\ud800"):
        turn = turn_of_body()
        turn.user.data["new"] = made(turn.user.data["word"])
        with pytest.raises(SerializationError, match=r"lone surrogate.* - at user\.data\.new"):
            stored(turn)


def test_the_ordinary_client_reads_it_so() -> None:
    """What it parsed itself is looked through."""
    item = json.loads(BODY)
    assert item == as_stored(item)
    assert type(as_stored(item)["Item"]["other"]["S"]) is StoredText


def test_it_is_a_text() -> None:
    """Equal to any other, copied and pickled, and of the size that it has."""
    text = decoded(b'{"Item":{"a":{"S":"half \\ud83d"}}}', "Item")["Item"]["a"]["S"]

    assert ODD == text == copy.deepcopy(text) == pickle.loads(pickle.dumps(text))
    assert len("half ") + 3 == attribute_size({"S": text})
    assert b'{"a":"half \\ud83d"}' == encoded({"a": text}).replace(b": ", b":")
    with pytest.raises(SerializationError):
        encoded({"a": text, "b": ODD})
    with pytest.raises(SerializationError):
        encoded({"a": text, "b": {1: "x"}})


def test_it_is_no_users_id() -> None:
    """Whoever finds such a user, and asks for more of it, is told why there is none."""
    with pytest.raises(InvalidUserIdError, match="lone surrogate"):
        check_user_id(as_stored(ODD))
