"""What a plain signed POST over a direct connection needs to know: all that the wire goes by."""

from attrs import frozen

from dynadb_async.connection.keys import Keys, RenewedKeys


@frozen
class Plain:
    """
    Where requests go, and as whose.

    Attributes:
        region_name: What they are signed for.
        endpoint_url: Scheme, host and port.
        verify: How a server's certificate is checked: True or None with the usual authorities, a file of others, or
            False for not at all.
        keys: What they are signed with.
        user_agent: Who asks.
    """

    region_name: str
    endpoint_url: str
    verify: bool | str | None
    keys: Keys | RenewedKeys
    user_agent: str
