"""What a turn needs, read from a platform's request: one module per platform, on the package's public names."""

from dynadb_async.platforms.request import MalformedRequestError, PlatformRequest

__all__ = ["MalformedRequestError", "PlatformRequest"]
