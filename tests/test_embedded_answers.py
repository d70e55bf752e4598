"""The store in the process against DynamoDB Local: whatever this package may ask, both answer alike."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import boto3
import pytest
from attrs import define
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynadb_async.connection.codes import (
    CONDITION_FAILED,
    TRANSACTION_REFUSED,
    failure_of_answer,
    transaction_refused,
)
from dynadb_async.connection.embedded.store import MemoryStore, store_at
from dynadb_async.connection.embedded.tables import comparable
from dynadb_async.connection.failures import AttemptFailedError, ConditionFailedError, TransactionRefusedError
from dynadb_async.connection.request import Request
from dynadb_async.connection.way import Store
from dynadb_async.values.attribute_json import encoded
from dynadb_async.values.stored_text import StoredText
from tests.engines import Engine
from tests.sizes import of_size

KEY = "userId"
ITEM_OPERATIONS = ("GetItem", "UpdateItem", "DeleteItem")

Outcome = tuple[str, Any]


def comparable_item(item: Mapping[str, Any] | None) -> Any:
    """An item such that two are equal where DynamoDB says so."""
    return None if item is None else comparable({"M": dict(item)})


@define
class Pair:
    """DynamoDB Local and stores in the process, with the same tables."""

    server: Any
    stores: list[Store]

    def asked(self, operation: str, **parameters: Any) -> Outcome:
        """What all of them answer: once, if they agree."""
        if operation in ITEM_OPERATIONS:
            parameters["ReturnConsumedCapacity"] = "TOTAL"
        outcomes = [_of_server(self.server, operation, parameters)]
        outcomes += [_of_store(store, operation, parameters) for store in self.stores]
        assert [outcomes[0]] * len(outcomes) == outcomes, operation
        return outcomes[0]


def _of_server(server: Any, operation: str, parameters: dict[str, Any]) -> Outcome:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
    try:
        answer = getattr(server, method)(**parameters)
    except ClientError as error:
        response: dict[str, Any] = dict(error.response)
        if response["Error"]["Code"] == CONDITION_FAILED:
            return "condition", comparable_item(response.get("Item"))
        if response["Error"]["Code"] == TRANSACTION_REFUSED:
            return _of_refusal(transaction_refused(response), parameters)
        return "refused", failure_of_answer(response).code
    return "answered", _members(operation, answer)


def _of_refusal(refusal: Exception, parameters: dict[str, Any]) -> Outcome:
    if isinstance(refusal, AttemptFailedError):
        return "refused", refusal.failure.code
    assert isinstance(refusal, TransactionRefusedError)
    places = range(len(parameters["TransactItems"]))
    return "transaction", [(refusal.is_refused(place), comparable_item(refusal.item(place, {}))) for place in places]


def _of_store(store: Store, operation: str, parameters: dict[str, Any]) -> Outcome:
    try:
        request = Request(operation, parameters.get("TableName", "several"), encoded(parameters))
        answer = store.answer(request, time.monotonic() + 10)
    except ConditionFailedError as failed:
        return "condition", comparable_item(failed.item)
    except (AttemptFailedError, TransactionRefusedError) as failed:
        return _of_refusal(failed, parameters)
    return "answered", _members(operation, answer)


def _members(operation: str, answer: Mapping[str, Any]) -> Any:
    match operation:
        case "GetItem":
            return comparable_item(answer.get("Item")), answer.get("ConsumedCapacity")
        case "DescribeTable":
            table = answer["Table"]
            names = ("TableName", "TableStatus", "KeySchema", "ItemCount")
            definitions = sorted(map(str, table["AttributeDefinitions"]))
            return definitions, [table[name] for name in names]
        case "CreateTable" | "TransactWriteItems":
            return None
        case _:
            return {name: member for name, member in answer.items() if name != "ResponseMetadata"}


@pytest.fixture(scope="module")
def pair(dynamodb_local: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """All of them, each empty for us."""
    # What is malformed shall reach the server.
    options = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    server = boto3.client("dynamodb", **dynamodb_local.reached, config=options)
    file = store_at(f"file:{tmp_path_factory.mktemp('pair')}/db.json")
    yield Pair(server, [MemoryStore(), file])
    file.close()
    server.close()


@pytest.fixture(scope="module")
def table(pair: Pair) -> str:
    """A table on all of them."""
    name = f"test-{uuid4().hex}"
    pair.asked("CreateTable", TableName=name, **schema())
    return name


def schema(**keys: str) -> dict[str, Any]:
    """What CreateTable takes for a key of these attributes and types, the users' by default."""
    types = keys or {KEY: "S"}
    return {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        "KeySchema": [
            {"AttributeName": name, "KeyType": role} for name, role in zip(types, ("HASH", "RANGE"), strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


# What is asked

numerals = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100).map(repr),
    st.sampled_from(["0", "-0", "0.0", "1.50", "1e-130", "9.9e125", "1E+2", "00012", "+1", ".5", "5.", "1" * 38]),
)
bad_numerals = st.sampled_from(["", " 1", "1_0", "NaN", "Infinity", "1e126", "1e-131", "1" * 39, "0x1", "1e"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
binaries = st.binary(max_size=4)
scalars = st.one_of(
    (texts | st.just(StoredText("half \ud83d"))).map(lambda text: {"S": text}),
    numerals.map(lambda numeral: {"N": numeral}),
    binaries.map(lambda binary: {"B": binary}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members}),
    st.lists(st.integers(-5, 5).map(str), min_size=1, max_size=3, unique=True).map(lambda members: {"NS": members}),
    st.lists(binaries, min_size=1, max_size=3, unique=True).map(lambda members: {"BS": members}),
)
names = st.one_of(texts.filter(bool), st.sampled_from(["$binary", "$number", "$$strings", "$numbers", "$binaries"]))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda members: {"L": members})
        | st.dictionaries(names, inner, max_size=3).map(lambda members: {"M": members})
    ),
    max_leaves=6,
)
malformed = st.one_of(
    bad_numerals.map(lambda numeral: {"N": numeral}),
    st.sampled_from(
        [
            {"SS": []},
            {"NS": []},
            {"BS": []},
            {"SS": ["a", "a"]},
            {"NS": ["1", "1.0"]},
            {"NS": ["1", "x"]},
            {"NULL": False},
            {},
            {"S": "a", "N": "1"},
            {"M": {"": {"S": "a"}}},
            {"L": [{"N": "x"}]},
            {"M": {"a": {"SS": []}}},
            {"S": None},
            {"L": [{"BOOL": None}]},
        ]
    ),
)
attributes = st.sampled_from(["user", "session", "updatedAt", "a b.c[0]", "$number"])
keys = st.sampled_from(["ada", "bob"])
BAD_KEYS: list[dict[str, Any]] = [
    {},
    {KEY: {"S": ""}},
    {KEY: {"N": "1"}},
    {KEY: {"S": "x" * 2049}},
    {"id": {"S": "ada"}},
    {KEY: {"S": "ada"}, "id": {"S": "ada"}},
    {KEY: {"SS": []}},
    {KEY: {"S": "ü" * 1024}},
    {KEY: {"NULL": True}},
]
written = st.one_of(st.none(), st.sampled_from("abc"))

CONDITIONS = {
    "absent": "attribute_not_exists(#key)",
    "as we left it": "#recent[0].#write = :loaded",
    "never ours": "attribute_exists(#key) AND attribute_not_exists(#recent) AND #updated = :loaded",
    "never dated": "attribute_exists(#key) AND attribute_not_exists(#recent) AND attribute_not_exists(#updated)",
    "expired": "attribute_not_exists(#key) OR (#recent[0].#write = :loaded)",
    "none": "",
}
NAMES = {"#key": KEY, "#recent": "recentTurns", "#write": "write", "#updated": "updatedAt"}


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    """An UpdateItem as a save writes it."""
    condition = CONDITIONS[draw(st.sampled_from(list(CONDITIONS)))]
    assigned = draw(st.dictionaries(attributes, values, min_size=1, max_size=3))
    write = draw(written)
    if write is not None:
        assigned["recentTurns"] = {"L": [{"M": {"write": {"S": write}}}]}
    removed = draw(st.lists(st.sampled_from(["user", "session", "gone"]), max_size=2, unique=True))
    places = dict(enumerate([*assigned, *removed]))
    clauses = [f"SET {', '.join(f'#{n} = :{n}' for n in range(len(assigned)))}"] * bool(assigned)
    clauses += [f"REMOVE {', '.join(f'#{n}' for n in list(places)[len(assigned) :])}"] * bool(removed)
    loaded = {":loaded": draw(st.sampled_from([{"S": "a"}, {"S": "b"}, {"N": "1"}]))} if ":loaded" in condition else {}
    numbered = {f":{n}": value for n, value in enumerate(assigned.values())}
    return {
        "UpdateExpression": " ".join(clauses),
        "ExpressionAttributeNames": {place: name for place, name in NAMES.items() if place in condition}
        | {f"#{n}": name for n, name in places.items()},
        **({"ConditionExpression": condition} if condition else {}),
        **({"ExpressionAttributeValues": numbered | loaded} if numbered | loaded else {}),
        **({"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if draw(st.booleans()) else {}),
    }


requests = st.tuples(
    st.sampled_from(["UpdateItem", "UpdateItem", "UpdateItem", "GetItem", "DeleteItem"]),
    keys.map(lambda key: {KEY: {"S": key}}),
    updates(),
)


@settings(max_examples=of_size(60, large=2000), suppress_health_check=list(HealthCheck))
@given(asked=st.lists(requests, min_size=1, max_size=6))
def test_items(pair: Pair, table: str, asked: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    """Reads, saves and deletes, in any order: the same items, refusals and failed conditions."""
    for key in ("ada", "bob"):
        pair.asked("DeleteItem", TableName=table, Key={KEY: {"S": key}})
    for operation, key, update in asked:
        more = {"UpdateItem": update, "GetItem": {"ConsistentRead": True}, "DeleteItem": {}}[operation]
        pair.asked(operation, TableName=table, Key=key, **more)
        for read in ("ada", "bob"):
            pair.asked("GetItem", TableName=table, Key={KEY: {"S": read}}, ConsistentRead=True)


@settings(max_examples=of_size(60, large=2000), suppress_health_check=list(HealthCheck))
@given(value=malformed | values, within=st.sampled_from(["", "L", "M"]))
def test_values(pair: Pair, table: str, value: dict[str, Any], within: str) -> None:
    """What is no attribute value is refused with the same code, also deep inside, and nothing is stored."""
    value = {"L": [value]} if within == "L" else {"M": {"a": value}} if within == "M" else value
    key = {KEY: {"S": "ada"}}
    update = {"UpdateExpression": "SET #0 = :0", "ExpressionAttributeNames": {"#0": "user"}}
    pair.asked("DeleteItem", TableName=table, Key=key)
    pair.asked("UpdateItem", TableName=table, Key=key, **update, ExpressionAttributeValues={":0": value})
    pair.asked("GetItem", TableName=table, Key=key)


NUMERALS = ["2.0", "2.50", "1E+2", "1e30", "-0", "0e5", "00012", "+1", ".5", "5.", "1e-7", "-9.9e-5", "9" * 38 + "e80"]
NUMERALS += ["0.12345678901234567890", "1.5e125", "-1e-130", "9007199254740993", "12345678901234567890"]


def test_numbers_come_back_without_what_says_nothing(pair: Pair, table: str) -> None:
    """No exponent and no needless zero: 2.0 is 2. So does AWS, and DynamoDB Local at the top of an item that is put."""
    item = {KEY: {"S": "ada"}} | {f"n{place}": {"N": numeral} for place, numeral in enumerate(NUMERALS)}
    pair.asked("PutItem", TableName=table, Item=item)
    read = Request.of("GetItem", {"TableName": table, "Key": {KEY: {"S": "ada"}}})

    expected = pair.server.get_item(**read.parameters)["Item"]
    for store in pair.stores:
        assert expected == store.answer(read, time.monotonic() + 10)["Item"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_keys(pair: Pair, table: str, key: dict[str, Any]) -> None:
    """What can't be a key of this table is refused, or not, by all alike."""
    update = {"UpdateExpression": "SET #0 = :0", "ExpressionAttributeNames": {"#0": "user"}}
    pair.asked("GetItem", TableName=table, Key=key)
    pair.asked("UpdateItem", TableName=table, Key=key, **update, ExpressionAttributeValues={":0": {"S": "a"}})
    pair.asked("DeleteItem", TableName=table, Key=key)


# Of an item with the key and one attribute, `user`.
LARGEST_TEXT = 409_600 - len(KEY + "ada" + "user")


@pytest.mark.parametrize("size", [1, 1000, 1100, 4096, 5000, LARGEST_TEXT, LARGEST_TEXT + 1, 409_596, 409_597])
@pytest.mark.parametrize("is_met", [True, False])
def test_sizes(pair: Pair, table: str, size: int, is_met: bool) -> None:
    """The limit is at the same byte, before the condition and after it, and capacity counts alike."""
    key = {KEY: {"S": "ada"}}
    pair.asked("DeleteItem", TableName=table, Key=key)
    names = {"#0": "user"}
    for text in ("", "x" * size):
        pair.asked(
            "UpdateItem",
            TableName=table,
            Key=key,
            UpdateExpression="SET #0 = :0",
            ConditionExpression=f"attribute_{'not_' if is_met and not text else ''}exists(#0)",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":0": {"S": text}},
        )
        for is_consistent in (True, False):
            pair.asked("GetItem", TableName=table, Key=key, ConsistentRead=is_consistent)


@pytest.mark.parametrize("tag", ["L", "M"])
@pytest.mark.parametrize("depth", [30, 31, 32, 33])
def test_depth(pair: Pair, table: str, tag: str, depth: int) -> None:
    """Maps and lists lie in one another as deep as DynamoDB allows."""
    value: dict[str, Any] = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]} if tag == "L" else {"M": {"a": value}}
    pair.asked(
        "UpdateItem",
        TableName=table,
        Key={KEY: {"S": "ada"}},
        UpdateExpression="SET #0 = :0",
        ExpressionAttributeNames={"#0": "user"},
        ExpressionAttributeValues={":0": value},
    )


WRONG_UPDATES: list[tuple[str, dict[str, str]]] = [
    ("SET #0 = :0, #1 = :0", {"#0": "a", "#1": "a"}),
    ("SET #0 = :0 REMOVE #1", {"#0": "a", "#1": "a"}),
    ("SET #0 = :0", {"#0": KEY}),
    ("SET #0 = :0 REMOVE #1", {"#0": "a", "#1": KEY}),
    ("SET #0 = :0", {"#0": "a", "#1": "b"}),
    ("SET #0 = :1", {"#0": "a"}),
    ("SET #0 = :0, #2 = :0", {"#0": "a"}),
    ("SET #0 = :0", {"#0": ""}),
    ("SET #0 = :0", {"#0": "n" * 65_536}),
    ("SET a = :0", {}),
    ("SET #0 = :0, a = :0, " + ", ".join([f"b{n} = :0" for n in range(500)]), {"#0": "c"}),
]


@pytest.mark.parametrize(("update", "names"), WRONG_UPDATES, ids=range(len(WRONG_UPDATES)))
def test_wrong_updates(pair: Pair, table: str, update: str, names: dict[str, str]) -> None:
    """Overlapping paths, the key, and places that are unknown or not used: refused by all."""
    kind, _ = pair.asked(
        "UpdateItem",
        TableName=table,
        Key={KEY: {"S": "ada"}},
        UpdateExpression=update,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":0": {"S": "a"}},
    )
    assert kind == "refused"


def test_tables(pair: Pair) -> None:
    """Missing, created, created twice; TTL switched on, twice, on another attribute, and off."""
    name = f"test-{uuid4().hex}"
    on, other = ({"Enabled": True, "AttributeName": attribute} for attribute in ("expiresAt", "ttl"))
    key = {KEY: {"S": "ada"}}
    for _ in range(2):
        pair.asked("DescribeTable", TableName=name)
        pair.asked("GetItem", TableName=name, Key=key)
        pair.asked("DeleteItem", TableName=name, Key=key)
        pair.asked("DescribeTimeToLive", TableName=name)
        wrong = [on | {"AttributeName": attribute} for attribute in ("", "a" * 256)]
        for wanted in (
            *wrong,
            on | {"Enabled": False},
            on,
            on,
            other,
            other | {"Enabled": False},
            on | {"Enabled": False},
        ):
            pair.asked("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=wanted)
            pair.asked("DescribeTimeToLive", TableName=name)
        pair.asked("CreateTable", TableName=name, **schema())


@pytest.mark.parametrize("keys", [{"userId": "BOOL"}, {"k" * 256: "S"}, {"": "S"}], ids=["type", "long", "empty"])
def test_wrong_tables(pair: Pair, keys: dict[str, str]) -> None:
    """What can be no key of a table is refused by all."""
    created = pair.asked("CreateTable", TableName=f"test-{uuid4().hex}", **schema(**keys))
    assert created == ("refused", "ValidationException")


def test_a_table_with_a_sort_key(pair: Pair) -> None:
    """It is described as it was created, and its keys have two parts."""
    name = f"test-{uuid4().hex}"
    pair.asked("CreateTable", TableName=name, **schema(userId="S", number="N"))
    pair.asked("DescribeTable", TableName=name)
    for key in ({KEY: {"S": "a"}, "number": {"N": "1"}}, {KEY: {"S": "a"}}, {KEY: {"S": "a"}, "number": {"S": "1"}}):
        pair.asked("GetItem", TableName=name, Key=key)


SORT_KEYS = {"S": ["", "Z", "a", "a/1", "b", "é", "\uffff", "\U0001f600"], "N": ["-1", "0", "2.5", "3", "1e1", "1e9"]}


@pytest.mark.parametrize("kind", ["S", "N"])
def test_queries(pair: Pair, kind: str) -> None:
    """The same order, pages and refusals: bounds, limits and beginnings that are empty, outside or the wrong way."""
    table, keys = f"test-{uuid4().hex}", [{kind: text} for text in SORT_KEYS[kind]]
    pair.asked("CreateTable", TableName=table, **schema(userId="S", name=kind))
    for key in keys:
        pair.asked("PutItem", TableName=table, Item={"userId": {"S": "u"}, "name": key})

    def query(user: str = "u", first: Any = None, last: Any = None, **more: Any) -> None:
        values = {":key": {"S": user}} | ({} if first is None else {":first": first, ":last": last})
        names = {"#key": "userId"} | ({} if first is None else {"#name": "name"})
        more |= {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        condition = "#key = :key" + ("" if first is None else " AND #name BETWEEN :first AND :last")
        pair.asked("Query", TableName=table, KeyConditionExpression=condition, **more)

    forward: dict[str, Any]
    for forward in ({}, {"ScanIndexForward": False}):
        for limit in (-1, 0, 1, len(keys) - 1, len(keys), 100):
            query(Limit=limit, **forward)
        query(first=keys[1], last=keys[3], **forward)
        for start in (keys[0], keys[2], keys[4]):
            for user in ("u", "v"):
                query(ExclusiveStartKey={"userId": {"S": user}, "name": start}, **forward)
            query(first=keys[1], last=keys[3], ExclusiveStartKey={"userId": {"S": "u"}, "name": start}, **forward)
    query("")
    query("nobody")
    query(first=keys[3], last=keys[1])
    query(first=keys[0], last=keys[3])
    query(first={"B": b"a"}, last={"B": b"b"})


@pytest.mark.parametrize(
    "asked", [{"Segment": 0}, {"TotalSegments": 2}, {"Segment": 2, "TotalSegments": 2}, {"Limit": 0}], ids=str
)
def test_wrong_scans(pair: Pair, table: str, asked: dict[str, int]) -> None:
    """What no scan can be is refused by all."""
    assert pair.asked("Scan", TableName=table, **asked) == ("refused", "ValidationException")


def test_a_scan_goes_on_where_it_was(pair: Pair, table: str) -> None:
    """A key of another segment is no place to go on from."""
    for user in range(8):
        pair.asked("PutItem", TableName=table, Item={KEY: {"S": f"u{user}"}})
    for ask in [partial(_of_server, pair.server), *(partial(_of_store, store) for store in pair.stores)]:
        asked: dict[str, Any] = {"TableName": table, "TotalSegments": 2}
        (_, one), (_, other) = (ask("Scan", asked | {"Segment": segment}) for segment in range(2))
        start = {"ExclusiveStartKey": {KEY: one["Items"][0][KEY]}}
        assert ask("Scan", asked | start | {"Segment": 0})[1]["Items"] == one["Items"][1:]
        assert ask("Scan", asked | start | {"Segment": 1})[0] == "refused"
        assert other["Items"]


def test_transactions(pair: Pair, table: str) -> None:
    """All or nothing: conditions with their items, one item twice, and what is too large by itself or with the rest."""
    there, more, new = ({KEY: {"S": user}} for user in ("there", "more", "new"))
    absent = {"ConditionExpression": "attribute_not_exists(#k)", "ExpressionAttributeNames": {"#k": KEY}}
    told = absent | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    pair.asked("PutItem", TableName=table, Item=there | {"old": {"S": "x" * 300_000}})

    def put(item: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"Put": {"TableName": table, "Item": item, **more}}

    grown = {
        "Update": {
            "TableName": table,
            "Key": there,
            "UpdateExpression": "SET #0 = :0",
            "ExpressionAttributeNames": {"#0": "user"},
            "ExpressionAttributeValues": {":0": {"S": "x" * 200_000}},
        }
    }
    delete = {"Delete": {"TableName": table, "Key": more}}
    for members in (
        [put(there, **told), put(new, **told)],
        [put(new), put(there, **absent), delete],
        [put(new), grown],
        [put(new), delete, put(more)],
        [put(new | {"user": {"S": "x" * 409_600}})],
        [put(new | {"user": {"SS": []}})],
        [put({"id": {"S": "ada"}})],
        [put({KEY: {"S": f"{n}"}, "user": {"S": "x" * 400_000}}) for n in range(11)],
        [put({KEY: {"S": f"{n}"}}) for n in range(101)],
        [],
        [put(new, **told), delete],
    ):
        pair.asked("TransactWriteItems", TransactItems=members)
        pair.asked("GetItem", TableName=table, Key=new)


def test_what_is_not_known_is_refused() -> None:
    """A parameter that this package never sends is not passed over in silence."""
    refused = ("refused", "ValidationException")
    assert refused == _of_store(MemoryStore(), "GetItem", {"TableName": "users", "Key": {}, "AttributesToGet": ["a"]})


@pytest.mark.parametrize("is_consistent", [True, False])
def test_scans_in_segments(pair: Pair, *, is_consistent: bool) -> None:
    """Each item is in one page of one segment, wherever a page ends, and pages cost the same."""
    name = f"test-{uuid4().hex}"
    pair.asked("CreateTable", TableName=name, **schema(userId="S", name="S"))
    for user in range(6):
        for talk in range(3):
            item = {"userId": {"S": f"u{user}"}, "name": {"S": f"n{talk}"}, "more": {"S": "x" * 3000}}
            pair.asked("PutItem", TableName=name, Item=item)
    asked = {"TableName": name, "ConsistentRead": is_consistent, "ReturnConsumedCapacity": "TOTAL"}
    wanted = {"ProjectionExpression": "#a, #b", "ExpressionAttributeNames": {"#a": "userId", "#b": "name"}}
    units = []
    for ask in [partial(_of_server, pair.server), *(partial(_of_store, store) for store in pair.stores)]:
        found = []
        for segment in range(2):
            start: dict[str, Any] = {}
            while True:
                place = {"Segment": segment, "TotalSegments": 2, "Limit": 4, **start}
                kind, answer = ask("Scan", {**asked, **wanted, **place})
                assert kind == "answered"
                found += answer["Items"]
                if "LastEvaluatedKey" not in answer:
                    break
                start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        assert 18 == len(found) == len({str(sorted(item.items())) for item in found})
        # From the midst of a partition, and past the end of it, where nothing is.
        past = {"userId": {"S": "u1"}, "name": {"S": "\U0010ffff"}}
        _, answer = ask("Scan", {**asked, "ExclusiveStartKey": past})
        assert all(item["userId"] != {"S": "u1"} for item in answer["Items"])
        whole = ask("Scan", asked)[1]
        units.append(whole["ConsumedCapacity"]["CapacityUnits"])
    assert [units[0]] * len(units) == units
