"""
Slack, as it calls an app: Events API, slash commands and interactions.

https://docs.slack.dev/apis/events-api, …/interactivity/implementing-slash-commands, …/reference/interaction-payloads
"""

from typing import Any
from urllib.parse import parse_qsl

import orjson

from dynadb_async.platforms.request import MalformedRequestError, PlatformRequest, member, optional_text, required

SLACK = "Slack"
# Messages that a person wrote; the other subtypes are edits, deletions, and what Slack or a bot tells.
WRITTEN = (None, "file_share", "me_message", "thread_broadcast")
SUGGESTIONS = ("block_suggestion", "dialog_suggestion")
SLACKBOT = "USLACKBOT"
MOST_FIELDS = 100


def json_from_body(body: bytes) -> dict[str, Any]:
    """
    The JSON of a call: events are JSON, a slash command is a form, an interaction is JSON within a form.

    Of a form without `payload` it is the form's fields.

    Raises:
        MalformedRequestError: It is none of the three.
    """
    try:
        if body and not body.lstrip().startswith(b"{"):
            form = _form(body.decode())
            if "payload" not in form:
                return form
            body = form["payload"].encode()
        found: Any = orjson.loads(body)
    except ValueError:
        # The error shows what was sent.
        found = None
    if not isinstance(found, dict):
        raise MalformedRequestError("expected JSON, or a form, in the body of a request of Slack; pass it as it came")
    return found


def _form(text: str) -> dict[str, Any]:
    fields = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS)
    form: dict[str, Any] = dict(fields)
    if len(form) != len(fields):
        raise ValueError("a field that is sent twice might be read as either")
    return form


def challenge(body: dict[str, Any]) -> str | None:
    """
    What to answer when Slack asks whether the URL is yours (`url_verification`); None for every other call.

    Raises:
        MalformedRequestError: Slack asks, and there is no challenge.
    """
    if member(body, "type") != "url_verification":
        return None
    return required(SLACK, str, body, "challenge")


def requests_from_json(body: dict[str, Any]) -> list[PlatformRequest]:
    """
    Read a call, as `json_from_body` gives it: a request if it is a person's turn, none otherwise.

    Turns are messages and mentions, slash commands, and interactions: buttons, shortcuts, submitted and closed views.
    What is left out: bots, Slackbot among them, edits and deletions, all other events, suggestions while somebody
    types, `url_verification` and `ssl_check`.

    An app that is told of mentions and of a channel's messages, too, hears of a mention twice: two events, two turns.

    The user is the workspace and the person, `T061EG9R6:U0G9QFDJ5`: a person's id is unique within a workspace only.
    The chat is the channel. Slack has no sessions: switch `stored_elements.session` on. The turn id is the `event_id`,
    or the `trigger_id` of a command or an interaction. There is no locale.

    Raises:
        MalformedRequestError: A member is missing that Slack documents as always there.
    """
    required(SLACK, dict, body)
    if member(body, "type") == "event_callback":
        return [_event(body)] if _is_a_persons(required(SLACK, dict, body, "event")) else []
    if "command" in body:
        return [_command(body)]
    if "ssl_check" in body or member(body, "type") in ("url_verification", "app_rate_limited", *SUGGESTIONS):
        return []
    return [_interaction(body)]


def _is_a_persons(event: dict[str, Any]) -> bool:
    is_said = member(event, "type") == "app_mention" or (
        member(event, "type") == "message" and member(event, "subtype") in WRITTEN
    )
    return is_said and member(event, "bot_id") is None and member(event, "user") != SLACKBOT


def _event(body: dict[str, Any]) -> PlatformRequest:
    return _request(
        body,
        team=required(SLACK, str, body, "team_id"),
        user=required(SLACK, str, body, "event", "user"),
        chat=required(SLACK, str, body, "event", "channel"),
        turn_id=required(SLACK, str, body, "event_id"),
    )


def _command(body: dict[str, Any]) -> PlatformRequest:
    return _request(
        body,
        team=required(SLACK, str, body, "team_id"),
        user=required(SLACK, str, body, "user_id"),
        chat=required(SLACK, str, body, "channel_id"),
        turn_id=required(SLACK, str, body, "trigger_id"),
    )


def _interaction(body: dict[str, Any]) -> PlatformRequest:
    required(SLACK, str, body, "type")
    # An app that serves a whole organisation may be told no workspace, but the person's own.
    has_team = member(body, "team", "id") is not None
    return _request(
        body,
        team=required(SLACK, str, body, *(("team", "id") if has_team else ("user", "team_id"))),
        user=required(SLACK, str, body, "user", "id"),
        chat=optional_text(body, "channel", "id") or optional_text(body, "container", "channel_id"),
        turn_id=optional_text(body, "trigger_id"),
    )


def _request(body: dict[str, Any], *, team: str, user: str, chat: str | None, turn_id: str | None) -> PlatformRequest:
    return PlatformRequest(platform="slack", user_id=f"{team}:{user}", chat_id=chat, turn_id=turn_id, raw=body)
