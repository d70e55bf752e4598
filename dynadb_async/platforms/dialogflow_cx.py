"""
Dialogflow CX, as it calls a webhook.

https://cloud.google.com/dialogflow/cx/docs/reference/rest/v3/WebhookRequest
"""

from typing import Any

from dynadb_async import Session
from dynadb_async.platforms.request import PlatformRequest, member, optional_text, required

DIALOGFLOW = "Dialogflow CX"
USER_ID = ("payload", "userId")


def request_from_json(body: dict[str, Any], *, user_id_path: tuple[str, ...] = USER_ID) -> PlatformRequest:
    """
    Read a webhook call.

    Dialogflow knows sessions, each one conversation, but no users: who the person is, the caller of Dialogflow has
    to say. `payload.userId` is what Dialogflow CX Messenger sends for its `user-id` attribute, and a good place for
    a caller of one's own (`queryParams.payload`). With the phone gateway it is `("payload", "telephony", "caller_id")`,
    and with hashed user ids as session ids `("sessionInfo", "session")`.

    The session's data are its parameters. Dialogflow does not say whether a session is new: `is_new` is True until a
    stored session (`stored_elements.session`) knows better, which then also brings its own data.

    One answer of the agent may take several webhook calls, and each is a turn: the turn id is made of the answer's
    id, the page and the tag, so no page should use a tag twice.

    Args:
        body: The request's JSON.
        user_id_path: Where the user id is.

    Raises:
        MalformedRequestError: There is no user id, or a member is missing that Dialogflow documents as always there.
    """
    required(DIALOGFLOW, dict, body)
    return PlatformRequest(
        platform="dialogflow_cx",
        user_id=required(DIALOGFLOW, str, body, *user_id_path),
        session=_session(body),
        turn_id=_turn_id(body),
        locale=optional_text(body, "languageCode"),
        raw=body,
    )


def _session(body: dict[str, Any]) -> Session:
    name = required(DIALOGFLOW, str, body, "sessionInfo", "session").rpartition("/")[2]
    required(DIALOGFLOW, str, {"session": name}, "session")
    has_parameters = member(body, "sessionInfo", "parameters") is not None
    data = required(DIALOGFLOW, dict, body, "sessionInfo", "parameters") if has_parameters else {}
    return Session(name, data=data)


def _turn_id(body: dict[str, Any]) -> str:
    answer = required(DIALOGFLOW, str, body, "detectIntentResponseId")
    page = optional_text(body, "pageInfo", "currentPage") or ""
    tag = optional_text(body, "fulfillmentInfo", "tag") or ""
    return ".".join(part for part in (answer, page.rpartition("/")[2], tag) if part)
