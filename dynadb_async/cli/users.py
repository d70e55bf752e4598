"""`dynadb user`: look at users, take their data out, delete them."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynadb_async.cli.shown import as_json as json_of
from dynadb_async.cli.shown import brief, bytes_of, line, note, safe, write_whole
from dynadb_async.cli.working import Settings, answer_to, fail, run

if TYPE_CHECKING:
    from dynadb_async import AsyncDynamoDb, UserCopy

NOBODY = "nothing is stored about this user"
# Where the configuration stores no sessions, but the item has one.
USUAL_EXPIRY = timedelta(minutes=15)
BAR = 24


def list_all(
    settings: Settings, *, limit: int | None, token: str | None, max_capacity: float | None, as_json: bool
) -> None:
    """Print all ids."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        scan = db.users(limit=limit, token=token, max_capacity=max_capacity)
        found = []
        async for user_id in scan:
            if as_json:
                found.append({"userId": user_id})
            else:
                line(safe(user_id))
        if as_json:
            told = {"users": found, "count": scan.count, "skipped": scan.skipped, "expired": scan.expired}
            line(json_of(told | {"token": scan.token}))
            return
        sys.stdout.flush()
        others = f", {scan.skipped} items that are no user's" if scan.skipped else ""
        note(f"{scan.count} users{others}" + (f", {scan.expired} expired" if scan.expired else ""))
        if scan.token is not None:
            note(f"more with --token {scan.token}")

    run(settings, work)


def show(settings: Settings, user_id: str, *, as_json: bool) -> None:
    """Print what is known of a user."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        copy, stored = await _stored(db, user_id)
        session = db.config.stored_elements.session
        expiry = USUAL_EXPIRY if session is None else session.expires_after
        if as_json:
            about = {"userId": user_id, "session": _state_of_session(stored, expiry), "sizes": copy.sizes()}
            line(json_of(about | {"stored": stored}))
            return
        for text in [*_head(user_id, stored, expiry), *_history(stored), *_talks(stored), *_sizes(copy)]:
            line(text)

    run(settings, work)


async def _stored(db: "AsyncDynamoDb[Any]", user_id: str) -> "tuple[UserCopy, dict[str, Any]]":
    copy = await db.copy(user_id)
    if copy is None:
        fail(NOBODY)
    return copy, await db.export(user_id)


def _state_of_session(stored: dict[str, Any], expires_after: timedelta) -> str:
    session = stored.get("session")
    if not isinstance(session, dict):
        return "none"
    try:
        last = datetime.fromisoformat(session["updatedAt"])
        ends = (last if last.tzinfo else last.replace(tzinfo=UTC)) + expires_after
    except (KeyError, TypeError, ValueError, OverflowError):
        return "expired"
    state = "alive until" if ends > datetime.now(UTC) else "expired since"
    return f"{state} {ends:%Y-%m-%d %H:%M:%S} UTC"


def _head(user_id: str, stored: dict[str, Any], expiry: timedelta) -> list[str]:
    lines = [f"user      {safe(user_id)}"]
    lines += [f"{label:<9} {brief(stored[name])}" for name, label in TIMES.items() if name in stored]
    lines.append(f"session   {_state_of_session(stored, expiry)}")
    session, user = stored.get("session"), stored.get("user")
    if isinstance(session, dict):
        lines += [f"  {name:<7} {brief(session[name])}" for name in ("id", "state", "data") if session.get(name)]
    data = user.get("data") if isinstance(user, dict) else user
    members = data.items() if isinstance(data, dict) else []
    return [
        *lines,
        *(["data"] if members else []),
        *(f"  {brief(name, 30)}: {brief(value)}" for name, value in members),
    ]


TIMES = {"createdAt": "created", "updatedAt": "updated", "expiresAt": "expires"}


def _history(stored: dict[str, Any]) -> list[str]:
    history = stored.get("history")
    items = history.get("items") if isinstance(history, dict) else None
    if not items or not isinstance(items, list):
        return [f"history   {brief(history)}"] if history else []
    lines = ["history"]
    for entry in reversed(items):
        if not isinstance(entry, dict):
            lines.append(f"  {brief(entry)}")
            continue
        said = entry.get("input") or entry.get("asr") or entry.get("nlu") or entry.get("request")
        answered = entry.get("output") or entry.get("response")
        lines += [f"  ← {brief(_words(said))}"] if said else []
        lines += [f"  → {brief(_words(answered))}"] if answered else []
    return lines


def _words(value: Any) -> Any:
    """What of an input or output a person said or heard, where it is to be found."""
    match value:
        case [one]:
            return _words(one)
        case {"text": str(text)} | {"message": str(text)} | {"content": str(text)}:
            return text
        case {"intent": {"name": str(text)}} | {"intent": str(text)}:
            return f"[{text}]"
        case _:
            return value


def _talks(stored: dict[str, Any]) -> list[str]:
    lines = []
    for name, talk in (stored.get("conversations") or {}).items():
        lines.append(f"conversation {brief(name, 40)}, {len(talk['messages'])} messages, {talk['updatedAt']}")
        for message in talk["messages"][-5:]:
            role = message.get("role", "") if isinstance(message, dict) else ""
            lines.append(f"  {safe(str(role)):<9} {brief(_words(message))}")
    return lines


def _sizes(copy: "UserCopy") -> list[str]:
    sizes = copy.sizes()
    largest = max(sizes.values())
    lines = [f"size      {bytes_of(sum(sizes.values()))}"]
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        lines.append(f"  {brief(name, 20):<20} {bytes_of(size):>10}  {'█' * max(1, BAR * size // largest)}")
    return lines


def export(settings: Settings, user_id: str, file: Path | None) -> None:
    """All that is stored, as JSON."""

    async def work(db: "AsyncDynamoDb[Any]") -> str:
        _, stored = await _stored(db, user_id)
        return json_of(stored)

    text = run(settings, work)
    if file is None:
        line(text)
        return
    try:
        write_whole(file, f"{text}\n")
    except OSError as error:
        fail(f"{file}: {error.strerror or error}")


def delete(settings: Settings, user_id: str, *, is_sure: bool, as_json: bool) -> None:
    """Delete, and look whether anything is left."""

    async def work(db: "AsyncDynamoDb[Any]") -> None:
        copy = await db.copy(user_id)
        if copy is None:
            fail(NOBODY)
        if not is_sure:
            _ask(copy)
        await db.delete(user_id)
        if await db.copy(user_id) is not None:
            fail("something is left: the user came back meanwhile; delete again")
        line(json_of({"deleted": True, "left": 0}) if as_json else "deleted, and nothing is left")

    run(settings, work, told="perhaps not all is deleted: delete again")


def _ask(copy: "UserCopy") -> None:
    talks = f" and {len(copy.conversations)} items of conversations" if copy.conversations else ""
    question = f"Delete this user, {bytes_of(sum(copy.sizes().values()))}{talks}, for good? [y/N] "
    if answer_to(question, instead="--yes", told="nothing was deleted").lower() not in ("y", "yes"):
        fail("nothing was deleted")
