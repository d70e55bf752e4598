"""What a turn needs is read from the requests that the platforms document."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async import AsyncDynamoDb, ClientConfig, DynaDbError, DynamoDbConfig, Session, StoredElements
from dynadb_async.platforms import (
    MalformedRequestError,
    PlatformRequest,
    alexa,
    dialogflow_cx,
    messenger,
    slack,
    telegram,
    whatsapp,
)
from tests.engines import Engine

DATA = Path(__file__).parent / "data" / "platforms"

READERS = {
    "alexa": lambda body: [alexa.request_from_json(body)],
    "dialogflow-cx": lambda body: [dialogflow_cx.request_from_json(body)],
    "messenger": messenger.requests_from_json,
    "slack": slack.requests_from_json,
    "telegram": telegram.requests_from_json,
    "whatsapp": whatsapp.requests_from_json,
}


def sample(name: str) -> dict[str, Any]:
    """A platform's documented request, with shorter ids."""
    body: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return body


def without(body: Any, *path: str | int) -> Any:
    """*body* without the member at *path*."""
    body = deepcopy(body)
    place = body
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return body


def facts(request: PlatformRequest) -> tuple[str, str | None, str | None]:
    """User, turn and locale."""
    return request.user_id, request.turn_id, request.locale


@pytest.mark.parametrize("kind", ["launch", "intent", "session-ended", "playback-started"])
def test_alexa_says_who_and_which_request(kind: str) -> None:
    """Every request to a skill has the account, the request's id and the locale, with or without a session."""
    body = sample(f"alexa-{kind}")

    request = alexa.request_from_json(body)

    assert facts(request) == ("amzn1.ask.account.AAAA", body["request"]["requestId"], "en-US")
    assert request.raw is body


@pytest.mark.parametrize(("kind", "is_new"), [("launch", True), ("intent", False), ("session-ended", False)])
def test_alexa_says_which_session(kind: str, is_new: bool) -> None:
    """A conversation's requests bring its id, whether it is new, and its attributes."""
    body = sample(f"alexa-{kind}")

    session = alexa.request_from_json(body).session

    assert session is not None
    assert (session.id, session.is_new) == ("amzn1.echo-api.session.0001", is_new)
    assert session.data == body["session"]["attributes"]


@pytest.mark.parametrize("kind", ["playback-started", "skill-enabled"])
def test_alexa_outside_of_a_conversation_has_no_session(kind: str) -> None:
    """A request that belongs to no conversation brings no session, rather than an empty one."""
    assert alexa.request_from_json(sample(f"alexa-{kind}")).session is None


def test_alexa_may_leave_out_what_is_optional() -> None:
    """Skill events have no locale; a session has no attributes at first; old simulators send no context."""
    assert alexa.request_from_json(sample("alexa-skill-enabled")).locale is None

    old = without(without(sample("alexa-launch"), "session", "attributes"), "context")
    request = alexa.request_from_json(old)

    assert request.user_id == "amzn1.ask.account.AAAA"
    assert request.session is not None
    assert request.session.data == {}


def test_alexa_null_is_as_good_as_missing() -> None:
    """Null attributes, or a null session, read as none."""
    body = sample("alexa-launch")
    body["session"]["attributes"] = None
    session = alexa.request_from_json(body).session
    assert session is not None
    assert session.data == {}

    assert alexa.request_from_json(body | {"session": None}).session is None


def test_dialogflow_cx_says_who_which_session_and_which_call() -> None:
    """The user of `payload.userId`, the session's id and parameters, a turn id per page and tag, the language."""
    body = sample("dialogflow-cx-webhook")

    request = dialogflow_cx.request_from_json(body)

    assert facts(request) == ("ada", "5f3c-0001.3e4f.order-shirts", "en")
    assert request.session is not None
    assert request.session.id == "c7d8-9e0f"
    assert request.session.data == {"number": 2.0, "size": "medium"}
    assert request.raw is body


def test_dialogflow_cx_user_id_is_where_the_app_says() -> None:
    """The phone gateway has another user id; there are no parameters and no page either."""
    path = ("payload", "telephony", "caller_id")

    request = dialogflow_cx.request_from_json(sample("dialogflow-cx-phone"), user_id_path=path)

    assert facts(request) == ("+15555550100", "5f3c-0002.welcome", "en-US")
    assert request.session is not None
    assert request.session.data == {}


def test_dialogflow_cx_two_calls_for_one_answer_are_two_turns() -> None:
    """Webhook calls of one answer share its id; the second must not be taken for a second delivery of the first."""
    body = sample("dialogflow-cx-webhook")
    other = body | {"fulfillmentInfo": {"tag": "confirm"}}

    assert dialogflow_cx.request_from_json(body).turn_id != dialogflow_cx.request_from_json(other).turn_id


def test_dialogflow_cx_without_a_user_never_shares_one() -> None:
    """A call that names no user is an error, not everybody's item; the message says where one is expected."""
    with pytest.raises(MalformedRequestError, match=r"payload\.userId"):
        dialogflow_cx.request_from_json(sample("dialogflow-cx-phone"))


def test_dialogflow_cx_a_session_has_a_name() -> None:
    """One whose name ends before its id would be nobody's in particular."""
    body = sample("dialogflow-cx-webhook")
    body["sessionInfo"]["session"] = "projects/p/locations/l/agents/a/sessions/"
    with pytest.raises(MalformedRequestError, match="session"):
        dialogflow_cx.request_from_json(body)


def test_messenger_message() -> None:
    """A message has its person and its `mid`; there is no session, and no locale without the built-in NLP."""
    body = sample("messenger-message")

    [request] = messenger.requests_from_json(body)

    assert facts(request) == ("psid-1", "m_0001:41d1", None)
    assert request.session is None
    assert request.raw is body["entry"][0]["messaging"][0]


def test_messenger_postback_of_a_guest() -> None:
    """A tapped button is a turn too; a guest without an id is known by `user_ref`."""
    [request] = messenger.requests_from_json(sample("messenger-postback"))

    assert facts(request) == ("guest-1", "m_0002:41d1", None)


def test_messenger_batch() -> None:
    """All messages of one call, in order; what is no person's turn is left out."""
    requests = messenger.requests_from_json(sample("messenger-batch"))

    assert [facts(request) for request in requests] == [("psid-1", "m_0003", None), ("psid-2", "m_0004", "en_XX")]


@pytest.mark.parametrize(
    "event", [{"message": {"mid": "m", "is_deleted": True}}, {"message_edit": {"mid": "m"}}, {"read": {"watermark": 1}}]
)
def test_messenger_edits_and_deletions_are_no_turns(event: dict[str, Any]) -> None:
    """Neither says anything new."""
    assert messenger.requests_from_json({"entry": [{"messaging": [{"sender": {"id": "1"}} | event]}]}) == []


SENDER = ("entry", 0, "messaging", 0, "sender")
CHANGE = ("entry", 0, "changes", 0)


@pytest.mark.parametrize(
    ("platform", "kind", "path"),
    [
        ("alexa", "launch", ("context", "System", "user", "userId")),
        ("alexa", "launch", ("context", "System", "user")),
        ("alexa", "launch", ("request", "requestId")),
        ("alexa", "launch", ("session", "sessionId")),
        ("alexa", "launch", ("session", "new")),
        ("dialogflow-cx", "webhook", ("payload", "userId")),
        ("dialogflow-cx", "webhook", ("sessionInfo", "session")),
        ("dialogflow-cx", "webhook", ("detectIntentResponseId",)),
        ("messenger", "message", ("entry",)),
        ("messenger", "message", (*SENDER, "id")),
        ("messenger", "message", ("entry", 0, "messaging", 0, "message", "mid")),
        ("slack", "message", ("event",)),
        ("slack", "message", ("event", "user")),
        ("slack", "message", ("event", "channel")),
        ("slack", "message", ("event_id",)),
        ("slack", "message", ("team_id",)),
        ("slack", "block-actions", ("type",)),
        ("slack", "block-actions", ("user", "id")),
        ("telegram", "message", ("update_id",)),
        ("telegram", "message", ("message", "from", "id")),
        ("telegram", "message", ("message", "chat", "id")),
        ("whatsapp", "text", ("entry",)),
        ("whatsapp", "text", ("entry", 0, "changes")),
        ("whatsapp", "text", (*CHANGE, "value")),
        ("whatsapp", "text", (*CHANGE, "value", "metadata", "phone_number_id")),
        ("whatsapp", "text", (*CHANGE, "value", "messages", 0, "from")),
        ("whatsapp", "text", (*CHANGE, "value", "messages", 0, "id")),
    ],
)
def test_what_is_missing_is_named(platform: str, kind: str, path: tuple[str | int, ...]) -> None:
    """A request without a member that is always there is one clear error, which names it."""
    body = without(sample(f"{platform}-{kind}"), *path)

    with pytest.raises(MalformedRequestError, match="got nothing") as caught:
        READERS[platform](body)

    assert str(path[-1]) in str(caught.value)
    assert isinstance(caught.value, DynaDbError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("platform", "kind", "path", "value"),
    [
        ("alexa", "launch", ("context", "System", "user", "userId"), 4711),
        ("alexa", "launch", ("context", "System", "user", "userId"), ""),
        ("alexa", "launch", ("session", "new"), "yes-4711"),
        ("alexa", "intent", ("session", "attributes"), [4711]),
        ("dialogflow-cx", "webhook", ("sessionInfo", "parameters"), [4711]),
        ("dialogflow-cx", "webhook", ("sessionInfo", "session"), ""),
        ("messenger", "message", ("entry",), "4711"),
        ("messenger", "message", ("entry", 0), "4711"),
        ("messenger", "message", ("entry", 0, "messaging"), "4711"),
        ("messenger", "message", ("entry", 0, "messaging", 0), "4711"),
        ("messenger", "message", (*SENDER, "id"), 4711),
        ("slack", "message", ("event", "user"), 4711),
        ("slack", "message", ("event",), "4711"),
        ("telegram", "message", ("message", "from", "id"), "4711"),
        ("telegram", "message", ("update_id",), True),
        ("telegram", "message", ("message",), [4711]),
        ("whatsapp", "text", ("entry", 0), "4711"),
        ("whatsapp", "text", (*CHANGE, "value", "messages"), "4711"),
        ("whatsapp", "text", (*CHANGE, "value", "messages", 0, "from"), 4711),
    ],
)
def test_what_is_of_another_type_is_not_quoted(
    platform: str, kind: str, path: tuple[str | int, ...], value: Any
) -> None:
    """A member of another type is an error that says its type, never what it holds."""
    body = sample(f"{platform}-{kind}")
    place: Any = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    with pytest.raises(MalformedRequestError) as caught:
        READERS[platform](body)

    assert "4711" not in str(caught.value)
    assert ("nothing" if value == "" else type(value).__name__) in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in *value*."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, item in inner for place in places(item, (*path, name)))]


@given(st.data(), st.sampled_from(sorted(path.stem for path in DATA.glob("*.json"))), JSON)
def test_no_request_is_anything_but_read_or_malformed(data: st.DataObject, name: str, value: Any) -> None:
    """Whatever stands at any place of a request: it is read, with texts as ids, or it is the one error."""
    body: Any = sample(name)
    *outer, last = data.draw(st.sampled_from([(None,), *places(body)[1:]]))
    place = body
    for step in outer:
        place = place[step]
    if last is None:
        body = value
    else:
        place[last] = value

    try:
        requests = next(read for platform, read in READERS.items() if name.startswith(platform))(body)
    except MalformedRequestError:
        return

    assert all(request.user_id and isinstance(request.user_id, str) for request in requests)
    # Slack closes a view without an id of the delivery.
    has_id = not name.startswith("slack")
    assert all(isinstance(request.turn_id, str) or not has_id for request in requests)
    assert all(request.turn_id != "" for request in requests)


def test_a_session_of_ones_own_platform_may_hold_bytes() -> None:
    """What no JSON has can be stored all the same."""
    assert PlatformRequest(user_id="u", session=Session("s", data={"voice": b"\xff" * 9}), raw={}).session


@pytest.mark.parametrize(
    ("name", "member"), [("user_id", 17), ("user_id", None), ("turn_id", ""), ("turn_id", 17), ("chat_id", [])]
)
def test_a_request_of_ones_own_platform_is_checked_alike(name: str, member: Any) -> None:
    """What somebody sends in the place of an id is the caller's fault, not the app's."""
    with pytest.raises(MalformedRequestError, match=f"at {name}"):
        PlatformRequest(**{"user_id": "u", "raw": {}} | {name: member})


@pytest.mark.parametrize(
    "name",
    [
        *("alexa-intent", "dialogflow-cx-webhook", "messenger-message"),
        *("slack-message", "telegram-message", "whatsapp-text"),
    ],
)
def test_its_repr_is_private(name: str) -> None:
    """A request that is logged by mistake shows neither the person nor what was said."""
    platform = next(platform for platform in READERS if name.startswith(platform))
    [request] = READERS[platform](sample(name))

    shown = repr(request)

    assert request.user_id not in shown
    said = ("virgo", "medium", "hello", "c7d8", "session.0001", "prosper", "start", "color")
    assert not any(word in shown for word in said)
    assert request.chat_id is None or request.chat_id not in shown


async def test_they_feed_a_turn(moto: Engine, table_name: str) -> None:
    """What is read goes into `db.turn` as it is; the second delivery of the same request is recognised."""
    config = DynamoDbConfig(
        table_name, client=ClientConfig(**moto.client_settings), stored_elements=StoredElements(session=True)
    )
    async with AsyncDynamoDb(config) as db:
        names = ("alexa-launch", "dialogflow-cx-webhook", "messenger-message")
        for name in (*names, "slack-message", "telegram-message", "whatsapp-text"):
            platform = next(platform for platform in READERS if name.startswith(platform))
            [request] = READERS[platform](sample(name))
            deliveries = []
            for _ in range(2):
                async with db.turn(request.user_id, session=request.session, turn_id=request.turn_id) as turn:
                    turn.session.data["seen"] = True
                deliveries.append(turn.is_duplicate)

            assert deliveries == [False, True]
