"""The binary tensor extension: tensors as little-endian bytes behind the JSON of a request or an answer.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
BYTES are a uint32 length and that many bytes for each element, BOOL is one byte.
"""

import math
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np

from serving.errors import bad_request
from serving.json_reading import show

_NUMBERS = {
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
}


def attach_tail(inputs: object, content: bytes) -> None:
    """Put the values that are behind the JSON where JSON would have them: under `data` of their input.

    What is no list of tensors is left to be refused by whoever reads it.

    Raises:
        ApiError: 400 if the sizes that the inputs announce are not those of `content`.
    """
    tail = _Tail(content)
    for item in inputs if isinstance(inputs, list) else []:
        parameters = item.get("parameters") if isinstance(item, dict) else None
        if not isinstance(parameters, dict) or "binary_data_size" not in parameters:
            continue
        name, datatype = item.get("name"), item.get("datatype")
        if item.get("data") is not None:
            raise bad_request(f"input {show(name)} has data and a binary_data_size: send one of them")
        item["data"] = decode_tensor(name, datatype, tail.take(name, parameters["binary_data_size"]))
    tail.require_end()


class _Tail:
    """The bytes behind the JSON, taken from the front, tensor by tensor."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._taken = 0

    def take(self, name: object, size: object) -> bytes:
        """The next `size` bytes; ApiError 400 if there are not as many."""
        left = len(self._content) - self._taken
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= left:
            raise bad_request(
                f"input {show(name)} announces binary_data_size {show(size)}; "
                f"{left} bytes are left behind the JSON"
            )
        part = self._content[self._taken : self._taken + size]
        self._taken += size
        return part

    def require_end(self) -> None:
        """ApiError 400 if bytes are left that no tensor announced."""
        if left := len(self._content) - self._taken:
            raise bad_request(
                f"{left} bytes behind the JSON part belong to no input: set its binary_data_size"
            )


def decode_tensor(name: object, datatype: object, part: bytes) -> list[Any]:
    """The values in the bytes of one input tensor; NaN is None, as a missing value is in JSON.

    Raises:
        ApiError: 400 if they are no such values.
    """
    if datatype == "BYTES":
        return _decode_texts(name, part)
    if datatype == "BOOL":
        if not set(part) <= {0, 1}:
            raise bad_request(f"input {name} is BOOL; each of its bytes must be 0 or 1")
        return [value == 1 for value in part]
    if datatype not in _NUMBERS:
        known = ", ".join(("BOOL", *_NUMBERS, "BYTES"))
        raise bad_request(f"input {name} has the datatype {show(datatype)}; known are {known}")
    kind = np.dtype(_NUMBERS[str(datatype)])
    if len(part) % kind.itemsize:
        raise bad_request(
            f"input {name} has {len(part)} bytes; {datatype} has {kind.itemsize} for each value"
        )
    values: list[Any] = np.frombuffer(part, kind).tolist()
    return missing_as_none(values) if kind.kind == "f" else values


def missing_as_none(values: Iterable[float]) -> list[float | None]:
    """Numbers with None for each NaN."""
    return [None if math.isnan(value) else value for value in values]


def encode_tensor(datatype: str, values: Iterable[Any]) -> bytes:
    """The bytes of an output tensor."""
    if datatype == "BYTES":
        texts = [text.encode() for text in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.asarray(values, _NUMBERS[datatype]).tobytes()


def _decode_texts(name: object, part: bytes) -> list[Any]:
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
