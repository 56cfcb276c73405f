"""What the answers of each kind of model look like, and that models of one server keep apart."""

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving.plain_models import PlainModels
from tests.api.live_server import ROOT, server_thread

ZOO = ROOT / "native" / "tests" / "zoo"
MODELS = {
    "several": "gbm_multinomial",
    "pipeline": "pipeline_gbm",
    "network": "deeplearning_binomial",
    "number": "pipeline_glm",
}
UNSCORABLE = ("gbm_one_hot_weights",)  # genmodel fails for whatever row
ROW = {"alpha": 0.5, "beta": -1.25, "gamma": 2.0}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    files = PlainModels({name: ZOO / f"{file}.zip" for name, file in MODELS.items()})
    home = tmp_path_factory.mktemp("zoo")
    with server_thread(files, home=home, serving={"grpc": True}) as live:
        live.wait_ready()
        live.wait(lambda: len(live.api.get("/v2/models").json()["models"]) == len(MODELS))
        yield live


@pytest.fixture(scope="module")
def client(server):
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[2]}") as client:

        def is_live() -> bool:
            try:
                return client.is_server_live()
            except InferenceServerException:
                return False

        server.wait(is_live)
        yield client


def infer(server, model, **more):
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in ROW.items()
    ]
    return server.api.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **more})


def triton_inputs():
    inputs = [triton.InferInput(name, [1], "FP64") for name in ROW]
    for tensor, value in zip(inputs, ROW.values(), strict=True):
        tensor.set_data_from_numpy(np.array([value]))
    return inputs


@pytest.mark.parametrize(
    ("model", "labels", "outputs"),
    [
        ("several", ["k1", "k2", "k3", "k4"], ["predict", "p_k1", "p_k2", "p_k3", "p_k4"]),
        ("network", ["no", "yes"], ["predict", "p0", "p1"]),
        ("number", None, ["predict"]),
    ],
)
def test_outputs_have_the_names_of_the_labels(server, client, model, labels, outputs):
    content = server.predict([ROW], model).json()
    assert list(content) == ["model", "model_version", "variant", "request_id", "predictions"]
    (prediction,) = content["predictions"]
    answer = infer(server, model).json()["outputs"]
    over_grpc = client.infer(model, triton_inputs())
    assert [tensor["name"] for tensor in answer] == outputs
    assert [tensor["name"] for tensor in server.api.get(f"/v2/models/{model}").json()["outputs"]] == outputs
    assert [tensor.name for tensor in over_grpc.get_response().outputs] == outputs
    data = {tensor["name"]: tensor["data"][0] for tensor in answer}
    if labels is None:
        assert prediction == {"value": data["predict"]}
        assert over_grpc.as_numpy("predict").tolist() == [data["predict"]]
        return
    assert prediction["label"] == data["predict"] == over_grpc.as_numpy("predict")[0].decode()
    assert list(prediction["probabilities"]) == labels
    probabilities = list(prediction["probabilities"].values())
    assert probabilities == [data[name] for name in outputs[1:]]
    assert probabilities == [over_grpc.as_numpy(name)[0] for name in outputs[1:]]
    assert sum(probabilities) == pytest.approx(1)
    assert prediction["label"] in labels


def test_contributions_of_a_pipeline_are_those_of_its_tree_model(server, client):
    body = {"model": "pipeline", "rows": [ROW], "contributions": True}
    shares = server.api.post("/predict", json=body).raise_for_status().json()["contributions"]
    assert shares["space"] == "reduced"
    assert shares["columns"] == ["PC1", "PC2", "few", "some", "BiasTerm"]
    (tensor,) = infer(server, "pipeline", outputs=[{"name": "contributions"}]).json()["outputs"]
    assert (tensor["shape"], tensor["parameters"]["space"]) == ([1, 5], "reduced")
    assert tensor["data"] == shares["rows"][0]
    answer = client.infer("pipeline", triton_inputs(), outputs=[triton.InferRequestedOutput("contributions")])
    assert answer.as_numpy("contributions").tolist() == [np.array(shares["rows"][0], np.float32).tolist()]
    assert answer.get_output("contributions").parameters["space"].string_param == "reduced"
    # they are of the margin: with the bias they add up to what the tree model says before its link
    margin = sum(shares["rows"][0])
    (prediction,) = server.predict([ROW], "pipeline").json()["predictions"]
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(prediction["probabilities"]["yes"], abs=1e-5)


@pytest.mark.parametrize(
    ("model", "reason"), [("network", "tree models only"), ("several", "more than two classes")]
)
def test_where_genmodel_has_no_contributions_the_reason_is_given(server, client, model, reason):
    table = {"fields": list(ROW), "rows": [[str(value) for value in ROW.values()]]}
    for refused in (
        server.api.post("/predict", json={"model": model, "rows": [ROW], "contributions": True}),
        infer(server, model, outputs=[{"name": "contributions"}]),
        server.api.post(f"/model/contribution?model={model}", json=table),
    ):
        assert refused.status_code == 501
        assert reason in refused.json()["error"]
    with pytest.raises(InferenceServerException, match=reason) as caught:
        client.infer(model, triton_inputs(), outputs=[triton.InferRequestedOutput("contributions")])
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


def test_each_model_has_its_own_version(server):
    versions = {name: server.predict([ROW], name).json()["model_version"] for name in MODELS}
    assert len(set(versions.values())) == len(MODELS)
    for name, version in versions.items():
        assert server.api.get(f"/v2/models/{name}").json()["versions"] == [version]
        for other in MODELS:
            pinned = server.api.get(f"/v2/models/{other}/versions/{version}/ready")
            assert pinned.status_code == (200 if other == name else 404)
    index = server.api.post("/v2/repository/index", json={"ready": True}).json()
    assert {(entry["name"], entry["version"]) for entry in index} == set(versions.items())
    assert {entry["state"] for entry in index} == {"READY"}


def test_every_kind_of_model_answers_or_says_why_not(tmp_path):
    """No row is the server's fault: neither the sample that it gives itself, nor one without any value."""
    files = {path.stem: path for path in sorted(ZOO.glob("*.zip"))}
    with server_thread(PlainModels(files), home=tmp_path) as live:
        live.wait_ready()
        index = live.api.post("/v2/repository/index", json={}).json()
        assert [entry["name"] for entry in index if entry["state"] != "READY"] == ["word2vec"]
        files.pop("word2vec")
        for name in files:
            table = live.api.get("/model/sample_request", params={"model": name}).raise_for_status().json()
            kinds = {
                one["name"]: one["datatype"] for one in live.api.get(f"/v2/models/{name}").json()["inputs"]
            }
            (row,) = (dict(zip(table["fields"], values, strict=True)) for values in table["rows"])
            typed = {key: float(value) if kinds[key] == "FP64" else value for key, value in row.items()}
            asked = {"model": name, "rows": [typed]}
            statuses = [
                live.api.post("/model/score", params={"model": name}, json=table).status_code,
                live.predict([typed, {}], name).status_code,
                live.api.post("/predict", json={**asked, "contributions": True}).status_code,
            ]
            assert set(statuses) <= {200, 400, 501}, (name, statuses)
            assert statuses[0] == 200 or name in UNSCORABLE, (name, statuses)
        counted = live.api.get("/v2/models/stats").json()["model_stats"]
        assert [one["name"] for one in counted] == list(files)
        assert all(one["inference_count"] > 0 for one in counted if one["name"] not in UNSCORABLE)
