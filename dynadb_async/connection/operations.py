"""The operations of DynamoDB's that this package asks for."""

from attrs import frozen

COST = frozenset({"ConsumedCapacity", "ItemCollectionMetrics"})
BATCH = COST | {"UnprocessedItems"}
PAGE = COST | {"Items", "Count", "ScannedCount", "LastEvaluatedKey"}


@frozen(kw_only=True, eq=False, repr=False)
class Operation:
    """
    One of them.

    Attributes:
        method: The ordinary client's name for it.
        is_read: It changes nothing.
        is_about_items: Rather than about a table: it costs capacity.
        members: What its answer may have; None for anything.
        needs: What its answer about many items always has.
    """

    method: str
    is_read: bool = False
    is_about_items: bool = True
    members: frozenset[str] | None = None
    needs: str = ""


OPERATIONS = {
    "GetItem": Operation(method="get_item", is_read=True, members=COST | {"Item"}),
    "UpdateItem": Operation(method="update_item", members=COST),
    "DeleteItem": Operation(method="delete_item", members=COST),
    "PutItem": Operation(method="put_item", members=COST),
    "Query": Operation(method="query", is_read=True, members=PAGE, needs="Items"),
    "Scan": Operation(method="scan", is_read=True, members=PAGE, needs="Items"),
    "TransactWriteItems": Operation(method="transact_write_items", members=COST),
    "BatchWriteItem": Operation(method="batch_write_item", members=BATCH, needs="UnprocessedItems"),
    "DescribeTable": Operation(
        method="describe_table", is_read=True, is_about_items=False, members=frozenset({"Table"})
    ),
    "CreateTable": Operation(method="create_table", is_about_items=False),
    "DeleteTable": Operation(method="delete_table", is_about_items=False),
    "DescribeTimeToLive": Operation(
        method="describe_time_to_live",
        is_read=True,
        is_about_items=False,
        members=frozenset({"TimeToLiveDescription"}),
    ),
    "UpdateTimeToLive": Operation(method="update_time_to_live", is_about_items=False),
}
# What is needed for a turn on a table that exists, and all about items; the rest is the ordinary client's.
ON_THE_WIRE = tuple(name for name, operation in OPERATIONS.items() if operation.is_about_items or operation.is_read)
