"""Errors as objects: they go from process to process as they are."""

import copy
import inspect
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import pytest

from dynadb_async import DynaDbError
from dynadb_async.errors import OutcomeUnknownError, RequestError, SerializationError
from tests.modules import modules

# What a parameter is given, by its annotation; a new kind of parameter needs a line here.
SAMPLES: dict[str, Any] = {
    "str": "some text",
    "bool": True,
    "int": 3,
    "float": 0.5,
    "tuple[str, ...]": ("client", "region_name"),
    "tuple[str | int, ...]": ("user", "data", 3, "a.b"),
    "collections.abc.Sequence[tuple[str | int, ...]]": [("user", "data", "a.b"), ("user", "data", "a", "b")],
}


def kinds(root: type[DynaDbError]) -> Iterator[type[DynaDbError]]:
    """The class and all below it."""
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def all_kinds() -> list[type[DynaDbError]]:
    """Those of each module of the package."""
    assert list(modules())
    return sorted(set(kinds(DynaDbError)), key=lambda kind: kind.__qualname__)


def dumped(protocol: int, error: DynaDbError) -> Any:
    """By way of bytes."""
    return pickle.loads(pickle.dumps(error, protocol))


def sample(kind: type[DynaDbError]) -> DynaDbError:
    """One with something in each of its parameters, and what an app may add to it."""
    args, options = [], {}
    takes = inspect.signature(kind.__init__).parameters if inspect.isfunction(kind.__init__) else {}
    for name, parameter in list(takes.items())[1:]:
        value = SAMPLES[inspect.formatannotation(parameter.annotation)]
        if parameter.kind is parameter.KEYWORD_ONLY:
            options[name] = value
        else:
            args.append(value)
    error = kind(*args, **options) if takes else kind("some text")
    error.add_note("a note of the app's")
    if isinstance(error, OutcomeUnknownError):
        error.turn_id = "turn-1"
    return error


def told(error: BaseException) -> Any:
    """All that can be seen of an error."""
    seen = [name for name in dir(error) if not name.startswith("__") and not callable(getattr(error, name, None))]
    return type(error), str(error), error.args, error.__dict__, [getattr(error, name, None) for name in seen]


WAYS: dict[str, Callable[[DynaDbError], Any]] = {
    **{f"pickle {protocol}": partial(dumped, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.__name__)
def test_a_copy_says_what_the_error_says(kind: type[DynaDbError], way: str) -> None:
    """Type, text, notes and attributes, of each error that this package raises, and may be copied again."""
    error = sample(kind)

    assert told(error) == told(WAYS[way](error)) == told(WAYS[way](WAYS[way](error)))


def raised(kind: type[DynaDbError]) -> None:
    """What a worker's process does."""
    raise sample(kind)


def test_a_pool_of_processes_tells_its_errors() -> None:
    """An error in a worker arrives as it is, and the pool goes on."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for kind in all_kinds():
            assert told(sample(kind)) == told(pool.submit(raised, kind).exception(60) or AssertionError("none"))


def test_what_an_error_says_is_what_it_holds() -> None:
    """The samples above are no empty ones."""
    said = "some text: some text; AWS says: some text (code some text, request id some text)"
    assert said == str(sample(RequestError))
    assert str(sample(SerializationError)) == "some text - at user.data[3].‹member›"
