"""
Telegram, as it calls a bot's webhook.

https://core.telegram.org/bots/api#update
"""

from typing import Any

from dynadb_async.platforms.request import PlatformRequest, member, number_as_text, optional_text, required

TELEGRAM = "Telegram"
# What a person says or does to the bot; for each, where its chat is.
CHATS: dict[str, tuple[str, ...]] = {
    "message": ("chat",),
    "business_message": ("chat",),
    "callback_query": ("message", "chat"),
    "inline_query": (),
    "chosen_inline_result": (),
    "shipping_query": (),
    "pre_checkout_query": (),
}


def requests_from_json(body: dict[str, Any]) -> list[PlatformRequest]:
    """
    Read an update: a request if it is a person's turn, none otherwise.

    Turns are messages, tapped buttons, inline queries and what was chosen of them, and orders. What is left out: edits,
    posts of channels, reactions, polls, who joined, what a business account itself writes; and whoever is no single
    person, such as other bots, anonymous administrators and channels that write in a group: they share a few ids.

    The user is `from.id`, the same in all chats. Telegram has no sessions: switch `stored_elements.session` on. The
    turn id is the `update_id`. The locale is the one that the person's app is set to.

    Raises:
        MalformedRequestError: A member is missing that Telegram documents as always there.
    """
    update_id = number_as_text(TELEGRAM, required(TELEGRAM, dict, body), "update_id")
    kind = next((kind for kind in CHATS if member(body, kind) is not None), None)
    if kind is None or not _is_a_persons(kind, required(TELEGRAM, dict, body, kind)):
        return []
    has_chat = bool(CHATS[kind]) and member(body, kind, *CHATS[kind]) is not None
    return [
        PlatformRequest(
            platform="telegram",
            user_id=number_as_text(TELEGRAM, body, kind, "from", "id"),
            chat_id=number_as_text(TELEGRAM, body, kind, *CHATS[kind], "id") if has_chat else None,
            turn_id=update_id,
            locale=optional_text(body, kind, "from", "language_code"),
            raw=body,
        )
    ]


def _is_a_persons(kind: str, event: dict[str, Any]) -> bool:
    # In a business account's chats the owner writes too, and the chat's id is the customer's.
    if kind == "business_message" and member(event, "from", "id") != member(event, "chat", "id"):
        return False
    # Who writes in the name of a chat has a stand-in in `from`; service messages may have nobody there.
    return "from" in event and "sender_chat" not in event and member(event, "from", "is_bot") is not True
