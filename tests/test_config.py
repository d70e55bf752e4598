import contextlib
import copy
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynadb_async import DynamoDbSerializer
from dynadb_async.config import (
    ClientConfig,
    Conversations,
    DynamoDbConfig,
    MarshallConfig,
    OnDemand,
    Provisioned,
    StoredElements,
    StoredHistory,
    StoredSession,
    TableConfig,
    TimeToLive,
)
from dynadb_async.errors import ConfigError

SECRET = "made-up-secret"
KEYS: dict[str, Any] = {
    "aws_access_key_id": "made-up-id",
    "aws_secret_access_key": SECRET,
    "aws_session_token": "made-up-token",
}
AFTER = timedelta(days=30)


async def mood(turn: object) -> str:
    """Stand for an element of the user's own."""
    return "sunny"


class Awaited:
    """What nobody would await, as a function to decide conflicts with."""

    async def __call__(self, *question: object) -> str:
        """As an object."""
        return "sunny"

    async def method(self, *question: object) -> str:
        """Bound to it."""
        return "sunny"

    @staticmethod
    async def stream(*question: object) -> AsyncIterator[str]:
        """Bit by bit."""
        yield "sunny"


def made(settings: Mapping[str, Any]) -> DynamoDbConfig:
    """A configuration from a dict with a table in it."""
    return DynamoDbConfig.from_dict({"table": "users", **settings})


def from_env(**variables: str) -> DynamoDbConfig:
    """Read the variables beside a table's name."""
    return DynamoDbConfig.from_env({"DYNADB_TABLE__NAME": "users", **variables})


def message(make: Callable[[], object]) -> str:
    """Return the text of the ConfigError that must be raised."""
    with pytest.raises(ConfigError) as caught:
        make()
    return str(caught.value)


def test_defaults() -> None:
    """A table's name is enough, and the defaults are the documented ones."""
    config = DynamoDbConfig("users")

    expected = DynamoDbConfig(
        TableConfig(
            "users",
            create_table_on_init=True,
            primary_key_column="userId",
            billing=Provisioned(read_capacity_units=2, write_capacity_units=2),
            ttl=None,
            recent_turns_attribute="recentTurns",
            consistent_read=True,
            ready_timeout=60,
            create_options={},
        ),
        client=ClientConfig(
            connect_timeout=1,
            read_timeout=0.5,
            operation_timeout=3,
            queue_timeout=1,
            max_attempts=5,
            max_pool_connections=50,
            fast_path=True,
            options={},
        ),
        marshall=MarshallConfig(
            remove_undefined_values=True,
            convert_class_instance_to_map=True,
            convert_empty_values=False,
            allow_imprecise_numbers=False,
        ),
        stored_elements=StoredElements(user=True, session=None, history=None, created_at=True, updated_at=True),
        enabled=True,
        on_conflict="merge",
        recent_turns=8,
        recent_responses=2,
    )
    assert expected == config == DynamoDbConfig.from_dict({"table": {"name": "users"}})


def test_element_defaults() -> None:
    """A session ends after 15 minutes; a history has three entries of output and nlu; an expiry is in expiresAt."""
    assert timedelta(minutes=15) == StoredSession().expires_after
    assert TimeToLive(AFTER).attribute == "expiresAt"
    assert StoredHistory() == StoredHistory(
        size=3,
        max_bytes=None,
        output=True,
        nlu=True,
        asr=False,
        state=False,
        input=False,
        entities=False,
        request=False,
        response=False,
        custom={},
    )


@pytest.mark.parametrize(
    ("value", "session", "history"),
    [(True, StoredSession(), StoredHistory()), (False, None, None), (None, None, None)],
)
def test_switches(value: bool | None, session: object, history: object) -> None:
    """True stands for an element's defaults, False and None for its absence."""
    elements = StoredElements(session=value, history=value)

    assert (session, history) == (elements.session, elements.history)


WRONG = [
    (
        Provisioned,
        {"read_capacity_units": "two"},
        "expected an int >= 1, got 'two' - at Provisioned.read_capacity_units",
    ),
    (
        Provisioned,
        {"write_capacity_units": True},
        "expected an int >= 1, got True - at Provisioned.write_capacity_units",
    ),
    (Provisioned, {"write_capacity_units": 0}, "expected an int >= 1, got 0 - at Provisioned.write_capacity_units"),
    (Provisioned, {"read_capacity_units": 1.0}, "got 1.0"),
    (Provisioned, {"read_capacity_units": -(10**5000)}, "got int"),
    (Provisioned, {"read_capacity_units": "x" * 99}, f"got '{'x' * 40}…'"),
    (TimeToLive, {"after": 60}, "expected a timedelta > 0 of at most 36500 days, got 60 - at TimeToLive.after"),
    (TimeToLive, {"after": timedelta(0)}, "got 0 s - at TimeToLive.after"),
    (TimeToLive, {"after": timedelta.max}, "at most 36500 days"),
    (Conversations, {"table": "talks", "keep": timedelta.max}, "at most 36500 days, or None"),
    (TimeToLive, {"after": AFTER, "attribute": ""}, "expected an attribute's name: a str of 1 to 255 bytes, got ''"),
    (TimeToLive, {"after": AFTER, "attribute": "é" * 128}, "- at TimeToLive.attribute"),
    (TimeToLive, {"after": AFTER, "attribute": "\ud800"}, "- at TimeToLive.attribute"),
    (TableConfig, {"name": "ab"}, "expected a table's name: 3 to 255 of the characters a-z A-Z 0-9 _ . -, got 'ab'"),
    (TableConfig, {"name": "a" * 256}, "- at TableConfig.name"),
    (TableConfig, {"name": "<YOUR-TABLE-NAME>"}, "- at TableConfig.name"),
    (TableConfig, {"name": "users\n"}, "- at TableConfig.name"),
    (TableConfig, {"name": None}, "got None - at TableConfig.name"),
    (TableConfig, {"name": "users", "create_table_on_init": 1}, "expected a bool (true or false), got 1"),
    (TableConfig, {"name": "users", "primary_key_column": 7}, "got 7 - at TableConfig.primary_key_column"),
    (TableConfig, {"name": "users", "billing": "on-demand"}, "expected Provisioned or OnDemand, got 'on-demand'"),
    (TableConfig, {"name": "users", "ttl": AFTER}, "expected TimeToLive or None"),
    (TableConfig, {"name": "users", "ready_timeout": 0}, "expected seconds > 0 as an int or a float, got 0"),
    (TableConfig, {"name": "users", "ready_timeout": True}, "got True - at TableConfig.ready_timeout"),
    (TableConfig, {"name": "users", "ready_timeout": float("inf")}, "got inf"),
    (TableConfig, {"name": "users", "ready_timeout": float("nan")}, "got nan"),
    (TableConfig, {"name": "users", "consistent_read": None}, "got None - at TableConfig.consistent_read"),
    (TableConfig, {"name": "users", "create_options": []}, "expected a dict with str keys, got list"),
    (TableConfig, {"name": "users", "create_options": {1: 2}}, "- at TableConfig.create_options"),
    (
        ClientConfig,
        {"region_name": ""},
        "expected a str that is not empty, or None, got '' - at ClientConfig.region_name",
    ),
    (ClientConfig, {"endpoint_url": "localhost:8000"}, "expected a URL like http://localhost:8000"),
    (ClientConfig, {"endpoint_url": "http://[::1"}, "- at ClientConfig.endpoint_url"),
    (ClientConfig, {"endpoint_url": "http://h:99999"}, "- at ClientConfig.endpoint_url"),
    (ClientConfig, {"endpoint_url": 8000}, "got int - at ClientConfig.endpoint_url"),
    (ClientConfig, {"use_ssl": "yes"}, "expected a bool or None, got 'yes' - at ClientConfig.use_ssl"),
    (ClientConfig, {"verify": 1}, "expected a bool, the path of a CA bundle or None, got 1 - at ClientConfig.verify"),
    (ClientConfig, {"connect_timeout": -1}, "got -1 - at ClientConfig.connect_timeout"),
    (ClientConfig, {"operation_timeout": "3"}, "got '3' - at ClientConfig.operation_timeout"),
    (ClientConfig, {"max_attempts": 0}, "expected an int >= 1, got 0 - at ClientConfig.max_attempts"),
    (ClientConfig, {"fast_path": None}, "- at ClientConfig.fast_path"),
    (DynamoDbSerializer, {"marshall": {}}, "expected a MarshallConfig, got dict - at DynamoDbSerializer.marshall"),
    (ClientConfig, {"options": None}, "expected a dict with str keys, got NoneType - at ClientConfig.options"),
    (
        ClientConfig,
        {"options": {"retires": {}}},
        "unknown option of botocore's Config; known are account_id_endpoint_mode",
    ),
    (ClientConfig, {"options": {"signature_versio": ""}}, "perhaps signature_version was meant"),
    (ClientConfig, {"options": {"connector_args": {SECRET: 1}}}, "botocore's Config refuses these options: ParamVal"),
    (MarshallConfig, {"convert_empty_values": "no"}, "got 'no' - at MarshallConfig.convert_empty_values"),
    (MarshallConfig, {"convert_top_level_container": True}, "DynamoDB refuses each save, got True - at Marshall"),
    (StoredSession, {"expires_after": timedelta(seconds=-60)}, "got -60 s - at StoredSession.expires_after"),
    (StoredHistory, {"size": 0}, "expected an int >= 1 (no history at all is `history` False), got 0"),
    (StoredHistory, {"max_bytes": 0}, "expected an int >= 1 or None, got 0 - at StoredHistory.max_bytes"),
    (StoredHistory, {"asr": mood}, "expected a bool (true or false), got function - at StoredHistory.asr"),
    (StoredHistory, {"custom": [mood]}, "got list - at StoredHistory.custom"),
    (
        StoredHistory,
        {"custom": {"mood": True}},
        "expected a name and a function of the turn, got True - at StoredHistory",
    ),
    (StoredHistory, {"custom": {"": mood}}, "expected a name and a function of the turn"),
    (StoredHistory, {"custom": {"output": mood}}, "output is an element already: choose another name, or output=False"),
    (StoredElements, {"user": "yes"}, "- at StoredElements.user"),
    (StoredElements, {"session": 0}, "expected StoredSession or bool or None, got 0 - at StoredElements.session"),
    (StoredElements, {"history": {"size": 3}}, "got dict - at StoredElements.history"),
    (DynamoDbConfig, {"table": {"name": "users"}}, "expected TableConfig or str, got dict - at DynamoDbConfig.table"),
    (DynamoDbConfig, {"table": "x"}, "got 'x' - at TableConfig.name"),
    (DynamoDbConfig, {"table": "users", "client": None}, "expected ClientConfig, got None - at DynamoDbConfig.client"),
    (DynamoDbConfig, {"table": "users", "enabled": 1}, "got 1 - at DynamoDbConfig.enabled"),
    (DynamoDbConfig, {"table": "users", "on_conflict": "ours"}, "expected 'merge', 'raise', 'overwrite' or a function"),
    (DynamoDbConfig, {"table": "users", "on_conflict": []}, "got list - at DynamoDbConfig.on_conflict"),
    *[
        (DynamoDbConfig, {"table": "users", "on_conflict": function}, "nobody would await, got")
        for function in (
            mood,
            partial(partial(mood), 1),
            Awaited(),
            partial(Awaited()),
            Awaited().method,
            Awaited.stream,
        )
    ],
    (DynamoDbConfig, {"table": "users", "recent_turns": 0}, "expected an int >= 1, got 0 - at DynamoDbConfig.recent"),
    (
        DynamoDbConfig,
        {"table": "users", "recent_responses": -1},
        "expected an int >= 0, got -1 - at DynamoDbConfig.rec",
    ),
]


@pytest.mark.parametrize(("kind", "arguments", "said"), WRONG)
def test_wrong_values_are_refused(kind: type, arguments: dict[str, Any], said: str) -> None:
    """A wrong value is refused when the object is made; the message has what is allowed and the place."""
    text = message(lambda: kind(**arguments))

    assert said in text
    assert f"- at {kind.__name__}." in text or arguments.get("table") == "x"


@pytest.mark.parametrize(
    ("names", "place"),
    [
        ({"primary_key_column": "user"}, "primary_key_column"),
        ({"primary_key_column": "createdAt"}, "primary_key_column"),
        ({"primary_key_column": "recentTurns"}, "recent_turns_attribute"),
        ({"recent_turns_attribute": "history"}, "recent_turns_attribute"),
        ({"ttl": TimeToLive(AFTER, attribute="updatedAt")}, "ttl.attribute"),
        ({"ttl": TimeToLive(AFTER, attribute="recentTurns")}, "ttl.attribute"),
        ({"ttl": TimeToLive(AFTER), "primary_key_column": "expiresAt"}, "ttl.attribute"),
    ],
)
def test_attributes_differ(names: dict[str, Any], place: str) -> None:
    """Two things can't be stored under one name: key, own attributes and the item's elements all differ."""
    text = message(lambda: TableConfig("users", **names))

    assert "expected a name that no other attribute has" in text
    assert text.endswith(f"- at TableConfig.{place}")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("name", "TableName"),
        ("primary_key_column", "KeySchema"),
        ("primary_key_column", "AttributeDefinitions"),
        ("billing", "BillingMode"),
        ("billing", "ProvisionedThroughput"),
    ],
)
def test_create_options_leave_ours(ours: str, theirs: str) -> None:
    """What our settings say to CreateTable can't be said a second time; the message names our setting."""
    assert message(lambda: TableConfig("users", create_options={theirs: 1})) == (
        f"{theirs} is not taken here: set {ours} of TableConfig - at TableConfig.create_options.{theirs}"
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(name, name) for name in ("connect_timeout", "read_timeout", "max_pool_connections", "region_name")]
    + [("max_attempts", "retries")],
)
def test_client_options_leave_ours(ours: str, theirs: str) -> None:
    """What our settings say to botocore can't be said a second time; the message names our setting."""
    assert message(lambda: ClientConfig(options={theirs: 1})) == (
        f"{theirs} is not taken here: set {ours} of ClientConfig - at ClientConfig.options.{theirs}"
    )


def test_further_options() -> None:
    """Whatever else botocore's and aiobotocore's Config take is taken, and kept from later changes of the dict."""
    given = {"user_agent_extra": "app", "connector_args": {"force_close": True}}
    config = ClientConfig(options=given)

    given.clear()

    assert config.options == {"user_agent_extra": "app", "connector_args": {"force_close": True}}


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        ({"aws_access_key_id": "id"}, "aws_secret_access_key"),
        ({"aws_secret_access_key": SECRET}, "aws_access_key_id"),
        ({"aws_session_token": SECRET}, "aws_access_key_id"),
    ],
)
def test_credentials_come_together(keys: dict[str, Any], missing: str) -> None:
    """Half a pair of credentials would be silently left out by the SDK: it is an error that names the other half."""
    text = message(lambda: ClientConfig(**keys))

    assert f"expected {missing} beside {next(iter(keys))}: give both, or neither - at ClientConfig.{missing}" == text


def test_secrets_are_not_in_a_repr() -> None:
    """Printing a configuration shows no credential, and no option that could hold one."""
    config = DynamoDbConfig(
        TableConfig("users", create_options={"Tags": [SECRET]}),
        client=ClientConfig(**KEYS, options={"proxies": {"http": SECRET}}),
    )

    for text in (repr(config), str(config), repr(config.client)):
        assert not [secret for secret in (*KEYS.values(), "options") if secret in text]


@pytest.mark.parametrize("name", KEYS)
def test_secrets_are_not_in_an_error(name: str) -> None:
    """A credential of the wrong type or shape is refused without being shown, from Python, dict and environment."""
    wrong: list[dict[str, Any]] = [{name: [SECRET]}, {name: 918273}]
    camel = {"aws_access_key_id": "accessKeyId", "aws_secret_access_key": "secretAccessKey"}.get(name, "sessionToken")
    texts = [
        message(lambda: ClientConfig(**wrong[0])),
        message(lambda: ClientConfig(**wrong[1])),
        message(lambda: made({"client": {name: SECRET.encode()}})),
        message(lambda: made({"libraryConfig": {"dynamoDbClient": {"credentials": {camel: (SECRET,)}}}})),
        message(lambda: made({"libraryConfig": {"dynamoDbClient": {"credentials": SECRET}}})),
        message(
            lambda: made({"client": {name: SECRET, f"aws{camel[0].upper()}{camel[1:]}": SECRET, "x" * 50: SECRET}})
        ),
        message(lambda: from_env(**{f"DYNADB_CLIENT__{name.upper()}": ""})),
        message(lambda: from_env(**{f"DYNADB_CLIENT__{name.upper()}S": SECRET})),
        message(lambda: ClientConfig(endpoint_url=f"http://me:{SECRET}@localhost")),
        message(lambda: ClientConfig(options={"connector_args": {SECRET: SECRET}})),
    ]

    assert not [text for text in texts if SECRET in text or "918273" in text]


def test_frozen() -> None:
    """A configuration does not change once it is made, and can be a key, a copy and a default."""
    config = made({"storedElements": {"history": {"mood": mood}}, "client": {"options": {"user_agent_extra": "app"}}})

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.enabled = False  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.table.name = "others"  # type: ignore[misc]
    assert hash(config) == hash(copy.deepcopy(config))
    assert config == copy.deepcopy(config)


def test_botocore_is_imported_late() -> None:
    """A plain configuration does not pay for the SDK's import."""
    code = (
        "import sys, types, importlib.machinery as m; p = types.ModuleType('dynadb_async');"
        "p.__path__ = ['dynadb_async']; sys.modules['dynadb_async'] = p;"
        "from dynadb_async.config import DynamoDbConfig; DynamoDbConfig.from_dict({'table': 'users'});"
        "assert 'botocore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


JOVO = {
    "table": {
        "name": "assistant-users",
        "createTableOnInit": False,
        "primaryKeyColumn": "personId",
        "readCapacityUnits": 5,
        "writeCapacityUnits": 6,
        "billingMode": "PROVISIONED",
    },
    "libraryConfig": {
        "dynamoDbClient": {
            "region": "eu-central-1",
            "endpoint": "http://localhost:8000",
            "credentials": {"accessKeyId": "made-up-id", "secretAccessKey": SECRET, "sessionToken": "made-up-token"},
            "maxAttempts": 2,
        },
        "marshall": {
            "removeUndefinedValues": False,
            "convertClassInstanceToMap": False,
            "convertEmptyValues": True,
            "convertTopLevelContainer": False,
        },
    },
    "storedElements": {
        "user": {"enabled": True},
        "session": {"enabled": True, "expiresAfterSeconds": 60},
        "history": {
            "enabled": True,
            "size": 10,
            "output": {"enabled": False},
            "nlu": mood,
            "asr": True,
            "state": {"enabled": True},
            "request": {},
            "mood": mood,
        },
        "createdAt": {"enabled": False},
        "updatedAt": True,
    },
    "enabled": True,
    "skipTests": True,
}


def test_a_jovo_configuration_works_as_it_is() -> None:
    """The reference's own configuration, pasted, makes our objects: its nesting, its names, its forms."""
    expected = DynamoDbConfig(
        TableConfig(
            "assistant-users",
            create_table_on_init=False,
            primary_key_column="personId",
            billing=Provisioned(read_capacity_units=5, write_capacity_units=6),
        ),
        client=ClientConfig(**KEYS, region_name="eu-central-1", endpoint_url="http://localhost:8000", max_attempts=2),
        marshall=MarshallConfig(
            remove_undefined_values=False, convert_class_instance_to_map=False, convert_empty_values=True
        ),
        stored_elements=StoredElements(
            session=StoredSession(timedelta(seconds=60)),
            history=StoredHistory(
                size=10, output=False, nlu=False, asr=True, state=True, request=True, custom={"nlu": mood, "mood": mood}
            ),
            created_at=False,
        ),
    )

    assert expected == DynamoDbConfig.from_dict(JOVO)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({}, StoredElements()),
        (
            {"user": False, "createdAt": {"enabled": False}, "updated_at": {}},
            StoredElements(user=False, created_at=False),
        ),
        ({"session": True}, StoredElements(session=True)),
        ({"session": {}}, StoredElements(session=True)),
        ({"session": {"enabled": True}}, StoredElements(session=True)),
        ({"session": {"enabled": False, "expiresAfterSeconds": 60}}, StoredElements()),
        ({"session": None, "history": False}, StoredElements()),
        ({"session": {"expiresAfterSeconds": 60}}, StoredElements(session=StoredSession(timedelta(seconds=60)))),
        ({"session": {"expires_after": timedelta(1)}}, StoredElements(session=StoredSession(timedelta(1)))),
        ({"session": {"expiresAfter": 0.5}}, StoredElements(session=StoredSession(timedelta(seconds=0.5)))),
        ({"session": {"expiresAfterSeconds": 0}}, StoredElements(session=True)),
        ({"session": {"expires_after_seconds": None}}, StoredElements(session=True)),
        ({"session": StoredSession(timedelta(1))}, StoredElements(session=StoredSession(timedelta(1)))),
        ({"history": True}, StoredElements(history=True)),
        ({"history": {"size": 2}}, StoredElements(history=StoredHistory(size=2))),
        ({"history": {"nlu": {"enabled": False}}}, StoredElements(history=StoredHistory(nlu=False))),
        ({"history": {"custom": {"mood": mood}}}, StoredElements(history=StoredHistory(custom={"mood": mood}))),
        ({"history": {"custom": {}}}, StoredElements(history=True)),
        ({"history": {"maxBytes": None}}, StoredElements(history=True)),
    ],
)
def test_stored_elements_forms(stored: dict[str, Any], expected: StoredElements) -> None:
    """Each form of the reference, read as its documentation says: giving the object switches the element on."""
    assert expected == made({"storedElements": stored}).stored_elements


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"billing_mode": "PAY_PER_REQUEST"}, OnDemand()),
        ({"billing": "on-demand"}, OnDemand()),
        ({"billing": OnDemand()}, OnDemand()),
        ({"billing": "provisioned", "read_capacity_units": 3}, Provisioned(read_capacity_units=3)),
        ({"billing": {"mode": "PROVISIONED", "writeCapacityUnits": 3}}, Provisioned(write_capacity_units=3)),
    ],
)
def test_billing_forms(table: dict[str, Any], expected: object) -> None:
    """Billing is one of two types, whichever way the dict says it."""
    assert expected == DynamoDbConfig.from_dict({"table": {"name": "users", **table}}).table.billing


def test_sections_that_are_made_already() -> None:
    """Our own objects may stand in a dict, and `ttl` takes seconds."""
    table, client = TableConfig("users"), ClientConfig(max_attempts=1)

    assert DynamoDbConfig(table, client=client) == DynamoDbConfig.from_dict({"table": table, "client": client})
    timed = DynamoDbConfig.from_dict({"table": {"name": "users", "ttl": {"after": 60, "attribute": "gone"}}})
    assert TimeToLive(timedelta(seconds=60), attribute="gone") == timed.table.ttl


MISTAKES = [
    ({}, "this setting is required - at table.name"),
    ({"table": {}}, "this setting is required - at table.name"),
    ({"table": []}, "expected a dict or a str, got list - at table"),
    ({"table": {"name": "x"}}, "got 'x' - at table.name"),
    (
        {"table": {"name": "users", "readCapacityUnits": "two"}},
        "expected an int >= 1, got 'two' - at table.readCapacityUnits",
    ),
    (
        {"table": {"name": "users", "billing": {"read_capacity_units": "two"}}},
        "expected an int >= 1, got 'two' - at table.billing.read_capacity_units",
    ),
    (
        {"table": {"name": "users", "billingMode": "PAY_PER_REQUEST", "readCapacityUnits": 2}},
        "OnDemand takes no read_capacity_units: remove it, or choose another billing - at table.readCapacityUnits",
    ),
    (
        {"table": {"name": "users", "billingMode": "FREE"}},
        "expected provisioned or on-demand or pay-per-request, got 'FREE'",
    ),
    ({"table": {"name": "users", "billing": {"mode": 1}}}, "got 1 - at table.billing.mode"),
    ({"table": {"name": "users", "billing": OnDemand(), "readCapacityUnits": 2}}, "given twice, also at table.billing"),
    (
        {"table": {"name": "users", "billing": "on-demand", "billingMode": "PROVISIONED"}},
        "given twice, also at table.b",
    ),
    ({"table": {"name": "users", "primaryKeyColumn": "user"}}, "the item itself uses - at table.primaryKeyColumn"),
    ({"table": {"name": "users", "primaryKeyColumn": "recentTurns"}}, "- at table.recent_turns_attribute"),
    ({"table": {"name": "users", "ttl": True}}, "this setting is required - at table.ttl.after"),
    ({"table": {"name": "users", "ttl": {"after": "soon"}}}, "expected seconds > 0, got 'soon' - at table.ttl.after"),
    ({"table": {"name": "users", "ttl": {"after": True}}}, "expected seconds > 0, got True - at table.ttl.after"),
    ({"table": {"name": "users", "ttl": {"after": 1e300}}}, "expected seconds > 0, got 1e+300 - at table.ttl.after"),
    ({"table": {"name": "users", "ttl": 60}}, "expected a dict, a bool or None, got int - at table.ttl"),
    ({"table": {"name": "users", "createOptions": {"BillingMode": 1}}}, "- at table.createOptions.BillingMode"),
    (
        {"table": "users", "tabel": {}},
        "unknown key, perhaps table was meant; known are client, conversations, enabled",
    ),
    ({"table": "users", "storedElement": {}}, "perhaps storedElements was meant; known are client, conversations"),
    ({"table": "users", "marshall": True}, "expected a dict, got bool - at marshall"),
    ({"table": "users", 7: 1}, "known are client"),
    ({"table": "users", "client": {"maxAttempts": 1, "max_attempts": 1}}, "given twice, also at client.maxAttempts"),
    (
        {"table": "users", "marshall": {}, "libraryConfig": {"marshall": {}}},
        "also at marshall - at libraryConfig.marsh",
    ),
    (
        {"table": "users", "client": {"regionName": "a"}, "libraryConfig": {"dynamoDbClient": {"region": "b"}}},
        "given twice, also at client.regionName - at libraryConfig.dynamoDbClient.region",
    ),
    ({"table": "users", "libraryConfig": None}, "expected a dict, got NoneType - at libraryConfig"),
    (
        {"table": "users", "libraryConfig": {"dynamoDbClient": {"tls": 1}}},
        "known are credentials, endpoint, max_attempts",
    ),
    (
        {"table": "users", "libraryConfig": {"dynamoDbClient": {"endpoint": {}}}},
        "- at libraryConfig.dynamoDbClient.end",
    ),
    (
        {"table": "users", "libraryConfig": {"marshall": {"convertTopLevelContainer": True}}},
        "refuses each save, got True",
    ),
    (
        {"table": "users", "storedElements": {"session": {"expiresAfterSeconds": -1}}},
        "got -1 s - at storedElements.sess",
    ),
    (
        {"table": "users", "storedElements": {"session": {"enabled": 1}}},
        "expected a bool (true or false), got 1 - at st",
    ),
    ({"table": "users", "storedElements": {"history": {"size": 0}}}, "(no history at all is `history` False), got 0"),
    ({"table": "users", "storedElements": {"history": {"size": None}}}, "got None - at storedElements.history.size"),
    (
        {"table": "users", "storedElements": {"history": {"size": mood}}},
        "got function - at storedElements.history.size",
    ),
    (
        {"table": "users", "storedElements": {"history": {"custom": mood}}},
        "got function - at storedElements.history.custom",
    ),
    (
        {"table": "users", "storedElements": {"history": {"enabled": mood}}},
        "got function - at storedElements.history.en",
    ),
    (
        {"table": "users", "storedElements": {"history": {"mood": True}}},
        "functions under names of your own - at stored",
    ),
    (
        {"table": "users", "storedElements": {"history": {"custom": {"mood": 1}}}},
        "- at storedElements.history.custom.mood",
    ),
    ({"table": "users", "storedElements": {"history": {"asr": mood, "custom": {"asr": mood}}}}, "given twice, also at"),
    ({"table": "users", "storedElements": {"history": {7: mood}}}, "expected a dict with str keys"),
    ({"table": "users", "storedElements": {"history": {"asr": 1}}}, "got 1 - at storedElements.history.asr"),
    ({"table": "users", "storedElements": {"user": {"enable": True}}}, "perhaps enabled was meant; known are enabled"),
    ({"table": "users", "storedElements": {"updateAt": True}}, "perhaps updatedAt was meant; known are createdAt"),
]


@pytest.mark.parametrize(("settings", "said"), MISTAKES)
def test_mistakes_in_a_dict(settings: dict[Any, Any], said: str) -> None:
    """One clear error for a mistake at any level, with the place as the caller wrote it."""
    assert said in message(lambda: DynamoDbConfig.from_dict(settings))


def test_no_dict() -> None:
    """What is no dict at all is refused as such."""
    assert (
        message(
            lambda: DynamoDbConfig.from_dict([])  # type: ignore[arg-type]
        )
        == "expected a dict, got list - at DynamoDbConfig.from_dict"
    )
    for environ in ([], {1: "x"}):
        said = f"expected a dict with str keys, such as os.environ, got {type(environ).__name__}"
        assert said in message(lambda given=environ: DynamoDbConfig.from_env(given))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@given(
    path=st.lists(st.sampled_from(["table", "ttl", "client", "storedElements", "history", "session"])), value=ANYTHING
)
def test_nothing_but_a_config_error(path: list[str], value: object) -> None:
    """Whatever stands wherever in a dict: it makes a configuration, or a ConfigError."""
    settings: Any = value
    for name in reversed(path):
        settings = {name: settings}
    with contextlib.suppress(ConfigError):
        DynamoDbConfig.from_dict(settings)


ENVIRONMENT = [
    ("TABLE__BILLING", "on-demand", lambda config: config.table.billing, OnDemand()),
    ("TABLE__READ_CAPACITY_UNITS", "7", lambda config: config.table.billing, Provisioned(read_capacity_units=7)),
    ("TABLE__WRITE_CAPACITY_UNITS", "7", lambda config: config.table.billing, Provisioned(write_capacity_units=7)),
    ("TABLE__READY_TIMEOUT", "2.5", lambda config: config.table.ready_timeout, 2.5),
    ("TABLE__TTL__AFTER", "3600", lambda config: config.table.ttl, TimeToLive(timedelta(hours=1))),
    ("CLIENT__ENDPOINT_URL", "http://h:1", lambda config: config.client.endpoint_url, "http://h:1"),
    ("CLIENT__VERIFY", "off", lambda config: config.client.verify, False),
    ("CLIENT__VERIFY", "/ca.pem", lambda config: config.client.verify, "/ca.pem"),
    ("CLIENT__MAX_ATTEMPTS", "1", lambda config: config.client.max_attempts, 1),
    ("STORED_ELEMENTS__USER", "no", lambda config: config.stored_elements.user, False),
    ("STORED_ELEMENTS__SESSION", "true", lambda config: config.stored_elements.session, StoredSession()),
    (
        "STORED_ELEMENTS__SESSION__EXPIRES_AFTER",
        "60",
        lambda config: config.stored_elements.session,
        StoredSession(timedelta(minutes=1)),
    ),
    ("STORED_ELEMENTS__HISTORY__MAX_BYTES", "99", lambda config: config.stored_elements.history.max_bytes, 99),
    ("ON_CONFLICT", "raise", lambda config: config.on_conflict, "raise"),
    ("TEST_ENGINES", "all", lambda config: config, DynamoDbConfig("users")),
]


@pytest.mark.parametrize(("name", "text", "read", "expected"), ENVIRONMENT)
def test_environment(name: str, text: str, read: Callable[[DynamoDbConfig], object], expected: object) -> None:
    """A variable is the path to a setting, its text is read as the setting's type."""
    assert expected == read(from_env(**{f"DYNADB_{name}": text}))


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE", "Yes"])
def test_true_in_the_environment(text: str) -> None:
    """The usual words for true switch on."""
    assert from_env(DYNADB_STORED_ELEMENTS__HISTORY=text).stored_elements.history == StoredHistory()


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "FALSE", "Off"])
def test_false_in_the_environment(text: str) -> None:
    """The usual words for false switch off."""
    assert from_env(DYNADB_ENABLED=text).enabled is False


def test_environment_over_a_base() -> None:
    """Stages differ by variables: what they name changes, at any depth, and all else stays."""
    base = DynamoDbConfig.from_dict(JOVO)
    history = base.stored_elements.history
    assert history is not None
    names = {
        "DYNADB_TABLE__NAME": "stage-users",
        "DYNADB_TABLE__READ_CAPACITY_UNITS": "9",
        "DYNADB_STORED_ELEMENTS__SESSION": "false",
        "DYNADB_STORED_ELEMENTS__HISTORY__SIZE": "1",
        "PATH": "/bin",
    }

    expected = attrs.evolve(
        base,
        table=attrs.evolve(
            base.table, name="stage-users", billing=Provisioned(read_capacity_units=9, write_capacity_units=6)
        ),
        stored_elements=attrs.evolve(base.stored_elements, session=None, history=attrs.evolve(history, size=1)),
    )
    assert expected == DynamoDbConfig.from_env(names, base)
    assert base == DynamoDbConfig.from_env({}, base)


def test_switching_on_over_a_base_keeps_its_settings() -> None:
    """True for an element that the base has set up keeps that set-up; another billing replaces the base's."""
    base = made({"storedElements": {"session": {"expiresAfterSeconds": 60}}})
    names = {"DYNADB_STORED_ELEMENTS__SESSION": "true", "DYNADB_TABLE__BILLING": "on-demand"}

    expected = attrs.evolve(base, table=TableConfig("users", billing=OnDemand()))
    assert expected == DynamoDbConfig.from_env(names, base)


def test_capacity_over_on_demand() -> None:
    """Capacity for a base that is paid by request is an error until the billing is changed too."""
    base = DynamoDbConfig(TableConfig("users", billing=OnDemand()))
    units = {"DYNADB_TABLE__READ_CAPACITY_UNITS": "9"}

    text = message(lambda: DynamoDbConfig.from_env(units, base))
    changed = DynamoDbConfig.from_env(units | {"DYNADB_TABLE__BILLING": "provisioned"}, base)

    assert "OnDemand takes no read_capacity_units" in text
    assert text.endswith("- at DYNADB_TABLE__READ_CAPACITY_UNITS")
    assert Provisioned(read_capacity_units=9) == changed.table.billing


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("DYNADB_TABLE__READ_CAPACITY_UNITS", "two", "expected an int >= 1, got 'two'"),
        ("DYNADB_TABLE__READY_TIMEOUT", "nan", "expected seconds > 0 as an int or a float, got nan"),
        ("DYNADB_TABLE__TTL__AFTER", "soon", "expected seconds > 0, got 'soon'"),
        ("DYNADB_TABLE__BILLING", "free", "expected provisioned or on-demand or pay-per-request, got 'free'"),
        ("DYNADB_ENABLED", "maybe", "expected a bool (true or false), got 'maybe'"),
        ("DYNADB_STORED_ELEMENTS__SESSION", "maybe", "expected a bool (true or false), got 'maybe'"),
        (
            "DYNADB_STORED_ELEMENTS__SESSION__EXPIRES_AFTER",
            "0",
            "expected a timedelta > 0 of at most 36500 days, got 0 s",
        ),
        ("DYNADB_CLIENT__ENDPOINT_URL", "", "expected a URL like http://localhost:8000"),
        (
            "DYNADB_TABLE__NAM",
            "users",
            "unknown variable, perhaps DYNADB_TABLE__NAME was meant; known are DYNADB_CLIENT",
        ),
        ("DYNADB_table__name", "users", "unknown variable"),
        ("DYNADB_CLIENT", "users", "unknown variable"),
        ("DYNADB_CLIENT__OPTIONS", "{}", "unknown variable"),
        ("DYNADB_TABLE", "others", "given twice, also at DYNADB_TABLE__NAME"),
    ],
)
def test_mistakes_in_the_environment(name: str, text: str, said: str) -> None:
    """A mistake in a variable is an error that names it."""
    found = message(lambda: from_env(**{name: text}))

    assert said in found
    assert found.endswith(f"- at {name}")


def test_a_table_is_required_in_the_environment() -> None:
    """Without a base there must be a table's name; the error has the variable for it."""
    assert message(lambda: DynamoDbConfig.from_env({})) == "this setting is required - at DYNADB_TABLE__NAME"


def test_every_plain_setting_has_a_variable() -> None:
    """The list of known variables covers every field that a text can say."""
    known = message(lambda: from_env(DYNADB_X="1"))
    for section, kind in (("TABLE", TableConfig), ("CLIENT", ClientConfig), ("MARSHALL", MarshallConfig)):
        for field in attrs.fields(kind):
            assert field.name.endswith("options") or f"DYNADB_{section}__{field.name.upper()}" in known
    assert "LIBRARY_CONFIG" not in known
