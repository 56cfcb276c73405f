"""The prediction API over HTTP: the numbers are H2O's own, every refusal says what to change."""

import json
import struct

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.live_server import asgi_thread, golden, new_registry, publish, server_thread

MAX_ROWS, MAX_BYTES = 400, 200_000


@pytest.fixture(scope="module", params=[server_thread, asgi_thread], ids=["own protocol", "asgi"])
def server(tmp_path_factory, request):
    registry = new_registry(tmp_path_factory.mktemp("api"))
    publish(registry, "first", "tiny")
    publish(registry, "regression", "delay")
    with request.param(
        registry, serving={"max_rows": MAX_ROWS, "max_body_bytes": MAX_BYTES, "docs": True}
    ) as live:
        live.wait_ready()
        yield live


def version_of(server, name="tiny"):
    return server.registry.aliases(name).champion.version


def as_tensors(rows, columns):
    tensors = []
    for name in columns:
        values = [row.get(name) for row in rows]
        text = name in ("carrier", "origin")
        tensors.append(
            {"name": name, "shape": [len(rows)], "datatype": "BYTES" if text else "FP64", "data": values}
        )
    return tensors


def infer(server, content, name="tiny", version=None):
    path = f"/v2/models/{name}" + (f"/versions/{version}" if version else "") + "/infer"
    return server.api.post(path, json=content)


def error_of(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    content = response.json()
    assert list(content) == ["error"]
    return content["error"]


@pytest.mark.parametrize("size", [1, 7, 320])  # 320 rows are answered in a thread
def test_predictions_are_those_of_h2o(server, size):
    rows = golden("first")
    for start in range(0, 320, max(size, 40)):
        sent = rows.rows[start : start + size]
        response = server.predict(sent)
        assert response.status_code == 200, response.text
        body = response.json()
        assert body["model"] == "tiny"
        assert body["variant"] == "champion"
        assert body["model_version"] == response.headers["X-Model-Version"] == version_of(server)
        assert body["request_id"] == response.headers["X-Request-Id"]
        for answer, expected in zip(body["predictions"], rows.expected[start : start + size], strict=True):
            assert list(answer) == ["label", "probabilities"]
            assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-9)
            assert answer["label"] in answer["probabilities"]


def test_a_regression_gives_values(server):
    rows = golden("regression")
    body = server.predict(rows.rows, "delay").json()
    assert [p["value"] for p in body["predictions"]] == pytest.approx([e[0] for e in rows.expected], abs=1e-9)
    answer = infer(server, {"inputs": as_tensors(rows.rows[:3], rows.columns)}, "delay").json()
    assert [tensor["name"] for tensor in answer["outputs"]] == ["predict"]
    assert answer["outputs"][0]["datatype"] == "FP64"


def test_inference_protocol(server):
    rows = golden("first")
    response = infer(server, {"id": "mine", "inputs": as_tensors(rows.rows, rows.columns)})
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("tiny", version_of(server), "mine")
    outputs = {tensor["name"]: tensor for tensor in body["outputs"]}
    assert list(outputs) == ["predict", "p0", "p1"]
    assert outputs["predict"]["datatype"] == "BYTES"
    assert outputs["p1"] | {"data": []} == {"name": "p1", "datatype": "FP64", "shape": [320], "data": []}
    assert outputs["p0"]["data"] == pytest.approx([e[0] for e in rows.expected], abs=1e-9)
    assert outputs["p1"]["data"] == pytest.approx([e[1] for e in rows.expected], abs=1e-9)
    short = server.predict(rows.rows).json()["predictions"]
    assert outputs["predict"]["data"] == [answer["label"] for answer in short]
    assert outputs["p1"]["data"] == [answer["probabilities"]["yes"] for answer in short]


def test_inference_takes_columns_as_clients_send_them(server):
    inputs = [
        {"name": "distance", "shape": [2, 1], "datatype": "INT32", "data": [[500], [700]]},
        {"name": "wind", "shape": [2, 1], "datatype": "FP32", "data": [1.5, None], "parameters": {}},
        {
            "name": "carrier",
            "shape": [2],
            "datatype": "BYTES",
            "data": ["AA", None],
            "parameters": {"content_type": "str"},
        },
        {"name": "flight_id", "shape": [2], "datatype": "INT64", "data": [1, 2]},
    ]
    content = {"inputs": inputs, "outputs": [{"name": "p1"}], "parameters": {"content_type": "pd"}}
    response = infer(server, content, version=version_of(server))
    assert response.status_code == 200, response.text
    rows = [{"distance": 500, "wind": 1.5, "carrier": "AA"}, {"distance": 700}]
    expected = [p["probabilities"]["yes"] for p in server.predict(rows).json()["predictions"]]
    assert response.json()["outputs"] == [{"name": "p1", "datatype": "FP64", "shape": [2], "data": expected}]
    assert response.json()["id"] == response.headers["X-Request-Id"]


def test_the_body_may_repeat_the_models_name(server):
    """KServe's client does, and so does the example of the binary extension."""
    inputs = as_tensors(golden("first").rows[:1], golden("first").columns)
    assert infer(server, {"model_name": "tiny", "inputs": inputs}).status_code == 200
    assert "delay" in error_of(infer(server, {"model_name": "delay", "inputs": inputs}), 400)


def test_what_holds_for_all_outputs_can_be_overridden_for_one(server):
    content = {
        "inputs": as_tensors(golden("first").rows[:1], golden("first").columns),
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "p0"}, {"name": "p1", "parameters": {"binary_data": False}}],
    }
    answer = infer(server, content)
    length = int(answer.headers["Inference-Header-Content-Length"])
    p0, p1 = json.loads(answer.content[:length])["outputs"]
    assert "data" not in p0
    assert p0["parameters"] == {"binary_data_size": 8}
    (first,) = struct.unpack("<d", answer.content[length:])
    assert first + p1["data"][0] == pytest.approx(1)


def test_metadata(server):
    assert server.api.get("/v2").json()["name"] == "mojoline"
    assert server.api.get("/v2/models").json() == {"models": ["delay", "tiny"]}
    version = version_of(server)
    for path in ("/v2/models/tiny", f"/v2/models/tiny/versions/{version}"):
        body = server.api.get(path).json()
        assert (body["name"], body["versions"], body["platform"]) == ("tiny", [version], "h2o_mojo")
        assert {"name": "distance", "datatype": "FP64", "shape": [-1]} in body["inputs"]
        assert {"name": "carrier", "datatype": "BYTES", "shape": [-1]} in body["inputs"]
        assert [tensor["name"] for tensor in body["outputs"]] == ["predict", "p0", "p1"]
        assert server.api.get(f"{path}/ready").json() == {"name": "tiny", "ready": True}


def test_health(server):
    assert server.api.get("/v2/health/live").json() == {"live": True}
    assert server.api.get("/v2/health/ready").json() == {"ready": True, "live": True}
    for alias in ("/livez", "/healthz", "/health", "/ping"):
        assert server.api.get(alias).json() == {"live": True}
        assert (server.api.head(alias).status_code, server.api.head(alias).content) == (200, b"")


def test_request_ids_are_echoed_or_made(server):
    assert server.predict([{}], **{"X-Request-Id": "abc-1"}).json()["request_id"] == "abc-1"
    made = {server.predict([{}]).headers["X-Request-Id"] for _ in range(3)}
    assert len(made) == 3
    assert server.api.get("/nowhere", headers={"X-Request-Id": "abc-2"}).headers["X-Request-Id"] == "abc-2"


def test_the_entity_key_and_the_event_time_may_stand_in_a_row(server):
    row = {"distance": 900.0, "carrier": "UA"}
    alone = server.predict([row]).json()["predictions"]
    replayed = server.predict([{**row, "flight_id": 17, "departure": "2013-07-01T10:00:00"}])
    assert replayed.json()["predictions"] == alone


def test_missing_is_missing_however_it_is_written(server):
    answers = server.predict([{}, {"distance": None, "carrier": None}]).json()["predictions"]
    assert answers[0] == answers[1]
    assert server.predict([{"carrier": "never seen"}]).status_code == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rows": [{"distanse": 1}]}, ["rows[0]", '"distanse"', "distance, temp, wind, carrier, origin"]),
        ({"rows": [{}, {"wind": "strong"}]}, ["rows[1].wind", '"strong"', "number or null"]),
        ({"rows": [{"carrier": 7}]}, ["rows[0].carrier", "7", "text or null"]),
        ({"rows": [{"wind": [1]}]}, ["rows[0].wind", "[1]", "number or null"]),
        ({"rows": [7]}, ["rows[0]", "7", "object"]),
        ({"rows": []}, ["no rows", f"1 to {MAX_ROWS}"]),
        ({"rows": {}}, ["rows", "{}", "list"]),
        ({"row": [{}]}, ['"row"', "model, rows, entities"]),
        ([], ["body", "[]", "object"]),
        ({"rows": [{}], "model": 3}, ["model", "3", "name"]),
    ],
)
def test_refused_rows_are_explained(server, content, words):
    if isinstance(content, dict):
        content = {"model": "tiny", **content}
    message = error_of(server.api.post("/predict", json=content), 400)
    assert [word for word in words if word not in message] == []


def test_nothing_in_a_body_is_silently_lost(server):
    twice = b'{"model": "tiny", "rows": [{"wind": 1, "carrier": "a:b", "wind": 2}]}'
    assert '"wind"' in error_of(server.api.post("/predict", content=twice), 400)
    once = b'{"model": "tiny", "rows": [{"wind": 1, "carrier": "a:b \\"c\\": d"}]}'
    assert server.api.post("/predict", content=once).status_code == 200
    assert "1000" in error_of(server.predict([{"carrier": "x" * 1001}]), 400)


def test_contributions_are_given_or_refused_with_the_reason(server):
    answer = server.api.post(
        "/predict", json={"model": "tiny", "rows": [{"wind": 1}, {}], "contributions": True}
    )
    wanted = {"inputs": as_tensors([{"wind": 1.0}], ["wind"]), "outputs": [{"name": "contributions"}]}
    tensors = infer(server, wanted)
    table = {"fields": ["wind"], "rows": [["1"]], "requestShapleyValueType": "TRANSFORMED"}
    h2o = server.api.post("/model/contribution?model=tiny", json=table)
    if answer.status_code == 501:  # the scorer that is installed has none
        assert all("contributions" in error_of(response, 501) for response in (answer, tensors, h2o))
        return
    shares = answer.json()["contributions"]
    assert shares["columns"][-1] == "BiasTerm"
    assert shares["space"] in ("raw", "reduced")
    (tensor,) = tensors.json()["outputs"]
    assert tensor["shape"] == [1, len(shares["columns"])]
    assert tensor["data"] == pytest.approx(shares["rows"][0])
    groups = h2o.json()["contributionGroups"]
    assert [float(v) for v in groups[0]["contributions"][0]] == pytest.approx(shares["rows"][0])


def test_every_answer_says_where_it_comes_from_and_how_long_it_took(server):
    for response in (
        server.predict([{}]),
        infer(server, {"inputs": as_tensors([{}], ["wind"])}),
        server.api.post("/invocations?model=tiny", json={"instances": [{}]}),
    ):
        assert response.headers["X-Model-Version"] == version_of(server)
        assert (response.headers["X-Model-Name"], response.headers["X-Variant"]) == ("tiny", "champion")
        assert response.headers["X-Cache"] == "bypass"
        stages = [part.split(";dur=") for part in response.headers["Server-Timing"].split(", ")]
        assert [name for name, _ in stages] == ["parse", "score", "ser"]
        assert all(float(milliseconds) > 0 for _, milliseconds in stages)


def test_the_metrics_page_counts(server):
    def value(sample):
        lines = [line for line in server.api.get("/metrics").text.splitlines() if line.startswith(sample)]
        return float(lines[0].split()[-1]) if lines else 0.0

    labels = f'{{model_name="tiny",model_version="{version_of(server)}"}}'
    rows, good = value(f"mojoline_rows_total{labels}"), value(f"model_infer_request_success_total{labels}")
    server.predict([{}] * 3)
    assert value(f"mojoline_rows_total{labels}") == rows + 3
    assert value(f"model_infer_request_success_total{labels}") == good + 1
    server.predict([{"carrier": "a level of nobody's"}])
    assert "a level of nobody's" not in server.api.get("/metrics").text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(server, number):
    body = f'{{"model": "tiny", "rows": [{{"wind": {number}}}]}}'
    error_of(server.api.post("/predict", content=body), 400)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": ["1", "2"]}, ["distance[0]", '"1"', "FP64"]),
        ({"data": [1.0]}, ["distance", "1 values", "[2]"]),
        ({"data": [[1.0], [2.0, 3.0]], "shape": [2, 1]}, ["nested", "[2, 1]"]),
        ({"shape": [2, 3]}, ["distance", "2 values", "[2, 3]"]),
        ({"shape": [-1]}, ["shape", "[-1]"]),
        ({"shape": "2"}, ["shape"]),
        ({"datatype": "BYTES", "data": ["a", "b"]}, ["distance", "BYTES", "FP64"]),
        ({"datatype": "FP128"}, ["FP128", "FP64"]),
        ({"datatype": "INT8", "data": [1, 200]}, ["distance[1]", "200", "INT8"]),
        ({"datatype": "INT64", "data": [1, 1.5]}, ["1.5", "INT64"]),
        ({"datatype": "BOOL", "data": [True, 1]}, ["distance[1]", "BOOL"]),
        ({"name": "distanse"}, ["distanse", "distance, temp"]),
        ({"name": None}, ["inputs[0].name"]),
        ({"extra": 1}, ["extra", "datatype"]),
        ({"parameters": {"binary_data_size": 8}}, ["data and a binary_data_size"]),
        ({"parameters": {"binary_data_size": 8}, "data": None}, ["8", "0 bytes are left"]),
        ({"parameters": {"nested": {}}}, ["nested", "boolean"]),
    ],
)
def test_refused_tensors_are_explained(server, change, words):
    tensor = {"name": "distance", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]}
    message = error_of(infer(server, {"inputs": [{**tensor, **change}]}), 400)
    assert [word for word in words if word not in message] == []


def test_refused_inference_requests(server):
    tensor = {"name": "distance", "shape": [1], "datatype": "FP64", "data": [1.0]}
    assert "two inputs" in error_of(infer(server, {"inputs": [tensor, tensor]}), 400)
    assert "p9" in error_of(infer(server, {"inputs": [tensor], "outputs": [{"name": "p9"}]}), 400)
    assert "id is 7" in error_of(infer(server, {"id": 7, "inputs": [tensor]}), 400)
    assert "inputs" in error_of(infer(server, {"inputs": []}), 400)
    assert "[1]" in error_of(
        infer(server, {"inputs": [tensor, {**tensor, "name": "wind", "shape": [2], "data": [1, 2]}]}), 400
    )
    matrix = {"name": "predict", "shape": [1, 5], "datatype": "FP64", "data": [1, 2, 3, 4, 5]}
    assert "one tensor for each" in error_of(infer(server, {"inputs": [matrix]}), 400)


def test_unknown_places(server):
    assert "nobody" in error_of(server.predict([{}], "nobody"), 404)
    assert "nobody" in error_of(infer(server, {}, "nobody"), 404)
    assert "20990101T000000Z" in error_of(infer(server, {}, "tiny", "20990101T000000Z-0123456789ab"), 404)
    assert "no such path" in error_of(server.api.get("/v3"), 404)
    assert "no such path" in error_of(server.api.post("/predict/", json={}), 404)  # no redirect to any host
    assert "not allowed" in error_of(server.api.get("/predict"), 405)
    assert server.api.put("/v1/models/tiny:predict").headers["Allow"] == "POST"
    assert "tiny" in error_of(
        server.api.post("/predict", json={"rows": [{}]}), 400
    )  # which of the two models?


def test_limits(server):
    assert str(MAX_ROWS) in error_of(server.predict([{}] * (MAX_ROWS + 1)), 413)
    assert server.predict([{}] * MAX_ROWS).status_code == 200
    padding = " " * MAX_BYTES
    assert str(MAX_BYTES) in error_of(
        server.api.post("/predict", content=f'{{"rows": [{{}}]}}{padding}'), 413
    )

    def chunks():  # no content-length announces what comes
        for _ in range(30):
            yield b" " * 10_000

    assert str(MAX_BYTES) in error_of(server.api.post("/predict", content=chunks()), 413)


def test_bodies_that_are_not_plain_json(server):
    error_of(server.api.post("/predict", content=b"{", headers={"Content-Type": "application/json"}), 400)
    error_of(server.api.post("/predict", content=b""), 400)
    error_of(server.api.post("/predict", content=b"\xff\xfe"), 400)
    error_of(server.api.post("/predict", content=b"[" * 100_000), 400)
    error_of(server.api.post("/predict", content=b"{}", headers={"Content-Encoding": "gzip"}), 415)
    binary = {"Inference-Header-Content-Length": "3"}
    error_of(server.api.post("/v2/models/tiny/infer", content=b"{}", headers=binary), 400)
    error_of(server.api.post("/predict", content=b"<a/>", headers={"Content-Type": "text/xml"}), 415)
    assert "X-Event-Time" in error_of(server.predict([{}], **{"X-Event-Time": "yesterday"}), 400)


def test_the_openapi_page_knows_every_route(server):
    paths = server.api.get("/openapi.json").json()["paths"]
    for path in ("/predict", "/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
        assert "requestBody" in paths[path]["post"]
        assert set(paths[path]["post"]["responses"]) == {"200", "default"}
    assert "get" in paths["/v2/health/ready"]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
names = st.sampled_from(["distance", "temp", "carrier", "origin", "flight_id"]) | st.text(max_size=5)
wild = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)
rows = st.lists(st.dictionaries(names, scalars, max_size=5) | wild, max_size=4) | wild
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "shape": st.lists(st.integers(-1, 4), max_size=3) | wild,
        "datatype": st.sampled_from(["FP64", "BYTES", "INT8", "BOOL"]) | wild,
        "data": st.lists(scalars, max_size=4) | wild,
        "parameters": wild,
    },
)
predict_bodies = st.fixed_dictionaries({"rows": rows}, optional={"model": st.just("tiny") | wild, "x": wild})
infer_bodies = st.fixed_dictionaries(
    {"inputs": st.lists(tensors | wild, max_size=3) | wild},
    optional={"id": wild, "outputs": wild, "parameters": wild},
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(predict_bodies | wild, infer_bodies | wild, st.binary(max_size=20))
def test_whatever_is_sent_the_answer_is_a_prediction_or_a_reason(server, predict_body, infer_body, junk):
    for path, body in (
        ("/predict", json.dumps(predict_body).encode()),
        ("/v2/models/tiny/infer", json.dumps(infer_body).encode()),
        ("/predict", junk),
    ):
        response = server.api.post(path, content=body)
        if response.status_code == 200:
            assert "predictions" in response.json() or "outputs" in response.json()
        else:
            assert 400 <= response.status_code < 500, (body, response.text)
            assert list(response.json()) == ["error"]
