"""
Telegram, as it calls a bot's webhook.

https://core.telegram.org/bots/api#update
"""

import re
from typing import Any

from dynadb_async.platforms.request import PlatformRequest, member, number_as_text, optional_text, required

TELEGRAM = "Telegram"
# What a person says or does to the bot; for each, where its chat is.
CHATS: dict[str, tuple[str, ...]] = {
    "message": ("chat",),
    "business_message": ("chat",),
    "guest_message": ("chat",),
    "callback_query": ("message", "chat"),
    "inline_query": (),
    "chosen_inline_result": (),
    "shipping_query": (),
    "pre_checkout_query": (),
    "purchased_paid_media": (),
}
# Messages that tell of the chat, and say nothing to the bot.
TOLD_OF_THE_CHAT = re.compile(
    r"(new|left)_chat_(members?|title|photo)|delete_chat_photo|(group|supergroup|channel)_chat_created"
    r"|chat_(owner_(left|changed)|background_set)|message_auto_delete_timer_changed|migrate_(to|from)_chat_id"
    r"|pinned_message|proximity_alert_triggered|boost_added|checklist_tasks_(done|added)|managed_bot_created"
    r"|(general_)?forum_topic_\w+|video_chat_\w+|giveaway(_\w+)?|suggested_post_\w+|poll_option_(added|deleted)"
    r"|(paid|direct)_message_price_changed"
)


def requests_from_json(body: dict[str, Any]) -> list[PlatformRequest]:
    """
    Read an update: a request if it is a person's turn, none otherwise.

    Turns are messages, tapped buttons, inline queries and what was chosen of them, and orders. What is left out: edits,
    posts of channels, reactions, polls, messages that tell of the chat (who joined, what was pinned), what a business
    account itself writes; and whoever is no single person, such as other bots, anonymous administrators and channels
    that write in a group: they share a few ids.

    The user is `from.id`, the same in all chats. Telegram has no sessions: switch `stored_elements.session` on. The
    turn id is the `update_id`. The locale is the one that the person's app is set to.

    Raises:
        MalformedRequestError: A member is missing that Telegram documents as always there.
    """
    update_id = number_as_text(TELEGRAM, required(TELEGRAM, dict, body), "update_id")
    kind = next((kind for kind in CHATS if member(body, kind) is not None), None)
    if kind is None or not _is_a_persons(kind, required(TELEGRAM, dict, body, kind)):
        return []
    return [
        PlatformRequest(
            platform="telegram",
            user_id=number_as_text(TELEGRAM, body, kind, "from", "id"),
            chat_id=_chat(body, kind),
            turn_id=update_id,
            locale=optional_text(body, kind, "from", "language_code"),
            raw=body,
        )
    ]


def _chat(body: dict[str, Any], kind: str) -> str | None:
    # A button below what was sent by inline mode has no message here.
    has_chat = bool(CHATS[kind]) and (kind != "callback_query" or member(body, kind, "message") is not None)
    return number_as_text(TELEGRAM, body, kind, *CHATS[kind], "id") if has_chat else None


def _is_a_persons(kind: str, event: dict[str, Any]) -> bool:
    if "message" not in kind:
        return member(event, "from", "is_bot") is not True
    # In a business account's chats the owner writes too, and the chat's id is the customer's.
    if kind == "business_message" and member(event, "from", "id") != member(event, "chat", "id"):
        return False
    # Who writes in the name of a chat has a stand-in in `from`; a channel's posts may have nobody there.
    is_a_person = member(event, "from") is not None and member(event, "from", "is_bot") is not True
    is_told = any(map(TOLD_OF_THE_CHAT.fullmatch, event))
    return is_a_person and member(event, "sender_chat") is None and not is_told
