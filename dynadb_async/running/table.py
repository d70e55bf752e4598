"""The table: described, created, awaited, its TTL."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from dynadb_async.config import OnDemand, TableConfig
from dynadb_async.connection.codes import LIMIT_REACHED, told
from dynadb_async.connection.connection import Connection
from dynadb_async.connection.request import Request
from dynadb_async.connection.shared import Shared
from dynadb_async.errors import (
    OutcomeUnknownError,
    RequestError,
    TableError,
    TableNotFoundError,
    TableNotReadyError,
)

logger: logging.Logger = logging.getLogger("dynadb_async")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0

# Somebody else is at it, or too many tables are being made at once: look again.
BUSY = {"ResourceInUseException", LIMIT_REACHED}
USABLE = {"ACTIVE", "UPDATING"}
PASSING = {"CREATING", "DELETING"}


@define(eq=False, repr=False)
class Table:
    """
    The table of one event loop's adapter, made ready once.

    Attributes:
        config: The table's settings.
        connection: How it is reached.
        sort_key: The name of its sort key, if it has one; both are texts.
        is_ready: It was ACTIVE when it was last looked after, or that is not ours to do.
    """

    config: TableConfig
    connection: Connection
    sort_key: str | None = None
    is_ready: bool = field(init=False)
    _making: Shared[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Without the permission to create the table there is nothing to look after."""
        self.is_ready = not self.config.create_table_on_init
        self._making = Shared(self._make_ready, "dynadb_async.ensure_table")

    async def ensure(self) -> None:
        """
        Return once the table is ACTIVE; create it if it is missing and we may.

        However many ask at once, one task works, and it goes on when they are cancelled. A failure is seen by all who
        wait for it; the next to ask tries again.

        Raises:
            TableError: It does not fit.
            TableNotReadyError: It was not ACTIVE within `ready_timeout`.
            RequestError: DynamoDB refused.
            UsageError: The adapter was closed meanwhile.
        """
        if not self.is_ready:
            await self._making.result()

    def vanished(self) -> None:
        """The table was not found when it was used: look after it again at the next use."""
        self.is_ready = not self.config.create_table_on_init

    async def close(self) -> None:
        """Give up what is under way."""
        await self._making.give_up()

    async def _make_ready(self) -> None:
        limit = asyncio.timeout(self.config.ready_timeout)
        try:
            async with limit:
                await self._make_active()
                if self.config.ttl is not None:
                    await self._enable_ttl(self.config.ttl.attribute)
        except TimeoutError:
            if not limit.expired():
                raise
        else:
            self.is_ready = True
            return
        msg = (
            f"table {self.config.name} was not ACTIVE within {self.config.ready_timeout} s; "
            "its creation may go on: try again, or raise table.ready_timeout"
        )
        raise TableNotReadyError(msg)

    async def _make_active(self) -> None:
        pause = FIRST_PAUSE
        while True:
            table = await self._described()
            status = None if table is None else table.get("TableStatus", "ACTIVE")
            if table is None:
                if await self._is_created_at_once():
                    continue
            elif status not in PASSING:
                self._check(table, status)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _described(self) -> dict[str, Any] | None:
        try:
            answer = await self._call("DescribeTable")
        except TableNotFoundError:
            return None
        described: dict[str, Any] = answer["Table"]
        return described

    async def _is_created_at_once(self) -> bool:
        """Create the table; whether it is ACTIVE already, as it is where it is no server's."""
        try:
            answer = await self._call("CreateTable", **self.definition())
        except OutcomeUnknownError:
            return False
        except RequestError as error:
            # A limit on what is under way at once is over soon; one on what there may be is not.
            if error.code not in BUSY or (error.code == LIMIT_REACHED and "simultaneously" not in error.reason):
                raise
            return False
        logger.info("creating table %s in %s", self.config.name, self.connection.ways.region)
        return bool(answer.get("TableDescription", {}).get("TableStatus") == "ACTIVE")

    def definition(self) -> dict[str, Any]:
        """What CreateTable is told of it."""
        config = self.config
        billing: dict[str, Any] = {"BillingMode": "PAY_PER_REQUEST"}
        if not isinstance(config.billing, OnDemand):
            capacity = {
                "ReadCapacityUnits": config.billing.read_capacity_units,
                "WriteCapacityUnits": config.billing.write_capacity_units,
            }
            billing = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": capacity}
        return {
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in self._key()],
            "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in self._key()],
            **billing,
            **config.create_options,
        }

    def _key(self) -> list[tuple[str, str]]:
        """The attributes of the key, and their roles."""
        partition = (self.config.primary_key_column, "HASH")
        return [partition] if self.sort_key is None else [partition, (self.sort_key, "RANGE")]

    def _check(self, table: Mapping[str, Any], status: str | None) -> None:
        name = self.config.name
        if status not in USABLE:
            msg = f"table {name} can't be used: its status is {told(status)}"
            raise TableError(msg)
        types = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
        schema = [(k["AttributeName"], k["KeyType"], types.get(k["AttributeName"])) for k in table["KeySchema"]]
        if schema != [(key, role, "S") for key, role in self._key()]:
            found = ", ".join(told(f"{key} ({kind} {role})") for key, role, kind in schema[:2])
            needed = ", ".join(f"{key} (S {role})" for key, role in self._key())
            msg = (
                f"table {name} has the key {found}, but {needed} is needed; "
                "choose another table.name, or the table's own key as table.primary_key_column"
            )
            raise TableError(msg)

    async def _enable_ttl(self, attribute: str) -> None:
        while True:
            found = (await self._call("DescribeTimeToLive")).get("TimeToLiveDescription", {})
            is_on = found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
            if is_on and found.get("AttributeName") == attribute:
                return
            if is_on:
                msg = (
                    f"table {self.config.name} has its TTL on {told(found.get('AttributeName'))}, not on {attribute}; "
                    "set table.ttl to that attribute, or disable the table's TTL"
                )
                raise TableError(msg)
            try:
                await self._call(
                    "UpdateTimeToLive", TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
                )
            except OutcomeUnknownError:
                continue
            except RequestError as error:
                # Another process was faster, or TTL is just being switched: look again, or wait.
                if error.code not in (*BUSY, "ValidationException"):
                    raise
                await asyncio.sleep(LONGEST_PAUSE)

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        until = asyncio.get_running_loop().time() + self.connection.config.operation_timeout
        request = Request.of(operation, {"TableName": self.config.name, **parameters})
        return (await self.connection.call(request, until=until)).members
