"""Telemetry: traces and metrics through OpenTelemetry's API, where it is installed, and structured logs.

A sale is one trace from its checkout to the entitlement, whichever processes have a part in it: the trace's
id is a hash of the checkout's id, so that nothing has to be carried along. What an application asks for is a
span in the application's own trace; the sale's spans link to it. Without the API, or without an SDK that
somebody has set up, nothing is made and little is spent.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from purchase_core.errors import PurchaseError
from purchase_core.operations.signals import Signal, signals_of
from purchase_core.plugins.hookspecs import ProviderCall
from purchase_core.ports.batch import Batch

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span, Tracer

NAME = "purchase"
NANOSECONDS = 1_000  # in a microsecond
WATCHED: Mapping[str, tuple[str, ...]] = {
    "checkout": ("start", "switch", "close", "claim"),
    "webhooks": ("receive",),
    "subscriptions": ("change", "cancel", "uncancel", "pause", "resume"),
    "purchases": ("refund",),
    "invoices": ("refund",),
}
"""What an application asks for, by the part of the billing: each is a span while it lasts."""

log = logging.getLogger("purchase.activity")


class Telemetry:
    """Tells of what happens. `tracer` and `meter` are OpenTelemetry's, None where it is not installed."""

    def __init__(self, tracer: Tracer | None = None, meter: Meter | None = None) -> None:
        self._tracer = tracer
        self._calls = self._durations = self._asked = self._signals = None
        if meter is not None:
            self._calls = meter.create_counter(
                "purchase.provider.calls", unit="{call}", description="Calls of providers that have ended."
            )
            self._durations = meter.create_histogram(
                "purchase.provider.duration", unit="s", description="How long calls of providers took."
            )
            self._asked = meter.create_histogram(
                "purchase.operation.duration", unit="s", description="How long what was asked for took."
            )
            self._signals = meter.create_counter(
                "purchase.signals", unit="{signal}", description="What became true, by its name."
            )

    # --- what it is told -----------------------------------------------------------------------

    def on_provider_call(self, call: ProviderCall) -> None:
        """A call of a provider has ended."""
        about = {"connection": call.connection, "operation": call.operation, "outcome": call.outcome}
        if self._calls is not None and self._durations is not None:
            self._calls.add(1, about)
            self._durations.record(call.duration_microseconds / 1e6, about)
        if self._tracer is not None:
            now = time.time_ns()
            span = self._tracer.start_span(
                f"{NAME}.provider.{call.operation}",
                start_time=now - call.duration_microseconds * NANOSECONDS,
                attributes=_named({**about, "plugin": call.plugin}),
            )
            if call.outcome != "ok":
                _failed(span, call.outcome)
            span.end(end_time=now)
        _log("provider call", {**about, "microseconds": call.duration_microseconds})

    def on_commit(self, batch: Batch) -> None:
        """Something was written. Called after it was, and never raises."""
        tracer = self._tracer if self._tracer is not None and _is_set_up() else None
        if not (tracer or self._signals or log.isEnabledFor(logging.INFO)):
            return
        try:
            for signal in signals_of(batch):
                if self._signals is not None:
                    self._signals.add(1, {"name": signal.name})
                if tracer is not None and signal.intent:
                    self._place(tracer, signal)
                _log(signal.name, {"intent": signal.intent, **signal.attributes})
        except Exception as error:  # whoever is told must not undo what was written
            log.warning("telemetry failed: %s", type(error).__name__)

    def watch(self, billing: object) -> None:
        """From now on, what the application asks this billing for is a span while it lasts."""
        for part, operations in WATCHED.items():
            service = getattr(billing, part)
            for operation in operations:
                if hasattr(service, operation):
                    name = f"{NAME}.{part}.{operation}"
                    setattr(service, operation, self._watched(name, getattr(service, operation)))

    # --- how it tells --------------------------------------------------------------------------

    def _place(self, tracer: Tracer, signal: Signal) -> None:
        """A span in the sale's own trace, linked to what is going on."""
        from opentelemetry import trace  # noqa: PLC0415  # it is installed, if there is a tracer

        current = trace.get_current_span().get_span_context()
        span = tracer.start_span(
            f"{NAME}.{signal.name}",
            context=trace.set_span_in_context(trace.NonRecordingSpan(sale_of(signal.intent))),
            links=[trace.Link(current)] if current.is_valid else [],
            start_time=signal.at * NANOSECONDS,
            attributes=_named({"intent": signal.intent, **signal.attributes}),
        )
        span.end(end_time=signal.at * NANOSECONDS)

    def _watched(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(call)
        async def watched(*arguments: object, **options: object) -> object:
            started, outcome = time.perf_counter(), "ok"
            span = self._tracer.start_span(name) if self._tracer else None
            try:
                with _current(span):
                    answer = await call(*arguments, **options)
                outcome = str(getattr(answer, "status", outcome))
                if span is not None:
                    span.set_attributes(_named(_ids_of(answer)))
            except BaseException as error:
                outcome = error.code if isinstance(error, PurchaseError) else type(error).__name__
                if span is not None:
                    _failed(span, outcome)
                raise
            else:
                return answer
            finally:
                if span is not None:
                    span.end()
                if self._asked is not None:
                    self._asked.record(time.perf_counter() - started, {"operation": name, "outcome": outcome})
                _log(name, {"outcome": outcome})

        return watched


def telemetry() -> Telemetry:
    """With OpenTelemetry's API, where it is installed."""
    try:
        from opentelemetry import metrics, trace  # noqa: PLC0415  # 100 ms, for those who have it
    except ImportError:
        return Telemetry()
    return Telemetry(trace.get_tracer(NAME), metrics.get_meter(NAME))


def _is_set_up() -> bool:
    """Whether somebody has set up an SDK, so that spans go anywhere."""
    from opentelemetry import trace  # noqa: PLC0415  # it is installed, if there is a tracer

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def sale_of(intent: str) -> Any:
    """The context of a sale's trace: the same in every process, from the checkout's id alone."""
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415  # as above

    digest = sha256(f"{NAME}:{intent}".encode()).digest()
    return SpanContext(
        trace_id=int.from_bytes(digest[:16]) or 1,
        span_id=int.from_bytes(digest[16:24]) or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _current(span: Span | None) -> Any:
    from contextlib import nullcontext  # noqa: PLC0415  # beside what it stands for

    if span is None:
        return nullcontext()
    from opentelemetry import trace  # noqa: PLC0415  # as above

    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _failed(span: Span, outcome: str) -> None:
    """By the error's code alone: its words may quote what a provider said."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415  # as above

    span.set_status(Status(StatusCode.ERROR, outcome))


def _named(attributes: Mapping[str, str]) -> dict[str, str]:
    return {f"{NAME}.{name}": value for name, value in attributes.items()}


def _ids_of(answer: object) -> dict[str, str]:
    """Our own ids, and the connection's name, of what came of an operation."""
    found = {name: getattr(answer, name, "") for name in ("receipt", "connection", "delivery_id")}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _log(message: str, about: Mapping[str, object]) -> None:
    if log.isEnabledFor(logging.INFO):
        log.info(message, extra={NAME: dict(about)})
