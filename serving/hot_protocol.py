"""The shortest way of a prediction: from the parser of HTTP to the model and back, without ASGI between them.

A `POST` to one of the hot paths that has arrived whole is answered here, in most cases before the parser goes
on; the bytes are those that the application would send. Everything else (other paths and methods, bodies that
are large, slow or announced, requests behind an unanswered one) is handed to the application.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from serving.api_keys import ApiKeys
from serving.early_start import Ended, Waiting, finish, start
from serving.hot_path import Endpoint, HotPath, answer
from serving.http_protocol import PatientProtocol
from serving.request_reading import SMALL_BODY, WholeRequest
from serving.request_scope import IN_PROGRESS, failure, note_request, read_request_id

HOLD_SECONDS = 0.05  # for the body of clients that send it apart from the head
ANSWERED_AT_ONCE = 8  # requests of one piece of what arrives; others have their turn after that


class HotProtocol(PatientProtocol):
    """Answers what `hot_path` finds; `keys` and `is_draining` as the application's middleware has them."""

    hot_path: HotPath
    keys: ApiKeys | None = None
    _endpoint: Endpoint | None = None  # of the request that is held back until it is whole
    _parts: list[bytes]
    _holding: asyncio.TimerHandle | None = None
    _answered = 0  # of the piece that is being read

    @staticmethod
    def is_draining() -> bool:
        """Whether clients are asked to leave."""
        return False

    @classmethod
    def over(
        cls, hot_path: HotPath, keys: ApiKeys | None, is_draining: Callable[[], bool]
    ) -> "type[HotProtocol]":
        """The protocol of one application."""
        of_app = {"hot_path": hot_path, "keys": keys, "is_draining": staticmethod(is_draining)}
        return type("HotProtocol", (cls,), of_app)

    def data_received(self, data: bytes) -> None:
        """Read on; a request that is still held back afterwards has a moment to become whole."""
        self._answered = 0
        super().data_received(data)
        if self._endpoint is None:
            return
        if self._received > SMALL_BODY:
            self._hand_over()
        elif self._holding is None:
            self._holding = self.loop.call_later(HOLD_SECONDS, self._hand_over)

    def on_headers_complete(self) -> None:
        """Hold a hot request back; let the application begin with any other."""
        self._endpoint = self._find() if self._may_be_hot() else None
        if self._endpoint is None:
            super().on_headers_complete()
        else:
            self._head_complete = True
            self._parts = []

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._endpoint is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        endpoint = self._endpoint
        if endpoint is None:
            super().on_message_complete()
            return
        self._complete = True
        self._received = 0
        self._release()
        self._answer(endpoint, self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._release()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server goes down; a request that is half here is still answered."""
        if self._endpoint is not None:
            self._hand_over()
        super().shutdown()

    def _may_be_hot(self) -> bool:
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and self._answered < ANSWERED_AT_ONCE
            and self._received <= SMALL_BODY
            and not (self.pipeline or self._is_answering() or self.flow.write_paused)
            and not (self.expect_100_continue or parser.should_upgrade())
            and parser.get_http_version() == "1.1"
            and self._head_refusal() is None
        )

    def _find(self) -> Endpoint | None:
        if not self.url.isascii() or b"%" in self.url or b"?" in self.url:
            return None
        self.scope["method"] = "POST"
        self.scope["path"] = self.url.decode("ascii")
        return self.hot_path.find(self.scope)  # type: ignore[arg-type]

    def _release(self) -> None:
        self._endpoint = None
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None

    def _hand_over(self) -> None:
        """Let the application have what is held back."""
        self._release()
        if self.transport.is_closing():
            return
        try:
            super().on_headers_complete()
        except ValueError:  # no parser is there to catch it
            self._refuse(*self._refusal)
            return
        for part in self._parts:
            super().on_body(part)

    def _answer(self, endpoint: Endpoint, content: bytes) -> None:
        self._answered += 1
        scope: Any = self.scope
        scope["request_id"] = read_request_id(self.headers)
        cycle = HotCycle(scope, keep_alive=self.parser.should_keep_alive())
        self.cycle = self._answering = cycle  # type: ignore[assignment]
        IN_PROGRESS.add(1)
        work = answer(endpoint, WholeRequest(scope, content), self.keys)
        try:
            begun = start(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            self._send(cycle, failure(scope, error))
            return
        if isinstance(begun, Ended):
            self._send(cycle, begun.result)
            return
        task = self.loop.create_task(self._finish(cycle, work, begun))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _finish(self, cycle: "HotCycle", work: Coroutine[Any, Any, Response], begun: Waiting) -> None:
        try:
            response = await finish(work, begun)
        except Exception as error:  # noqa: BLE001 - as above
            response = failure(cycle.scope, error)
        self._send(cycle, response)

    def _send(self, cycle: "HotCycle", response: Response) -> None:
        """Write the answer as uvicorn would, in one piece, and be ready for the next request."""
        headers = response.raw_headers
        headers.append((b"x-request-id", cycle.scope["request_id"].encode("ascii")))
        if self.is_draining():
            headers.append((b"connection", b"close"))
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            headers.append((b"connection", b"close"))
        cycle.response_complete = True
        if not cycle.disconnected:
            lines = [STATUS_LINE[response.status_code]]
            for name, value in (*self.server_state.default_headers, *headers):
                lines += (name, b": ", value, b"\r\n")
            lines += (b"\r\n", bytes(response.body))
            self.transport.write(b"".join(lines))
            if not cycle.keep_alive:
                self.transport.close()
        IN_PROGRESS.add(-1)
        head = {"status": response.status_code, "headers": headers}
        note_request(cycle.scope, head, time.perf_counter() - cycle.started)
        self.on_response_complete()


class HotCycle:
    """A hot request that is being answered; has what uvicorn's protocol looks at in its own cycles."""

    __slots__ = ("disconnected", "keep_alive", "response_complete", "scope", "started")

    def __init__(self, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.started = time.perf_counter()

    @property
    def message_event(self) -> "HotCycle":
        """Uvicorn wakes here whoever waits for more of the request: nobody."""
        return self

    def set(self) -> None:
        """As of `asyncio.Event`."""
