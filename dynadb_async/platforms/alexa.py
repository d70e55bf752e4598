"""
Alexa, as it calls a skill.

https://developer.amazon.com/docs/custom-skills/request-and-response-json-reference.html
"""

from typing import Any

from dynadb_async import Session
from dynadb_async.platforms.request import PlatformRequest, member, optional_text, required

ALEXA = "Alexa"


def request_from_json(body: dict[str, Any]) -> PlatformRequest:
    """
    Read any request to a skill: to launch it, an intent, the session's end, an event.

    The user is the account (`context.System.user`, or `session.user` where there is no context), not the voice that
    was recognised. The session's data are the attributes that the last reply sent along. Requests outside of a
    conversation, such as those of AudioPlayer, have no session.

    Raises:
        MalformedRequestError: A member is missing that Alexa documents as always there.
    """
    required(ALEXA, dict, body)
    account = ("session",) if member(body, "context") is None else ("context", "System")
    return PlatformRequest(
        platform="alexa",
        user_id=required(ALEXA, str, body, *account, "user", "userId"),
        session=None if member(body, "session") is None else _session(body),
        turn_id=required(ALEXA, str, body, "request", "requestId"),
        locale=optional_text(body, "request", "locale"),
        raw=body,
    )


def _session(body: dict[str, Any]) -> Session:
    has_attributes = member(body, "session", "attributes") is not None
    return Session(
        required(ALEXA, str, body, "session", "sessionId"),
        is_new=required(ALEXA, bool, body, "session", "new"),
        data=required(ALEXA, dict, body, "session", "attributes") if has_attributes else {},
    )
