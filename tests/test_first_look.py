"""What a newcomer sees first: versions, settings that say what they are, reprs, platforms kept apart."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pydantic
import pytest

import dynadb_async
from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    History,
    MarshallConfig,
    Provisioned,
    Session,
    StoredElements,
    StoredHistory,
    StoredSession,
    TableConfig,
    TimeToLive,
    Turn,
    UsageError,
    User,
    UserData,
)
from dynadb_async.platforms import PlatformRequest, alexa, dialogflow_cx, messenger

ROOT = Path(__file__).parent.parent
WORD = "words-of-a-person"


def test_the_version() -> None:
    """It is that of the package's metadata, and it costs no look at them."""
    assert dynadb_async.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    code = "import sys, dynadb_async; dynadb_async.__version__; assert 'importlib.metadata' not in sys.modules"
    subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"], check=True)


@pytest.mark.parametrize(
    "kind",
    [
        *(ClientConfig, Conversations, DynamoDbConfig, MarshallConfig, Provisioned, StoredElements, StoredHistory),
        *(StoredSession, TableConfig, TimeToLive, UserData, PlatformRequest, Turn, User, Session, History),
    ],
)
def test_every_setting_is_explained(kind: type) -> None:
    """Each field has its line in the class's docstring, and no line is of a field that is gone."""
    _, _, listed = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    told = re.findall(r"^ {4}(\w+): \S", listed, re.MULTILINE)
    fields = attrs.fields(kind)
    made_of = {field.alias for field in fields if field.init and field.name != "loaded"}
    assert sorted(made_of | set(told) & {field.name for field in fields}) == sorted(told)


def memory(user_data: Any = dict, **settings: Any) -> AsyncDynamoDb[Any]:
    """An adapter on a store of its own."""
    client = ClientConfig(endpoint_url="memory:")
    return AsyncDynamoDb(DynamoDbConfig("users", client=client, **settings), user_data=user_data)


class Profile(pydantic.BaseModel):
    """A model that would show what it holds."""

    name: str = ""


async def test_reprs_help_and_show_nothing() -> None:
    """What kind of turn it is and how much there is, in a notebook or a debugger; nothing of it."""
    async with memory(stored_elements=StoredElements(session=True, history=True)) as db:
        async with db.turn(WORD, session=Session(WORD)) as turn:
            assert repr(turn) == "Turn(new user, session 'new', 0 history items)"
            assert repr(turn.user) == "User(new, data: dict of 0 members)"
            assert repr(turn.session) == "Session('new', data of 0 members)"
            turn.user.data[WORD] = turn.output = turn.session.state = WORD
            turn.session.data |= {WORD: WORD, "more": WORD}
        async with db.turn(WORD, session=Session(WORD)) as turn:
            assert repr(turn) == "Turn(known user, session 'live', 1 history item)"
            assert repr(turn.user) == "User(known, data: dict of 1 member)"
            assert repr(turn.session) == "Session('live', data of 2 members, with a state)"
            assert repr(turn.history) == "History(1 item)"
            turn.discard()
            turn.forget()
            assert repr(turn) == "Turn(known user, session 'live', 1 history item, discarded, forgotten)"
    async with memory(Profile) as db, db.turn(WORD, turn_id="1") as turn:
        turn.user.data.name = WORD
        assert repr(turn.user) == "User(new, data: Profile)"
    assert WORD not in f"{turn!r} {turn.user!r} {turn.session!r} {turn.history!r} {[turn]}"


def test_a_repr_never_raises() -> None:
    """Whatever a handler put there."""
    wrong: Any = None
    user: User[Any] = User(id=WORD, data=wrong, is_new=wrong)
    assert repr(user) == "User(known, data: NoneType)"
    assert repr(Session(data=wrong, is_new=wrong)) == "Session('live', data of 0 members)"
    assert repr(History(wrong)) == "History(0 items)"
    turn: Turn[Any] = Turn(user=wrong, session=wrong, history=wrong, created_at=wrong, updated_at=wrong)
    assert repr(turn) == "Turn(known user, session 'live', 0 history items)"


ALEXA: dict[str, Any] = {
    "context": {"System": {"user": {"userId": "17"}}},
    "request": {"type": "LaunchRequest", "requestId": "request-1"},
}
DIALOGFLOW: dict[str, Any] = {
    "detectIntentResponseId": "answer-1",
    "sessionInfo": {"session": "projects/p/sessions/s-1"},
    "payload": {"userId": "17"},
}
MESSENGER: dict[str, Any] = {"entry": [{"messaging": [{"sender": {"id": "17"}, "message": {"mid": "m-1"}}]}]}


def test_platforms_are_named_and_kept_apart() -> None:
    """One id on three platforms is one item, unless each request is prefixed."""
    requests = [
        alexa.request_from_json(ALEXA),
        dialogflow_cx.request_from_json(DIALOGFLOW),
        *messenger.requests_from_json(MESSENGER),
    ]

    assert ["alexa", "dialogflow_cx", "messenger"] == [request.platform for request in requests]
    assert {"17"} == {request.user_id for request in requests}
    assert ["alexa:17", "dialogflow_cx:17", "messenger:17"] == [request.prefixed().user_id for request in requests]
    first = requests[0].prefixed("skill-7/")
    assert (first.user_id, first.turn_id, first.raw) == ("skill-7/17", "request-1", ALEXA)
    assert "17" not in repr(first)


def test_a_request_without_a_platform_has_no_prefix() -> None:
    """An empty one would keep nobody apart."""
    request = PlatformRequest(user_id="17", turn_id="request-1", raw={})
    with pytest.raises(UsageError, match="expected a prefix"):
        request.prefixed()
    assert request.prefixed("mine:").user_id == "mine:17"
