"""Requests and runs as a collector of OpenTelemetry sees them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_service import live_service
from trace_collector import Collector, attributes, trace_collector

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with trace_collector() as collector:
        yield collector


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


def test_opentelemetry_is_not_imported_unless_traces_are_asked_for() -> None:
    code = (
        "import sys, hermetic.http.serving, hermetic.tracing\n"
        "assert hermetic.tracing.tracing_for({}) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
