"""
The expressions that this package writes, and no others: a condition and an update of an item.

A condition is an alternative of conjunctions, `term AND term OR (term AND term)`; a term is `attribute_exists(path)`,
`attribute_not_exists(path)` or `path = :value`. An update is `SET #a = :a, #b = :b REMOVE #c, #d`, attributes whole.
"""

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from dynadb_async.connection.embedded.rules import INVALID, check_name, check_values, refused
from dynadb_async.connection.embedded.tables import Item, Table, comparable

TERM = re.compile(r"(?:(attribute_exists|attribute_not_exists)\(([^()\s]+)\)|(\S+) = (:\w+))", re.ASCII)
PATH = re.compile(r"#?\w+(?:\.#?\w+|\[\d+\])*", re.ASCII)
STEP = re.compile(r"#?\w+|\[\d+\]", re.ASCII)
UPDATE = re.compile(r"(?:SET (?P<set>.+?))?(?:(?:^| )REMOVE (?P<remove>.+))?")
ASSIGNMENT = re.compile(r"(#?\w+) = (:\w+)", re.ASCII)
EXPRESSIONS = ("UpdateExpression", "ConditionExpression", "KeyConditionExpression", "ProjectionExpression")
PLACE = re.compile(r"[#:]\w+", re.ASCII)
LARGEST_EXPRESSION = 4096


@frozen(eq=False, repr=False)
class Places:
    """
    What the places in a request's expressions stand for.

    Attributes:
        names: `#place` to an attribute's or member's name.
        values: `:place` to an attribute value.
    """

    names: Mapping[str, str]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Places":
        """
        Those of a request.

        Raises:
            AttemptFailedError: Its expressions have others, or a value is none.
        """
        given = [parameters.get(name) for name in ("ExpressionAttributeNames", "ExpressionAttributeValues")]
        places = cls(given[0] or {}, given[1] or {})
        check_values(dict(places.values))
        for name in places.names.values():
            check_name(name)
        texts = [parameters.get(name, "") for name in EXPRESSIONS]
        used = {place for text in texts for place in PLACE.findall(text)}
        if used != {*places.names, *places.values} or {} in given:
            raise refused(INVALID, "names or values of the expressions are not defined, empty, or not used")
        if max(map(len, texts)) > LARGEST_EXPRESSION:
            raise refused(INVALID, "Expression size has exceeded the maximum allowed size")
        return places

    def name(self, step: str) -> str:
        """The name that *step* of a path is, or stands for."""
        return self.names[step] if step.startswith("#") else step


def is_met(condition: str, item: Item | None, places: Places) -> bool:
    """
    Whether *item*, or its absence, is as *condition* says.

    Raises:
        AttemptFailedError: This package writes no such condition.
    """
    # All of them: what is wrong is told whatever is stored.
    alternatives = [_conjunction(part) for part in condition.split(" OR ")]
    held = [[_holds(term, item or {}, places) for term in terms] for terms in alternatives]
    return any(map(all, held))


def _conjunction(text: str) -> list[re.Match[str]]:
    inner = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    terms = [TERM.fullmatch(term) for term in inner.split(" AND ")]
    if not all(terms):
        raise refused(INVALID, "the embedded store does not know this condition")
    return [term for term in terms if term]


def _holds(term: re.Match[str], item: Item, places: Places) -> bool:
    function, argument, path, place = term.groups()
    found = _at(argument or path, item, places)
    if function is None:
        return found is not None and comparable(found) == comparable(places.values[place])
    return (found is not None) == (function == "attribute_exists")


def _at(path: str, item: Item, places: Places) -> dict[str, Any] | None:
    """The attribute value at *path*, if there is one."""
    if PATH.fullmatch(path) is None:
        raise refused(INVALID, "the embedded store does not know this path")
    found: dict[str, Any] | None = {"M": item}
    for step in STEP.findall(path):
        found = _member(found or {}, step, places)
    return found


def _member(value: dict[str, Any], step: str, places: Places) -> dict[str, Any] | None:
    member: dict[str, Any] | None
    if step.startswith("["):
        members, index = value.get("L", []), int(step[1:-1])
        member = members[index] if index < len(members) else None
    else:
        member = value.get("M", {}).get(places.name(step))
    return member


def updated(expression: str, table: Table, item: Item, places: Places) -> Item:
    """
    *item* as the update leaves it.

    Raises:
        AttemptFailedError: This package writes no such update; it changes the key, or one attribute twice.
    """
    assigned, removed = _clauses(expression)
    written = {places.name(step): places.values[place] for step, place in assigned}
    dropped = {places.name(step) for step in removed}
    if len(written.keys() | dropped) < len(assigned) + len(removed):
        raise refused(INVALID, "Invalid UpdateExpression: Two document paths overlap with each other")
    if not table.key.keys().isdisjoint(written.keys() | dropped):
        raise refused(INVALID, "One or more parameter values were invalid: Cannot update an attribute of the key")
    return {name: value for name, value in item.items() if name not in dropped} | written


def _clauses(expression: str) -> tuple[list[tuple[str, str]], list[str]]:
    clauses = UPDATE.fullmatch(expression)
    if expression and clauses:
        assignments = [ASSIGNMENT.fullmatch(text) for text in (clauses["set"] or "").split(", ") if text]
        removed = [text for text in (clauses["remove"] or "").split(", ") if text]
        if all(assignments) and all(re.fullmatch(r"#?\w+", text, re.ASCII) for text in removed):
            return [(match[1], match[2]) for match in assignments if match], removed
    raise refused(INVALID, "the embedded store does not know this update")
