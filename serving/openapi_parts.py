"""What the OpenAPI page says about bodies that are checked by hand."""

from typing import Any

ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Refused (4xx) or failed (5xx)",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                }
            }
        },
    }
}
"""The answers of every operation besides 200."""

_ROWS = {"type": "array", "minItems": 1, "items": {"type": "object"}}
_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_TENSOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "shape", "datatype"],  # the values of a binary tensor stand behind the JSON
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "parameters": _PARAMETERS,
        "data": {"type": "array"},
    },
}
PREDICT_BODY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string"},
        "rows": _ROWS,
        "entities": {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}},
        "contributions": {"type": "boolean"},
    },
    "oneOf": [{"required": ["rows"]}, {"required": ["entities"]}],
}
INFER_BODY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "model_name": {"type": "string"},
        "parameters": _PARAMETERS,
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "parameters": _PARAMETERS},
            },
        },
    },
}


BINARY_BODY = {
    "type": "string",
    "format": "binary",
    "description": "the JSON of the request, `Inference-Header-Content-Length` bytes long, then its tensors",
}
INDEX_BODY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"ready": {"type": "boolean"}, "repository_name": {"type": "string"}},
}
_TABLE_ROWS = {"type": "array", "minItems": 1, "items": {"type": "array"}}
_NAMES = {"type": "array", "items": {"type": "string"}}
CONTRIBUTION_BODY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["fields", "rows"],
    "properties": {
        "fields": _NAMES,
        "rows": _TABLE_ROWS,
        "requestShapleyValueType": {"enum": ["NONE", "ORIGINAL", "TRANSFORMED"]},
    },
}
SCORE_BODY = {
    **CONTRIBUTION_BODY,
    "properties": {
        **CONTRIBUTION_BODY["properties"],
        "includeFieldsInOutput": _NAMES,
        "noFieldNamesInOutput": {"type": "boolean"},
        "idField": {"type": "string"},
        "requestPredictionIntervals": {"type": "boolean"},
    },
}
_PARAMS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"probabilities": {"type": "boolean"}},
}
INSTANCES_BODY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["instances"],
    "properties": {"instances": _ROWS, "params": _PARAMS},
}
INVOCATIONS_BODY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "dataframe_split": {
            "type": "object",
            "additionalProperties": False,
            "required": ["columns", "data"],
            "properties": {"columns": _NAMES, "data": _TABLE_ROWS, "index": {"type": "array"}},
        },
        "dataframe_records": _ROWS,
        "instances": _ROWS,
        "inputs": {"type": ["array", "object"]},
        "params": _PARAMS,
    },
    "oneOf": [
        {"required": [form]} for form in ("dataframe_split", "dataframe_records", "instances", "inputs")
    ],
}


def body_of(schema: dict[str, Any], *, binary: bool = False, required: bool = True) -> dict[str, Any]:
    """An operation's JSON body, which may be left out or, if `binary`, come with tensors behind it."""
    content = {"application/json": {"schema": schema}}
    if binary:
        content["application/octet-stream"] = {"schema": BINARY_BODY}
    return {"requestBody": {"required": required, "content": content}}


def path_parameters(path: str) -> dict[str, Any]:
    """An operation's parameters, as its path names them."""
    names = [name for name in ("model", "version") if f"{{{name}}}" in path]
    schema = {"type": "string"}
    return {"parameters": [{"name": n, "in": "path", "required": True, "schema": schema} for n in names]}
