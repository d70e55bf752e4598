"""What is stored of the users: conversations of a given size, as this project and as the reference lay them out."""

import secrets
from typing import Any

import orjson

from dynadb_async import DynamoDbSerializer
from dynadb_async.values.size import attribute_size

Item = dict[str, Any]

KEY = "userId"
ITEMS_USER = "user-17"
RECENT_TURNS = 8
LARGEST_TURN = 150
PHRASES = ("two large pizzas with mushrooms, please", "what is in it?", "yes", "send it to my office this time")


def user_data(size: int) -> dict[str, Any]:
    """What an assistant remembers of a person: mixed values; the reference's item of it has *size* bytes."""
    data: dict[str, Any] = {"name": "Ada", "locale": "en-GB", "visits": 17, "isPremium": True, "turns": [], "note": ""}
    left = size - _item_size(data)
    while left > LARGEST_TURN:
        turn = _turn(len(data["turns"]))
        data["turns"].append(turn)
        left -= attribute_size(DynamoDbSerializer().serialize(turn)) + 1
    data["note"] = "x" * (size - _item_size(data))
    return data


def _turn(number: int) -> dict[str, Any]:
    return {
        "at": f"2026-05-{number % 28 + 1:02}T10:{number % 60:02}:30.125Z",
        "intent": "OrderIntent",
        "text": PHRASES[number % len(PHRASES)],
        "count": number,
        "confidence": 0.875,
    }


def reference_item(data: dict[str, Any]) -> Item:
    """As the reference stores it, in attribute values."""
    return {
        KEY: {"S": ITEMS_USER},
        "user": DynamoDbSerializer().serialize({"data": data}),
        "createdAt": {"S": "2026-05-01T10:20:30.125Z"},
        "updatedAt": {"S": "2026-05-28T18:20:30.125Z"},
    }


def own_item(data: dict[str, Any]) -> Item:
    """As this project stores it, with the memory of the recent turns full."""
    writes = [{"M": {"write": {"S": secrets.token_urlsafe(8)}}} for _ in range(RECENT_TURNS)]
    return {**reference_item(data), "recentTurns": {"L": writes}}


def small_item(data: dict[str, Any]) -> Item:
    """As `own_item`, of as many bytes as with *data*, but in many small maps."""
    maps = {f"order-{n}": {"name": f"pizza {n}", "count": n, "size": "large"} for n in range(_item_size(data) // 50)}
    return own_item({"visits": 17} | maps)


def answer_with(item: Item) -> bytes:
    """GetItem's answer."""
    return orjson.dumps({"Item": item})


def item_size(item: Item) -> int:
    """The bytes that DynamoDB counts."""
    return sum(len(name) + attribute_size(value) for name, value in item.items())


def _item_size(data: dict[str, Any]) -> int:
    return item_size(reference_item(data))
