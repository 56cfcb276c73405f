"""OpenTelemetry traces, off and free of cost unless the usual variables (`OTEL_*`) ask for them.

On with OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT), or with OTEL_TRACES_EXPORTER=otlp|console; off
with OTEL_TRACES_EXPORTER=none or OTEL_SDK_DISABLED=true. Sampler, resource, headers and time limits are read
by the SDK itself. A span holds names, versions, counts and states, never a feature's value or an entity.

Spans: the request (its parent is the caller's `traceparent`), and in it `parse`, `features.lookup`,
`cache.get`, `score`, `serialize`.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mojoline.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

SERVICE_NAME = "mojoline"
TOLD = {  # header of an answer -> attribute of the span
    b"x-model-name": "mojoline.model_name",
    b"x-model-version": "mojoline.model_version",
    b"x-variant": "mojoline.variant",
    b"x-cache": "mojoline.cache",
}


class _State:
    """What the process exports to; nothing by default."""

    provider: "TracerProvider | None" = None
    tracer: "Tracer | None" = None


def install_tracing() -> None:
    """Begin to trace if the environment asks for it.

    Raises:
        SettingsError: it asks for an exporter or a protocol that is not here.
    """
    kind = chosen_exporter(os.environ)
    if kind is None:
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    keys = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")
    named = bool(os.environ.get(keys[0])) or "service.name=" in os.environ.get(keys[1], "")
    resource = Resource.create({} if named else {"service.name": SERVICE_NAME})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_make_exporter(kind)))
    _State.provider, _State.tracer = provider, provider.get_tracer(SERVICE_NAME)


def close_tracing() -> None:
    """Send what is left. May take as long as the collector takes: not on the event loop."""
    if _State.provider is not None:
        _State.provider.shutdown()
    _State.provider = _State.tracer = None


def is_tracing() -> bool:
    """Whether spans go anywhere."""
    return _State.tracer is not None


def chosen_exporter(environ: Mapping[str, str]) -> str | None:
    """`otlp` or `console`, None for no traces; SettingsError for what is not known here."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    default = "otlp" if any(environ.get(key) for key in endpoints) else "none"
    kind = environ.get("OTEL_TRACES_EXPORTER") or default
    if kind == "none":
        return None
    if kind not in ("otlp", "console"):
        raise SettingsError(f"OTEL_TRACES_EXPORTER is {kind!r}; otlp, console or none is needed")
    for key in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if kind == "otlp" and environ.get(key, "http/protobuf") != "http/protobuf":
            needed = "http/protobuf (the collector's port 4318) is needed"
            raise SettingsError(f"{key} is {environ[key]!r}; {needed}")
    return kind


@contextmanager
def trace_request(name: str, headers: Mapping[str, str], attributes: Mapping[str, str]) -> Iterator["Span"]:
    """A span around a request, child of what `traceparent` and `tracestate` in `headers` name."""
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    assert _State.tracer is not None  # noqa: S101 - the caller asked `is_tracing`
    context = TraceContextTextMapPropagator().extract(dict(headers))
    with _State.tracer.start_as_current_span(
        name,
        context,
        kind=SpanKind.SERVER,
        attributes=attributes,
        record_exception=False,  # its text may hold a value of a row
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException:
            span.set_status(StatusCode.ERROR)
            raise


def trace_stages(stages: Iterable[tuple[str, float, float]], attributes: Mapping[str, int]) -> None:
    """Spans for what was timed already: name, start and end on the clock of `time.perf_counter`."""
    if _State.tracer is None:
        return
    offset = time.time_ns() - time.perf_counter_ns()
    for name, started, ended in stages:
        span = _State.tracer.start_span(name, start_time=offset + round(1e9 * started), attributes=attributes)
        span.end(offset + round(1e9 * ended))


class RequestTracing:
    """ASGI middleware: a span for each request, whose ids take the place of the caller's `traceparent`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not is_tracing():
            await self._app(scope, receive, send)
            return
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        known = {"http.request.method": scope["method"], "mojoline.request_id": scope["request_id"]}
        with trace_request(scope["method"], told, known) as span:
            ids = span.get_span_context()
            own = f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}".encode()
            others = [header for header in scope["headers"] if header[0] != b"traceparent"]
            scope["headers"] = [*others, (b"traceparent", own)]  # which is what the log looks at

            async def describe(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, scope, message)
                await send(message)

            await self._app(scope, receive, describe)


def _describe(span: "Span", scope: Scope, head: Message) -> None:
    """What is known when the answer begins."""
    from opentelemetry.trace import StatusCode

    path = scope.get("route_path") or getattr(scope.get("route"), "path", None)
    if path is not None:  # never a path that a caller made up
        span.update_name(f"{scope['method']} {path}")
        span.set_attribute("http.route", path)
    span.set_attribute("http.response.status_code", head["status"])
    for name, value in head["headers"]:
        if name.lower() in TOLD:
            span.set_attribute(TOLD[name.lower()], value.decode("latin-1"))
    if head["status"] >= 500:
        span.set_status(StatusCode.ERROR)


def _make_exporter(kind: str) -> "SpanExporter":
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
