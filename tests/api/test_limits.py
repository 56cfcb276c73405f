"""The limits of a request as they are by default, in every dialect."""

import json

import pytest

from serving.json_reading import MAX_DEPTH
from tests.api.live_server import new_registry, publish, server_thread
from tests.api.raw_http import RawConnection, head

MAX_BYTES, MAX_ROWS, MAX_TEXT = 4 * 2**20, 1000, 1000
INFER = "/v2/models/tiny/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    registry = new_registry(tmp_path_factory.mktemp("limits"))
    publish(registry, "first")
    with server_thread(registry) as live:
        live.wait_ready()
        yield live


def tensor(name: str, datatype: str, data: list) -> dict:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


def in_every_dialect(name: str, value: object, rows: int = 1) -> list[tuple[str, dict]]:
    """Path and body of requests that have `value` in the column `name` of each row."""
    row, kind = {name: value}, "FP64" if name == "wind" else "BYTES"
    return [
        ("/predict", {"rows": [row] * rows}),
        (INFER, {"inputs": [tensor(name, kind, [value] * rows)]}),
        ("/invocations", {"dataframe_records": [row] * rows}),
        ("/invocations", {"dataframe_split": {"columns": [name], "data": [[value]] * rows}}),
        ("/invocations", {"instances": [row] * rows}),
        ("/invocations", {"inputs": {name: [value] * rows}}),
        ("/v1/models/tiny:predict", {"instances": [row] * rows}),
        ("/model/score", {"fields": [name], "rows": [[value]] * rows}),
    ]


def status(server, path: str, content: object) -> int:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer = server.api.post(path, content=body)
    assert answer.status_code == 200 or list(answer.json()) == ["error"], answer.text
    return answer.status_code


def test_rows(server):
    for (path, just), (_, more) in zip(
        in_every_dialect("wind", "1", MAX_ROWS)[-1:] + in_every_dialect("wind", 1.0, MAX_ROWS)[:-1],
        in_every_dialect("wind", "1", MAX_ROWS + 1)[-1:] + in_every_dialect("wind", 1.0, MAX_ROWS + 1)[:-1],
        strict=True,
    ):
        assert (path, status(server, path, just)) == (path, 200)
        assert (path, status(server, path, more)) == (path, 413)
    assert status(server, "/predict", {"entities": [1] * (MAX_ROWS + 1)}) == 413


def test_texts(server):
    for (path, just), (_, more) in zip(
        in_every_dialect("carrier", "x" * MAX_TEXT),
        in_every_dialect("carrier", "x" * (MAX_TEXT + 1)),
        strict=True,
    ):
        assert (path, status(server, path, just)) == (path, 200)
        assert (path, status(server, path, more)) == (path, 400)
    long = "x" * (MAX_TEXT + 1)
    assert status(server, "/predict", {"rows": [{"flight_id": long}]}) == 400
    assert status(server, "/predict", {"entities": [long]}) == 400


@pytest.mark.parametrize("path", ["/predict", INFER, "/invocations", "/model/score", "/model/contribution"])
def test_bodies(server, path):
    def pad(size: int) -> bytes:
        start = b'{"rows": [{}]}'
        return start + b" " * (size - len(start))

    assert status(server, path, pad(MAX_BYTES)) == (200 if path == "/predict" else 400)
    assert status(server, path, pad(MAX_BYTES + 1)) == 413
    with RawConnection(server.ports[0]) as one:  # told before a byte of it is sent
        assert one.send(head(f"Content-Length: {MAX_BYTES + 1}", path=path)).refusal() == 413
    with RawConnection(server.ports[0]) as one:
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        one.send(head("Transfer-Encoding: chunked", path=path))
        for _ in range(MAX_BYTES // 0x10000 + 1):
            one.send(chunk)
        assert one.refusal() == 413


@pytest.mark.parametrize("depth", [3, MAX_DEPTH, MAX_DEPTH + 1, 500, 1020, 100_000])
@pytest.mark.parametrize("place", ["a feature", "the entity key", "an unknown key", "an entity", "a tensor"])
def test_nesting(server, depth, place):
    deep = b"[" * depth + b"1" + b"]" * depth
    body = {
        "a feature": b'{"rows": [{"wind": %s}]}',
        "the entity key": b'{"rows": [{"flight_id": %s}]}',
        "an unknown key": b'{"rows": [{}], "x": %s}',
        "an entity": b'{"entities": [%s]}',
        "a tensor": b'{"inputs": [{"name": "flight_id", "shape": [1], "datatype": "INT64", "data": %s}]}',
    }[place]
    for hiding in (b"%s", b'"]}",%s', b'"\\"",%s', b'"[{",%s'):  # what strings hold must not matter
        path = INFER if place == "a tensor" else "/predict"
        assert status(server, path, body % (hiding % deep if place != "a feature" else deep)) == 400


def test_brackets_in_texts_are_texts(server):
    for text in ("[" * 500, "{" * 500, "]" * 9, '"' * 20 + "[" * 20, "\\" * 9 + "[" * 9):
        for path, body in in_every_dialect("carrier", text):
            assert (path, text, status(server, path, body)) == (path, text, 200)


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [{}], "rows": [{"wind": 1}]}',
        b'{"rows": [{}], "r\\u006fws": [{"wind": 1}]}',
        b'{"rows": [{"wind": 1, "wind": 1}]}',
        b'{"rows": [{"carrier": ":", "wind": 1, "w\\u0069nd": 2}]}',
        b'{"rows": [{}, {}, {"wind": null, "wind": null}]}',
        b'{"inputs": [{"name": "wind", "name": "temp", "datatype": "FP64", "shape": [1], "data": [1]}]}',
        b'{"id": "a", "id": "b", "inputs": []}',
        b'{"instances": [{"wind": 1, "wind": 2}]}',
        b'{"fields": ["wind"], "rows": [["1"]], "rows": [["2"]]}',
    ],
)
def test_a_key_that_stands_twice(server, body):
    for path in ("/predict", INFER, "/invocations", "/model/score", "/v1/models/tiny:predict"):
        answer = server.api.post(path, content=body)
        assert (answer.status_code, "stands twice" in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "nan", "1e400", "-1e400", "1" + "0" * 400]
)
def test_numbers_that_json_does_not_have(server, number):
    for path, body in in_every_dialect("wind", "@"):
        assert (path, status(server, path, json.dumps(body).replace('"@"', number).encode())) == (path, 400)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("-0", 0.0),
        ("-0.0", 0.0),
        ("9223372036854775808", 2.0**63),
        ("-9223372036854775809", -(2.0**63)),
        ("18446744073709551616", 2.0**64),
        ("1" + "0" * 300, 1e300),
        ("1e-400", 0.0),
        ("5e-324", 5e-324),
        ("1.7976931348623157e308", 1.7976931348623157e308),
    ],
)
def test_numbers_at_the_edges_are_numbers(server, number, value):
    alike = server.predict([{"wind": value}]).raise_for_status().json()["predictions"]
    body = b'{"rows": [{"wind": %s}]}' % number.encode()
    assert server.api.post("/predict", content=body).raise_for_status().json()["predictions"] == alike
