"""The messages and services of `inference.proto` and `health.proto`, made while the server starts.

No generated code and no protoc: the files are read here, as much of the language as they use. The messages
live in a descriptor pool of their own, because a client library in the same process registers
messages of the same names in the common one.
"""

import re
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_NUMBERS = ("double", "float", "int32", "int64", "uint32", "uint64")
_SCALARS = {
    kind: getattr(FieldDescriptorProto, f"TYPE_{kind.upper()}")
    for kind in (*_NUMBERS, "bool", "string", "bytes")
}
_TOKEN = re.compile(r"[\w.]+|[{}()<>=;,]|\"[^\"]*\"")
_COMMENT = re.compile(r"//[^\n]*")


@cache
def load_proto(name: str) -> Any:  # noqa: ANN401 - protobuf has no types
    """The file descriptor of `<name>.proto` beside this module."""
    text = Path(__file__).with_name(f"{name}.proto").read_text(encoding="utf-8")
    pool = DescriptorPool()
    return pool.AddSerializedFile(_read_file(f"mojoline/{name}.proto", text).SerializeToString())


def message_class(proto: str, name: str) -> Any:  # noqa: ANN401 - protobuf has no types
    """The class of a message of a file."""
    return GetMessageClass(load_proto(proto).message_types_by_name[name])


def _read_file(name: str, text: str) -> FileDescriptorProto:
    tokens = deque(_TOKEN.findall(_COMMENT.sub("", text)))
    file = FileDescriptorProto(name=name, syntax="proto3")
    while tokens:
        match word := tokens.popleft():
            case "syntax":
                _expect(tokens, "=", '"proto3"', ";")
            case "package":
                file.package = tokens.popleft()
                _expect(tokens, ";")
            case "message":
                _read_message(tokens, file.message_type.add())
            case "service":
                _read_service(tokens, file.service.add())
            case _:
                raise ValueError(f"{name}: {word!r} begins nothing that is read here")
    return file


def _read_message(tokens: deque[str], message: DescriptorProto) -> None:
    message.name = tokens.popleft()
    _expect(tokens, "{")
    while (word := tokens.popleft()) != "}":
        match word:
            case "message":
                _read_message(tokens, message.nested_type.add())
            case "enum":
                _read_enum(tokens, message.enum_type.add())
            case "oneof":
                message.oneof_decl.add(name=tokens.popleft())
                _expect(tokens, "{")
                while (kind := tokens.popleft()) != "}":
                    field = _read_field(tokens, message, kind)
                    field.oneof_index = len(message.oneof_decl) - 1
            case "map":
                _read_map(tokens, message)
            case "repeated":
                field = _read_field(tokens, message, tokens.popleft())
                field.label = FieldDescriptorProto.LABEL_REPEATED
            case _:
                _read_field(tokens, message, word)


def _read_field(tokens: deque[str], message: DescriptorProto, kind: str) -> FieldDescriptorProto:
    field = message.field.add(name=tokens.popleft(), label=FieldDescriptorProto.LABEL_OPTIONAL)
    _expect(tokens, "=")
    field.number = int(tokens.popleft())
    _expect(tokens, ";")
    _set_kind(field, kind)
    return field


def _read_map(tokens: deque[str], message: DescriptorProto) -> None:
    """A map is a repeated message of keys and values, which the compiler makes besides."""
    _expect(tokens, "<")
    key = tokens.popleft()
    _expect(tokens, ",")
    value = tokens.popleft()
    _expect(tokens, ">")
    entry = message.nested_type.add(name=f"{tokens[0].title().replace('_', '')}Entry")
    entry.options.map_entry = True
    for number, (name, kind) in enumerate((("key", key), ("value", value)), start=1):
        field = entry.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        _set_kind(field, kind)
    _read_field(tokens, message, entry.name).label = FieldDescriptorProto.LABEL_REPEATED


def _read_enum(tokens: deque[str], enum: EnumDescriptorProto) -> None:
    enum.name = tokens.popleft()
    _expect(tokens, "{")
    while (name := tokens.popleft()) != "}":
        _expect(tokens, "=")
        enum.value.add(name=name, number=int(tokens.popleft()))
        _expect(tokens, ";")


def _read_service(tokens: deque[str], service: ServiceDescriptorProto) -> None:
    service.name = tokens.popleft()
    _expect(tokens, "{")
    while tokens.popleft() != "}":
        method = service.method.add(name=tokens.popleft())
        _expect(tokens, "(")
        method.input_type = tokens.popleft()
        _expect(tokens, ")", "returns", "(")
        method.server_streaming = tokens[0] == "stream"
        if method.server_streaming:
            tokens.popleft()
        method.output_type = tokens.popleft()
        _expect(tokens, ")", ";")


def _set_kind(field: FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type_name = kind  # found from within, as the language says; message or enum


def _expect(tokens: deque[str], *wanted: str) -> None:
    for one in wanted:
        if (found := tokens.popleft()) != one:
            raise ValueError(f"{found!r} stands where {one!r} is needed")
