"""Settings from a dict or the environment: values land on attrs fields, errors name the place in the caller's words."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from attrs import NOTHING, field, fields_dict, frozen

from dynadb_async.config.nearest import nearest
from dynadb_async.config.settings import Path, Setting, camel, settings_of
from dynadb_async.config.validation import SettingError, shown
from dynadb_async.errors import ConfigError

C = TypeVar("C")

BOOLS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
FOREIGN_VARIABLES = "DYNADB_TEST_"
ONLY_IN_A_DICT = ("library_config", "skip_tests", "mode", "billing_mode", "expires_after_seconds")
OPENED = object()
LONGEST_SHOWN_KEY = 40


def from_mapping(kind: type[C], settings: Mapping[str, Any]) -> C:
    """Make a *kind* of nested dicts, in our names or the reference's."""
    if not isinstance(settings, Mapping):
        raise ConfigError(f"expected a dict, got {type(settings).__name__} - at {kind.__name__}.from_dict")
    source = Source(".".join)
    source.take_members(settings_of(kind), settings, "")
    return source.made(kind, NOTHING)


def from_environment(kind: type[C], environ: Mapping[str, str], base: C | None) -> C:
    """Make a *kind* of the variables, laid over *base*."""
    given: object = environ
    if not (isinstance(given, Mapping) and all(isinstance(name, str) for name in given)):
        problem = f"expected a dict with str keys, such as os.environ, got {type(environ).__name__}"
        raise ConfigError(f"{problem} - at {kind.__name__}.from_env")
    source = Source(_variable)
    known = dict(_variables(settings_of(kind)))
    for name, text in environ.items():
        if name in known:
            source.take(known[name], _from_text(known[name], text), name)
        elif name.startswith("DYNADB_") and not name.startswith(FOREIGN_VARIABLES):
            raise ConfigError(f"unknown variable{nearest(name, known)} - at {name}")
    return source.made(kind, NOTHING if base is None else base)


@frozen
class Given:
    """A value, and the place of it in the caller's own words."""

    value: Any = field(repr=False)
    place: str


class Source:
    """What the caller gave, by path; `spelled` names a place that he did not."""

    def __init__(self, spelled: Callable[[Path], str]) -> None:
        self._spelled = spelled
        self._given: dict[Path, Given] = {}

    def take(self, setting: Setting, value: Any, place: str) -> None:
        """Remember a value, or a whole section in any of the forms that the reference knows."""
        if isinstance(value, Mapping) and setting.path[-1] == "custom":
            for name, function in value.items():
                self._put((*setting.path, name), function, f"{place}.{_word(name)}")
        elif isinstance(value, Mapping) and setting.members:
            self._take_section(setting, value, place)
        elif setting.shorthand and isinstance(value, bool | None if setting.is_optional else str):
            self._put(setting.shorthand.path, bool(value) if setting.is_optional else value, place)
        elif setting.types or isinstance(value, tuple(setting.kinds.values())):
            self._put(setting.path, _converted(setting, value, place), place)
        else:
            raise ConfigError(f"expected {setting.forms()}, got {type(value).__name__} - at {place}")

    def _take_section(self, setting: Setting, values: Mapping[Any, Any], place: str) -> None:
        if not setting.types:
            self._put(setting.path, OPENED, place)
        elif "enabled" not in values:
            self._put(setting.path, value=True, place=place)
        self.take_members(setting, values, place)

    def take_members(self, section: Setting, values: Mapping[Any, Any], place: str) -> None:
        """Remember each member of a section."""
        for name, value in values.items():
            at = f"{place}.{_word(name)}".removeprefix(".")
            member = section.member(name)
            if callable(value) and "custom" in section.members and (member is None or "enabled" in member.members):
                self._take_function(section, name if member is None else member.path[-1], value, at)
            elif member is None:
                raise ConfigError(_unknown_key(section, name, at))
            else:
                self.take(member, value, at)

    def _take_function(self, section: Setting, name: Any, function: Callable[..., Any], place: str) -> None:
        """As in the reference, a function takes the place of the element whose name it has."""
        if name in section.members:
            self._put((*section.path, name), value=False, place=place)
        self._put((*section.path, "custom", name), function, place)

    def _put(self, path: Path, value: Any, place: str) -> None:
        if path in self._given:
            raise ConfigError(f"this setting is given twice, also at {self._given[path].place} - at {place}")
        self._given[path] = Given(value, place)

    def made(self, kind: type[C], base: Any) -> C:
        """The object that everything given makes, laid over *base*."""
        made: C = self._section(settings_of(kind), base)
        return made

    def _value(self, setting: Setting, base: Any) -> Any:
        if setting.types:
            functions = {path[-1]: self._given[path].value for path in self._inside(setting)}
            return functions or self._given.get(setting.path, Given(base, "")).value
        here, inside = self._given.get(setting.path), self._inside(setting)
        if not here and not inside and not setting.is_required:
            return base
        if here and here.value is not OPENED:
            for path in inside:
                raise ConfigError(f"this setting is given twice, also at {here.place} - at {self._place(path)}")
            return here.value
        return self._section(setting, base)

    def _section(self, setting: Setting, base: Any) -> Any:
        if setting.is_optional and not self._is_enabled(setting):
            return None
        kind = self._kind(setting, base)
        below = {name: getattr(base, name) for name in fields_dict(kind)} if type(base) is kind else {}
        values = {name: self._value(setting.members[name], below.get(name, NOTHING)) for name in fields_dict(kind)}
        try:
            return self._checked(setting, kind, values)
        except SettingError as error:
            raise ConfigError(f"{error.problem} - at {self._place((*setting.path, *error.path))}") from None

    def _checked(self, setting: Setting, kind: type, values: dict[str, Any]) -> Any:
        for name, item in fields_dict(kind).items():
            if values[name] is NOTHING and item.default is NOTHING:
                raise SettingError("this setting is required", (name,), kind.__name__)
        for name in {path[len(setting.path)] for path in self._inside(setting)} - {"mode"}:
            if len(setting.kinds) > 1 and name not in values:
                problem = f"{kind.__name__} takes no {name}: remove it, or choose another {setting.path[-1]}"
                raise SettingError(problem, (name,), kind.__name__)
        return kind(**{name: value for name, value in values.items() if value is not NOTHING})

    def _is_enabled(self, setting: Setting) -> bool:
        enabled = self._given.get((*setting.path, "enabled"), Given(value=True, place=""))
        if not isinstance(enabled.value, bool):
            raise ConfigError(f"expected a bool (true or false), got {shown(enabled.value)} - at {enabled.place}")
        return enabled.value

    def _kind(self, setting: Setting, base: Any) -> type:
        mode = self._given.get((*setting.path, "mode"))
        if mode is None:
            return type(base) if type(base) in setting.kinds.values() else next(iter(setting.kinds.values()))
        kind = setting.kinds.get(mode.value.lower().replace("_", "-")) if isinstance(mode.value, str) else None
        if kind is None:
            raise ConfigError(f"expected {' or '.join(setting.kinds)}, got {shown(mode.value)} - at {mode.place}")
        return kind

    def _inside(self, setting: Setting) -> list[Path]:
        depth = len(setting.path)
        return [path for path in self._given if len(path) > depth and path[:depth] == setting.path]

    def _place(self, path: Path) -> str:
        """As the caller wrote it, as far as he wrote it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._given:
                return ".".join((self._given[path[:end]].place, *path[end:]))
        return self._spelled(path)


def _converted(setting: Setting, value: Any, place: str) -> Any:
    if setting.is_zero_default and not isinstance(value, bool) and value in (None, 0):
        return NOTHING
    if timedelta not in setting.types or isinstance(value, (*setting.types,)):
        return value
    try:
        return timedelta(seconds=math.nan if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"expected seconds > 0, got {shown(value)} - at {place}") from None


def _word(key: object) -> str:
    """A key as a message may show it."""
    return key if isinstance(key, str) and len(key) <= LONGEST_SHOWN_KEY else f"‹{type(key).__name__}›"


def _unknown_key(section: Setting, key: object, place: str) -> str:
    word = _word(key)
    known = [camel(name) if word != word.lower() else name for name in section.members]
    advice = ", and functions under names of your own" * ("custom" in section.members)
    return f"unknown key{nearest(word, known)}{advice} - at {place}"


def _variable(path: Path) -> str:
    return "DYNADB_" + "__".join(path).upper()


def _variables(section: Setting, path: Path = ()) -> Iterator[tuple[str, Setting]]:
    for name, member in section.members.items():
        if name not in ONLY_IN_A_DICT and member.takes_text():
            yield _variable((*path, name)), member.shorthand or member
        if name not in ONLY_IN_A_DICT and not member.types:
            yield from _variables(member, (*path, name))


def _from_text(setting: Setting, text: str) -> Any:
    """The text as the setting's type; what can't be read stays text, for the setting's own rule to refuse."""
    if bool in setting.types and text.lower() in BOOLS:
        return BOOLS[text.lower()]
    try:
        if int in setting.types:
            return int(text)
        return float(text) if {float, timedelta} & {*setting.types} else text
    except ValueError:
        return text
