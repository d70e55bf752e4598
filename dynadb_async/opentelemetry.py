"""
Spans and metrics through OpenTelemetry's API. Needs `dynadb-async[opentelemetry]`, and the app's own SDK and exporter.

    db = AsyncDynamoDb("assistant-users")
    instrument(db)

Spans `dynadb.turn`, and in it `dynadb.load` and `dynadb.save`; an event in them for each request that failed. The app's
own spans stay where they would be without: `dynadb.turn` is never the current span while the app's code runs. Metrics
`dynadb.duration` (of each of the spans), `dynadb.attempts`, `dynadb.conflicts`, `dynadb.duplicates` and
`dynadb.consumed_capacity`. None of them holds a user id, what is stored or said, or the text of an error.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from importlib.metadata import version
from typing import Any

try:
    from opentelemetry import context, metrics, trace
except ImportError as _missing:
    problem = "this needs OpenTelemetry's API: pip install 'dynadb-async[opentelemetry]'"
    raise ImportError(problem, name="opentelemetry") from _missing

from dynadb_async import AsyncDynamoDb

NAME, VERSION = "dynadb_async", version("dynadb-async")
SYSTEM = {"db.system.name": "aws.dynamodb"}
TURN = "turn"
CONDITION_FAILED = "ConditionalCheckFailedException"


def instrument(
    db: AsyncDynamoDb[Any],
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> None:
    """
    Switch tracing and metrics on for what *db* does from now on.

    DynamoDB is then asked what each request costs, which makes its answers some 60 bytes longer.

    Args:
        db: The adapter.
        tracer_provider: In place of the app's global one.
        meter_provider: In place of the app's global one.
    """
    db.observer = OpenTelemetryObserver(
        trace.get_tracer(NAME, VERSION, tracer_provider), metrics.get_meter(NAME, VERSION, meter_provider)
    )


class OpenTelemetryObserver:
    """
    An adapter's work as spans and metrics.

    Attributes:
        turn: The span of the turn whose work it hears of; None if it is not within a turn.
    """

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self.turn: trace.Span | None = None
        self._duration = meter.create_histogram("dynadb.duration", "s", "How long turns, loads and saves took.")
        self._attempts = meter.create_counter("dynadb.attempts", "{request}", "Requests sent to DynamoDB.")
        self._conflicts = meter.create_counter("dynadb.conflicts", "{save}", "Saves that met another turn's changes.")
        self._duplicates = meter.create_counter("dynadb.duplicates", "{turn}", "Turns that were delivered again.")
        self._capacity = meter.create_counter("dynadb.consumed_capacity", "{unit}", "What DynamoDB charged.")

    @contextmanager
    def doing(self, name: str) -> Iterator["OpenTelemetryObserver"]:
        """Make a span, and a measurement of how long it took; what hears of the rest knows the span as the turn's."""
        began, outcome = time.perf_counter(), {}
        around = None if self.turn is None else trace.set_span_in_context(self.turn)
        span = self._tracer.start_span(f"dynadb.{name}", around, attributes=SYSTEM)
        try:
            with nullcontext() if name == TURN else _current(span):
                yield self._within(span) if name == TURN else self
        except BaseException as error:
            # Its text is not recorded: it may be a handler's own, with a person's words.
            outcome = {"error.type": type(error).__name__}
            span.set_attributes(outcome)
            span.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            span.end()
            self._duration.record(time.perf_counter() - began, {"dynadb.step": name} | outcome)

    def _within(self, turn: trace.Span) -> "OpenTelemetryObserver":
        within = copy(self)
        within.turn = turn
        return within

    def attempted(self, operation: str, code: str, capacity_units: float) -> None:
        """Count the request; a failed one is also an event of the span around it."""
        told = {"db.operation.name": operation}
        failed = told | {"error.type": code} if code else told
        self._attempts.add(1, failed)
        if capacity_units:
            self._capacity.add(capacity_units, told)
        if code == CONDITION_FAILED:
            self._conflicts.add(1)
        if code:
            trace.get_current_span().add_event("dynadb.attempt_failed", failed)

    def duplicate(self) -> None:
        """Count it, and say so on the span."""
        self._duplicates.add(1)
        if self.turn is not None:
            self.turn.set_attribute("dynadb.is_duplicate", value=True)


@contextmanager
def _current(span: trace.Span) -> Iterator[None]:
    """
    Make *span* the current one, without a token that has to be given back.

    An event loop that ends in the midst of it ends it in another context, where a token would be refused.
    """
    before = context.get_current()
    context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        if trace.get_current_span() is span:
            context.attach(before)
