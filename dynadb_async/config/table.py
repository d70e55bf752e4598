"""The settings of a table."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
from attrs import field, frozen

from dynadb_async.config.validation import (
    a_bool,
    an_int,
    by_name,
    copied,
    duration,
    expected,
    one_of,
    refuse_ours,
    seconds,
    shown,
    wrong,
)

ITEM_ATTRIBUTES = ("user", "session", "history", "createdAt", "updatedAt")
OWN_TABLE_PARAMETERS = {
    "TableName": "name",
    "KeySchema": "primary_key_column",
    "AttributeDefinitions": "primary_key_column",
    "BillingMode": "billing",
    "ProvisionedThroughput": "billing",
}
# DynamoDB takes the table's ARN in its place.
TABLE_NAME = r"(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/)?[a-zA-Z0-9_.-]{3,255}"
LONGEST_ATTRIBUTE_NAME = 255  # bytes: DynamoDB's limit


def _is_table_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(TABLE_NAME, value) is not None


def _is_attribute_name(value: object) -> bool:
    try:
        return isinstance(value, str) and 1 <= len(value.encode()) <= LONGEST_ATTRIBUTE_NAME
    except UnicodeEncodeError:
        return False


_table_name = expected("a table's name: 3 to 255 of the characters a-z A-Z 0-9 _ . -", _is_table_name)
_attribute_name = expected("an attribute's name: a str of 1 to 255 bytes", _is_attribute_name)


def _create_options(made: object, attribute: "attrs.Attribute[Any]", value: Mapping[str, Any]) -> None:
    """A rule: what CreateTable takes besides the settings of the table."""
    by_name(made, attribute, value)
    refuse_ours(made, attribute.name, value, OWN_TABLE_PARAMETERS)


@frozen(kw_only=True)
class Provisioned:
    """
    A table that is paid by capacity units per second.

    Attributes:
        read_capacity_units: Strongly consistent reads of up to 4 KB each second; eventually consistent ones count half.
        write_capacity_units: Writes of up to 1 KB each second.
    """

    read_capacity_units: int = field(default=2, validator=an_int(1))
    write_capacity_units: int = field(default=2, validator=an_int(1))


@frozen
class OnDemand:
    """A table that is paid by request."""


@frozen
class TimeToLive:
    """
    Items that DynamoDB deletes when nobody came back.

    Attributes:
        after: From the last save to the expiry.
        attribute: Where the item says when.
    """

    after: timedelta = field(validator=duration)
    attribute: str = field(default="expiresAt", kw_only=True, validator=_attribute_name)


@frozen
class TableConfig:
    """
    The table, and how it is made where it is missing.

    Attributes:
        name: The table's name, or its ARN.
        create_table_on_init: The first use makes sure that the table is there, and creates it if it is missing.
            False: nothing is asked about the table, so no permission for that is needed.
        primary_key_column: The attribute with the user's id, the table's partition key, a text.
        billing: How a table that is created here is paid: `Provisioned` or `OnDemand`.
        ttl: When items expire, and where they say so; None for never.
        recent_turns_attribute: The attribute for our own record of the latest turns.
        consistent_read: Turns read what was written last. False costs half, and may read what was there a moment ago;
            the save notices.
        ready_timeout: Seconds to wait for ACTIVE.
        create_options: What CreateTable takes besides: tags, SSE, deletion protection.
    """

    name: str = field(validator=_table_name)
    create_table_on_init: bool = field(default=True, kw_only=True, validator=a_bool)
    primary_key_column: str = field(default="userId", kw_only=True, validator=_attribute_name)
    billing: Provisioned | OnDemand = field(
        factory=Provisioned,
        kw_only=True,
        validator=one_of(Provisioned, OnDemand),
        metadata={"modes": {"provisioned": Provisioned, "on-demand": OnDemand, "pay-per-request": OnDemand}},
    )
    ttl: TimeToLive | None = field(default=None, kw_only=True, validator=one_of(TimeToLive, None))
    recent_turns_attribute: str = field(default="recentTurns", kw_only=True, validator=_attribute_name)
    consistent_read: bool = field(default=True, kw_only=True, validator=a_bool)
    ready_timeout: float = field(default=60, kw_only=True, validator=seconds)
    create_options: Mapping[str, Any] = field(
        factory=dict, kw_only=True, converter=copied, validator=_create_options, repr=False, hash=False
    )

    def __attrs_post_init__(self) -> None:
        """Check that no two attributes have one name, nor the name of one of the reference's item."""
        taken: dict[str, str] = dict.fromkeys(ITEM_ATTRIBUTES, "the item itself")
        names = {"primary_key_column": self.primary_key_column, "recent_turns_attribute": self.recent_turns_attribute}
        for setting, name in (names | ({"ttl.attribute": self.ttl.attribute} if self.ttl else {})).items():
            if name in taken:
                got = f"{shown(name)}, the name that {taken[name]} uses"
                raise wrong(self, f"expected a name that no other attribute has, got {got}", *setting.split("."))
            taken[name] = setting
