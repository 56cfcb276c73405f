"""Traces arrive at a collector: the caller's trace goes on, no span holds a feature, and off is off."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mojoline.settings import SettingsError
from serving.tracing import chosen_exporter
from tests.api.live_server import ROOT, golden, new_registry, publish, server_process

ROWS = golden("first").rows
UNSAMPLED = "1" * 32
CALLER = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


class FakeCollector:
    """An OTLP receiver that keeps what it is sent."""

    def __init__(self) -> None:
        self.batches: list[ExportTraceServiceRequest] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces"
                collector.batches.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list:
        return [
            span
            for batch in self.batches
            for resource in batch.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def services(self) -> set[str]:
        return {
            attribute.value.string_value
            for batch in self.batches
            for resource in batch.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def fake_collector() -> Iterator[FakeCollector]:
    collector = FakeCollector()
    try:
        yield collector
    finally:
        collector.close()


def attributes(span) -> dict:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def span_ids(server) -> set[str]:
    """Ids of spans in the log lines of requests, of which there is one for a share of them."""
    lines = [json.loads(line) for line in server.said().splitlines()]
    told = [line for line in lines if line["logger"] == "mojoline.requests"]
    return {line["span_id"] for line in told if line["trace_id"] != UNSAMPLED}


def test_spans_of_a_request_continue_the_callers_trace(tmp_path, redis_server_url):
    registry = new_registry(tmp_path)
    manifest = publish(registry, "first")
    with fake_collector() as collector:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_SERVICE_NAME": "flights-api",
            "REDIS_URL": redis_server_url,
            "MOJOLINE_CACHE__MODE": "always",
        }
        with server_process(registry, **env) as server:
            server.wait_ready()
            sent = {"traceparent": f"00-{CALLER[0]}-{CALLER[1]}-01", "X-Request-Id": "traced"}
            server.predict([{**ROWS[0], "flight_id": "F-77"}], **sent).raise_for_status()
            unsampled = {"traceparent": f"00-{UNSAMPLED}-{CALLER[1]}-00"}
            server.predict(ROWS[:1], **unsampled).raise_for_status()
            for _ in range(300):  # one in a hundred is logged
                server.predict(ROWS[:1]).raise_for_status()
            server.predict([{"nowhere": 1}], traceparent=f"00-{'2' * 32}-{CALLER[1]}-01")
            assert server.stop() == 0  # what is left is sent at the end
            logged = span_ids(server)
        spans = collector.spans()
        assert collector.services() == {"flights-api"}

        ours = [span for span in spans if span.trace_id.hex() == CALLER[0]]
        [request] = [span for span in ours if span.parent_span_id.hex() == CALLER[1]]
        assert request.name == "POST /predict"
        told = attributes(request)
        assert told["mojoline.model_version"] == manifest.version
        assert (told["mojoline.request_id"], told["http.response.status_code"]) == ("traced", 200)
        stages = {span.name: span for span in ours if span is not request}
        assert set(stages) == {"parse", "cache.get", "score", "serialize"}
        for span in stages.values():
            assert span.parent_span_id == request.span_id
            assert request.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
            assert span.end_time_unix_nano <= request.end_time_unix_nano + 1_000_000
        assert stages["cache.get"].start_time_unix_nano >= stages["parse"].end_time_unix_nano

        assert not [span for span in spans if span.trace_id.hex() == UNSAMPLED]  # its caller decided so
        [refused] = [span for span in spans if span.trace_id.hex() == "2" * 32 and span.parent_span_id]
        assert attributes(refused)["http.response.status_code"] == 400
        assert logged <= {span.span_id.hex() for span in spans}
        everything = str(collector.batches)
        for value in ("F-77", *(text for text in ROWS[0].values() if isinstance(text, str)), "nowhere"):
            assert f'"{value}"' not in everything


def test_calls_over_grpc_are_traced_too(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    with fake_collector() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "MOJOLINE_SERVING__GRPC": "true"}
        with server_process(registry, **env) as server:
            server.wait_ready()
            with grpc.insecure_channel(f"127.0.0.1:{server.ports[2]}") as channel:
                grpc.channel_ready_future(channel).result(60)
                call = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
                call(b"", metadata=[("traceparent", f"00-{CALLER[0]}-{CALLER[1]}-01")], timeout=60)
            assert server.stop() == 0
        [span] = [span for span in collector.spans() if span.trace_id.hex() == CALLER[0]]
        assert span.parent_span_id.hex() == CALLER[1]
        assert attributes(span)["rpc.system"] == "grpc"


def test_without_the_variables_no_tracing_is_even_loaded(tmp_path):
    program = (
        "import sys; import serving.server; from serving.tracing import install_tracing, is_tracing; "
        "install_tracing(); print(is_tracing(), 'opentelemetry.sdk.trace' in sys.modules, "
        "'opentelemetry.exporter' in sys.modules)"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**env, "MOJOLINE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.split() == ["False", "False", "False"]


def test_a_collector_that_is_away_is_not_noticed_by_callers(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with server_process(registry, **env) as server:
        server.wait_ready()
        for row in ROWS[:20]:
            server.predict([row]).raise_for_status()
        assert server.stop() == 0


def test_the_usual_variables_decide():
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert chosen_exporter({}) is None
    assert chosen_exporter(endpoint) == "otlp"
    assert (
        chosen_exporter({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}) == "otlp"
    )
    assert chosen_exporter({**endpoint, "OTEL_TRACES_EXPORTER": "none"}) is None
    assert chosen_exporter({**endpoint, "OTEL_SDK_DISABLED": "true"}) is None
    assert chosen_exporter({"OTEL_TRACES_EXPORTER": "console"}) == "console"
    with pytest.raises(SettingsError, match="OTEL_TRACES_EXPORTER is 'zipkin'"):
        chosen_exporter({"OTEL_TRACES_EXPORTER": "zipkin"})
    with pytest.raises(SettingsError, match="http/protobuf"):
        chosen_exporter({**endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
