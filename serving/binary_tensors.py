"""The binary tensor extension: tensors as little-endian bytes behind the JSON of a request or an answer.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
BYTES are a uint32 length and that many bytes for each element, BOOL is one byte.
"""

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.errors import bad_request

_NUMBERS = {
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}


class Tail:
    """The bytes behind the JSON, taken from the front, tensor by tensor."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._taken = 0

    def take(self, name: str, datatype: str, size: object) -> list[Any]:
        """The next `size` bytes as the values of a tensor; NaN is None. ApiError 400 if they are not."""
        left = len(self._content) - self._taken
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= left:
            raise bad_request(
                f"input {name} announces binary_data_size {size!r}; {left} bytes are left behind the JSON"
            )
        part = self._content[self._taken : self._taken + size]
        self._taken += size
        return decode_tensor(name, datatype, part)

    def require_end(self) -> None:
        """ApiError 400 if bytes are left that no tensor announced."""
        if left := len(self._content) - self._taken:
            raise bad_request(
                f"{left} bytes behind the JSON part belong to no input: set its binary_data_size"
            )


def decode_tensor(name: str, datatype: str, part: bytes) -> list[Any]:
    """The values in the bytes of one input tensor; NaN is None, as a missing value is in JSON."""
    if datatype == "BYTES":
        return _decode_texts(name, part)
    if datatype == "BOOL":
        if not set(part) <= {0, 1}:
            raise bad_request(f"input {name} is BOOL; each of its bytes must be 0 or 1")
        return [value == 1 for value in part]
    kind = np.dtype(_NUMBERS[datatype])
    if len(part) % kind.itemsize:
        raise bad_request(
            f"input {name} has {len(part)} bytes; {datatype} has {kind.itemsize} for each value"
        )
    values: list[Any] = np.frombuffer(part, kind).tolist()
    if datatype.startswith("FP"):
        return [None if math.isnan(value) else value for value in values]
    return values


def encode_tensor(tensor: dict[str, Any]) -> bytes:
    """The bytes of an output tensor, whose `data` is taken out and replaced by the size of the bytes."""
    data, datatype = tensor.pop("data"), tensor["datatype"]
    if datatype == "BYTES":
        texts = [text.encode() for text in data]
        content = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        content = np.asarray(data, _NUMBERS[datatype]).tobytes()
    known: Mapping[str, object] = tensor.get("parameters", {})
    tensor["parameters"] = {**known, "binary_data_size": len(content)}
    return content


def _decode_texts(name: str, part: bytes) -> list[Any]:
    values: list[Any] = []
    at = 0
    while at < len(part):
        if at + 4 > len(part):
            raise bad_request(f"input {name}[{len(values)}] ends within the four bytes of its length")
        (size,) = struct.unpack_from("<I", part, at)
        at += 4
        if at + size > len(part):
            raise bad_request(
                f"input {name}[{len(values)}] has {size} bytes by its length; {len(part) - at} are left"
            )
        try:
            values.append(part[at : at + size].decode())
        except UnicodeDecodeError as error:
            raise bad_request(f"input {name}[{len(values)}] is no UTF-8: {error.reason}") from error
        at += size
    return values
