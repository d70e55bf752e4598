"""What a repr shows, in a debugger, a traceback with locals, or an error reporter: nothing of a person."""

import asyncio
import gc
import inspect
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    DynamoDbConfig,
    DynamoDbSerializer,
    Session,
    StoredElements,
    StoredHistory,
    Turn,
)
from tests.engines import Engine
from tests.modules import modules

WORD, USER, TURN = "words-of-a-person", "who-it-is", "which-turn-it-is"

# Fields that hold something of a person whatever their type; of other types that could, each is told below.
PERSONAL = {"user_id", "id", "turn_id", "append_id", "user", "session", "history", "state", "response", "item", "items"}
LOOSE = ("Any", "bytes", "dict[", "Mapping[")
# Loose types that hold settings and programs only.
HARMLESS = {
    ("Conversations", "serializer"),
    ("HttpError", "headers"),
    ("Layout", "serializer"),
    ("Onlooker", "_seen"),
    ("OpenClient", "_context"),
    ("OpenClient", "sdk"),
    ("Shape", "settings"),
    ("StoredElements", "history"),
    ("StoredElements", "session"),
    ("StoredElements", "user"),
    ("StoredHistory", "custom"),
    ("StoredHistory", "response"),
    ("StoredHistory", "state"),
    ("UserData", "kind"),
    ("UserData", "upgrade"),
    ("_WithoutRedirects", "session"),
    ("SharedClient", "session"),
}


def classes() -> list[type]:
    """All that the package defines."""
    found: set[type] = set()
    for module in modules():
        members = vars(module).values()
        found.update(one for one in members if inspect.isclass(one) and one.__module__.startswith("dynadb_async"))
    return sorted(found, key=lambda one: f"{one.__module__}.{one.__qualname__}")


def fields_of(kind: type) -> Iterator[tuple[str, str]]:
    """Name and type of what an instance holds, where the class says that."""
    if attrs.has(kind):
        for one in attrs.fields(kind):
            annotation = one.type if isinstance(one.type, str) else inspect.formatannotation(one.type)
            yield one.name, annotation
    elif issubclass(kind, tuple):
        for name in getattr(kind, "_fields", ()):
            yield name, inspect.formatannotation(kind.__annotations__[name])


def shown_by(kind: type) -> str:
    """The repr of an instance that holds its fields' own names."""
    names = [name for name, _ in fields_of(kind)]
    if issubclass(kind, tuple):
        return repr(kind._make(f"«{name}»" for name in names))  # type: ignore[attr-defined]
    instance = object.__new__(kind)
    for name in names:
        object.__setattr__(instance, name, f"«{name}»")
    return repr(instance)


@pytest.mark.parametrize("kind", [kind for kind in classes() if list(fields_of(kind))], ids=lambda kind: kind.__name__)
def test_no_repr_shows_what_may_be_a_persons(kind: type) -> None:
    """Neither an id, nor an item, nor anything whose type could hold one."""
    told = shown_by(kind)
    for name, annotation in fields_of(kind):
        is_loose = any(word in annotation for word in LOOSE) and "Callable" not in annotation
        if (name in PERSONAL or is_loose) and (kind.__name__, name) not in HARMLESS:
            assert f"«{name}»" not in told, f"give {kind.__name__}.{name} repr=False"


@pytest.fixture
def _newborn() -> Iterator[None]:
    """What was there before, which is a lot, is not looked at."""
    gc.freeze()
    yield
    gc.unfreeze()


def ours() -> list[str]:
    """The reprs of all objects of the package's own classes, as they are now, and of asyncio's, which has results."""
    found = [one for one in gc.get_objects() if str(type(one).__module__).startswith(("dynadb_async", "_asyncio"))]
    assert found
    return [repr(one) for one in found]


def check() -> None:
    """Nothing of the person is in any of them."""
    for shown in ours():
        assert not [secret for secret in (WORD, USER, TURN) if secret in shown]


class Looking(DynamoDbSerializer):
    """Looks around in the midst of a load and of a save."""

    def serialize(self, element: Any) -> dict[str, Any]:
        """As ever."""
        check()
        return super().serialize(element)

    def deserialize(self, attribute: Any) -> Any:
        """As ever."""
        check()
        return super().deserialize(attribute)


@pytest.mark.usefixtures("_newborn")
@pytest.mark.parametrize("fast_path", [True, False], ids=["wire", "sdk"])
@pytest.mark.parametrize("engine", ["moto", "memory", "file"], indirect=True)
async def test_nothing_alive_shows_a_person(engine: Engine, table_name: str, fast_path: bool) -> None:
    """In the midst of a turn, of a load, of a save and of a merge: whatever a debugger finds of ours is discreet."""
    client: dict[str, Any] = {**engine.client_settings, "fast_path": fast_path}
    elements = StoredElements(session=True, history=StoredHistory(size=5, response=True, state=True))
    config = DynamoDbConfig(table_name, client=ClientConfig(**client), stored_elements=elements)
    looking: list[asyncio.Task[None]] = []

    async def look(handled: Turn[Any]) -> str:
        handled.user.data.setdefault("words", []).append(f"{WORD} in {handled.turn_id}")
        handled.session.state = handled.output = WORD
        check()
        return WORD

    async with AsyncDynamoDb(config, serializer=Looking()) as db:
        for number in range(2):
            options: dict[str, Any] = {"session": Session(USER), "turn_id": f"{TURN}-{number}"}
            await db.handle(USER, look, **options)
        first, second = [await db.load(USER, turn_id=f"{TURN}-{name}") for name in "ab"]
        for turn in (first, second):
            await look(turn)
            turn.session.state = None
            looking.append(asyncio.create_task(db.save(turn)))
        for _ in range(5):
            await asyncio.sleep(0)
            check()
        await asyncio.gather(*looking)
        check()
        async for found in db.copies():
            check()
            assert WORD not in repr(found)
