"""What a turn needs is read from the calls that Telegram, WhatsApp and Slack document."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dynadb_async import AsyncDynamoDb, ClientConfig, DynamoDbConfig, Session, StoredElements
from dynadb_async.platforms import MalformedRequestError, PlatformRequest, messenger, slack, telegram, whatsapp
from tests.test_platforms import sample

DATA = Path(__file__).parent / "data" / "platforms"

Facts = tuple[str, str | None, str | None, str | None]


def facts(request: PlatformRequest) -> Facts:
    """User, chat, turn and locale."""
    return request.user_id, request.chat_id, request.turn_id, request.locale


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("message", ("1111111", "1111111", "10000", "de")),
        ("callback", ("1111111", "-1001234567890", "10001", "de")),
        ("inline", ("1111111", None, "10002", None)),
    ],
)
def test_telegram_says_who_where_which_update_and_the_language(kind: str, expected: Facts) -> None:
    """The person is the same in every chat; an update has one id, and a chat where there is one."""
    body = sample(f"telegram-{kind}")

    [request] = telegram.requests_from_json(body)

    assert facts(request) == expected
    assert ("telegram", None) == (request.platform, request.session)
    assert request.raw is body


@pytest.mark.parametrize("kind", ["edited", "channel"])
def test_telegram_leaves_out_what_is_no_persons_turn(kind: str) -> None:
    """An edit is no new turn, and a channel that writes in a group is not a person: many would share its item."""
    assert telegram.requests_from_json(sample(f"telegram-{kind}")) == []


@pytest.mark.parametrize("sender", [{"is_bot": True}, {"sender_chat": {"id": -1}}, {"from": None}])
def test_telegram_knows_who_is_no_person(sender: dict[str, Any]) -> None:
    """Another bot, an anonymous administrator, nobody: none of them gets an item."""
    message = sample("telegram-message")["message"]
    message["from"] |= {name: value for name, value in sender.items() if name == "is_bot"}
    message |= {name: value for name, value in sender.items() if name == "sender_chat"}
    if "from" in sender:
        del message["from"]

    assert telegram.requests_from_json({"update_id": 1, "message": message}) == []


MEMBER = {"id": 1111111, "is_bot": False, "first_name": "Ada"}


@pytest.mark.parametrize(
    "told",
    [
        *({"new_chat_members": [MEMBER]}, {"left_chat_member": MEMBER}, {"new_chat_title": "Cats"}),
        *({"group_chat_created": True}, {"migrate_to_chat_id": -100123}, {"pinned_message": {"message_id": 1}}),
        *({"forum_topic_created": {}}, {"video_chat_started": {}}, {"message_auto_delete_timer_changed": {}}),
    ],
)
def test_telegram_what_is_told_of_a_chat_is_no_turn(told: dict[str, Any]) -> None:
    """Who joined a group, or named it, has not spoken to the bot, though `from` is a person."""
    body = sample("telegram-message")
    del body["message"]["text"]
    assert telegram.requests_from_json({**body, "message": body["message"] | told}) == []


@pytest.mark.parametrize("said", ["text", "caption", "photo", "successful_payment", "web_app_data", "users_shared"])
def test_telegram_what_a_person_says_or_does_is_a_turn(said: str) -> None:
    """Media, orders that were paid, what a web app sends: each is for the bot."""
    body = sample("telegram-message")
    [request] = telegram.requests_from_json({**body, "message": body["message"] | {said: "x"}})
    assert request.user_id == "1111111"


@pytest.mark.parametrize(
    ("kind", "event", "chat"),
    [
        ("guest_message", {"chat": {"id": -5}, "guest_query_id": "q"}, "-5"),
        ("callback_query", {"id": "1", "inline_message_id": "m"}, None),
        ("chosen_inline_result", {"result_id": "1"}, None),
        ("shipping_query", {"id": "1"}, None),
        ("pre_checkout_query", {"id": "1"}, None),
        ("purchased_paid_media", {"paid_media_payload": "p"}, None),
    ],
)
def test_telegram_queries_and_orders(kind: str, event: dict[str, Any], chat: str | None) -> None:
    """Each has its person, always; one without is damaged, not nobody's."""
    [request] = telegram.requests_from_json({"update_id": 7, kind: event | {"from": MEMBER}})
    assert facts(request) == ("1111111", chat, "7", None)

    if kind != "guest_message":
        with pytest.raises(MalformedRequestError, match=rf"{kind}\.from\.id"):
            telegram.requests_from_json({"update_id": 7, kind: event})


@pytest.mark.parametrize(
    "kind",
    [
        *("edited_message", "channel_post", "edited_channel_post", "business_connection", "edited_business_message"),
        *("deleted_business_messages", "message_reaction", "message_reaction_count", "poll", "poll_answer"),
        *("my_chat_member", "chat_member", "chat_join_request", "chat_boost", "removed_chat_boost", "of_next_year"),
    ],
)
def test_telegram_other_updates_are_no_turns(kind: str) -> None:
    """What happens around the bot, and what there will be one day, is read and left out."""
    assert telegram.requests_from_json({"update_id": 7, kind: {"from": MEMBER, "user": MEMBER}}) == []


def test_telegram_a_business_speaks_to_its_customers_not_to_the_bot() -> None:
    """Of a business account's chats, the customer's messages are turns, the owner's own are not."""
    message = sample("telegram-message")["message"]
    assert telegram.requests_from_json({"update_id": 1, "business_message": message})

    message["from"]["id"] = 42
    assert telegram.requests_from_json({"update_id": 1, "business_message": message}) == []


def test_telegram_numbers_without_end_are_malformed() -> None:
    """An id beyond 64 bits is the caller's fault: it is an error, told in words."""
    body = sample("telegram-message")
    body["message"]["from"]["id"] = 10**5000

    with pytest.raises(MalformedRequestError, match=r"64 bits .* at message\.from\.id"):
        telegram.requests_from_json(body)


def test_whatsapp_message() -> None:
    """A message has its person, the business's number it came to, and its `wamid`."""
    body = sample("whatsapp-text")

    [request] = whatsapp.requests_from_json(body)

    assert facts(request) == ("16505551234", "106540352242922", "wamid.0001", None)
    assert ("whatsapp", None) == (request.platform, request.session)
    assert request.raw is body["entry"][0]["changes"][0]["value"]["messages"][0]


def test_whatsapp_batch() -> None:
    """All messages of one call, in order; a scoped id comes before a number, a group before the business."""
    requests = whatsapp.requests_from_json(sample("whatsapp-batch"))

    assert [facts(request) for request in requests] == [
        ("16505551234", "106540352242922", "wamid.0002", None),
        ("US.13491208655302741918", "106540352242922", "wamid.0003", None),
        ("US.1700", "Y2FwaV9ncm91cDox", "wamid.0005", None),
    ]


@pytest.mark.parametrize(
    ("kind", "turns"),
    [
        *((kind, 1) for kind in ("audio", "button", "contacts", "document", "image", "interactive", "location")),
        *((kind, 1) for kind in ("order", "request_welcome", "sticker", "text", "video")),
        *((kind, 0) for kind in ("edit", "reaction", "revoke", "system", "unknown", "unsupported")),
    ],
)
def test_whatsapp_knows_what_is_a_turn(kind: str, turns: int) -> None:
    """What a person sends is one; edits, deletions, and what the API can't hand on, are none."""
    body = sample("whatsapp-text")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["type"] = kind

    assert len(whatsapp.requests_from_json(body)) == turns


@pytest.mark.parametrize(
    "value", [{"statuses": [{"id": "wamid.1"}]}, {"errors": [{"code": 130429}]}, {"messages": None}]
)
def test_whatsapp_calls_without_messages_are_no_turns(value: dict[str, Any]) -> None:
    """Deliveries and errors come through the same field."""
    assert whatsapp.requests_from_json({"entry": [{"changes": [{"field": "messages", "value": value}]}]}) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("message", ("T123ABC456:U2147483697", "D024BE91L", "Ev0001", None)),
        ("mention", ("T123ABC456:U061F7AUR", "C123ABC456", "Ev0002", None)),
        (
            "block-actions",
            (
                "T9TK3CUKW:UA8RXUSPL",
                "CBR2V3XEX",
                "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
                None,
            ),
        ),
        ("view-submission", ("T1ABCD2E12:U12AB3CDE", None, "2.1.f00", None)),
        ("view-closed", ("T1ABCD2E12:U12AB3CDE", None, None, None)),
    ],
)
def test_slack_says_who_where_and_which_delivery(kind: str, expected: Facts) -> None:
    """Events and interactions have the person within a workspace, the channel, and an id of the delivery."""
    body = sample(f"slack-{kind}")

    [request] = slack.requests_from_json(body)

    assert facts(request) == expected
    assert ("slack", None) == (request.platform, request.session)
    assert request.raw is body


def test_slack_command() -> None:
    """A slash command is a form, empty fields included."""
    body = slack.json_from_body((DATA / "slack-command.txt").read_bytes())

    [request] = slack.requests_from_json(body)

    turn_id = "398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    assert facts(request) == ("T1DC2JH3J:U2CERLKJA", "G8PSS9T3V", turn_id, None)
    assert ("/webhook-collect", "") == (request.raw["command"], request.raw["text"])


@pytest.mark.parametrize("kind", ["bot", "edited", "reaction", "url-verification", "suggestion"])
def test_slack_leaves_out_what_is_no_persons_turn(kind: str) -> None:
    """Bots, the app itself among them, would answer each other for ever."""
    assert slack.requests_from_json(sample(f"slack-{kind}")) == []


def test_slack_knows_what_the_app_itself_said() -> None:
    """Its own messages have a user, the bot's, and may have no subtype."""
    body = sample("slack-message")
    body["event"] |= {"bot_id": "B0001", "user": "U0BOT00001"}

    assert slack.requests_from_json(body) == []


def test_slack_an_organisations_app_may_have_no_workspace() -> None:
    """Then the person's own is said; with neither there is nobody."""
    body = sample("slack-block-actions") | {"team": None}
    [request] = slack.requests_from_json(body)
    assert request.user_id == "T9TK3CUKW:UA8RXUSPL"

    del body["user"]["team_id"]
    with pytest.raises(MalformedRequestError, match=r"user\.team_id"):
        slack.requests_from_json(body)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "app_rate_limited", "team_id": "T1"},
        {"type": "dialog_suggestion", "team": {"id": "T1"}, "user": {"id": "U1"}},
        {"ssl_check": "1", "token": "t"},
    ],
)
def test_slack_calls_that_nobody_made_are_no_turns(body: dict[str, Any]) -> None:
    """Slack tells of its limits, looks at the certificate, and asks while somebody types."""
    assert slack.requests_from_json(body) == []


def test_slack_knows_slackbot_and_takes_no_id_for_none() -> None:
    """Slackbot's own messages have a user; a person's may have a bot's id that is null."""
    body = sample("slack-message")
    assert slack.requests_from_json({**body, "event": body["event"] | {"user": "USLACKBOT"}}) == []
    assert slack.requests_from_json({**body, "event": body["event"] | {"bot_id": None}})


@pytest.mark.parametrize("name", ["slack-message", "slack-block-actions"])
def test_slack_bodies_are_json_or_json_in_a_form(name: str) -> None:
    """One function reads what Slack sends, whichever of its ways it takes."""
    body = sample(name)

    assert slack.json_from_body(json.dumps(body).encode()) == body
    assert slack.json_from_body(urlencode({"payload": json.dumps(body)}).encode()) == body


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{", b"4711", b"\xff=1", b'{"a": \xff}', b"payload=4711", b"payload=[4711]", b"payload="),
        *(b"&".join([b"a4711=1"] * 101), b"payload=%7B%22a%22", b'{"a":' * 4000),
        *(b"user_id=%ff", b"user_id=%ED%A0%80", b"user_id=4711&user_id=4712"),
    ],
)
def test_slack_bodies_that_are_neither_are_malformed(body: bytes) -> None:
    """Whatever somebody sends: one error, which shows nothing of it."""
    with pytest.raises(MalformedRequestError) as caught:
        slack.json_from_body(body)

    assert "4711" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_slack_asks_whether_the_url_is_yours() -> None:
    """The challenge goes back as it came; other calls have none."""
    body = sample("slack-url-verification")

    assert slack.challenge(body) == body["challenge"]
    assert slack.challenge(sample("slack-message")) is None
    with pytest.raises(MalformedRequestError, match="challenge"):
        slack.challenge({"type": "url_verification"})


def test_messenger_names_the_page() -> None:
    """The chat of a message is the page that it was written to."""
    [request] = messenger.requests_from_json(sample("messenger-message"))

    assert request.chat_id == sample("messenger-message")["entry"][0]["messaging"][0]["recipient"]["id"]


async def test_a_session_for_each_chat() -> None:
    """`Session(request.chat_id)` keeps what was begun in a group out of the private chat, and goes on within it."""
    config = DynamoDbConfig(
        "chats", client=ClientConfig(endpoint_url="memory:"), stored_elements=StoredElements(session=True)
    )
    async with AsyncDynamoDb(config) as db:
        states = []
        for kind in ("message", "message", "callback"):
            [request] = telegram.requests_from_json(sample(f"telegram-{kind}"))
            async with db.turn(request.user_id, session=Session(request.chat_id)) as turn:
                states.append(turn.session.state)
                turn.session.state = "ordering"

    assert [None, "ordering", None] == states
