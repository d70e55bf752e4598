"""What is traced and counted, and what is not."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.botocore import AiobotocoreInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dynadb_async import AsyncDynamoDb, ThrottledError, Turn, VersionConflictError
from dynadb_async.opentelemetry import instrument
from dynadb_async.running.metered import Meter
from tests.engines import Engine
from tests.proxy import Fault, FaultProxy, script
from tests.tables import Table, new_table

DONE = ("load", "save")
SECRET = "a person's own words"


class Telemetry:
    """What was exported, of one adapter and of what else uses its providers."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracer_provider, self.meter_provider = TracerProvider(), MeterProvider([self.reader])
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def observed(self, db: AsyncDynamoDb[Any]) -> AsyncDynamoDb[Any]:
        """The same adapter, instrumented."""
        instrument(db, tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)
        return db

    def spans(self) -> list[ReadableSpan]:
        """In the order in which they ended."""
        return list(self.exporter.get_finished_spans())

    def parents(self) -> list[tuple[str, str | None]]:
        """Each span's name and that of the span around it."""
        names = {span.context.span_id: span.name for span in self.spans() if span.context}
        return [(span.name, names[span.parent.span_id] if span.parent else None) for span in self.spans()]

    def metrics(self) -> dict[str, dict[tuple[str, ...], Any]]:
        """The data points of each metric, by the values of their attributes."""
        data: Any = self.reader.get_metrics_data()
        found = [
            metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
        ]
        return {metric.name: {_key(point): _value(point) for point in metric.data.data_points} for metric in found}


def _key(point: Any) -> tuple[str, ...]:
    return tuple(str(point.attributes[name]) for name in sorted(point.attributes))


def _value(point: Any) -> Any:
    return point.count if hasattr(point, "count") else point.value


@pytest.fixture
def telemetry() -> Telemetry:
    """Exporters of the test's own."""
    return Telemetry()


@pytest.fixture(scope="module")
def table(dynamodb_local: Engine) -> Iterator[Table]:
    """A table on the engine that charges as DynamoDB does."""
    with new_table(dynamodb_local) as table:
        yield table


async def visit(db: AsyncDynamoDb[Any], user_id: str, **options: Any) -> None:
    """One turn."""
    async with db.turn(user_id, **options) as turn:
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1


async def test_load_and_save_are_spans_within_the_turn(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """A checkpoint too; the turn is within what is around it, and so are the handler's own spans."""
    tracer = telemetry.tracer_provider.get_tracer("app")
    async with telemetry.observed(table.adapter()) as db:
        with tracer.start_as_current_span("request"):
            async with db.turn(table_name) as turn:
                with tracer.start_as_current_span("handler"):
                    await db.save(turn)

    assert telemetry.parents() == [
        ("dynadb.load", "dynadb.turn"),
        ("dynadb.save", "dynadb.turn"),
        ("handler", "request"),
        ("dynadb.save", "dynadb.turn"),
        ("dynadb.turn", "request"),
        ("request", None),
    ]


async def test_two_turns_at_once_have_their_own(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """A turn inside another user's turn, ended in whichever order: each load and save is its own turn's."""
    async with telemetry.observed(table.adapter()) as db:
        first, second = db.turn(f"{table_name}-1"), db.turn(f"{table_name}-2")
        for turn in (first, second):
            await turn.__aenter__()
        for turn in (first, second):
            await turn.__aexit__(None, None, None)

    assert (
        telemetry.parents()
        == [("dynadb.load", "dynadb.turn")] * 2
        + [
            ("dynadb.save", "dynadb.turn"),
            ("dynadb.turn", None),
        ]
        * 2
    )
    loads, saves = ([span.parent for span in telemetry.spans() if span.name == f"dynadb.{step}"] for step in DONE)
    assert loads == saves
    assert len({parent.span_id for parent in loads if parent}) == 2


async def streamed(db: AsyncDynamoDb[Any], user_id: str) -> AsyncIterator[str]:
    """A reply that is sent piece by piece, within its turn, as on the page about webhooks."""
    async with db.turn(user_id) as turn:
        for piece in ("Hello", "again"):
            turn.output = piece
            yield piece


async def left_early(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """Whoever listens leaves in the midst; the generator ends when it is collected, in a task of the event loop's."""
    pieces = streamed(db, user_id)
    async for _ in pieces:
        break
    del pieces
    gc.collect()


async def closed_early(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """Whoever listens leaves, and another task closes the generator."""
    pieces = streamed(db, user_id)
    await anext(pieces)
    await asyncio.create_task(pieces.aclose())  # type: ignore[attr-defined]


async def ended_by_another_task(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """Each piece is asked for by a task of its own, as frameworks do."""
    pieces = streamed(db, user_id)
    while await asyncio.create_task(anext(pieces, "")):  # type: ignore[arg-type]
        pass


async def ended_by_hand(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """A turn that one task began and another one ends."""
    turn = db.turn(user_id)
    await turn.__aenter__()
    await asyncio.create_task(turn.__aexit__(None, None, None))  # type: ignore[arg-type]


async def left_with_the_loop(db: AsyncDynamoDb[Any], user_id: str) -> None:
    """A task that nobody waits for is cancelled in the midst of a load."""
    task = asyncio.create_task(visit(db, user_id))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("end", [left_early, closed_early, ended_by_another_task, ended_by_hand, left_with_the_loop])
async def test_a_turn_may_end_anywhere(
    end: Callable[..., Awaitable[None]],
    table: Table,
    table_name: str,
    telemetry: Telemetry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is logged, no span that has ended is current for what comes next, and each turn's span ends."""
    tracer = telemetry.tracer_provider.get_tracer("app")
    async with telemetry.observed(table.adapter()) as db:
        with tracer.start_as_current_span("request") as request:
            await end(db, table_name)
            assert trace.get_current_span() is request
            await asyncio.sleep(0.05)
            assert trace.get_current_span() is request

    assert not trace.get_current_span().get_span_context().is_valid
    assert [record.message for record in caplog.records if record.name.startswith("opentelemetry")] == []
    parents = telemetry.parents()
    assert ("dynadb.turn", "request") in parents
    assert {around for name, around in parents if name in ("dynadb.load", "dynadb.save")} <= {"dynadb.turn"}


async def test_a_duplicate_is_marked_on_its_turn(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """And not on the app's own span around it."""
    tracer = telemetry.tracer_provider.get_tracer("app")
    async with telemetry.observed(table.adapter()) as db:
        await visit(db, table_name, turn_id="t-1")
        with tracer.start_as_current_span("request"):
            await visit(db, table_name, turn_id="t-1")

    marked = [span.name for span in telemetry.spans() if (span.attributes or {}).get("dynadb.is_duplicate")]
    assert marked == ["dynadb.turn"]


async def test_an_observer_of_ones_own_may_give_another_one(table: Table, table_name: str) -> None:
    """What `doing("turn")` gives hears of what is done within; one that gives nothing hears of it itself."""
    heard: list[str] = []

    class Ears:
        def __init__(self, name: str = "", inner: "Ears | None" = None) -> None:
            self.name, self.inner = name, inner

        @contextmanager
        def doing(self, name: str) -> Iterator["Ears | None"]:
            heard.append(self.name + name)
            yield self.inner

        def attempted(self, operation: str, code: str, capacity_units: float) -> None:
            """Not listened to here."""

        def duplicate(self) -> None:
            heard.append(f"{self.name}duplicate")

    for observer in (Ears(), Ears(inner=Ears("inner "))):
        db = table.adapter()
        db.observer = observer
        async with db:
            await visit(db, table_name, turn_id="t-1")
            await visit(db, table_name, turn_id="t-1")
        Meter(observer).duplicate()

    assert heard == [
        *("turn", "load", "save", "turn", "load", "duplicate", "duplicate"),
        *("turn", "inner load", "inner duplicate", "turn", "inner load", "inner duplicate", "duplicate"),
    ]


async def test_switched_on_later(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """What begins then is traced and counted, of a turn that is open its save; and no more once it is switched off."""
    async with table.adapter() as db:
        async with db.turn(table_name):
            telemetry.observed(db)
        await visit(db, table_name)
        db.observer = None
        await visit(db, table_name)

    assert [span.name for span in telemetry.spans()] == ["dynadb.save", "dynadb.load", "dynadb.save", "dynadb.turn"]
    assert telemetry.metrics()["dynadb.attempts"] == {("UpdateItem",): 2, ("GetItem",): 1}


async def test_durations_requests_and_costs_are_measured(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """A turn is one consistent read of a unit, and one write of a unit."""
    async with telemetry.observed(table.adapter()) as db:
        await visit(db, table_name)

    metrics = telemetry.metrics()
    assert metrics["dynadb.duration"] == {("turn",): 1, ("load",): 1, ("save",): 1}
    requests = {name: count for name, count in metrics["dynadb.attempts"].items() if "Table" not in name[0]}
    assert requests == {("GetItem",): 1, ("UpdateItem",): 1}
    assert metrics["dynadb.consumed_capacity"] == {("GetItem",): 1.0, ("UpdateItem",): 1.0}


async def test_conflicts_and_duplicates_are_counted(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """A save that met another turn's, and a turn that came again."""
    async with telemetry.observed(table.adapter()) as db, telemetry.observed(table.adapter()) as other:
        turn = await db.load(table_name, turn_id="t-1")
        turn.user.data["visits"] = 1
        await visit(other, table_name, turn_id="t-2")
        with pytest.raises(VersionConflictError):
            await db.save(turn)
        await visit(db, table_name, turn_id="t-2")

    metrics = telemetry.metrics()
    assert metrics["dynadb.conflicts"] == {(): 1}
    assert metrics["dynadb.duplicates"] == {(): 1}
    assert metrics["dynadb.duration"]["save", "VersionConflictError"] == 1


async def test_each_attempt_is_counted(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """Those that failed with their reason, and as events of the operation's span."""
    async with FaultProxy(table.engine, script(*[Fault.THROTTLE] * 2, operations=["UpdateItem"])) as proxy:
        config = table.config(client=proxy.client_settings)
        async with telemetry.observed(table.adapter(config=config)) as db:
            await visit(db, table_name)

    attempts = telemetry.metrics()["dynadb.attempts"]
    assert attempts["UpdateItem", "ProvisionedThroughputExceededException"] == 2
    assert attempts["UpdateItem",] == 1
    save = next(span for span in telemetry.spans() if span.name == "dynadb.save")
    assert [event.name for event in save.events] == ["dynadb.attempt_failed"] * 2


async def test_a_failure_is_the_spans_status(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """By its type, on the span that failed and on the turn's."""
    async with FaultProxy(table.engine, script(*[Fault.THROTTLE] * 9, operations=["UpdateItem"])) as proxy:
        config = table.config(client=proxy.client_settings | {"operation_timeout": 0.3})
        async with telemetry.observed(table.adapter(config=config)) as db:
            with pytest.raises(ThrottledError):
                await visit(db, table_name)

    failed = {span.name: (span.attributes or {}).get("error.type") for span in telemetry.spans()}
    assert failed == {"dynadb.load": None, "dynadb.save": "ThrottledError", "dynadb.turn": "ThrottledError"}


async def test_no_user_and_no_word_is_told(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """Neither of what is stored, nor of what a handler raises."""

    async def fail(turn: Turn[Any]) -> None:
        turn.user.data["word"] = SECRET
        raise ValueError(SECRET)

    async def fail_after_checkpoint(db: AsyncDynamoDb[Any]) -> None:
        async with db.turn(table_name) as turn:
            turn.user.data["word"] = SECRET
            await db.save(turn)
            await fail(turn)

    async with telemetry.observed(table.adapter()) as db:
        with pytest.raises(ValueError, match=SECRET):
            await db.handle(table_name, fail)
        with pytest.raises(ValueError, match=SECRET):
            await fail_after_checkpoint(db)

    told = "".join(span.to_json() for span in telemetry.spans()) + str(telemetry.reader.get_metrics_data())
    assert table_name not in told
    assert SECRET not in told


async def test_the_sdks_own_spans_are_seen_within_ours(table: Table, table_name: str, telemetry: Telemetry) -> None:
    """Where OpenTelemetry traces aiobotocore, its spans are there, and within load and save."""
    instrumentor = AiobotocoreInstrumentor()
    instrumentor.instrument(tracer_provider=telemetry.tracer_provider, meter_provider=telemetry.meter_provider)
    try:
        async with telemetry.observed(table.adapter()) as db:
            await visit(db, table_name)
    finally:
        instrumentor.uninstrument()

    within = [(name, around) for name, around in telemetry.parents() if around in ("dynadb.load", "dynadb.save")]
    assert [around for _, around in within if "Item" in _] == ["dynadb.load", "dynadb.save"]


def test_who_does_not_switch_it_on_pays_nothing() -> None:
    """OpenTelemetry is not even imported."""
    program = "import sys, dynadb_async; sys.exit('opentelemetry' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_opentelemetry_the_error_names_the_extra() -> None:
    """Whoever lacks the API is told what to install."""
    program = "import sys; sys.modules['opentelemetry'] = None; import dynadb_async.opentelemetry"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1].endswith("pip install 'dynadb-async[opentelemetry]'")
