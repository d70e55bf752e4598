"""The merge of what two turns made of `user.data`: of one shape member by member, of two shapes not at all."""

from typing import Any

from dynadb_async.errors import MalformedItemError, SerializationError, VersionConflictError
from dynadb_async.item.layout import USER, Element
from dynadb_async.item.merge import MISSING, Resolve, merge, same
from dynadb_async.item.user_data import Shape, version_of, with_version, without_version
from dynadb_async.values.laying import laid_over


def merged_user(shape: Shape | None, sides: list[Element], resolve: Resolve) -> Element:
    """
    The element `user` of what was loaded, ours and theirs. The version of its data is no number to be merged.

    Raises:
        VersionConflictError: Theirs is of a later version.
    """
    versions = [version_of(side.get("data")) for side in sides]
    data = [without_version(side.get("data", MISSING)) for side in sides]
    rest: Element = merge(*map(_without_data, sides), path=(USER,), resolve=resolve)
    if len({*versions} - {None}) > 1:
        one: Any = _of_one_shape(sides, versions, resolve)
    else:
        if shape is not None:
            data = _comparable(data[0], shape.seen(data[0] or {}, versions[0]), *data[1:])
        version = max((version for version in versions if version is not None), default=None)
        one = merge(*data, path=(USER, "data"), resolve=resolve)
        # A set that is empty now is stored as a list.
        one = with_version(one if shape is None else laid_over(None, one), version)
    return rest if one is MISSING else {**rest, "data": one}


def check_fits(shape: Shape, element: Element, *, is_decided: bool) -> None:
    """
    Refuse what no later turn could read: two changes that fit one by one, and not together.

    Raises:
        VersionConflictError: The class of `user.data` can't be made of it.
        SerializationError: The same, where an `on_conflict` decided.
    """
    data = element.get("data")
    if not data or not isinstance(data, dict):
        return
    try:
        shape.read(data, is_new=False)
    except MalformedItemError as error:
        misfit = error
    else:
        return
    if is_decided:
        raise SerializationError(
            "what on_conflict left does not fit the class of user.data", (USER, "data")
        ) from misfit
    raise VersionConflictError([(USER, "data")]) from misfit


def _without_data(side: Element) -> Element:
    return {name: member for name, member in side.items() if name != "data"}


def _of_one_shape(sides: list[Element], versions: list[int | None], resolve: Resolve) -> Any:
    base, ours, theirs = (side.get("data", MISSING) for side in sides)
    if versions[0] == versions[2] and same(base, theirs):
        return ours
    refuse_older(versions[1], versions[2])
    return resolve((USER, "data"), base, ours, theirs)


def refuse_older(ours: int | None, theirs: int | None) -> None:
    """
    Data of a later version is never overwritten, whatever `on_conflict` says.

    Raises:
        VersionConflictError: It would be.
    """
    if theirs is not None and ours is not None and theirs > ours:
        raise VersionConflictError([(USER, "data")])


def _comparable(base: Any, seen: Any, ours: Any, theirs: Any) -> list[Any]:
    """
    The sides of a merge as the class has them.

    Where both have a member that was not stored, its default is what both began with; two turns that left it alone
    would else look as if both had counted. An empty list is an empty set where another side has a set.
    """
    sides = [base, ours, theirs]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        was, defaults = (side if isinstance(side, dict) else {} for side in (base, seen))
        sides = [dict(was), dict(ours), dict(theirs)]
        for name in ours.keys() & theirs.keys():
            default = defaults.get(name, MISSING)
            members = _comparable(was.get(name, default), default, ours[name], theirs[name])
            for side, member in zip(sides, members, strict=True):
                if member is not MISSING:
                    side[name] = member
        return [base if base is MISSING and not sides[0] else sides[0], *sides[1:]]
    if any(isinstance(side, set) for side in sides):
        sides = [set() if side == [] else side for side in sides]
    return sides
