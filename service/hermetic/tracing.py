"""Traces for OpenTelemetry, when the environment asks for them by its OTEL_… variables.

What is traced of a request is what the log tells of it, and of a run its id, whose it is and
how it ended: no code, no input, no output.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hermetic.errors import InvalidInput
from hermetic_runtime.results import RunResult

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def tracing_for(environment: Mapping[str, str]) -> Tracing | None:
    """None unless an endpoint or the exporter `otlp` is named. Nothing is imported then.

    Raises `InvalidInput` when OpenTelemetry is not installed.
    """
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    wanted = exporter == "otlp" or (
        not exporter and any(environment.get(name) for name in _ENDPOINTS)
    )
    if not wanted or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidInput(
            "the environment asks for traces (OTEL_…), and OpenTelemetry is not installed",
            hint="Install hermetic[otel], or set OTEL_SDK_DISABLED=true.",
        ) from error
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    resource = Resource.create(None if named else {"service.name": "hermetic"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    # The MCP library has spans of its own, with the name of each tool that is called.
    trace.set_tracer_provider(provider)
    return Tracing(provider)


class Tracing:
    """A span for each request, and one for each run, below that of its request."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("hermetic")

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, traced. A caller's `traceparent` (W3C) is the span's parent."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        propagator = TraceContextTextMapPropagator()

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            parent = propagator.extract(dict(Headers(scope=scope)))
            kind, method = SpanKind.SERVER, scope["method"]
            with self._tracer.start_as_current_span(method, parent, kind) as span:

                async def note(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        span.set_attribute("http.response.status_code", message["status"])
                    await send(message)

                try:
                    await app(scope, receive, note)
                finally:
                    route = str(scope.get("hermetic.route", ""))
                    span.update_name(f"{method} {route}".strip())
                    span.set_attributes({"http.request.method": method, "http.route": route})

        return traced

    def follow(self, run: str, grant: str, ended: asyncio.Future[RunResult]) -> None:
        """A span from now to the end of a run."""
        from opentelemetry.trace import Status, StatusCode

        span = self._tracer.start_span(
            "run", attributes={"hermetic.run": run, "hermetic.grant": grant}
        )

        def end(future: asyncio.Future[Any]) -> None:
            if future.cancelled() or future.exception() is not None:
                span.set_status(Status(StatusCode.ERROR))
            else:
                span.set_attribute("hermetic.outcome", future.result().outcome.value)
            span.end()

        ended.add_done_callback(end)

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()
