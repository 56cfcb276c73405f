"""The two ways of a prediction, through the server's own protocol and through ASGI, give the same bytes."""

import re
import socket

import orjson
import pytest

from serving.hot_protocol import HotProtocol
from tests.api.live_server import asgi_thread, golden, new_registry, publish, server_thread

ROW = golden("first").rows[0]
TENSORS = [
    {"name": name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
    for name, value in ROW.items()
    if value is not None
]
PREDICT = orjson.dumps({"model": "tiny", "rows": [ROW]})
INFER = orjson.dumps({"id": "a", "inputs": TENSORS})


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The same versions behind both."""
    registry = new_registry(tmp_path_factory.mktemp("hot"))
    publish(registry, "first", "tiny")
    limits = {"serving": {"max_rows": 3, "max_body_bytes": 20_000}}
    with server_thread(registry, **limits) as hot, asgi_thread(registry, **limits) as asgi:
        hot.wait_ready()
        asgi.wait_ready()
        yield hot, asgi


def request(body: bytes, *headers: str, path="/predict", method="POST", length=True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "X-Request-Id: r1", *headers]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(server, *parts: bytes) -> bytes:
    """Every byte of the answer to `parts`, each sent when the one before is on its way."""
    with socket.create_connection(("127.0.0.1", server.ports[0]), 30) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            one.sendall(part)
        answer = b""
        while part := one.recv(65536):
            answer += part
    answer = re.sub(rb"dur=[0-9.]+", b"dur=0", answer)
    return re.sub(rb"date: [^\r]+", b"date: now", answer)


CLOSE = "Connection: close"
CHUNKED = b"5\r\n" + PREDICT[:5] + b"\r\n%x\r\n" % len(PREDICT[5:]) + PREDICT[5:] + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (200, [request(PREDICT, CLOSE)]),
        (200, [request(PREDICT, CLOSE, "Content-Type: application/json; charset=utf-8")]),
        (200, [request(INFER, CLOSE, path="/v2/models/tiny/infer")]),
        (404, [request(INFER, CLOSE, path="/v2/models/tiny/versions/9/infer")]),
        (404, [request(INFER, CLOSE, path="/v2/models/none/infer")]),
        (200, [request(PREDICT, CLOSE)[:-20], request(PREDICT, CLOSE)[-20:]]),
        (200, [request(b"", CLOSE, f"Content-Length: {len(PREDICT)}", length=False), PREDICT]),
        (200, [request(CHUNKED, CLOSE, "Transfer-Encoding: chunked", length=False)]),
        (200, [request(PREDICT) + request(INFER, path="/v2/models/tiny/infer") + request(PREDICT, CLOSE)]),
        (200, [request(PREDICT, CLOSE).replace(b"HTTP/1.1", b"HTTP/1.0")]),
        (200, [request(PREDICT, CLOSE, path="/predict?a=b")]),
        (200, [request(PREDICT, CLOSE, "X-Timeout-Ms: 20000")]),
        (400, [request(PREDICT, CLOSE, "X-Timeout-Ms: soon")]),
        (400, [request(PREDICT, CLOSE, "X-Event-Time: soon")]),
        (400, [request(b"{", CLOSE)]),
        (400, [request(b"", CLOSE)]),
        (400, [request(b'{"rows": [{"nothing": 1}]}', CLOSE)]),
        (413, [request(b'{"rows": [{}, {}, {}, {}]}', CLOSE)]),
        (413, [request(b" " * 20_001, CLOSE)]),
        (415, [request(PREDICT, CLOSE, "Content-Type: text/plain")]),
        (415, [request(PREDICT, CLOSE, "Content-Encoding: gzip")]),
        (405, [request(b"", CLOSE, method="GET")]),
        (404, [request(PREDICT, CLOSE, path="/predic")]),
    ],
)
def test_both_ways_give_the_same_bytes(servers, status, parts):
    hot, asgi = (ask(server, *parts) for server in servers)
    assert hot == asgi
    assert hot.startswith(b"HTTP/1.1 %d " % status)


def test_the_short_way_is_taken(servers, monkeypatch):
    taken = []
    answer = HotProtocol._answer
    monkeypatch.setattr(HotProtocol, "_answer", lambda self, *a: (taken.append(a), answer(self, *a))[1])
    ask(servers[0], request(PREDICT, CLOSE))
    ask(servers[0], request(INFER, CLOSE, path="/v2/models/tiny/infer"))
    ask(servers[0], request(b"", CLOSE, f"Content-Length: {len(PREDICT)}", length=False), PREDICT)
    assert [content for _, content in taken] == [PREDICT, INFER, PREDICT]


def test_what_the_code_raises_is_hidden_in_both(servers, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("serving.data_plane.read_predict", fail)
    hot, asgi = (ask(server, request(PREDICT, CLOSE)) for server in servers)
    assert hot == asgi
    assert hot.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in hot


def test_a_client_that_leaves_early_disturbs_nobody(servers):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", servers[0].ports[0])) as one:
            one.sendall(request(PREDICT) * 3)
    assert servers[0].predict([ROW]).status_code == 200
