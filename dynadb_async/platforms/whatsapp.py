"""
WhatsApp, as its Cloud API calls a webhook.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from collections.abc import Iterator
from typing import Any

from dynadb_async.platforms.request import PlatformRequest, member, optional_text, required

WHATSAPP = "WhatsApp"
# What WhatsApp tells of a person, and reactions, which are answers to nothing.
NO_TURNS = ("reaction", "system", "unsupported")


def requests_from_json(body: dict[str, Any]) -> list[PlatformRequest]:
    """
    Read a webhook call: a request for each message in it, oldest first.

    WhatsApp collects messages, of one person and of several, in one call. What is not a person's turn is left out:
    deliveries and reads (`statuses`), reactions, changed numbers, and every field but `messages`.

    The user is the business-scoped id (`from_user_id`) where it is sent, which outlives a change of number and is there
    for people who show a username only; else the number (`from`). The chat is the group, or the business's number that
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
    for message in required(WHATSAPP, list, value, "messages") if "messages" in value else []:
        if member(required(WHATSAPP, dict, message), "type") not in NO_TURNS:
            yield message


def _request(value: dict[str, Any], message: dict[str, Any]) -> PlatformRequest:
    is_scoped = member(message, "from_user_id") is not None
    group = optional_text(message, "group_id")
    return PlatformRequest(
        platform="whatsapp",
        user_id=required(WHATSAPP, str, message, "from_user_id" if is_scoped else "from"),
        chat_id=group or required(WHATSAPP, str, value, "metadata", "phone_number_id"),
        turn_id=required(WHATSAPP, str, message, "id"),
        raw=message,
    )
