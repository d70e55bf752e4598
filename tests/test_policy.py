"""`dynadb policy` allows what is asked of DynamoDB, and nothing besides."""

import json
from datetime import timedelta
from typing import Any

from dynadb_async import (
    AsyncDynamoDb,
    ClientConfig,
    Conversations,
    ConversationTableConfig,
    DynamoDbConfig,
    OnDemand,
    TableConfig,
    TimeToLive,
    UserCopy,
)
from dynadb_async.cli.policies import policy_of
from tests.engines import Engine
from tests.proxy import FaultProxy
from tests.tables import AWS_SESSION, PATIENCE

# What IAM calls the members of a transaction.
MEMBERS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}

Asked = set[tuple[str, str]]


class Watched(FaultProxy):
    """A proxy that notes who was asked for what."""

    def watch(self) -> Asked:
        """From now on: operations as IAM knows them, and their tables."""
        asked: Asked = set()

        def plan(operation: str) -> None:
            assert self.last is not None
            asked.update(_asked(operation, json.loads(self.last.body)))

        self.plan = plan
        return asked


def _asked(operation: str, parameters: dict[str, Any]) -> Asked:
    match operation:
        case "TransactWriteItems":
            members = [pair for member in parameters["TransactItems"] for pair in member.items()]
            return {(MEMBERS[kind], details["TableName"]) for kind, details in members}
        case "BatchWriteItem":
            return {(operation, table) for table in parameters["RequestItems"]}
        case _:
            return {(operation, parameters["TableName"])}


def allowed(config: DynamoDbConfig, role: str) -> Asked:
    """What the policy of *role* allows."""
    return {
        (action.removeprefix("dynamodb:"), statement["Resource"].rpartition("/")[2])
        for statement in policy_of(config, {role})["Statement"]
        for action in statement["Action"]
    }


def config_of(table_name: str, client: dict[str, Any], *, creates: bool) -> DynamoDbConfig:
    """Everything on."""
    lives = TimeToLive(after=timedelta(days=1))
    talks = ConversationTableConfig(f"{table_name}-log", billing=OnDemand(), create_table_on_init=creates)
    return DynamoDbConfig(
        TableConfig(table_name, billing=OnDemand(), create_table_on_init=creates, ttl=lives),
        client=ClientConfig(**(client | PATIENCE)),
        conversations=Conversations(talks, keep=timedelta(days=1)),
    )


async def set_up(db: AsyncDynamoDb[Any]) -> None:
    """What `dynadb table create` does, and a first use."""
    await db.ensure_table()


async def run(db: AsyncDynamoDb[Any]) -> None:
    """What an app does."""
    for user_id in ("ada", "bob"):
        async with db.turn(user_id, turn_id="t-1") as turn:
            turn.user.data["name"] = user_id
            turn.conversation("talk").add({"role": "user"})
        talk = db.conversation(user_id, "talk")
        await talk.append(["a", "b"], state={"mood": 1})
        await talk.messages(limit=1)
        await talk.info()
        await talk.pop()
        await talk.clear()
        await talk.append(["c"])
        assert [info.id async for info in db.conversations(user_id)]
    await db.ping()
    await db.export("ada")
    await db.conversation("ada", "talk").delete()
    async with db.turn("ada") as turn:
        turn.forget()
    await db.delete("ada")


async def operate(db: AsyncDynamoDb[Any]) -> None:
    """What the command does."""
    await db.describe_tables()
    assert ["bob"] == [user_id async for user_id in db.users()]
    assert 1 == len([item async for item in db.items()])
    copies = [UserCopy.from_json(copy.to_json()) async for copy in db.copies()]
    assert [True] == [await db.restore(copy, overwrite=True) for copy in copies]
    assert [False] == [await db.restore(copy) for copy in copies]
    await db.copy("bob")
    await db.export("bob")
    await db.delete("bob")
    await db.delete_tables()


async def test_the_policy_is_what_is_asked(dynamodb_local: Engine, table_name: str) -> None:
    """Each role's policy has exactly the operations, table by table, that the proxy saw in a full run of that role."""
    async with Watched(dynamodb_local) as proxy:
        for role, work in (("setup", set_up), ("runtime", run), ("operate", operate)):
            asked = proxy.watch()
            config = config_of(table_name, proxy.client_settings, creates=role == "setup")
            db: AsyncDynamoDb[Any] = AsyncDynamoDb(config, aws_session=AWS_SESSION)
            await work(db)
            await db.close()
            assert asked == allowed(config, role), role


def test_the_runtime_sets_up_where_the_configuration_says_so() -> None:
    """With `create_table_on_init` the app asks for that, too; names and regions stand in the resource."""
    client = {"region_name": "eu-west-1"}
    with_creation = config_of("users", client, creates=True)
    without = config_of("users", client, creates=False)
    assert allowed(without, "runtime") | allowed(without, "setup") == allowed(with_creation, "runtime")
    (first, second) = policy_of(without, {"runtime"})["Statement"]
    assert "arn:aws:dynamodb:eu-west-1:*:table/users" == first["Resource"]
    assert "arn:aws:dynamodb:eu-west-1:*:table/users-log" == second["Resource"]
