"""Clients that nobody here wrote, and the protocols of other servers, get the numbers of `/predict`."""

import numpy as np
import pytest
import tritonclient.http as triton

from tests.api.live_server import golden, new_registry, publish, server_thread

TEXT = ("carrier", "origin")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    registry = new_registry(tmp_path_factory.mktemp("dialects"))
    publish(registry, "first")
    with server_thread(registry, serving={"docs": True}) as live:
        live.wait_ready()
        yield live


@pytest.fixture(scope="module")
def expected(server):
    predictions = server.predict(golden("first").rows).json()["predictions"]
    return [p["label"] for p in predictions], [list(p["probabilities"].values()) for p in predictions]


@pytest.fixture(scope="module")
def triton_client(server):
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield client
    client.close()


def triton_inputs(rows, *, binary):
    inputs = []
    for name in golden("first").columns:
        text = name in TEXT
        values = [row.get(name) for row in rows]
        data = np.array([v or "" for v in values], object) if text else np.array(values, np.float64)
        one = triton.InferInput(name, [len(rows)], "BYTES" if text else "FP64")
        one.set_data_from_numpy(data, binary_data=binary)
        inputs.append(one)
    return inputs


@pytest.mark.parametrize("named", [False, True])
def test_triton_client_with_binary_tensors(server, triton_client, expected, named):
    labels, probabilities = expected
    outputs = [triton.InferRequestedOutput("p1", binary_data=True)] if named else None
    answer = triton_client.infer("tiny", triton_inputs(golden("first").rows, binary=True), outputs=outputs)
    assert answer.as_numpy("p1").tolist() == [p[1] for p in probabilities]
    if named:
        assert answer.as_numpy("p0") is None
    else:
        assert [label.decode() for label in answer.as_numpy("predict")] == labels


def test_triton_client_with_json_tensors(triton_client, expected):
    complete = [i for i, row in enumerate(golden("first").rows) if len(row) == 5]  # its JSON has no null
    rows = [golden("first").rows[i] for i in complete]
    outputs = [triton.InferRequestedOutput("p0", binary_data=False)]
    answer = triton_client.infer("tiny", triton_inputs(rows, binary=False), outputs=outputs)
    assert answer.as_numpy("p0").tolist() == [expected[1][i][0] for i in complete]


def test_triton_client_asks_for_metadata(server, triton_client):
    version = server.registry.aliases("tiny").champion.version
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready("tiny")
    assert triton_client.is_model_ready("tiny", version)
    assert not triton_client.is_model_ready("nobody")
    assert "binary_tensor_data" in triton_client.get_server_metadata()["extensions"]
    assert triton_client.get_model_metadata("tiny")["platform"] == "h2o_mojo"
    index = triton_client.get_model_repository_index()
    wanted = {"name": "tiny", "version": version, "state": "READY", "reason": "", "alias": "champion"}
    assert index == [wanted]


def test_triton_client_reads_statistics(server, triton_client):
    def counted():
        (stats,) = triton_client.get_inference_statistics("tiny")["model_stats"]
        return stats

    before = counted()
    server.predict(golden("first").rows[:7])
    after = counted()
    assert after["inference_count"] - before["inference_count"] == 7
    assert after["execution_count"] - before["execution_count"] == 1
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == 1
    assert after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
    assert after["last_inference"] >= max(1, before["last_inference"])


@pytest.mark.parametrize(
    ("tail", "size", "words"),
    [
        (b"\x00" * 8, 16, "8 bytes are left"),
        (b"\x00" * 16, 8, "belong to no input"),
        (b"\x00" * 12, 12, "8 for each value"),
        (b"", -1, "-1"),
        (b"\x00\x00\x00\x00\x00\x00\xf0\x7f", 8, "beyond the range"),
    ],
)
def test_wrong_binary_tensors_are_explained(server, tail, size, words):
    head = (
        b'{"inputs": [{"name": "distance", "shape": [1], "datatype": "FP64", "parameters": '
        b'{"binary_data_size": %d}}]}' % size
    )
    headers = {"Inference-Header-Content-Length": str(len(head))}
    refused = server.api.post("/v2/models/tiny/infer", content=head + tail, headers=headers)
    assert refused.status_code == 400
    assert words in refused.json()["error"]


def test_mlflow_invocations(server, expected):
    rows, columns = golden("first").rows, list(golden("first").columns)
    split = {"columns": columns, "data": [[row.get(name) for name in columns] for row in rows]}
    by_column = {name: [row.get(name) for row in rows] for name in columns}
    for body in (
        {"dataframe_split": split},
        {"dataframe_records": rows},
        {"instances": rows},
        {"inputs": by_column},
    ):
        answer = server.api.post("/invocations", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"predictions": expected[0]}
    asked = server.api.post("/invocations", json={"instances": rows, "params": {"probabilities": True}})
    assert [list(p.values()) for p in asked.json()["predictions"]] == expected[1]
    both = server.api.post("/invocations", json={"instances": rows, "inputs": by_column})
    assert (both.status_code, list(both.json())) == (400, ["error"])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"instances": [{"carrier": "UA"}, {"carrier": 7}]}, "instances[1].carrier is 7"),
        ({"dataframe_records": [{"carrier": 7}]}, "dataframe_records[0].carrier is 7"),
        (
            {"dataframe_split": {"columns": ["carrier"], "data": [[7]]}},
            "dataframe_split.data[0].carrier is 7",
        ),
        ({"inputs": [{"carrier": 7}]}, "inputs[0].carrier is 7"),
    ],
)
def test_mlflow_refusals_name_the_list_of_rows_as_it_was_sent(server, body, place):
    refused = server.api.post("/invocations", json=body)
    assert (refused.status_code, refused.json()["error"].partition(";")[0]) == (400, place)


def test_kserve_v1(server, expected):
    answer = server.api.post("/v1/models/tiny:predict", json={"instances": golden("first").rows})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": expected[0]}
    assert answer.headers["X-Model-Version"] == server.registry.aliases("tiny").champion.version
    assert server.api.get("/v1/models").json() == {"models": ["tiny"]}
    assert server.api.get("/v1/models/tiny").json() == {"name": "tiny", "ready": True}
    assert server.api.post("/v1/models/nobody:predict", json={"instances": [{}]}).status_code == 404
    assert server.api.post("/v1/models/tiny:predict", json={"inputs": [{}]}).status_code == 400


def test_h2o_score(server, expected):
    rows, columns = golden("first").rows, list(golden("first").columns)
    table = [["" if row.get(name) is None else str(row[name]) for name in columns] for row in rows]
    body = {"fields": ["id", *columns], "rows": [[str(i), *row] for i, row in enumerate(table)]}
    answer = server.api.post("/model/score", json={**body, "idField": "id", "includeFieldsInOutput": ["id"]})
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert content["fields"] == ["id", "predict", "p0", "p1"]
    assert [row[0] for row in content["score"]] == [str(i) for i in range(len(rows))]
    same = [i for i, row in enumerate(rows) if all(row.get(name) is not None for name in TEXT)]
    assert [float(content["score"][i][3]) for i in same] == [expected[1][i][1] for i in same]
    assert server.api.get("/model/id").text == content["id"]
    sample = server.api.get("/model/sample_request").json()
    assert server.api.post("/model/score", json=sample).status_code == 200
    inputs = server.api.get("/model/schema").json()["schema"]["inputFields"]
    assert [field["name"] for field in inputs] == columns
    assert "SCORE" in server.api.get("/model/capabilities").json()
    for text in ("1_000", "\u0661"):  # numbers to Python only
        table = {"fields": ["distance"], "rows": [[text]]}
        assert server.api.post("/model/score", json=table).status_code == 400
    wrong = server.api.post("/model/score", json={"fields": ["distance"], "rows": [["far"]]})
    assert wrong.status_code == 400
    assert "rows[0].distance" in wrong.json()["error"]
