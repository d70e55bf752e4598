"""`dynadb policy`: the least that IAM has to allow, as the configuration has it."""

from typing import TYPE_CHECKING, Any

from dynadb_async.cli.shown import as_json, line
from dynadb_async.cli.working import WRONG, Settings, fail

if TYPE_CHECKING:
    from dynadb_async import DynamoDbConfig, TableConfig

Operations = tuple[str, ...]

TURNS = ("GetItem", "UpdateItem", "DeleteItem")
TALKS = ("BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem")
CREATES = ("CreateTable", "DescribeTable")
LIVES = ("DescribeTimeToLive", "UpdateTimeToLive")
# For all that this command does, but what the other roles are for.
OPERATES = ("DeleteItem", "DeleteTable", "DescribeTable", "DescribeTimeToLive", "GetItem", "PutItem", "Scan")
OPERATES_TALKS = ("BatchWriteItem", "DeleteTable", "DescribeTable", "DescribeTimeToLive", "Query", "Scan")


def show(settings: Settings, *, runtime: bool, setup: bool, operate: bool) -> None:
    """Print it; nothing is asked of AWS."""
    from dynadb_async import ConfigError

    try:
        config = settings.config()
    except ConfigError as error:
        fail(str(error), WRONG)
    roles = {"runtime": runtime, "setup": setup, "operate": operate}
    chosen = {name for name, is_on in roles.items() if is_on} or set(roles)
    line(as_json(policy_of(config, chosen)))


def policy_of(config: "DynamoDbConfig", roles: set[str]) -> dict[str, Any]:
    """The policy of these *roles*: `runtime`, `setup`, `operate`."""
    tables: list[tuple[TableConfig, Operations, Operations]] = [(config.table, TURNS, OPERATES)]
    if config.conversations is not None:
        tables.append((config.conversations.ready_table, TALKS, OPERATES_TALKS))
    statements = []
    for table, runs, operates in tables:
        wanted: set[str] = set()
        if "runtime" in roles:
            wanted |= set(runs) | (_setup(table) if table.create_table_on_init else set())
        if "setup" in roles:
            wanted |= _setup(table)
        if "operate" in roles:
            wanted |= set(operates)
        actions = [f"dynamodb:{operation}" for operation in sorted(wanted)]
        statements.append({"Effect": "Allow", "Action": actions, "Resource": _arn(config, table)})
    return {"Version": "2012-10-17", "Statement": statements}


def _setup(table: "TableConfig") -> set[str]:
    return {*CREATES, *(LIVES if table.ttl is not None else ())}


def _arn(config: "DynamoDbConfig", table: "TableConfig") -> str:
    if table.name.startswith("arn:"):
        return table.name
    return f"arn:aws:dynamodb:{config.client.region_name or '*'}:*:table/{table.name}"
