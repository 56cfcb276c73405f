"""gRPC by hand: frames of HTTP/2 that no client library would send, or would not leave unfinished."""

import contextlib
import socket
import struct
from typing import Self

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4


class RawHttp2:
    """A connection to 127.0.0.1 that sends what it is told to, and answers nothing by itself."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._streams = iter(range(1, 2**31, 2))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def frame(self, kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> Self:
        """Send a frame."""
        head = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self._socket.sendall(head + payload)
        return self

    def greet(self, *, window: int = 65_535) -> Self:
        """Begin, and take at most `window` bytes of each answer."""
        self._socket.sendall(PREFACE)
        self.frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, window))
        return self.frame(SETTINGS, ACK)

    def call(self, path: str, content: bytes = b"", *, announced: int | None = None) -> Self:
        """Begin a call with the length of its message and then `content`, which may be less."""
        stream = next(self._streams)
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "x",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        block = b"".join(
            bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
            for name, value in fields.items()
        )
        self.frame(HEADERS, END_HEADERS, stream, block)
        length = len(content) if announced is None else announced
        ends = END_STREAM if length == len(content) else 0
        return self.frame(DATA, ends, stream, b"\0" + struct.pack(">I", length) + content)

    def is_closed(self, seconds: float = 0.05) -> bool:
        """Whether the server has closed, whatever it has said before."""
        self._socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            try:
                while self._socket.recv(65_536):
                    pass
            except ConnectionError:
                pass
            return True
        return False

    def said(self, seconds: float = 0.5) -> bytes:
        """What has come by then; texts in it are not compressed."""
        self._socket.settimeout(seconds)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while more := self._socket.recv(65_536):
                received += more
        return received
