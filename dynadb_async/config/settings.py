"""Which settings there are: a tree over the attrs classes, with the reference's names beside ours."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from attrs import NOTHING, Attribute, evolve, field, fields, frozen, has

Path = tuple[str, ...]

REFERENCE_NAMES = {
    "table.billing_mode": "table.billing.mode",
    "table.read_capacity_units": "table.billing.read_capacity_units",
    "table.write_capacity_units": "table.billing.write_capacity_units",
    "library_config.dynamo_db_client.region": "client.region_name",
    "library_config.dynamo_db_client.endpoint": "client.endpoint_url",
    "library_config.dynamo_db_client.max_attempts": "client.max_attempts",
    "library_config.dynamo_db_client.credentials.access_key_id": "client.aws_access_key_id",
    "library_config.dynamo_db_client.credentials.secret_access_key": "client.aws_secret_access_key",
    "library_config.dynamo_db_client.credentials.session_token": "client.aws_session_token",
    "library_config.marshall": "marshall",
}


@frozen(eq=False, repr=False)
class Setting:
    """
    One place in the configuration.

    Attributes:
        path: The names of the attrs fields that lead here.
        types: What a value may be; empty for a section.
        kinds: The attrs classes of a section, by the mode that chooses one.
        members: What is inside, by every name it has.
        shorthand: The member that a bare value goes to: `table: "users"`, `session: true`.
        is_optional: None stands for a section that is off.
        is_required: It has no default.
        is_zero_default: The reference reads 0 and None as the default here.
    """

    path: Path
    types: tuple[Any, ...] = ()
    kinds: Mapping[str, type] = field(factory=dict)
    members: dict[str, "Setting"] = field(factory=dict)
    shorthand: "Setting | None" = None
    is_optional: bool = False
    is_required: bool = False
    is_zero_default: bool = False

    def member(self, name: object) -> "Setting | None":
        """By a name in snake_case or camelCase."""
        return next((member for known, member in self.members.items() if name in (known, camel(known))), None)

    def takes_text(self) -> bool:
        """Whether a variable can set it."""
        return self.shorthand is not None or any(get_origin(kind) is not Mapping for kind in self.types)

    def forms(self) -> str:
        """What may stand here, in words."""
        return "a dict, a bool or None" if self.is_optional else "a dict or a str" if self.shorthand else "a dict"


def settings_of(kind: type) -> Setting:
    """Every place in an attrs class, and the reference's names for some of them."""
    root = _section((), {"": kind})
    for name, ours in REFERENCE_NAMES.items():
        _name(root, name.split("."), _found(root, ours.split(".")))
    expires = evolve(_found(root, ["stored_elements", "session", "expires_after"]), is_zero_default=True)
    _name(root, ["stored_elements", "session", "expires_after_seconds"], expires)
    _name(root, ["skip_tests"], Setting(("skip_tests",), (bool,)))
    return root


def _name(root: Setting, path: list[str], setting: Setting) -> None:
    section = root
    for depth, name in enumerate(path[:-1], start=1):
        section = section.members.setdefault(name, Setting(tuple(path[:depth])))
    section.members[path[-1]] = setting


def _found(root: Setting, path: list[str]) -> Setting:
    for name in path:
        root = root.members[name]
    return root


def _section(path: Path, kinds: Mapping[str, type], *, is_optional: bool = False, is_required: bool = False) -> Setting:
    members = {item.name: _setting((*path, item.name), item) for kind in kinds.values() for item in fields(kind)}
    bare = "mode" if len(kinds) > 1 else "enabled" if is_optional else "name"
    if bare != "name":
        members[bare] = Setting((*path, bare), (str,) if bare == "mode" else (bool,))
    return Setting(path, (), kinds, members, members.get(bare), is_optional, is_required)


def _setting(path: Path, item: "Attribute[Any]") -> Setting:
    types = get_args(item.type) if get_origin(item.type) in (Union, UnionType) else (item.type,)
    nested = [kind for kind in types if isinstance(kind, type) and has(kind)]
    kinds = item.metadata.get("modes", {"": nested[0]} if nested else {})
    if kinds:
        return _section(path, kinds, is_optional=NoneType in types, is_required=item.default is NOTHING)
    setting = Setting(path, types)
    if types == (bool,) and path[0] == "stored_elements":
        setting.members["enabled"] = setting
    return setting


def camel(name: str) -> str:
    """As JavaScript writes it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
