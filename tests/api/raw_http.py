"""HTTP by hand: bytes that no client library would send, and answers read as they come."""

import contextlib
import http.client
import json
import socket
from typing import Self


class RawConnection:
    """A connection to 127.0.0.1 that sends what it is told to."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(30)
        self._socket.connect(("127.0.0.1", port))
        self._file = self._socket.makefile("rb")
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, content: bytes) -> Self:
        """Send all of it; a server that does not want it any more is no failure."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self._socket.sendall(content)
        return self

    def finish(self) -> Self:
        """Say that nothing more comes; answers are still read."""
        self._socket.shutdown(socket.SHUT_WR)
        return self

    def receive(self) -> bytes:
        """What comes next."""
        return self._socket.recv(65_536)

    def answer(self) -> tuple[int, dict]:
        """The status and the JSON of the next answer."""
        status = int(self._file.readline().split()[1])
        headers = http.client.parse_headers(self._file)
        return status, json.loads(self._file.read(int(headers["Content-Length"])))

    def refusal(self) -> int:
        """The status of an error, which has the one shape of every error."""
        status, content = self.answer()
        assert list(content) == ["error"], content
        return status

    def is_closed(self, seconds: float = 0.05) -> bool:
        """Whether the server has closed, with nothing left to read."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(65_536) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self._socket.settimeout(30)


def request(body: bytes, *headers: str, path: str = "/predict", method: str = "POST") -> bytes:
    """A request with the length of its body."""
    return head(f"Content-Length: {len(body)}", *headers, path=path, method=method) + body


def head(*headers: str, path: str = "/predict", method: str = "POST") -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()
