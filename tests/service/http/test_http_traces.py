from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from live_service import live_service
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector(HTTPServer):
    """Takes OTLP over HTTP, as protocol buffers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Export)
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Export(BaseHTTPRequestHandler):
    server: Collector  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        size = int(self.headers["content-length"])
        request = ExportTraceServiceRequest.FromString(self.rfile.read(size))
        for resource in request.resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.server.services.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    return {it.key: it.value.string_value or it.value.int_value for it in span.attributes}


def test_requests_and_runs_are_traced(
    prepared: None, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with live_service(tmp_path / "data", "--no-key") as service, service.client() as client:
        body = {"code": "'marker-of-code'"}
        assert client.post("/v1/run", json=body, headers=headers).status_code == 200
        assert service.stop() == 0
    spans = {span.name: span for span in collector.spans}
    request, run = spans["POST /v1/run"], spans["run"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (run.trace_id, run.parent_span_id) == (request.trace_id, request.span_id)
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(run)["hermetic.outcome"] == "ok"
    assert collector.services == {"hermetic"}
    assert "marker" not in str(collector.spans)


def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    code = (
        "import sys, hermetic.http.serving, hermetic.tracing\n"
        "assert hermetic.tracing.tracing_for({}) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
