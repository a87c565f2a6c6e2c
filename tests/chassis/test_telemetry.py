from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.chassis import telemetry as process
from services.chassis.settings import Settings
from services.chassis.telemetry import Telemetry, configure_logs, correlated, current_correlation_id, current_traceparent, log, trace_id
from services.vocabulary.errors import NotFound

FOREIGN = f"00-{'ab' * 16}-{'cd' * 8}-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def telemetry(spans: InMemorySpanExporter) -> Telemetry:
    return Telemetry("agreements", processors=(SimpleSpanProcessor(spans),))


def test_a_span_inside_another_is_its_child(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    with telemetry.span("outer"):
        outer = trace_id()
        with telemetry.span("inner"):
            assert trace_id() == outer
    inner_span, outer_span = spans.get_finished_spans()
    assert inner_span.parent is not None
    assert outer_span.context is not None
    assert inner_span.parent.span_id == outer_span.context.span_id


def test_a_traceparent_from_elsewhere_is_carried_on(telemetry: Telemetry) -> None:
    with telemetry.span("consumed", traceparent=FOREIGN):
        assert trace_id() == "ab" * 16
        assert current_traceparent().split("-")[1] == "ab" * 16
        assert current_traceparent() != FOREIGN


def test_nonsense_for_a_traceparent_begins_a_trace_of_its_own(telemetry: Telemetry) -> None:
    with telemetry.span("consumed", traceparent="00-nonsense"):
        assert len(trace_id()) == 32


def test_outside_any_span_there_are_no_ids() -> None:
    assert (trace_id(), current_traceparent(), current_correlation_id()) == ("", "", "")


def test_each_service_of_a_process_is_told_by_its_own_name(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    with telemetry.span("asked", service="measurement"), telemetry.span("answered"):
        pass
    names = [span.resource.attributes["service.name"] for span in spans.get_finished_spans()]
    assert names == ["upheld-agreements", "upheld-measurement"]


def test_a_refusal_is_no_fault_of_the_span_and_anything_else_is(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    with pytest.raises(NotFound), telemetry.span("refused"):
        raise NotFound("no such agreement")
    with pytest.raises(RuntimeError), telemetry.span("broken"):
        raise RuntimeError("disk full")
    refused, broken = spans.get_finished_spans()
    assert refused.status.status_code.name == "UNSET"
    assert refused.attributes is not None
    assert refused.attributes["upheld.refusal"] == "not-found"
    assert (broken.status.status_code.name, broken.events[0].name) == ("ERROR", "exception")


def test_correlation_is_that_of_the_innermost(telemetry: Telemetry) -> None:
    with correlated("outer"):
        with correlated("inner"):
            assert current_correlation_id() == "inner"
        assert current_correlation_id() == "outer"


def test_answers_are_counted_by_operation_and_status() -> None:
    reader = InMemoryMetricReader()
    telemetry = Telemetry("agreements", reader=reader)
    for status in ("200", "200", "404"):
        telemetry.answered(door="http", service="agreements", operation="get_agreement", status=status, seconds=0.25)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {metric.name: metric.data.data_points for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    counted = {
        str(point.attributes["status"]): point.value
        for point in metrics["upheld.requests"]
        if isinstance(point, NumberDataPoint) and point.attributes is not None
    }
    assert counted == {"200": 2, "404": 1}
    assert "upheld.request.duration" in metrics


def test_a_log_line_is_one_json_object_on_standard_error_with_its_trace(telemetry: Telemetry) -> None:
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        configure_logs("info")
        with telemetry.span("working"), correlated("job-7"):
            expected = trace_id()
            log("relay").info("published", position=7)
            log("relay").debug("not told at this level")
    [line] = [json.loads(text) for text in error.getvalue().splitlines()]
    assert (line["event"], line["position"], line["level"]) == ("published", 7, "info")
    assert (line["trace_id"], line["correlation_id"], line["logger"]) == (expected, "job-7", "services.relay")
    assert out.getvalue() == ""


class Collector(BaseHTTPRequestHandler):
    received: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def collecting() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    received: list[tuple[str, bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Listening", (Collector,), {"received": received}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_spans_and_figures_reach_a_collector() -> None:
    with collecting() as (endpoint, received):
        telemetry = Telemetry.open(Settings(otlp_endpoint=endpoint), "agreements")
        with process.span("drafted", attributes={"agreement": "a-1"}, service="measurement"):
            expected = trace_id()
        telemetry.answered(door="http", service="agreements", operation="draft_agreement", status="201", seconds=0.1)
        telemetry.flush()
        telemetry.close()
    traces = [ExportTraceServiceRequest.FromString(body) for path, body in received if path == "/v1/traces"]
    [resource] = traces[0].resource_spans
    assert resource.scope_spans[0].spans[0].trace_id.hex() == expected
    assert "upheld-measurement" in {attribute.value.string_value for attribute in resource.resource.attributes}
    figures = [ExportMetricsServiceRequest.FromString(body) for path, body in received if path == "/v1/metrics"]
    assert "upheld.requests" in {metric.name for metric in figures[0].resource_metrics[0].scope_metrics[0].metrics}


def test_without_a_collector_nothing_is_exported_and_ids_are_still_made() -> None:
    error = io.StringIO()
    with redirect_stderr(error):
        telemetry = Telemetry.open(Settings(), "agreements")
        with process.span("drafted"):
            assert len(trace_id()) == 32
        telemetry.close()
    assert error.getvalue() == ""


def test_the_console_shows_spans_only_when_asked_and_never_on_standard_output() -> None:
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        telemetry = Telemetry.open(Settings(console_telemetry=True), "agreements")
        with telemetry.span("drafted"):
            pass
        telemetry.close()
    assert "drafted" in error.getvalue()
    assert out.getvalue() == ""


def test_a_span_of_a_process_without_telemetry_is_harmless() -> None:
    with process.span("offline"):
        assert trace_id() == ""
