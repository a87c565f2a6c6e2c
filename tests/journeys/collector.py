"""A collector of traces: takes OTLP/HTTP exports on loopback and remembers the spans."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, kw_only=True)
class SeenSpan:
    service: str
    name: str
    trace_id: str


@dataclass
class Collector:
    """`endpoint` is what UPHELD_OTLP_ENDPOINT takes."""

    endpoint: str = ""
    spans: list[SeenSpan] = field(default_factory=list)

    def services_in(self, trace_id: str) -> set[str]:
        return {span.service for span in self.spans if span.trace_id == trace_id}

    def wait_for(self, trace_id: str, services: set[str], *, timeout_s: float = 15) -> set[str]:
        """The services seen in a trace, once all that are asked for are there or time is up."""
        deadline = time.monotonic() + timeout_s
        while not services <= self.services_in(trace_id) and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.services_in(trace_id)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                self.spans += [SeenSpan(service=service, name=span.name, trace_id=span.trace_id.hex()) for span in scope.spans]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path.endswith("/v1/traces"):
                collector.take(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
