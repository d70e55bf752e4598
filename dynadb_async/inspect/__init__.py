"""
A page in the browser to look at users with: read-only, on this machine only, unless told otherwise.

    async with AsyncDynamoDb("assistant-users") as db:
        await serve(db, announce=print)

Needs `dynadb-async[inspect]`, which `dynadb-async[cli]` brings.
"""

try:
    from dynadb_async.inspect.app import make_app
    from dynadb_async.inspect.door import Door
    from dynadb_async.inspect.origin import Address
    from dynadb_async.inspect.server import serve
except ModuleNotFoundError as _missing:
    if (_missing.name or "").startswith("dynadb_async"):
        raise
    raise ImportError(f"{_missing.name} is missing: pip install 'dynadb-async[inspect]'", name=_missing.name) from None

__all__ = ["Address", "Door", "make_app", "serve"]
