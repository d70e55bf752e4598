"""The settings of what is stored of a turn."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import attrs
from attrs import field, frozen

from dynadb_async.config.validation import a_bool, an_int, by_name, copied, duration, one_of, shown, wrong

HistoryFunction = Callable[[Any], Any]
"""Of the turn, sync or async: a value for the history."""


def _functions(made: object, attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    """A rule: functions by name, where no switched-on element of the history has the name."""
    by_name(made, attribute, value)
    for name, function in value.items():
        if not name or not callable(function):
            raise wrong(
                made, f"expected a name and a function of the turn, got {shown(function)}", attribute.name, name
            )
        if getattr(made, name, None) is True:
            problem = f"{name} is an element already: choose another name, or {name}=False to put the function there"
            raise wrong(made, problem, attribute.name, name)


@frozen
class StoredSession:
    """
    The session is stored, and is new again when its last turn began long ago.

    Attributes:
        expires_after: Longer ago than this.
    """

    expires_after: timedelta = field(default=timedelta(minutes=15), validator=duration)


@frozen(kw_only=True)
class StoredHistory:
    """
    The turns that are kept, newest first, and what is kept of each.

    Attributes:
        size: How many.
        max_bytes: The oldest go when all together are larger.
        output: Keep `turn.output`, what was said.
        nlu: Keep `turn.nlu`, what language understanding made of the input.
        asr: Keep `turn.asr`, what speech recognition heard.
        state: Keep `turn.session.state`, as the turn left it.
        input: Keep `turn.input`, what the person meant.
        entities: Keep `turn.entities`, the entities in it.
        request: Keep `turn.request`, the platform's request.
        response: Keep `turn.response`, the platform's reply.
        custom: Further elements by name: a function of the turn, sync or async. One with the name of an
            element above takes its place; that element must then be off.
    """

    size: int = field(default=3, validator=an_int(1, advice=" (no history at all is `history` False)"))
    max_bytes: int | None = field(default=None, validator=an_int(1, or_none=True))
    output: bool = field(default=True, validator=a_bool)
    nlu: bool = field(default=True, validator=a_bool)
    asr: bool = field(default=False, validator=a_bool)
    state: bool = field(default=False, validator=a_bool)
    input: bool = field(default=False, validator=a_bool)
    entities: bool = field(default=False, validator=a_bool)
    request: bool = field(default=False, validator=a_bool)
    response: bool = field(default=False, validator=a_bool)
    custom: Mapping[str, HistoryFunction] = field(factory=dict, converter=copied, validator=_functions, hash=False)


def _session(value: StoredSession | bool | None) -> StoredSession | None:  # noqa: FBT001 - what a converter takes
    return StoredSession() if value is True else None if value is False else value


def _history(value: StoredHistory | bool | None) -> StoredHistory | None:  # noqa: FBT001 - what a converter takes
    return StoredHistory() if value is True else None if value is False else value


@frozen(kw_only=True)
class StoredElements:
    """
    What of a turn is stored.

    Attributes:
        user: `turn.user.data`.
        session: `turn.session`: True for the defaults, False or None for not at all.
        history: What turns leave: True for the defaults, False or None for not at all.
        created_at: When the item was first stored.
        updated_at: When it was last stored.
    """

    user: bool = field(default=True, validator=a_bool)
    session: StoredSession | None = field(default=None, converter=_session, validator=one_of(StoredSession, bool, None))
    history: StoredHistory | None = field(default=None, converter=_history, validator=one_of(StoredHistory, bool, None))
    created_at: bool = field(default=True, validator=a_bool)
    updated_at: bool = field(default=True, validator=a_bool)
