"""The app's own class for `user.data`, and the version of its shape, which is stored in `user.data` itself."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal

from attrs import field, frozen

from dynadb_async.config.validation import copied
from dynadb_async.errors import ConfigError, MalformedItemError
from dynadb_async.turn import T
from dynadb_async.values.laying import laid_over
from dynadb_async.values.misfit import told
from dynadb_async.values.typed import maker, names_in

VERSION: Final = "_dataVersion"
"""The reserved member of `user.data`. Beside it the reference, which keeps `data` alone, would lose it."""

Upgrade = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Of the stored dict: the dict of the next version; None if it was changed in place."""


@frozen(eq=False)
class UserData(Generic[T]):
    """
    The app's class for `user.data`, with the version of its shape.

        UserData(Profile, version=3, upgrade={1: to_2, 2: to_3})

    Attributes:
        kind: A pydantic model, an attrs class, a dataclass, a TypedDict, a msgspec.Struct, or a function of the dict.
        version: Of what *kind* reads. What is stored without one is of version 1.
        upgrade: By version: makes the next one of the stored dict, at each load until the turn is saved, so it must be
            safe to repeat. What it removes is removed by the save.
        extra: "keep": members that the class does not know are stored again. "drop": they go.
        newer: What is stored by a later version of the app: "refuse" it with an error, or "keep" its version and its
            members, and read and write those that the class knows.
    """

    kind: type[T] | Callable[[dict[str, Any]], T]
    version: int = field(default=1, kw_only=True)
    upgrade: Mapping[int, Upgrade] = field(factory=dict, kw_only=True, converter=copied)
    extra: Literal["keep", "drop"] = field(default="keep", kw_only=True)
    newer: Literal["refuse", "keep"] = field(default="refuse", kw_only=True)

    def __attrs_post_init__(self) -> None:
        """
        Check the arguments.

        Raises:
            ConfigError: One is wrong, or a step between two versions is missing.
        """
        _check(self.kind, self.version, self.upgrade, self.extra, self.newer)


def _check(kind: object, version: object, steps: Any, extra: object, newer: object) -> None:
    problem = ""
    if not callable(kind):
        problem = f"expected a class or a function of the stored dict, got {type(kind).__name__} - at user_data"
    elif type(version) is not int or version < 1:
        problem = f"expected a whole number of 1 or more, got {version!r} - at UserData.version"
    elif not isinstance(steps, dict) or any(type(step) is not int for step in steps):
        problem = "expected a dict of functions by version - at UserData.upgrade"
    elif sorted(steps) != list(range(min(steps, default=version), version)) or (version > 1 and not steps):
        problem = f"expected a step from each version up to {version - 1}, got {sorted(steps)} - at UserData.upgrade"
    elif not all(callable(step) and not inspect.iscoroutinefunction(step) for step in steps.values()):
        problem = "expected functions of the stored dict that are not async - at UserData.upgrade"
    elif extra not in ("keep", "drop"):
        problem = f"expected 'keep' or 'drop', got {extra!r} - at UserData.extra"
    elif newer not in ("refuse", "keep"):
        problem = f"expected 'refuse' or 'keep', got {newer!r} - at UserData.newer"
    if problem:
        raise ConfigError(problem)


def version_of(data: Any) -> int | None:
    """
    The version of stored data; None of what has no shape yet, because nothing is there.

    Raises:
        MalformedItemError: The reserved member holds something else.
    """
    if not isinstance(data, dict) or not data:
        return None
    version = data.get(VERSION, 1)
    if type(version) is not int or version < 1:
        raise MalformedItemError(f"user.data.{VERSION}", "expected a whole number of 1 or more")
    return version


def without_version(data: Any) -> Any:
    """What the class, and a merge, sees."""
    if isinstance(data, dict) and VERSION in data:
        return {name: member for name, member in data.items() if name != VERSION}
    return data


def with_version(data: Any, version: int | None) -> Any:
    """What is stored; version 1 is not written, so that the items of an app that never changed it stay as they are."""
    return {**data, VERSION: version} if isinstance(data, dict) and (version or 1) > 1 else data


@frozen(repr=False)
class Shape:
    """
    How `user.data` is made of what is stored, and stored again.

    Attributes:
        settings: The app's class and its version.
        make: Makes the class of the stored dict.
        make_newer: The same of a later version's dict, whose members all stay.
    """

    settings: UserData[Any]
    make: Callable[[dict[str, Any]], Any]
    make_newer: Callable[[dict[str, Any]], Any]

    @classmethod
    def of(cls, user_data: Any) -> "Shape | None":
        """
        For the adapter's `user_data`; None for dicts as they are.

        Raises:
            ConfigError: It is neither a class nor a function, or of no use.
        """
        if user_data is dict:
            return None
        settings = user_data if isinstance(user_data, UserData) else UserData(user_data)
        keeping = maker(settings.kind)
        drops = settings.extra == "drop"
        return cls(settings, maker(settings.kind, is_dropping=True) if drops else keeping, keeping)

    def read(self, stored: dict[str, Any], *, is_new: bool) -> tuple[Any, dict[str, Any]]:
        """
        The app's object, and the stored dict as it is in this version.

        Raises:
            ConfigError: A new user's can't be made of nothing.
            MalformedItemError: What is stored does not fit, or is newer.
        """
        version = version_of(stored)
        is_newer = version is not None and version > self.settings.version
        data = self._upgraded(without_version(stored), version)
        version = version if is_newer else self.settings.version
        try:
            made = (self.make_newer if is_newer else self.make)(data)
        except Exception as error:
            reason = told(error, names_in(self.settings.kind))
            if is_new and hasattr(error, "group_exceptions"):
                # Of cattrs's own error nobody sees what to do.
                problem = f"a new user's data is made of an empty dict, so each field needs a default, but {reason}"
                raise ConfigError(f"{problem} - at user_data") from error
            if is_new:
                raise
        else:
            return made, with_version(data, version)
        # Outside of the handler: the class's own error would show what is stored.
        raise MalformedItemError("user.data", reason)

    def seen(self, data: dict[str, Any], version: int | None) -> dict[str, Any]:
        """What a turn that changed nothing makes of stored *data*: the class's defaults are in it."""
        made, below = self.read(with_version(data, version), is_new=True)
        return laid_over(without_version(below), made)  # type: ignore[no-any-return]

    def _upgraded(self, data: dict[str, Any], version: int | None) -> dict[str, Any]:
        settings = self.settings
        if version is None or version == settings.version:
            return data
        if version > settings.version:
            if settings.newer == "keep":
                return data
            problem = f"it has version {version}, and this program knows versions up to {settings.version}"
            advice = 'deploy a version of the app that knows it, or set newer="keep"'
            raise MalformedItemError("user.data", problem, advice=advice)
        for step in range(version, settings.version):
            data = self._next(data, step)
        return data

    def _next(self, data: dict[str, Any], step: int) -> dict[str, Any]:
        function = self.settings.upgrade.get(step)
        if function is None:
            raise MalformedItemError("user.data", f"it has version {step}, from which there is no upgrade any more")
        try:
            answer: object = function(data)
        except Exception as error:  # noqa: BLE001 - whatever the app's function raises, perhaps with a value in it
            reason = told(error, subject="it")
        else:
            if answer is None:
                return data
            if isinstance(answer, dict):
                return dict(answer)
            reason = f"expected a dict, got {type(answer).__name__}"
        raise MalformedItemError("user.data", f"the upgrade from version {step} failed: {reason}")

    def written(self, value: Any, stored: Any) -> dict[str, Any]:
        """
        What is stored of the app's object *value*, over what was *stored*, as `read` gave it.

        Raises:
            SerializationError: A pydantic model refers back to itself.
        """
        version = version_of(stored)
        drops = self.settings.extra == "drop" and (version or 1) <= self.settings.version
        data: dict[str, Any] = laid_over(None if drops else without_version(stored), value, lambda: self._read(stored))
        written: dict[str, Any] = with_version(without_version(data), version)
        return written

    def _read(self, stored: Any) -> Any:
        try:
            return self.read(stored, is_new=True)[0]
        except Exception:  # noqa: BLE001 - what can't be read now can be compared with nothing
            return None
