"""gRPC before clients that are many, slow, endless or greedy: the others are answered."""

import time
from contextlib import ExitStack, contextmanager, suppress

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2_grpc

from serving import grpc_limits
from tests.api.grpc_requests import address, refused, typed_request
from tests.api.live_server import new_registry, publish, server_thread
from tests.api.raw_http2 import RawHttp2

INFER = "/inference.GRPCInferenceService/ModelInfer"
LIVE = "/inference.GRPCInferenceService/ServerLive"


@pytest.fixture
def serve(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")

    @contextmanager
    def serve(**limits):
        with server_thread(registry, serving={"grpc": True, **limits}) as server:
            server.wait_ready()
            server.wait(lambda: answers(server))
            yield server

    return serve


@contextmanager
def connect(server, *options):
    """A client with a connection of its own."""
    with grpc.insecure_channel(address(server), [("grpc.use_local_subchannel_pool", 1), *options]) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def answers(server) -> bool:
    """Whether a new client is answered."""
    with connect(server) as stub:
        try:
            return stub.ModelInfer(typed_request([{}]), timeout=10).model_name == "tiny"
        except grpc.RpcError:
            return False


def eventually(met, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_connections_that_say_nothing_are_closed_and_hold_no_place(serve):
    with serve(max_connections=20, head_seconds=1.0) as server, ExitStack() as stack:
        silent = [stack.enter_context(RawHttp2(server.ports[2])) for _ in range(20)]
        more = [stack.enter_context(RawHttp2(server.ports[2])) for _ in range(20)]
        assert eventually(lambda: all(one.is_closed() for one in more))
        assert eventually(lambda: all(one.is_closed() for one in silent))
        assert answers(server)


def test_connections_that_ask_nothing_are_closed(serve):
    with serve(max_connections=10, keep_alive_seconds=3) as server, ExitStack() as stack:
        idle = []

        def takes_the_last_place() -> bool:
            """A connection more, for one may have been refused while a client before it was still going."""
            idle.append(stack.enter_context(RawHttp2(server.ports[2])))
            with suppress(ConnectionError):
                idle[-1].greet()
            return len(idle) >= 10 and not answers(server)

        assert eventually(takes_the_last_place)
        assert eventually(lambda: all(one.is_closed() for one in idle))
        assert eventually(lambda: answers(server))


def test_there_are_as_many_connections_as_may_be(serve):
    with serve(max_connections=5) as server, ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(5)]
        for stub in held:  # the last waits until the client before it has gone
            answer = stub.ModelInfer(typed_request([{}]), timeout=30, wait_for_ready=True)
            assert answer.model_name == "tiny"
        assert not answers(server)
        assert all(stub.ModelInfer(typed_request([{}]), timeout=30).model_name == "tiny" for stub in held)
        stack.close()
        assert eventually(lambda: answers(server))


def test_a_message_that_does_not_come_ends_its_call_and_holds_no_place(serve):
    with serve(max_connections=20, body_seconds=3.0) as server, ExitStack() as stack:
        slow = stack.enter_context(RawHttp2(server.ports[2])).greet()
        for _ in range(25):  # more than there may be: those before may not have ended quite
            slow.call(INFER, b"\n", announced=100_000)
        assert eventually(lambda: not answers(server))
        assert eventually(lambda: answers(server))
        assert b"the message was not complete after 3 s" in slow.said()


def test_answers_that_nobody_takes_end_with_their_connection(serve, monkeypatch):
    monkeypatch.setattr(grpc_limits, "AGE_SECONDS", 3)
    with serve(max_connections=20, drain_seconds=1.0) as server, ExitStack() as stack:
        greedy = stack.enter_context(RawHttp2(server.ports[2])).greet(window=0)
        for _ in range(25):
            greedy.call(LIVE)
        assert eventually(lambda: not answers(server))
        assert eventually(lambda: answers(server))
        assert greedy.is_closed()


def test_long_messages_are_refused_plain_and_compressed(serve):
    with serve(max_body_bytes=100_000) as server, connect(server) as stub:
        for size, packed in ((200_000, None), (50_000_000, grpc.Compression.Gzip)):  # 50 kB on the wire
            long = typed_request([{}], id="x" * size)
            told = refused(
                lambda long=long, packed=packed: stub.ModelInfer(long, compression=packed),
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
            assert "larger than max" in told
        assert stub.ModelInfer(typed_request([{}]), compression=grpc.Compression.Gzip).model_name == "tiny"


def test_who_watches_the_health_leaves_room(serve):
    with serve(max_inflight=3) as server, ExitStack() as stack:
        channel = stack.enter_context(grpc.insecure_channel(address(server)))
        health = health_pb2_grpc.HealthStub(channel)
        watching = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(3)]
        assert [next(one).status for one in watching] == [health_pb2.HealthCheckResponse.SERVING] * 3
        with grpc.insecure_channel(address(server), [("grpc.use_local_subchannel_pool", 1)]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            watched = health.Watch(health_pb2.HealthCheckRequest())
            assert "watch" in refused(lambda: next(watched), grpc.StatusCode.RESOURCE_EXHAUSTED)
            assert health.Check(health_pb2.HealthCheckRequest()).status == 1
        assert answers(server)


def test_a_call_without_a_message_is_told_so(serve):
    with serve() as server, grpc.insecure_channel(address(server)) as channel:
        ask = channel.stream_unary(INFER)
        told = refused(lambda: ask(iter(())), grpc.StatusCode.INVALID_ARGUMENT)
        assert "no message" in told
