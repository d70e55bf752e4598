"""What was said, in the many forms that assistants and frameworks store it in; pure."""

from typing import Any

from attrs import frozen

from dynadb_async.inspect.tree import Node, shortened, tree

# Where the words of an input, an output or a message are, the likeliest first.
NAMES = (
    "text", "displayText", "speech", "ssml", "message", "content", "parts", "outputSpeech", "response", "value", "data",
)  # fmt: skip
THEIRS = {"user", "human", "customer", "request", "user-prompt"}
OURS = {"assistant", "ai", "bot", "agent", "model", "response"}
ROLES = ("role", "type", "kind", "part_kind", "author", "sender")
DEEPEST = 8


@frozen(repr=False)
class Bubble:
    """
    Something that was said.

    Attributes:
        side: `theirs`, `ours`, or `other` where neither the person nor the assistant spoke.
        who: In a word.
        text: The words; empty if none were found.
        whole: All that is stored of it; None if that is no more than the words.
    """

    side: str
    who: str
    text: str
    whole: Node | None


def words(value: Any, levels: int = DEEPEST) -> str:
    """The words in a value; empty if there are none."""
    match value:
        case str():
            return value
        case list() if levels:
            return "\n".join(filter(None, (words(member, levels - 1) for member in value[:100])))
        case dict() if levels:
            return next(filter(None, (words(value[name], levels - 1) for name in NAMES if name in value)), "")
        case _:
            return ""


def bubbles_of_turn(entry: dict[str, Any]) -> list[Bubble]:
    """An entry of the history: what the person said, and what the assistant replied."""
    said = words(entry.get("input")) or words(entry.get("asr")) or _intent(entry)
    replied = words(entry.get("output")) or words(entry.get("response"))
    found = [("theirs", "user", said), ("ours", "assistant", replied)]
    return [Bubble(side, who, shortened(text), None) for side, who, text in found if text]


def bubble_of_message(message: Any) -> Bubble:
    """A message of a conversation."""
    role = _role(message)
    side = "theirs" if role.lower() in THEIRS else "ours" if role.lower() in OURS else "other"
    text = words(message)
    is_plain = isinstance(message, str) or (isinstance(message, dict) and message == {"role": role, "content": text})
    return Bubble(side, role or "message", shortened(text), None if is_plain and text else tree(message))


def _role(message: Any) -> str:
    if not isinstance(message, dict):
        return ""
    roles = [message[name] for name in ROLES if isinstance(message.get(name), str)]
    known = [role for role in roles if role.lower() in THEIRS | OURS]
    return shortened((known or roles or [""])[0])


def _intent(entry: dict[str, Any]) -> str:
    """Where no words were stored, what they were taken for."""
    for name in ("input", "nlu"):
        found: Any = entry.get(name)
        intent = found.get("intent") if isinstance(found, dict) else None
        intent = intent.get("name") if isinstance(intent, dict) else intent
        if isinstance(intent, str) and intent:
            return f"[{intent}]"
    return ""
