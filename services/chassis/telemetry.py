"""Traces, metrics and log lines: one trace across HTTP, gRPC and NATS, one JSON object a line. Never writes to standard output.

Each service of a process has its own resource (`service.name` = "upheld-<service>"), whether it runs alone or beside the others.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import structlog
from opentelemetry import trace
from opentelemetry.context import Context as TraceContext
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace import TracerProvider as AnyTracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict, WrappedLogger

from services.chassis.settings import Settings
from services.vocabulary.errors import Refusal

Attributes = Mapping[str, str | int | float | bool]
Door = Literal["http", "grpc", "nats"]

_SCOPE = "upheld"
_EXPORT_EVERY_MS = 500
_EXPORT_TIMEOUT_S = 5
_PROPAGATOR = TraceContextTextMapPropagator()


class Telemetry:
    """The spans and figures of a process; exported by OTLP/HTTP where a collector is set, otherwise only ids are made."""

    def __init__(self, service: str, *, processors: tuple[SpanProcessor, ...] = (), reader: MetricReader | None = None) -> None:
        self.service = service
        self._processors = processors
        self._tracers: dict[str, Tracer] = {}
        self._meters = MeterProvider(
            [reader] if reader else [], resource=Resource.create({"service.name": f"upheld-{service}"}), shutdown_on_exit=False
        )
        meter = self._meters.get_meter(_SCOPE)
        self._requests = meter.create_counter("upheld.requests", unit="1", description="Requests answered, by door, operation and status")
        self._duration = meter.create_histogram("upheld.request.duration", unit="s", description="From a request to the end of its answer")

    @classmethod
    def open(cls, settings: Settings, service: str) -> Telemetry:
        """Also sets the process's log lines up; spans made by the module's own `span` belong to the last one opened."""
        configure_logs(settings.log_level)
        processors: list[SpanProcessor] = []
        reader: MetricReader | None = None
        if settings.otlp_endpoint:
            base = settings.otlp_endpoint.rstrip("/")
            exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_EXPORT_TIMEOUT_S)
            processors.append(BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EVERY_MS))
            reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_EXPORT_TIMEOUT_S))
        if settings.console_telemetry:
            processors.append(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
        opened = cls(service, processors=tuple(processors), reader=reader)
        _process.telemetry = opened
        return opened

    @property
    def tracer(self) -> Tracer:
        return self.tracer_of(self.service)

    def tracer_of(self, service: str) -> Tracer:
        """The tracer whose spans are told as made by that service of the process."""
        found = self._tracers.get(service)
        if found is None:
            provider = TracerProvider(
                sampler=ParentBased(ALWAYS_ON), resource=Resource.create({"service.name": f"upheld-{service}"}), shutdown_on_exit=False
            )
            for processor in self._processors:
                provider.add_span_processor(processor)
            found = self._tracers[service] = provider.get_tracer(_SCOPE)
        return found

    @contextmanager
    def span(
        self,
        name: str,
        *,
        traceparent: str = "",
        attributes: Attributes | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        service: str = "",
    ) -> Iterator[Span]:
        """The current span of what runs inside; a child of `traceparent` where one is given, else of the current span."""
        with _entered(self.tracer_of(service or self.service), name, traceparent, attributes, kind) as entered:
            yield entered

    def answered(self, *, door: Door, service: str, operation: str, status: str, seconds: float) -> None:
        """Counts one answer."""
        labels = {"door": door, "service": service, "operation": operation, "status": status}
        self._requests.add(1, labels)
        self._duration.record(seconds, labels)

    def current_traceparent(self) -> str:
        return current_traceparent()

    def trace_id(self) -> str:
        return trace_id()

    def flush(self) -> None:
        """Blocks until everything made so far is exported, or a collector's absence is certain."""
        for processor in self._processors:
            processor.force_flush(_EXPORT_TIMEOUT_S * 1000)
        self._meters.force_flush(_EXPORT_TIMEOUT_S * 1000)

    def close(self) -> None:
        """Exports what is left. Blocks, so call it off the loop."""
        for processor in self._processors:
            processor.shutdown()
        self._meters.shutdown(_EXPORT_TIMEOUT_S * 1000)
        if _process.telemetry is self:
            _process.telemetry = None


class _Process:
    telemetry: Telemetry | None = None


_process = _Process()


@contextmanager
def span(
    name: str, *, traceparent: str = "", attributes: Attributes | None = None, kind: SpanKind = SpanKind.INTERNAL, service: str = ""
) -> Iterator[Span]:
    """`Telemetry.span` of the process, for those who were not handed one; an unrecorded span where none is open."""
    if _process.telemetry is not None:
        with _process.telemetry.span(name, traceparent=traceparent, attributes=attributes, kind=kind, service=service) as entered:
            yield entered
    else:
        with _entered(_nowhere().get_tracer(_SCOPE), name, traceparent, attributes, kind) as entered:
            yield entered


def current_traceparent() -> str:
    """The W3C header that makes what follows a child of the current span; "" outside any."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def trace_id() -> str:
    """Of the current span, 32 hexadecimal digits; "" outside any."""
    current = trace.get_current_span().get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else ""


_correlation: ContextVar[str] = ContextVar("correlation", default="")


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """What is asked, logged and published inside belongs together under this id."""
    token = _correlation.set(correlation_id)
    try:
        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
            yield
    finally:
        _correlation.reset(token)


def current_correlation_id() -> str:
    """The innermost `correlated`; "" outside any."""
    return _correlation.get()


def log(name: str) -> structlog.stdlib.BoundLogger:
    """Log lines of a part of the platform: an event in words, then its facts by keyword."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"services.{name}")
    return logger


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error. `level` is for our own lines; libraries speak from warnings up."""
    shared = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace_id,
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(default=str)],
        )
    )
    root = logging.getLogger()
    root.handlers = [*(kept for kept in root.handlers if not isinstance(kept, _StandardError)), handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("services").setLevel(level.upper())


class _StandardError(logging.Handler):
    """Looks the stream up at each line, so that a replaced one is honoured."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def _with_trace_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if current := trace_id():
        event["trace_id"] = current
    return event


def _nowhere() -> AnyTracerProvider:
    return trace.NoOpTracerProvider()


@contextmanager
def _entered(tracer: Tracer, name: str, traceparent: str, attributes: Attributes | None, kind: SpanKind) -> Iterator[Span]:
    """A refusal is an answer, not a fault of the span; everything else that escapes is."""
    parent = _PROPAGATOR.extract({"traceparent": traceparent}, context=TraceContext()) if traceparent else None
    with tracer.start_as_current_span(
        name, context=parent, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as entered:
        try:
            yield entered
        except Refusal as refusal:
            entered.set_attribute("upheld.refusal", refusal.code)
            raise
        except Exception as fault:
            entered.record_exception(fault)
            entered.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise
