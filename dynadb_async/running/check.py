"""One thing that was looked at."""

from typing import Self

from attrs import frozen

from dynadb_async.errors import DynaDbError, RequestError

DENIED = {"AccessDeniedException", "AccessDenied"}


@frozen
class Check:
    """
    One thing that was looked at.

    Attributes:
        name: What.
        is_good: Whether it is as it should be; None where that can't be known.
        found: How it is.
        advice: What to do, if anything.
    """

    name: str
    is_good: bool | None
    found: str
    advice: str = ""

    @classmethod
    def good(cls, name: str, found: str, advice: str = "") -> Self:
        """As it should be."""
        return cls(name, is_good=True, found=found, advice=advice)

    @classmethod
    def bad(cls, name: str, found: str, advice: str = "") -> Self:
        """Not so."""
        return cls(name, is_good=False, found=found, advice=advice)


def is_denied(error: DynaDbError) -> bool:
    """Whether the credentials lack a permission."""
    return isinstance(error, RequestError) and error.code in DENIED


def refused(name: str, error: DynaDbError) -> Check:
    """What was asked for, and was not answered."""
    if isinstance(error, RequestError) and is_denied(error):
        return Check.bad(name, str(error), f"allow dynamodb:{error.operation}; `dynadb policy` has all that is needed")
    return Check.bad(name, str(error))
