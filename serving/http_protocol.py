"""uvicorn's HTTP protocol with an end to patience: whoever sends a head byte by byte holds no connection."""

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is not complete in `HEAD_SECONDS`; its errors are JSON."""

    most_connections = 2048
    _head_timer: asyncio.TimerHandle | None = None
    _head_complete = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, or turn the connection away."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, f"{self.most_connections} connections are open, which is the most")
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Read on; what is an unfinished head afterwards has to be finished in time."""
        super().data_received(data)
        if self._head_complete or self.transport.is_closing():
            self._stop_waiting()
        elif self._head_timer is None:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; the application watches over the body."""
        self._head_complete = True
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered in the one shape of every error."""
        self._refuse(400, msg)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, f"the head of the request was not complete after {HEAD_SECONDS:g} s")

    def _refuse(self, status: int, message: str) -> None:
        body = orjson.dumps({"error": message})
        reasons = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}
        head = (
            f"HTTP/1.1 {status} {reasons[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
