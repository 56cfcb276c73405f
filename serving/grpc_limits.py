"""What a gRPC server lets its callers do: how many, how much, how slowly, for how long."""

import asyncio
from typing import Any

from mojoline.settings import ServingSettings
from serving.errors import ApiError, bad_request

UNANSWERED_SECONDS = 30  # whoever answers no ping for so long is gone, and so is who takes no bytes
AGE_SECONDS = 1800  # then a connection is to be made anew, also by those who keep it busy for ever
REFUSING_SECONDS = 0.1  # within them gRPC cancels a call whose message it has refused as too long


def server_options(limits: ServingSettings, *, shared: bool) -> list[tuple[str, int]]:
    """Arguments of the server's connections; what ends one lets calls in flight end first.

    Args:
        limits: those of REST, of which each has its counterpart here.
        shared: other workers listen on the same port.
    """
    return [
        ("grpc.so_reuseport", int(shared)),
        ("grpc.max_allowed_incoming_connections", limits.max_connections),
        ("grpc.max_concurrent_streams", limits.max_inflight),  # of one connection
        ("grpc.max_receive_message_length", limits.max_body_bytes),  # also when it is decompressed
        ("grpc.max_send_message_length", -1),
        ("grpc.server_handshake_timeout_ms", _milliseconds(limits.head_seconds)),
        ("grpc.http2.settings_timeout", _milliseconds(limits.head_seconds)),
        ("grpc.max_connection_idle_ms", _milliseconds(limits.keep_alive_seconds)),
        ("grpc.keepalive_time_ms", _milliseconds(limits.keep_alive_seconds)),
        ("grpc.keepalive_timeout_ms", _milliseconds(UNANSWERED_SECONDS)),
        ("grpc.max_connection_age_ms", _milliseconds(AGE_SECONDS)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(limits.drain_seconds)),
    ]


async def receive_message(context: Any, seconds: float) -> bytes:  # noqa: ANN401 - gRPC has no types
    """The message of a call, which gRPC itself would wait for without end.

    Raises:
        ApiError: 408 if it is not complete in time, 400 if there is none.
        CancelledError: the caller has gone, or was told by gRPC that the message is too long.
    """
    try:
        async with asyncio.timeout(seconds):
            content = await context.read()
    except TimeoutError as error:
        raise ApiError(408, f"the message was not complete after {seconds:g} s") from error
    if not isinstance(content, bytes):  # the end of the call
        await asyncio.sleep(REFUSING_SECONDS)
        raise bad_request("the call has no message")
    return content


def _milliseconds(seconds: float) -> int:
    return max(1, round(1000 * seconds))
