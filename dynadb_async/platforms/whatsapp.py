"""
WhatsApp, as its Cloud API calls a webhook.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from collections.abc import Iterator
from typing import Any

from dynadb_async.platforms.request import PlatformRequest, member, optional_text, required

WHATSAPP = "WhatsApp"
# What WhatsApp tells of a person, what it can't hand on, edits, and reactions, which are answers to nothing.
NO_TURNS = ("reaction", "system", "unsupported", "unknown", "edit", "revoke")


def requests_from_json(body: dict[str, Any]) -> list[PlatformRequest]:
    """
    Read a webhook call: a request for each message in it, oldest first.

    WhatsApp collects messages, of one person and of several, in one call. What is not a person's turn is left out:
    deliveries and reads (`statuses`), reactions, edits and deletions, messages that the API can't hand on, changed
    numbers, and every field but `messages`.

    The user is the business-scoped id (`from_user_id`) where it is sent, which is there for people who show a username
    only, too; else the number (`from`). Who changes the number gets another id of either kind, of which a `system`
    message tells. The chat is the group, or the business's number that
    the person wrote to (`phone_number_id`). WhatsApp has no sessions: switch `stored_elements.session` on. The turn id
    is the message's `wamid`. There is no locale.

    Raises:
        MalformedRequestError: A member is missing that WhatsApp documents as always there.
    """
    entries = required(WHATSAPP, list, required(WHATSAPP, dict, body), "entry")
    return [_request(value, message) for value in _values(entries) for message in _turns(value)]


def _values(entries: list[Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        for change in required(WHATSAPP, list, required(WHATSAPP, dict, entry), "changes"):
            if member(required(WHATSAPP, dict, change), "field") == "messages":
                yield required(WHATSAPP, dict, change, "value")


def _turns(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    has_messages = member(value, "messages") is not None
    for message in required(WHATSAPP, list, value, "messages") if has_messages else []:
        if member(required(WHATSAPP, dict, message), "type") not in NO_TURNS:
            yield message


def _request(value: dict[str, Any], message: dict[str, Any]) -> PlatformRequest:
    is_scoped = member(message, "from_user_id") not in (None, "")
    group = optional_text(message, "group_id")
    return PlatformRequest(
        platform="whatsapp",
        user_id=required(WHATSAPP, str, message, "from_user_id" if is_scoped else "from"),
        chat_id=group or required(WHATSAPP, str, value, "metadata", "phone_number_id"),
        turn_id=required(WHATSAPP, str, message, "id"),
        raw=message,
    )
