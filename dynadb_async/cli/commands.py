"""What can be said to `dynadb`: each command hands its arguments to the room that does it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dynadb_async.cli.working import Settings

# Without Rich: help has to be there at once, and has to be readable in a pipe.
PLAIN: dict[str, Any] = {"rich_markup_mode": None, "no_args_is_help": True, "pretty_exceptions_enable": False}

app: typer.Typer = typer.Typer(
    help="Look after the users of an assistant, and the tables that remember them.",
    epilog="Settings come from DYNADB_… variables, --config, and the flags above, which may stand anywhere.",
    add_completion=False,
    **PLAIN,
)
user: typer.Typer = typer.Typer(help="Look at users, take their data out, delete them.", **PLAIN)
table: typer.Typer = typer.Typer(help="Create, describe and delete the tables.", **PLAIN)
app.add_typer(user, name="user")
app.add_typer(table, name="table")

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Capacity = Annotated[float | None, typer.Option(min=0.1, help="Capacity units per second to stay under.")]
UserId = Annotated[str, typer.Argument(metavar="ID", help="The user's id.")]


@app.callback()
def settings(
    ctx: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="A configuration, as TOML or JSON.", exists=True, dir_okay=False, metavar="FILE"),
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table's name.", metavar="NAME")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="A server, memory: or file:PATH.", metavar="URL")] = None,
    region: Annotated[str | None, typer.Option(help="AWS's region.", metavar="NAME")] = None,
) -> None:
    """Look after the users of an assistant, and the tables that remember them."""
    ctx.obj = Settings(config, table, endpoint_url, region)


@user.command("list", epilog="Example: dynadb user list --table assistant-users --limit 20")
def list_users(
    ctx: typer.Context,
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    token: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    max_capacity: Capacity = None,
    json: AsJson = False,
) -> None:
    """List all users, one id a line."""
    from dynadb_async.cli import users

    users.list_all(ctx.obj, limit=limit, token=token, max_capacity=max_capacity, as_json=json)


@user.command("show", epilog="Example: dynadb user show user-1 --table assistant-users")
def show_user(ctx: typer.Context, user_id: UserId, *, json: AsJson = False) -> None:
    """Show a user: times, session, history, conversations, sizes."""
    from dynadb_async.cli import users

    users.show(ctx.obj, user_id, as_json=json)


@user.command("export", epilog="Example: dynadb user export user-1 ada.json --table assistant-users")
def export_user(
    ctx: typer.Context,
    user_id: UserId,
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output without it.")] = None,
    *,
    json: AsJson = True,  # noqa: ARG001 - said for other commands, and no harm here
) -> None:
    """Take out all that is stored about a user, as JSON."""
    from dynadb_async.cli import users

    users.export(ctx.obj, user_id, file)


@user.command("delete", epilog="Example: dynadb user delete user-1 --table assistant-users --yes")
def delete_user(ctx: typer.Context, user_id: UserId, *, yes: Yes = False, json: AsJson = False) -> None:
    """Delete a user with all conversations, and look whether anything is left."""
    from dynadb_async.cli import users

    users.delete(ctx.obj, user_id, is_sure=yes, as_json=json)


@table.command("create", epilog="Example: dynadb table create --table assistant-users --region eu-central-1")
def create_table(ctx: typer.Context) -> None:
    """Create the tables that the configuration names, and wait until they are ACTIVE."""
    from dynadb_async.cli import tables

    tables.create(ctx.obj)


@table.command("describe", epilog="Example: dynadb table describe --table assistant-users --json")
def describe_table(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Show what DynamoDB says of the tables."""
    from dynadb_async.cli import tables

    tables.describe(ctx.obj, as_json=json)


@table.command("delete", epilog="Example: dynadb table delete --table assistant-users")
def delete_table(
    ctx: typer.Context,
    *,
    confirm: Annotated[str | None, typer.Option(metavar="NAME", help="The table's name, instead of asking.")] = None,
) -> None:
    """Delete the tables with all users in them; it asks for the table's name."""
    from dynadb_async.cli import tables

    tables.delete(ctx.obj, confirm)


@app.command(epilog="Example: dynadb policy --runtime --table assistant-users > policy.json")
def policy(
    ctx: typer.Context,
    *,
    runtime: Annotated[bool, typer.Option("--runtime", help="For the app.")] = False,
    setup: Annotated[bool, typer.Option("--setup", help="For who creates the tables.")] = False,
    operate: Annotated[bool, typer.Option("--operate", help="For who runs this command.")] = False,
) -> None:
    """Print the least IAM policy for the configuration; of all three roles without a flag."""
    from dynadb_async.cli import policies

    policies.show(ctx.obj, runtime=runtime, setup=setup, operate=operate)


@app.command(epilog="Example: dynadb doctor --table assistant-users || alert")
def doctor(ctx: typer.Context, *, json: AsJson = False) -> None:
    """Find out what keeps turns from working, and what to do; status 1 if anything does."""
    from dynadb_async.cli import tables

    tables.diagnose(ctx.obj, as_json=json)


@app.command("export", epilog="Example: dynadb export users.jsonl --table assistant-users --max-capacity 50")
def export_all(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to; - for standard output.")],
    *,
    max_capacity: Capacity = None,
    segments: Annotated[int, typer.Option(min=1, max=100, help="Places to read at, at once.")] = 8,
) -> None:
    """Write all users to a file of JSON Lines. After an end in its midst, the same again goes on."""
    from dynadb_async.cli import exporting

    exporting.export(ctx.obj, file, max_capacity=max_capacity, segments=segments)


@app.command("import", epilog="Example: dynadb import users.jsonl --endpoint-url file:dev.json --table users")
def import_all(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON Lines, a DynamoDB export or a FileDb file; or - for input.")],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace users who are there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be.")] = False,
    max_capacity: Capacity = None,
) -> None:
    """Read users from a file into the table; who is there already is left alone."""
    from dynadb_async.cli import importing

    importing.import_file(ctx.obj, file, overwrite=overwrite, dry_run=dry_run, max_capacity=max_capacity)


@app.command(epilog="Example: dynadb inspect --table assistant-users")
def inspect(
    ctx: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="The interface to listen on.", metavar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
    allow_delete: Annotated[bool, typer.Option("--allow-delete", help="Users may be deleted.")] = False,
) -> None:
    """Look at users in the browser: read-only, and on this machine only, unless told otherwise."""
    from dynadb_async.cli import inspecting

    inspecting.inspect(ctx.obj, host=host, port=port, allow_delete=allow_delete)
