"""Entities in the place of rows, over every protocol that has them, against a real PostgreSQL."""

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from tests.api.live_server import new_registry, publish, server_thread
from tests.api.test_entity_features import PostgresProcess, models_dir, postgres  # noqa: F401 - fixtures

EARLY, LATE = "2026-01-01T05:00:00Z", "2026-01-01T07:00:00Z"  # max_age is six hours
ROW = {"distance": 507.0, "temp": 60.0, "carrier": "UA", "origin": "JFK", "wind": 0.0}


@pytest.fixture(scope="module")
def server(tmp_path_factory, postgres: PostgresProcess, models_dir):  # noqa: F811 - the fixtures
    registry = new_registry(tmp_path_factory.mktemp("stored"))
    publish(registry, "first")
    with server_thread(
        registry,
        serving={"grpc": True},
        database_url=postgres.url,
        models_dir=models_dir,
        features={"min_connections": 1, "max_connections": 4, "timeout_ms": 5000, "acquire_ms": 5000},
    ) as live:
        live.wait_ready()
        live.wait(lambda: ask(live, [7]).status_code == 200)
        yield live


def ask(server, entities, **headers):
    return server.api.post("/predict", json={"entities": entities}, headers=headers)


@pytest.fixture(scope="module")
def by_row(server):
    return server.predict([ROW]).json()["predictions"][0]


def test_predict(server, by_row):
    for moment, age, more in ((EARLY, 18000.0, {}), (LATE, 25200.0, {"stale_features": True})):
        answer = ask(server, [7, "7"], **{"X-Event-Time": moment})
        content = answer.raise_for_status().json()
        assert content.pop("predictions") == [by_row, by_row]
        assert content.pop("feature_age_s") == age
        assert {key: content[key] for key in content if key.startswith("stale")} == more
        assert "feat;dur=" in answer.headers["Server-Timing"]


def test_unknown_entities_and_what_is_none(server):
    for entities, status, words in (
        ([7, 9999], 404, "9999"),
        ([{"a": 1}], 400, "entities[0]"),
        ([], 400, "no rows"),
    ):
        refused = ask(server, entities)
        assert (refused.status_code, list(refused.json())) == (status, ["error"])
        assert words in refused.json()["error"]
    both = server.api.post("/predict", json={"entities": [7], "rows": [{}]})
    assert both.status_code == 400


@pytest.mark.parametrize("binary", [False, True])
def test_one_tensor_with_the_name_of_the_key(server, by_row, binary):
    with triton_http.InferenceServerClient(server.url.removeprefix("http://")) as client:
        tensor = triton_http.InferInput("flight_id", [2], "INT64")
        tensor.set_data_from_numpy(np.array([7, 7]), binary_data=binary)
        answer = client.infer("tiny", [tensor], headers={"X-Event-Time": LATE})
        parameters = answer.get_response()["parameters"]
        assert answer.as_numpy("p1").tolist() == [by_row["probabilities"]["yes"]] * 2
        assert (parameters["feature_age_s"], parameters["stale_features"]) == (25200.0, True)


def test_the_same_over_grpc(server, by_row):
    with triton_grpc.InferenceServerClient(f"127.0.0.1:{server.ports[2]}") as client:
        for datatype, values in (("INT64", np.array([7, 7])), ("BYTES", np.array(["7", "7"], object))):
            tensor = triton_grpc.InferInput("flight_id", [2], datatype)
            tensor.set_data_from_numpy(values)
            answer = client.infer("tiny", [tensor], headers={"x-event-time": LATE})
            parameters = answer.get_response().parameters
            assert answer.as_numpy("p1").tolist() == [by_row["probabilities"]["yes"]] * 2
            assert parameters["feature_age_s"].double_param == 25200.0
            assert parameters["stale_features"].bool_param is True
        tensor = triton_grpc.InferInput("flight_id", [1], "INT64")
        tensor.set_data_from_numpy(np.array([9999]))
        with pytest.raises(InferenceServerException, match="9999") as caught:
            client.infer("tiny", [tensor])
        assert caught.value.status() == "StatusCode.NOT_FOUND"
