"""Tensors of the Open Inference Protocol to columns and back: one per column, or one matrix `predict`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.errors import bad_request
from serving.inference import Scores
from serving.json_reading import show
from serving.metrics import BAD_NUMBERS
from serving.row_batch import MAX_TEXT, missing_value, require_count, require_keys, too_long, unknown_column
from serving.served_model import ServedModel

INTEGERS = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
FLOATS = ("FP16", "FP32", "FP64")
DATATYPES = ("BOOL", *INTEGERS, *FLOATS, "BYTES")
MATRIX = "predict"
CONTRIBUTIONS = "contributions"

_REQUEST_KEYS = ("id", "model_name", "parameters", "inputs", "outputs")
_OUTPUT_KEYS = ("name", "parameters")
_INPUT_KEYS = ("name", "shape", "datatype", "parameters", "data")


@dataclass(frozen=True)
class InferenceRequest:
    """A checked request: columns by name, each `rows` long; `outputs` None means all of them."""

    id: str | None
    rows: int
    columns: Mapping[str, Sequence[Any]]
    passed_over: Mapping[str, Sequence[Any]]
    outputs: Sequence[str] | None
    binary: frozenset[str] = frozenset()
    all_binary: bool = False

    @property
    def contributions(self) -> bool:
        """Whether the answer is to hold them; only who names them gets them."""
        return CONTRIBUTIONS in (self.outputs or ())

    def is_binary(self, output: str) -> bool:
        """Whether an output is wanted as bytes behind the JSON."""
        return self.all_binary or output in self.binary


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


def parse_inference(served: ServedModel, content: Mapping[str, Any], max_rows: int) -> InferenceRequest:
    """The columns in an inference request; 400 or 413 names the tensor, the value and what is allowed.

    Args:
        served: the version that is to answer.
        content: the request as it is in JSON.
        max_rows: most rows in one request.
    """
    require_keys(content, _REQUEST_KEYS)
    identifier = content.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise bad_request(f"id is {show(identifier)}; text is needed")
    if content.get("model_name") not in (None, served.name):  # the path has said it; some clients repeat it
        raise bad_request(f"model_name is {show(content['model_name'])}; the path asks {served.name}")
    parameters = _read_parameters(content, "the body")
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise bad_request(f"inputs is {show(inputs)}; a list of tensors is needed, one per column")
    tensors = [_parse_tensor(index, item) for index, item in enumerate(inputs)]
    if len(tensors) == 1 and len(tensors[0].shape) == 2 and tensors[0].name == MATRIX:
        tensors = _split_matrix(served, tensors[0])
    rows = tensors[0].shape[0]
    require_count(rows, max_rows)
    columns: dict[str, list[Any]] = {}
    passed_over: dict[str, list[Any]] = {}
    for tensor in tensors:
        if tensor.name in columns or tensor.name in passed_over:
            raise bad_request(f"two inputs are named {show(tensor.name)}")
        if tensor.shape not in ([rows], [rows, 1]):
            raise bad_request(
                f"input {tensor.name} has the shape {tensor.shape}; [{rows}] is needed, as in the first"
            )
        if tensor.name not in served.kinds and tensor.name not in served.ignored:
            raise unknown_column(served, "inputs", tensor.name)
        _require_kind(served, tensor)
        (columns if tensor.name in served.features else passed_over)[tensor.name] = tensor.data
    for name in served.required:
        column = columns.get(name, passed_over.get(name))
        if column is None or None in column:
            raise missing_value(f"input {name}")
    all_binary = parameters.get("binary_data_output") is True
    outputs, binary = _parse_outputs(served, content.get("outputs"), all_binary)
    return InferenceRequest(
        identifier, rows, columns, passed_over, outputs, binary, all_binary and outputs is None
    )


def output_tensors(served: ServedModel, result: Scores, request: InferenceRequest) -> list[dict[str, Any]]:
    """The answer's tensors: `predict` (labels) where there are labels, then one per score."""
    shape = [len(result.values)]
    tensors: list[dict[str, Any]] = []
    if result.labels is not None:
        tensors.append({"name": "predict", "datatype": "BYTES", "shape": shape, "data": result.labels})
    for index, name in enumerate(served.output_fields):
        data = [row[index] for row in result.values]
        tensors.append({"name": name, "datatype": "FP64", "shape": shape, "data": data})
    if request.outputs is None:
        return tensors
    by_name = {str(tensor["name"]): tensor for tensor in tensors}
    if result.contributions is not None:
        by_name[CONTRIBUTIONS] = {
            "name": CONTRIBUTIONS,
            "datatype": "FP32",
            "shape": list(result.contributions.shape),
            "parameters": {
                "space": served.contribution_space,
                "columns": ",".join(served.scoring.contribution_names),
            },
            "data": result.contributions.ravel(),
        }
    return [by_name[name] for name in request.outputs]


def _parse_tensor(index: int, item: Any) -> _Tensor:  # noqa: ANN401 - any JSON value
    where = f"inputs[{index}]"
    if not isinstance(item, dict):
        raise bad_request(f"{where} is {show(item)}; a tensor object is needed")
    require_keys(item, _INPUT_KEYS, where)
    name, shape, datatype, data = (item.get(key) for key in ("name", "shape", "datatype", "data"))
    if not isinstance(name, str):
        raise bad_request(f"{where}.name is {show(name)}; the name of a column is needed")
    _read_parameters(item, where)
    if not isinstance(shape, list) or len(shape) not in (1, 2) or not all(_is_size(size) for size in shape):
        raise bad_request(f"input {name} has the shape {show(shape)}; [n] or [n, 1] is needed")
    if datatype not in DATATYPES:
        raise bad_request(f"input {name} has the datatype {show(datatype)}; known are {', '.join(DATATYPES)}")
    if not isinstance(data, list):
        raise bad_request(f"input {name} has the data {show(data)}; a list is needed")
    return _Tensor(name, shape, datatype, _flatten(name, shape, data))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _flatten(name: str, shape: list[int], data: list[Any]) -> list[Any]:
    if len(shape) == 2 and any(isinstance(row, list) for row in data):
        if len(data) != shape[0] or not all(isinstance(row, list) and len(row) == shape[1] for row in data):
            raise bad_request(f"input {name} has nested data that does not fit its shape {shape}")
        data = [value for row in data for value in row]
    wanted = math.prod(shape)
    if len(data) != wanted:
        raise bad_request(f"input {name} has {len(data)} values; its shape {shape} needs {wanted}")
    return data


def _split_matrix(served: ServedModel, tensor: _Tensor) -> list[_Tensor]:
    names = list(served.scoring.feature_names)
    if len(tensor.shape) == 2 and tensor.shape[1] == len(names) and not served.scoring.domains:
        width, rows = len(names), [tensor.shape[0]]
        return [_Tensor(name, rows, tensor.datatype, tensor.data[i::width]) for i, name in enumerate(names)]
    raise bad_request(
        f"a matrix named {MATRIX} needs a model of numeric columns and the shape [n, {len(names)}]; "
        f"{served.name} takes one tensor for each of {', '.join(names)}"
    )


def _require_kind(served: ServedModel, tensor: _Tensor) -> None:
    """Every value fits its datatype, and the datatype its column."""
    kind = served.kinds.get(tensor.name)
    if kind == "categorical" and tensor.datatype != "BYTES":
        raise bad_request(
            f"input {tensor.name} is {tensor.datatype}; BYTES is needed in a categorical column"
        )
    if kind == "numeric" and tensor.datatype == "BYTES":
        raise bad_request(f"input {tensor.name} is BYTES; FP64 is needed in a numeric column")
    for index, value in enumerate(tensor.data):
        if value is None:
            continue
        if not _fits(value, tensor.datatype):
            if kind == "numeric":
                BAD_NUMBERS.labels(served.name, tensor.name).inc()
            raise bad_request(f"input {tensor.name}[{index}] is {show(value)}, which is no {tensor.datatype}")
        if tensor.datatype == "BYTES" and len(value) > MAX_TEXT:
            raise too_long(f"input {tensor.name}[{index}]", value)
        if value is True or value is False:
            tensor.data[index] = float(value)


def _fits(value: object, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str)
    if datatype == "BOOL":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if datatype in FLOATS:
        return isinstance(value, int | float) and math.isfinite(value)
    low, high = INTEGERS[datatype]
    return isinstance(value, int) and low <= value <= high


def _parse_outputs(
    served: ServedModel,
    outputs: Any,  # noqa: ANN401 - any JSON value
    all_binary: bool,
) -> tuple[list[str] | None, frozenset[str]]:
    """The wanted outputs (None: all but contributions), and those of them that are wanted as bytes.

    `all_binary` holds for those that do not say it themselves.
    """
    if outputs is None or outputs == []:
        return None, frozenset()
    known = [*(["predict"] if served.has_labels else []), *served.output_fields, CONTRIBUTIONS]
    if not isinstance(outputs, list):
        raise bad_request(f"outputs is {show(outputs)}; a list of objects with a name is needed")
    names, binary = [], set()
    for index, item in enumerate(outputs):
        name = item.get("name") if isinstance(item, dict) else None
        if name not in known:
            raise bad_request(f"outputs[{index}] names {show(name)}; known are {', '.join(known)}")
        if name in names:
            raise bad_request(f"outputs[{index}] names {show(name)} a second time")
        require_keys(item, _OUTPUT_KEYS, f"outputs[{index}]")
        if _read_parameters(item, f"outputs[{index}]").get("binary_data", all_binary) is True:
            binary.add(str(name))
        names.append(str(name))
    return names, frozenset(binary)


def _read_parameters(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    parameters = content.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise bad_request(f"{where} has the parameters {show(parameters)}; an object is needed")
    for key, value in parameters.items():
        if not isinstance(value, str | int | float):
            raise bad_request(
                f"{where} has the parameter {show(key)} = {show(value)}; text, number or boolean is needed"
            )
    return parameters
