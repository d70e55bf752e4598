"""
Facebook Messenger, as it calls a webhook.

https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from collections.abc import Iterator
from typing import Any

from dynadb_async.platforms.request import PlatformRequest, member, optional_text, required

MESSENGER = "Messenger"


def requests_from_json(body: dict[str, Any]) -> list[PlatformRequest]:
    """
    Read a webhook call: a request for each message and postback in it, oldest first.

    Messenger collects events, of one person and of several, in one call. What is not a person's turn is left out:
    echoes of the page's own messages, deliveries, reads, reactions, edits and deletions, and what another app handles
    (`standby`).

    The user is the page-scoped id, or the `user_ref` of a guest who has none yet. The chat is the page. Messenger has
    no sessions: switch `stored_elements.session` on. The turn id is the message's `mid`. The locale is the most likely
    one if the page has the built-in NLP switched on.

    Raises:
        MalformedRequestError: A member is missing that Messenger documents as always there.
    """
    entries = required(MESSENGER, list, required(MESSENGER, dict, body), "entry")
    return [_request(event) for entry in entries for event in _turns(entry)]


def _turns(entry: Any) -> Iterator[dict[str, Any]]:
    required(MESSENGER, dict, entry)
    for event in required(MESSENGER, list, entry, "messaging") if member(entry, "messaging") is not None else []:
        message, postback = (member(required(MESSENGER, dict, event), kind) for kind in ("message", "postback"))
        is_persons = member(message, "is_echo") is not True and member(message, "is_deleted") is not True
        if is_persons and (message is not None or postback is not None):
            yield event


def _request(event: dict[str, Any]) -> PlatformRequest:
    is_guest = member(event, "sender", "id") is None and member(event, "sender", "user_ref") is not None
    locales = member(event, "message", "nlp", "detected_locales")
    return PlatformRequest(
        platform="messenger",
        user_id=required(MESSENGER, str, event, "sender", "user_ref" if is_guest else "id"),
        chat_id=optional_text(event, "recipient", "id"),
        turn_id=required(MESSENGER, str, event, "postback" if member(event, "message") is None else "message", "mid"),
        locale=optional_text(locales[0], "locale") if isinstance(locales, list) and locales else None,
        raw=event,
    )
