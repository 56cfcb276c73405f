"""The Open Inference Protocol and the health protocol over gRPC, on top of the same data plane as REST."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict

from serving.api_keys import ApiKeys
from serving.context import ServingContext
from serving.data_plane import DataPlane, describe_route, describe_server
from serving.errors import ApiError, not_found
from serving.grpc_calls import STATUS_CODES, Call, surround
from serving.grpc_dialect import parse_message, read_grpc_infer
from serving.grpc_limits import receive_message
from serving.grpc_messages import load_proto, message_class
from serving.routing import Serving

OPEN_METHODS = frozenset({"ServerLive", "ServerReady", "Check"})  # answered without an API key, as over REST
WATCH_SECONDS = 0.25

_NO_HEADERS: Mapping[str, str] = {}


class GrpcService:
    """The methods of both services over one data plane.

    `closing` ends who watches the health and holds answers back until `told`: from then on clients know that
    the server goes, and whoever has its answer does not send the next call to where nobody takes it.
    """

    def __init__(self, context: ServingContext, plane: DataPlane, keys: ApiKeys | None) -> None:
        self.closing = asyncio.Event()
        self.told = asyncio.Event()
        self._context = context
        self._plane = plane
        self._keys = keys
        self._limits = context.settings.serving
        self._watching = 0
        self._inference = load_proto("inference").services_by_name["GRPCInferenceService"]
        self._health = load_proto("health").services_by_name["Health"]

    def handlers(self) -> list[Any]:
        """What a gRPC server is to be given."""
        inference = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            "RepositoryIndex": self.repository_index,
            "ModelStatistics": self.model_statistics,
        }
        health = {
            "Check": self._unary("Check", self.check),
            "Watch": grpc.stream_stream_rpc_method_handler(self.watch),
        }
        return [
            grpc.method_handlers_generic_handler(
                self._inference.full_name, {name: self._unary(name, call) for name, call in inference.items()}
            ),
            grpc.method_handlers_generic_handler(self._health.full_name, health),
        ]

    async def server_live(self, _: Call) -> tuple[bytes, Mapping[str, str]]:
        """Whether the process answers."""
        return _message("ServerLiveResponse", live=True)

    async def server_ready(self, _: Call) -> tuple[bytes, Mapping[str, str]]:
        """Whether requests may come."""
        return _message("ServerReadyResponse", ready=self._context.catalog.unready_reason is None)

    async def model_ready(self, call: Call) -> tuple[bytes, Mapping[str, str]]:
        """Whether a model, or one of its versions, is loaded; NOT_FOUND if there is no such one."""
        request = parse_message("ModelReadyRequest", call.content)
        slot = self._context.catalog.slots.get(request.name)
        if slot is not None and slot.serving is None and not request.version:
            return _message("ModelReadyResponse", ready=False)
        self._context.catalog.pick(request.name, request.version or None)
        return _message("ModelReadyResponse", ready=not self._context.catalog.draining)

    async def server_metadata(self, _: Call) -> tuple[bytes, Mapping[str, str]]:
        """Name, version and protocol extensions of the server."""
        return _from_json("ServerMetadataResponse", describe_server())

    async def model_metadata(self, call: Call) -> tuple[bytes, Mapping[str, str]]:
        """Inputs and outputs of a model."""
        request = parse_message("ModelMetadataRequest", call.content)
        content, served = self._plane.describe_model(request.name, request.version or None)
        message, _ = _from_json("ModelMetadataResponse", content)
        return message, {"X-Model-Version": served.version}

    async def model_infer(self, call: Call) -> tuple[bytes, Mapping[str, str]]:
        """Predict tensors, one per column."""
        limit = self._context.settings.serving.max_rows

        def pick(name: str, version: str | None) -> Serving:
            return self._plane.pick(call.metadata, name, version)

        answer = await self._plane.answer(
            lambda: read_grpc_infer(pick, call.content, limit, call.request_id),
            len(call.content),
            call.metadata,
            call.remaining,
        )
        return answer.body.content, describe_route(answer)

    async def repository_index(self, call: Call) -> tuple[bytes, Mapping[str, str]]:
        """The loaded versions of every model and their states."""
        request = parse_message("RepositoryIndexRequest", call.content)
        models = self._plane.describe_repository(ready_only=request.ready)
        return _from_json("RepositoryIndexResponse", {"models": models})

    async def model_statistics(self, call: Call) -> tuple[bytes, Mapping[str, str]]:
        """How often each version was asked, and how long that took."""
        request = parse_message("ModelStatisticsRequest", call.content)
        content = await self._plane.describe_statistics(request.name or None, request.version or None)
        return _from_json("ModelStatisticsResponse", content)

    async def check(self, call: Call) -> tuple[bytes, Mapping[str, str]]:
        """The health of the server (no name) or of a service."""
        service = parse_message("HealthCheckRequest", call.content, "health").service
        status = self._status(service)
        if status == "SERVICE_UNKNOWN":
            raise not_found(f"there is no service {service!r}; there is {self._inference.full_name}")
        return message_class("health", "HealthCheckResponse")(status=status).SerializeToString(), _NO_HEADERS

    async def watch(self, _: Any, context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401 - gRPC has no types
        """The health whenever it changes, until the caller or the server goes."""
        if self._watching >= self._limits.max_inflight:
            message = f"{self._watching} calls watch, which is the most: ask Check now and then"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        self._watching += 1
        try:
            content = await receive_message(context, self._limits.body_seconds)
            service = parse_message("HealthCheckRequest", content, "health").service
            said = None
            while not self.closing.is_set():
                status = self._status(service)
                if status != said:
                    said = status
                    yield message_class("health", "HealthCheckResponse")(status=status).SerializeToString()
                await asyncio.sleep(WATCH_SECONDS)
        except ApiError as error:
            await context.abort(STATUS_CODES[error.status], error.message)
        finally:
            self._watching -= 1

    def _status(self, service: str) -> str:
        if service not in ("", self._inference.full_name):
            return "SERVICE_UNKNOWN"
        return "SERVING" if self._context.catalog.unready_reason is None else "NOT_SERVING"

    def _unary(self, name: str, endpoint: Any) -> Any:  # noqa: ANN401 - gRPC has no types
        """A call with one message and one answer; gRPC would read the message of a unary one itself."""
        keys = None if name in OPEN_METHODS else self._keys
        answer = surround(name, endpoint, keys, self._limits.body_seconds)

        async def answer_in_time(messages: Any, context: Any) -> bytes:  # noqa: ANN401 - as above
            message = await answer(messages, context)
            if self.closing.is_set():
                await self.told.wait()
            return message

        return grpc.stream_unary_rpc_method_handler(answer_in_time)


def _message(name: str, **fields: object) -> tuple[bytes, Mapping[str, str]]:
    return message_class("inference", name)(**fields).SerializeToString(), _NO_HEADERS


def _from_json(name: str, content: dict[str, Any]) -> tuple[bytes, Mapping[str, str]]:
    """A message with those of the fields in `content` that it has."""
    message = ParseDict(content, message_class("inference", name)(), ignore_unknown_fields=True)
    return message.SerializeToString(), _NO_HEADERS
