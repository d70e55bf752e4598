"""Data that changes its shape: versions, upgrades, and two versions of one app at once."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from dynadb_async import ConfigError, MalformedItemError, Turn, UserData, VersionConflictError
from tests.tables import Table
from tests.test_jovo_items import for_boto, wire

SECRET = "nobody may read this"
JOVO = Path(__file__).parent / "data" / "jovo"
VERSION = "_dataVersion"


@attrs.define
class Profile1:
    """As it was."""

    name: str = ""
    visits: int = 0
    color: str = "red"


@attrs.define
class Profile2:
    """With `name` called `full_name`."""

    full_name: str = ""
    visits: int = 0
    color: str = "red"


@attrs.define
class Profile3:
    """Without `color`, and with `tags`."""

    full_name: str = ""
    visits: int = 0
    tags: set[str] = attrs.field(factory=set)


def to_2(data: dict[str, Any]) -> dict[str, Any]:
    """Rename; a new dict."""
    rest = {name: value for name, value in data.items() if name != "name"}
    return {**rest, "full_name": data.get("name", "")}


def to_3(data: dict[str, Any]) -> None:
    """Drop; the same dict."""
    data.pop("color", None)


V1 = UserData(Profile1)
V2 = UserData(Profile2, version=2, upgrade={1: to_2})
V3 = UserData(Profile3, version=3, upgrade={1: to_2, 2: to_3})


def data_of(table: Table, user_id: str) -> dict[str, Any]:
    """The stored user data, as attribute values."""
    item = table.item(user_id)
    assert item is not None
    data: dict[str, Any] = item["user"]["M"]["data"]["M"]
    return data


async def seed(table: Table, user_id: str, data: dict[str, Any]) -> None:
    """Store *data* as an app without a class does."""
    async with table.adapter() as db, db.turn(user_id) as turn:
        turn.user.data = data


async def test_upgrades_run_on_load_and_are_saved(table: Table, user_id: str) -> None:
    """One after the other; what they remove is removed, what the class does not know survives."""
    await seed(table, user_id, {"name": "Ada", "visits": 3, "color": "blue", "vip": True})
    async with table.adapter(user_data=V3) as db:
        loaded = (await db.load(user_id)).user.data
        assert loaded == Profile3("Ada", 3)
        async with db.turn(user_id) as turn:
            turn.user.data.visits += 1
        assert data_of(table, user_id) == {
            "full_name": {"S": "Ada"},
            "visits": {"N": "4"},
            "tags": {"L": []},
            "vip": {"BOOL": True},
            VERSION: {"N": "3"},
        }
        assert (await db.load(user_id)).user.data == Profile3("Ada", 4)


async def test_an_upgrade_that_is_not_saved_runs_again(table: Table, user_id: str) -> None:
    """A turn that raises leaves the old shape."""
    await seed(table, user_id, {"name": "Ada"})
    before = table.item(user_id)
    async with table.adapter(user_data=V3) as db:
        with pytest.raises(RuntimeError, match="no"):
            async with db.turn(user_id):
                raise RuntimeError("no")
        assert table.item(user_id) == before
        assert (await db.load(user_id)).user.data.full_name == "Ada"


async def test_a_new_user_has_our_version(table: Table, user_id: str) -> None:
    """Nothing is upgraded, and the version is not in the class's way."""
    async with table.adapter(user_data=V3) as db:
        async with db.turn(user_id) as turn:
            assert turn.user.data == Profile3()
        assert data_of(table, user_id)[VERSION] == {"N": "3"}


async def test_version_1_is_not_written(table: Table, user_id: str) -> None:
    """Items of an app that never changed its shape stay as the reference has them."""
    async with table.adapter(user_data=V1) as db, db.turn(user_id):
        pass
    assert VERSION not in data_of(table, user_id)


async def test_each_kind_of_data_has_versions(table: Table, user_id: str) -> None:
    """Also a function, and dicts as they are."""
    await seed(table, user_id, {"name": "Ada"})
    async with table.adapter(user_data=UserData(dict, version=2, upgrade={1: to_2})) as db:
        async with db.turn(user_id) as turn:
            assert turn.user.data == {"full_name": "Ada"}
            turn.user.data["more"] = 1
        assert data_of(table, user_id) == {"full_name": {"S": "Ada"}, "more": {"N": "1"}, VERSION: {"N": "2"}}
        async with db.turn(user_id) as turn:
            turn.user.data = {}
        assert data_of(table, user_id) == {VERSION: {"N": "2"}}


@pytest.mark.parametrize("older", [V1, V2, Profile1, lambda data: Profile1(**data)])
async def test_newer_data_is_refused_and_left(table: Table, user_id: str, older: Any) -> None:
    """By an older version of the app, also one that knew no versions; one clear error, nothing is written."""
    async with table.adapter(user_data=V3) as db, db.turn(user_id) as turn:
        turn.user.data.full_name = SECRET
    before = table.item(user_id)
    async with table.adapter(user_data=older) as db:
        with pytest.raises(
            MalformedItemError, match=r"it has version 3, and this program knows .* up to \d; deploy"
        ) as e:
            async with db.turn(user_id):
                pytest.fail("a handler must not see such data")
        with pytest.raises(MalformedItemError):
            await db.handle(user_id, handler)
    assert (SECRET in str(e.value), "user.data") == (False, e.value.element)
    assert table.item(user_id) == before


async def handler(turn: Turn[Any]) -> None:
    """Count."""
    turn.user.data.visits += 1


@pytest.mark.parametrize("extra", ["keep", "drop"])
async def test_newer_data_may_be_kept(table: Table, user_id: str, extra: Any) -> None:
    """For a deployment in two steps: the older version writes what it knows, and keeps version and members."""
    async with table.adapter(user_data=V3) as db, db.turn(user_id) as turn:
        turn.user.data = Profile3("Ada", 1, {"a"})
    keeping = UserData(Profile2, version=2, upgrade={1: to_2}, newer="keep", extra=extra)
    async with table.adapter(user_data=keeping) as db:
        await db.handle(user_id, handler)
    data = data_of(table, user_id)
    assert (data["visits"], data["tags"], data[VERSION]) == ({"N": "2"}, {"SS": ["a"]}, {"N": "3"})
    async with table.adapter(user_data=V3) as db:
        assert (await db.load(user_id)).user.data == Profile3("Ada", 2, {"a"})


@pytest.mark.parametrize("policy", ["merge", "raise", "overwrite", lambda path, loaded, ours, theirs: ours])
async def test_an_older_turn_never_overwrites_newer_data(table: Table, user_id: str, policy: Any) -> None:
    """Two versions of one app at once: whoever loaded the older shape conflicts, whatever decides conflicts."""
    await seed(table, user_id, {"name": "Ada", "visits": 1})
    async with table.adapter(user_data=V1, on_conflict=policy) as old, table.adapter(user_data=V3) as new:
        slow = await old.load(user_id)
        async with new.turn(user_id) as turn:
            turn.user.data.tags.add("a")
        before = table.item(user_id)
        slow.user.data.color = "green"
        with pytest.raises(VersionConflictError):
            await old.save(slow)
        assert table.item(user_id) == before


async def test_a_turn_that_changed_no_data_conflicts_too(table: Table, user_id: str) -> None:
    """It read the older shape."""
    await seed(table, user_id, {"name": "Ada"})
    async with table.adapter(user_data=V1) as old, table.adapter(user_data=V3) as new:
        slow = await old.load(user_id)
        async with new.turn(user_id):
            pass
        with pytest.raises(VersionConflictError) as caught:
            await old.save(slow)
    assert caught.value.paths == ("user.data",)


async def test_two_shapes_are_not_merged(table: Table, user_id: str) -> None:
    """A newer turn that upgraded what an older turn changed meanwhile is a conflict, and its handler runs again."""
    await seed(table, user_id, {"name": "Ada", "visits": 1})
    async with table.adapter(user_data=V1) as old, table.adapter(user_data=V3) as new:
        slow = await new.load(user_id)
        await old.handle(user_id, handler)
        slow.user.data.tags.add("a")
        with pytest.raises(VersionConflictError) as caught:
            await new.save(slow)
        assert caught.value.paths == ("user.data",)
        assert VERSION not in data_of(table, user_id)

        runs = []

        async def disturbed(turn: Turn[Profile3]) -> None:
            if not runs:
                await old.handle(user_id, handler)
            runs.append(turn.user.data.visits)
            turn.user.data.visits += 10

        await new.handle(user_id, disturbed)
        assert runs == [2, 3]
        assert (await new.load(user_id)).user.data == Profile3("Ada", 13)


async def test_an_upgrade_and_a_change_elsewhere(table: Table, user_id: str) -> None:
    """Where the other turn left the data alone, the upgraded data is saved."""
    await seed(table, user_id, {"name": "Ada"})
    async with table.adapter(user_data=V3) as new, table.adapter() as plain:
        slow = await new.load(user_id)
        async with plain.turn(user_id):
            pass
        slow.user.data.visits = 5
        await new.save(slow)
        assert (await new.load(user_id)).user.data == Profile3("Ada", 5)


async def test_turns_of_one_version_merge(table: Table, user_id: str) -> None:
    """Member by member, and the version is no number that both changed: also of two first turns."""
    async with table.adapter(user_data=V3) as db:
        ours, theirs = await db.load(user_id), await db.load(user_id)
        ours.user.data.tags, theirs.user.data.tags = {"a"}, {"b"}
        await db.save(theirs)
        await db.save(ours)
        assert (await db.load(user_id)).user.data == Profile3("", 0, {"a", "b"})

        ours, theirs = await db.load(user_id), await db.load(user_id)
        ours.user.data.full_name, theirs.user.data.visits = "Ada", 2
        await db.save(theirs)
        await db.save(ours)
        assert (await db.load(user_id)).user.data == Profile3("Ada", 2, {"a", "b"})
        assert data_of(table, user_id)[VERSION] == {"N": "3"}


async def test_checkpoints_of_an_upgraded_turn(table: Table, user_id: str) -> None:
    """What the first save upgraded is the base of the next."""
    await seed(table, user_id, {"name": "Ada"})
    async with table.adapter(user_data=V3) as db, db.turn(user_id) as turn:
        await db.save(turn)
        turn.user.data.visits = 1
        await db.save(turn)
        turn.user.data.visits = 2
    assert data_of(table, user_id)["visits"] == {"N": "2"}


def jovo_item(name: str) -> dict[str, Any]:
    """An item as Jovo stored it."""
    item: dict[str, Any] = json.loads((JOVO / f"{name}.json").read_text("utf-8"))
    return {attribute: for_boto(value) for attribute, value in item.items()}


JOVO_ITEMS = sorted(path.stem for path in JOVO.glob("[a-z]*.json") if path.stem != "manifest")


@pytest.mark.parametrize("name", JOVO_ITEMS)
async def test_jovos_items_in_between(table: Table, user_id: str, name: str) -> None:
    """Jovo's item is of version 1; upgraded by us, then saved by Jovo, which keeps `data` alone, it is not so again."""
    times: list[int] = []

    def once(data: dict[str, Any]) -> dict[str, Any]:
        times.append(1)
        return {**data, "full_name": "Ada"}

    stored = jovo_item(name)
    stored.pop("userId", None)
    had_data = bool(stored.get("user", {"M": {}})["M"].get("data", {"NULL": True}).get("M"))
    table.put(user_id, **stored)
    upgraded = UserData(Loose, version=2, upgrade={1: once})
    async with table.adapter(user_data=upgraded) as db:
        async with db.turn(user_id) as turn:
            assert turn.user.data.full_name == ("Ada" if had_data else "")
            turn.user.data.calls = 5
        ours = data_of(table, user_id)
        # As Jovo saves: the whole item anew, and of `user` nothing but `data`.
        table.put(user_id, user={"M": {"data": {"M": ours}}}, updatedAt={"S": "2026-03-01T12:00:00.000Z"})
        async with db.turn(user_id) as turn:
            assert (turn.user.data.full_name, turn.user.data.calls) == ("Ada" if had_data else "", 5)

    assert len(times) == had_data
    kept = stored.get("user", {"M": {}})["M"].get("data", {}).get("M", {})
    survived = {member: value for member, value in data_of(table, user_id).items() if member in kept}
    assert wire({"M": survived}, bytes) == wire({"M": kept}, bytes)


@attrs.define
class Loose:
    """What we know of Jovo's data; the rest survives."""

    full_name: str = ""
    calls: int = 0


@pytest.mark.parametrize(
    ("version", "upgrade", "said"),
    [
        (0, {}, "expected a whole number of 1 or more, got 0 - at UserData.version"),
        (True, {}, "expected a whole number of 1 or more, got True - at UserData.version"),
        ("2", {}, "expected a whole number of 1 or more, got '2' - at UserData.version"),
        (3, {}, "expected a step from each version up to 2, got [] - at UserData.upgrade"),
        (3, {1: to_2}, "expected a step from each version up to 2, got [1] - at UserData.upgrade"),
        (3, {2: to_3, 3: to_3}, "expected a step from each version up to 2, got [2, 3] - at UserData.upgrade"),
        (3, {"1": to_2, "2": to_3}, "expected a dict of functions by version - at UserData.upgrade"),
        (2, [to_2], "expected a dict of functions by version - at UserData.upgrade"),
        (2, {1: "to_2"}, "expected functions of the stored dict that are not async - at UserData.upgrade"),
        (2, {1: handler}, "expected functions of the stored dict that are not async - at UserData.upgrade"),
    ],
)
def test_mistakes_in_versions(version: Any, upgrade: Any, said: str) -> None:
    """They are told when it is made, not when the first old user comes."""
    with pytest.raises(ConfigError) as caught:
        UserData(Profile3, version=version, upgrade=upgrade)
    assert said == str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"extra": "lose"}, "expected 'keep' or 'drop', got 'lose' - at UserData.extra"),
        ({"newer": "drop"}, "expected 'refuse' or 'keep', got 'drop' - at UserData.newer"),
        ({"kind": "Profile"}, "expected a class or a function of the stored dict, got str - at user_data"),
    ],
)
def test_mistakes_beside_them(arguments: Any, said: str) -> None:
    """The same for the rest."""
    with pytest.raises(ConfigError) as caught:
        UserData(**{"kind": Profile1, **arguments})
    assert said == str(caught.value)


def raises(data: dict[str, Any]) -> None:
    """A mistake in an upgrade, with somebody's words in it."""
    raise KeyError(data["name"])


@pytest.mark.parametrize(
    ("user_data", "data", "said"),
    [
        (
            UserData(Profile2, version=2, upgrade={1: raises}),
            {},
            "the upgrade from version 1 failed: it raised KeyError in raises",
        ),
        (
            UserData(Profile2, version=2, upgrade={1: lambda data: [data]}),  # type: ignore[arg-type]
            {},
            "the upgrade from version 1 failed: expected a dict, got list",
        ),
        (UserData(Profile3, version=3, upgrade={2: to_3}), {}, "it has version 1, from which there is no upgrade any"),
        (V3, {VERSION: "3"}, "expected a whole number of 1 or more"),
        (V3, {VERSION: 0}, "expected a whole number of 1 or more"),
        (V3, {VERSION: True}, "expected a whole number of 1 or more"),
        (V3, {VERSION: 2, "full_name": 7}, "full_name: expected a text, got int"),
    ],
)
async def test_what_cannot_be_upgraded_is_told(
    table: Table, user_id: str, user_data: Any, data: dict[str, Any], said: str
) -> None:
    """Which step, and no value, in no link of the chain; what is stored stays as it is."""
    await seed(table, user_id, {"name": SECRET, **data})
    before = table.item(user_id)
    async with table.adapter(user_data=user_data) as db:
        with pytest.raises(MalformedItemError) as caught:
            await db.load(user_id)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert table.item(user_id) == before


async def test_dropped_members_go_with_the_next_save(table: Table, user_id: str) -> None:
    """A field that the class no longer has is not kept for ever, if that is wanted."""
    await seed(table, user_id, {"full_name": "Ada", "color": "red", VERSION: 2})
    dropping = UserData(Profile3, version=3, upgrade={2: lambda data: data}, extra="drop")
    async with table.adapter(user_data=dropping) as db, db.turn(user_id):
        pass
    assert data_of(table, user_id).keys() == {"full_name", "visits", "tags", VERSION}
