"""uvicorn's HTTP protocol with an end to patience: whoever is slow, endless or greedy holds no connection."""

import asyncio

import httptools
import orjson
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mojoline.settings import ServingSettings

HEAD_BYTES = 65_536
PIPELINED = 32  # heads that may wait behind the request that is being answered
CHUNKS = 4096  # of one body; parsing a tiny one costs as much as a large one

LAST_SECONDS = 1.0  # for the first request of who has connected when the server goes down

_OFFER = (b"upgrade", b"http2-settings")


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not get on; errors are JSON.

    A head has `head_seconds` and `HEAD_BYTES`, a body `body_seconds` more and `most_bytes` on the wire; also
    where the application has answered without reading it. Whoever does not read the answer is the kernel's
    business: `server.bind_port`.
    """

    most_connections = 2048
    head_seconds = 10.0
    most_bytes = 2 * 4_194_304 + HEAD_BYTES
    body_seconds = 10.0
    _arrival: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _idle_since = 0.0  # of the loop's time
    _received = 0  # bytes of the message that is arriving
    _chunks = 0  # of its body
    _head_complete = False
    _complete = False
    _had_time = False
    _ended = False  # the caller sends no more, but may wait for answers
    _refusal = (400, "this is no HTTP/1.1 request")

    @classmethod
    def bounded(cls, limits: ServingSettings) -> "type[PatientProtocol]":
        """The protocol of a server with these limits."""
        bounds = {
            "most_connections": limits.max_connections,
            "most_bytes": 2 * limits.max_body_bytes + HEAD_BYTES,  # chunks have heads of their own
            "head_seconds": limits.head_seconds,
            "body_seconds": limits.body_seconds,
        }
        return type("BoundedProtocol", (cls,), bounds)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, or turn the connection away."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, f"{self.most_connections} connections are open, which is the most")
            return
        self._await_rest(self.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Read on; what is unfinished afterwards has to be finished in time."""
        self._received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
        if self._complete or self.transport.is_closing():
            self._stop_waiting()
        elif not self._head_complete and self._received > HEAD_BYTES:
            self._refuse(431, f"the head of the request has more than {HEAD_BYTES} bytes")
        elif self._received > self.most_bytes:
            self._refuse(413, f"the request has more than {self.most_bytes} bytes as it is sent")
        elif self._arrival is None:
            self._await_rest(self.head_seconds)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_complete = self._complete = self._had_time = False
        self._chunks = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there, and no larger than it may be."""
        if self.parser.should_upgrade():
            return  # it is parsed again, without the offer
        if self._received > HEAD_BYTES and self._head_bytes() > HEAD_BYTES:
            self._refusal = (431, f"the head of the request has more than {HEAD_BYTES} bytes")
            raise ValueError(self._refusal)
        if (refusal := self._head_refusal()) is not None:
            self._refusal = refusal
            raise ValueError(refusal)
        if len(self.pipeline) >= PIPELINED:
            self._refusal = (503, f"{PIPELINED} requests of this connection wait already, which is the most")
            raise ValueError(self._refusal)
        self._head_complete = True
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """A chunk of the body begins."""
        self._chunks += 1
        if self._chunks > CHUNKS:
            self._refusal = (413, f"the body has more than {CHUNKS} chunks: send larger ones")
            raise ValueError(self._refusal)

    def on_message_complete(self) -> None:
        """The request is there."""
        if self.parser.should_upgrade():
            return
        self._complete = True
        self._received = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._stop_waiting()
        self._unset_keepalive_if_required()  # uvicorn does so only where nothing went wrong
        self._forget_answers()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The caller sends no more; what has arrived whole is still answered (but TLS closes both ways)."""
        self._ended = True
        return self._is_answering() and self.transport.get_extra_info("sslcontext") is None

    def on_response_complete(self) -> None:
        """An answer was sent; the next request has its turn, or there is none any more.

        The timer of the idle runs on while requests come: to set one for each would cost 2 us.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._ended:
            self.transport.close()
        else:
            self._idle_since = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._await_request(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """The time may be over for a connection that nothing is asked on."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing() or self._is_answering():
            return  # the answer sets a timer again
        is_asked = self._arrival is not None  # and that has a time of its own
        idle = 0.0 if is_asked else self.loop.time() - self._idle_since
        if idle < self.timeout_keep_alive:
            self._await_request(self.timeout_keep_alive - idle)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """The server goes down. Who has just connected has a request on its way, which is still answered."""
        if self.cycle is None and not self.transport.is_closing():
            self.loop.call_later(LAST_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def _decline(self, rest: bytes) -> None:
        """Answer an offer of another protocol in this one, as RFC 9110 (7.8) allows.

        httptools passes over the body of such a request, so that it is parsed again without the offer: Java's
        client makes one with its first request, whatever its method.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(400, "this is no proxy: CONNECT leads nowhere")
            return
        lines = [b"%s %s HTTP/%s" % (method, self.url, version.encode())]
        for name, value in self.headers:
            kept = value
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                kept = b", ".join(token for token in tokens if token.lower() not in _OFFER)
            if name not in _OFFER:
                lines.append(b"%s: %s" % (name, kept))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _forget_answers(self) -> None:
        """What is being answered, or waits for that, finds nobody to be sent to any more."""
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = True
        self.pipeline.clear()

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_refusal(self) -> tuple[int, str] | None:
        """What RFC 9112 asks and httptools does not look at: one Host (3.2), a known coding (6.1)."""
        hosts = 0
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                return 501, f"transfer-encoding {value[:80]!r} is not supported: send chunked, or a length"
        if hosts == 1 or self.parser.get_http_version() == "1.0":
            return None
        return 400, f"the request has {hosts} Host headers; HTTP/1.1 needs one"

    def _await_request(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _await_rest(self, seconds: float) -> None:
        self._arrival = self.loop.call_later(seconds, self._look)

    def _stop_waiting(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _look(self) -> None:
        """The time is over: for a head at once, for a body the second time."""
        self._arrival = None
        if self.transport.is_closing():
            return
        if not self._head_complete and self._is_answering():
            self._await_rest(self.head_seconds)
        elif not self._head_complete:
            self._refuse(408, f"the head of the request was not complete after {self.head_seconds:g} s")
        elif self.flow.read_paused or not self._had_time:
            self._had_time = not self.flow.read_paused
            self._await_rest(self.body_seconds)
        else:  # the application gave up earlier, if it was reading at all
            self.transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        body = orjson.dumps({"error": message})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self._forget_answers()
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()
