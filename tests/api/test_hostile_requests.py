"""Connections that are slow, endless, greedy or no HTTP at all: refused or closed while others are served."""

import json
import time

import psutil
import pytest

from serving.hot_protocol import ANSWERED_AT_ONCE
from serving.http_protocol import CHUNKS
from tests.api.live_server import golden, new_registry, publish, server_thread
from tests.api.raw_http import RawConnection, head, request

GOOD = json.dumps({"rows": golden("first").rows[:1]}).encode()
SECONDS = 0.5  # for a head, and for a body


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    registry = new_registry(tmp_path_factory.mktemp("hostile"))
    publish(registry, "first")
    limits = {"head_seconds": SECONDS, "body_seconds": SECONDS, "max_connections": 60}
    with server_thread(registry, serving=limits) as live:
        live.wait_ready()
        yield live


@pytest.fixture
def connect(server):
    """Opens connections that the test leaves to their fate."""
    opened = []

    def open_one(port=server.ports[0], **options) -> RawConnection:
        opened.append(RawConnection(port, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.__exit__()


def trickle(server, slow: list[RawConnection], byte: bytes) -> None:
    """Send byte after byte until the server has closed every one; others are served all the while."""
    open_ones, deadline = list(slow), time.monotonic() + 60
    while open_ones:
        assert time.monotonic() < deadline, f"{len(open_ones)} of {len(slow)} are still open"
        server.api.post("/predict", content=GOOD).raise_for_status()
        for one in open_ones:
            one.send(byte)
        open_ones = [one for one in open_ones if not one.is_closed(0.001)]


def test_slow_heads_are_closed(server, connect):
    started = b"POST /predict HTTP/1.1\r\nX-Slow: "
    trickle(server, [connect().send(started) for _ in range(20)], b"x")
    silent = connect()  # whoever sends nothing is not waited for either
    assert silent.refusal() == 408
    second = connect().send(request(GOOD))
    assert second.answer()[0] == 200
    assert second.send(started).refusal() == 408  # nor is a second head


def test_slow_bodies_are_closed(server, connect):
    announced = [connect().send(head("Content-Length: 1000")) for _ in range(10)]
    chunked = [connect().send(head("Transfer-Encoding: chunked")) for _ in range(10)]
    assert connect().send(head("Content-Length: 1000") + b"{").refusal() == 408
    trickle(server, announced, b" ")
    trickle(server, chunked, b"1\r\n \r\n")


def test_a_body_that_nobody_reads_is_not_waited_for(server, connect):
    """Answered before the body is there: what trickles in afterwards holds the connection no longer."""
    unread = [
        head("Content-Length: 1000", path="/nowhere"),
        head("Content-Length: 10000000"),
        head("Content-Length: 1000", "Content-Type: text/xml"),
    ]
    slow = [connect().send(content) for content in unread]
    assert [one.refusal() for one in slow] == [404, 413, 415]
    trickle(server, slow, b" ")


def test_connections_that_ask_nothing_are_closed(tmp_path, connect):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    with server_thread(registry, serving={"keep_alive_seconds": 5}) as server:
        server.wait_ready()
        idle, busy, late = (connect(server.ports[0]) for _ in range(3))
        assert idle.send(request(GOOD)).answer()[0] == 200
        # answered before its body was there
        assert late.send(head("Content-Length: 2", path="/nowhere")).refusal() == 404
        late.send(b"{}")
        for _ in range(12):
            assert busy.send(request(GOOD)).answer()[0] == 200
            time.sleep(0.5)
        assert idle.is_closed(30)
        assert busy.send(request(GOOD)).answer()[0] == 200
        assert late.is_closed(30)
        assert busy.is_closed(30)


def test_an_answer_that_nobody_reads_is_given_up(tmp_path, connect, monkeypatch, caplog):
    monkeypatch.setattr("serving.server.UNREAD_SECONDS", 0.5)
    registry = new_registry(tmp_path)
    publish(registry, "first")
    with server_thread(registry) as impatient:
        impatient.wait_ready()
        deaf = connect(port=impatient.ports[0], receive_buffer=4096)

        def is_held() -> bool:
            ends = (one.raddr.port for one in psutil.Process().net_connections("tcp") if one.raddr)
            return sum(port == deaf.port for port in ends) == 1

        rows = json.dumps({"rows": [{}] * 1000}).encode()
        impatient.wait(is_held)
        deaf.send(request(rows) * 30)
        impatient.wait(lambda: not is_held())
        impatient.api.post("/predict", content=GOOD).raise_for_status()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"x" * 100_000,
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(10_000)) + b"\r\n",
        head("Content-Length: 1", "X-Large: " + "x" * 100_000) + b"{",
    ],
    ids=["one", "endless", "path", "many", "with a body"],
)
def test_large_heads_are_refused(connect, content):
    one = connect().send(content)
    assert one.refusal() == 431
    assert one.is_closed(20)


def test_a_large_head_within_the_limit_is_none_of_our_business(connect):
    assert connect().send(request(GOOD, "Cookie: " + "x" * 60_000)).answer()[0] == 200


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS to a plain port
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00" * 50,
        b"POST /predict\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nX-A: b\x00c\r\n\r\n",
        b"POST /predict HTTP/1.1\r\n : x\r\n\r\n",
        head("Content-Length: 2", "Content-Length: 3") + b"{}",
        head("Content-Length: 2", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
        head("Content-Length: -1"),
        head("Content-Length: 99999999999999999999999999"),
        head("Content-Length: 0x10"),
        head("Transfer-Encoding: chunked") + b"zz\r\n",
        head("Transfer-Encoding: chunked") + b"fffffffffffffffffff\r\n",
        head("Transfer-Encoding: chunked") + b"-1\r\n",
        head(path="/pred\x01ict"),
        head(path="/\u00e4"),
        head(method="P\u00d6ST"),
        head(method="CONNECT", path="x:80"),
        b"GET /v2 HTTP/1.1\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        head("Host: y", "Content-Length: 2") + b"{}",
    ],
)
def test_what_is_no_http_is_told_so(connect, content):
    one = connect().send(content)
    assert one.refusal() == 400
    assert one.is_closed(20)


@pytest.mark.parametrize("offload", ["auto", "always"])
def test_who_sends_no_more_is_still_answered(tmp_path, offload):
    """`nc` and some balancers close their side as soon as they have sent."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    many = json.dumps({"rows": golden("first").rows[:1] * 900}).encode()
    with server_thread(registry, serving={"offload": offload}) as live:
        live.wait_ready()
        for body in (GOOD, many):
            for path in ("/predict", "/predict?"):  # the second goes through the application
                with RawConnection(live.ports[0]) as one:
                    one.send(request(body, path=path) * 2).finish()
                    assert [one.answer()[0] for _ in range(2)] == [200, 200]
                    assert one.is_closed(20)


def test_what_is_cut_short_is_not_waited_for(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    patient = {"head_seconds": 300, "body_seconds": 300}
    with server_thread(registry, serving=patient) as live:
        live.wait_ready()
        for part in (b"POST /predict HT", head("Content-Length: 10") + b"{"):
            with RawConnection(live.ports[0]) as one:
                assert one.send(part).finish().is_closed(20)


def test_bodies_are_not_decoded_by_guess(connect):
    for coding in ("gzip", "gzip, chunked", "gzip\r\nTransfer-Encoding: chunked"):
        one = connect().send(head(f"Transfer-Encoding: {coding}") + b"2\r\n{}\r\n0\r\n\r\n")
        assert one.refusal() == 501
        assert one.is_closed(20)


def test_endless_chunks_and_trailers_are_cut_off(connect):
    """The framing of chunks, their extensions and what follows them count as well."""
    start = head("Transfer-Encoding: chunked")
    for rest in (b"1\r\n \r\n", b"1;" + b"x" * 10_000 + b"\r\n \r\n"):
        one = connect().send(start)
        for _ in range(30):
            one.send(rest * (400_000 // len(rest)))
        assert one.refusal() in (408, 413)
        assert one.is_closed(20)
    trailed = connect().send(start + b"%x\r\n%s\r\n0\r\n" % (len(GOOD), GOOD))
    for _ in range(30):
        trailed.send(b"X-Trailer: 0123456789\r\n" * 20_000)
    assert trailed.refusal() in (408, 413, 431)
    assert trailed.is_closed(20)


def test_a_body_of_tiny_chunks_is_refused_before_it_costs_much(connect):
    """To parse a chunk of one byte costs as much as to parse a large one, and is done on the event loop."""
    one = connect().send(head("Transfer-Encoding: chunked") + b"1\r\n \r\n" * (CHUNKS + 1))
    status, content = one.answer()
    assert (status, str(CHUNKS) in content["error"]) == (413, True)
    assert one.is_closed(20)


def test_chunks_are_put_together(connect):
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD)
    one = connect().send(head("Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert one.answer()[0] == 200
    assert one.send(request(GOOD)).answer()[0] == 200


def test_requests_in_one_packet_are_answered_in_their_order(connect):
    one = connect()
    one.send(b"".join(request(GOOD, f"X-Request-Id: n{i}") for i in range(20)))
    assert [one.answer()[1]["request_id"] for _ in range(20)] == [f"n{i}" for i in range(20)]


def test_nobody_queues_without_end_on_one_connection(server, connect):
    one = connect().send(request(GOOD) * 20_000)
    server.api.post("/predict", content=GOOD).raise_for_status()
    assert one.answer()[0] in (200, 503)
    server.wait(lambda: one.is_closed(1))


def test_a_burst_of_one_connection_does_not_hold_up_the_others(tmp_path):
    """However short a request is: few of those that come in one piece are answered at once."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    with server_thread(registry, serving={"offload": "never"}) as live:
        live.wait_ready()
        with RawConnection(live.ports[0]) as one:
            one.send(request(GOOD) * 300)
            statuses = [one.answer()[0]]
            while statuses[-1] == 200:
                statuses.append(one.answer()[0])
        assert statuses[-1] == 503
        assert ANSWERED_AT_ONCE < len(statuses) < 100


def test_another_protocol_is_not_spoken(connect):
    """Java's own client offers HTTP/2 with its first request; the answer is HTTP/1.1, and so is the next."""
    one = connect()
    offer = "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA"
    assert one.send(request(GOOD, *offer)).answer()[0] == 200
    assert one.send(request(GOOD)).answer()[0] == 200
    one.send(head(f"Content-Length: {len(GOOD)}", *offer))
    assert not one.is_closed()
    assert one.send(GOOD).answer()[0] == 200
    last = request(GOOD, "Connection: Upgrade, close", "Upgrade: websocket")
    assert one.send(last).answer()[0] == 200
    assert one.is_closed(20)


def test_a_client_that_waits_for_leave_gets_it(connect):
    one = connect().send(head(f"Content-Length: {len(GOOD)}", "Expect: 100-continue"))
    assert b"100 Continue" in one.receive()
    assert one.send(GOOD).answer()[0] == 200


def test_more_connections_than_are_allowed_are_turned_away(server, connect):
    for _ in range(10):  # where opening them takes longer than a head may, the first are gone by then
        statuses = [one.refusal() for one in [connect() for _ in range(70)]]
        if statuses[-1] == 503:
            break
    assert statuses[-1] == 503
    assert set(statuses) == {503, 408}  # the others had sent nothing
    server.api.post("/predict", content=GOOD).raise_for_status()


def test_callers_who_leave_in_the_middle_cost_nothing(server, connect):
    for cut in range(1, len(GOOD), 7):
        connect().send(request(GOOD)[:-cut]).__exit__()
    for _ in range(20):
        connect().send(request(GOOD)).__exit__()
    server.wait(lambda: "mojoline_inflight 0.0" in server.api.get("/metrics").text)
    server.api.post("/predict", content=GOOD).raise_for_status()
