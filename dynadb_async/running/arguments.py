"""What callers hand in: where it can't be what is meant, it is told at once, and nothing is written."""

from collections.abc import Callable
from typing import Any, NoReturn

from dynadb_async.config import DynamoDbConfig
from dynadb_async.errors import ConfigError, DynaDbError, UsageError
from dynadb_async.item import Loaded, check_policy, checked_turn_id
from dynadb_async.turn import History, Session, Turn, User

# Seconds; beyond it, clocks would no longer tell one moment from the next.
FOR_EVER = 1e9

FROM_DICT = "; of a dict, DynamoDbConfig.from_dict makes one"


def refuse(
    name: str, wanted: str, got: object, *, advice: str = "", kind: Callable[[str], DynaDbError] = UsageError
) -> NoReturn:
    """Say what *name* should be; of what it is only the type, as it could be somebody's words."""
    what = repr(got) if isinstance(got, float) else type(got).__name__
    raise kind(f"expected {name} as {wanted}, got {what}" + advice)


def checked_config(config: object) -> DynamoDbConfig:
    """
    The adapter's configuration, of which a table's name is the shortest.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(config, str):
        return DynamoDbConfig(table=config)
    if isinstance(config, DynamoDbConfig):
        return config
    refuse("config", "a DynamoDbConfig or a table's name", config, advice=FROM_DICT, kind=ConfigError)


def check_parts(serializer: Any, clock: Any, aws_session: Any) -> None:
    """
    Refuse what the adapter could not work with.

    Raises:
        ConfigError: It says which.
    """
    if serializer is not None and not _has(serializer, "serialize", "deserialize"):
        refuse("serializer", "an object with serialize and deserialize", serializer, kind=ConfigError)
    if not callable(clock):
        refuse("clock", "a function that gives the time", clock, kind=ConfigError)
    # What boto3 makes looks the same, and blocks.
    is_blocking = type(aws_session).__module__.partition(".")[0] == "boto3"
    if aws_session is not None and (is_blocking or not _has(aws_session, "client")):
        refuse("aws_session", "an aioboto3.Session", aws_session, kind=ConfigError)


def _has(thing: Any, *methods: str) -> bool:
    return not isinstance(thing, type) and all(callable(getattr(thing, name, None)) for name in methods)


def check_session(session: object) -> None:
    """
    Refuse what is no session of the request's.

    Raises:
        UsageError: It is something else.
    """
    if session is not None and not isinstance(session, Session):
        refuse("session", "a Session, or None where the request has none", session)


def check_functions(handler: object, lost_reply: object) -> None:
    """
    Refuse what can't be called.

    Raises:
        UsageError: It says which.
    """
    if not callable(handler):
        msg = f"expected a coroutine function as handler, got {type(handler).__name__}; pass the function, uncalled"
        raise UsageError(msg)
    if lost_reply is not None and not callable(lost_reply):
        refuse("lost_reply", "a function of the turn, or None", lost_reply)


def seconds(io_timeout: Any) -> float:
    """
    How long a turn has; nothing is left where the caller's own time is over, which is no misuse.

    Raises:
        UsageError: It is no number, or none that ends.
    """
    if isinstance(io_timeout, int | float) and not isinstance(io_timeout, bool) and abs(io_timeout) < FOR_EVER:
        return io_timeout
    refuse("io_timeout", "a number of seconds, at most a billion, or None for no limit of its own", io_timeout)


def check_turn(turn: Turn[Any]) -> None:
    """
    Refuse what can't be saved: it was not loaded, a part of it was exchanged, or it is a checkpoint within `handle()`.

    Raises:
        UsageError: It says which.
        SerializationError: The turn's id can't be stored.
    """
    loaded = getattr(turn, "loaded", None)
    if type(loaded) is not Loaded:
        refuse("turn", "load() or turn() gave it", turn)
    if type(turn.user) is not User or type(turn.session) is not Session or type(turn.history) is not History:
        _check_parts_of(turn)
    if turn.user.id != loaded.user_id:
        msg = "the turn's user was exchanged for another one; open a turn of that user instead"
        raise UsageError(msg)
    if loaded.may_run_again:
        msg = "a checkpoint within handle(), which may run its handler again; use turn() for a turn with checkpoints"
        raise UsageError(msg)
    if turn.turn_id is not None:
        checked_turn_id(turn.turn_id)
    if turn.on_conflict is not None:
        check_policy(turn)


def _check_parts_of(turn: Turn[Any]) -> None:
    user, session, history = turn.user, turn.session, turn.history
    if not isinstance(user, User):
        refuse("turn.user", "it was loaded", user, advice="; change what is in it")
    if not isinstance(session, Session):
        refuse("turn.session", "a Session", session)
    if not isinstance(history, History):
        refuse("turn.history", "it was loaded", history, advice="; change what is in it")
