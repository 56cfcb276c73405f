"""The OpenAPI page is complete and true: each operation is asked with bodies that fit it, and others."""

import time

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from mojoline.settings import load_settings
from serving.app import create_app
from tests.api.live_server import new_registry, publish, server_thread

EXAMPLES = 4  # of each operation and mode
SECONDS = 12  # afterwards one example has to do: a busy machine must not keep the others waiting
UNDESCRIBED = {"/metrics", "/docs", "/docs/oauth2-redirect", "/openapi.json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    registry = new_registry(tmp_path_factory.mktemp("page"))
    publish(registry, "first")
    with server_thread(registry, serving={"docs": True}) as live:
        live.wait_ready()
        yield live


def test_the_page_has_every_route(server, tmp_path):
    app = create_app(load_settings(home=tmp_path, serving={"docs": True}))
    routes = {(path, method) for path, method in routes_of(app) if path not in UNDESCRIBED}
    assert ("/predict", "POST") in routes
    paths = server.api.get("/openapi.json").json()["paths"]
    assert {(path, method.upper()) for path, content in paths.items() for method in content} == routes
    assert all("requestBody" in content["post"] for content in paths.values() if "post" in content)


def routes_of(router):
    for route in router.routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from routes_of(included)
        else:
            yield from ((route.path, method) for method in route.methods if method != "HEAD")


def test_the_server_does_what_the_page_says(server):
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    version = server.registry.aliases("tiny").champion.version
    own = {"model": "tiny", "version": version}
    deadline = time.monotonic() + SECONDS
    answers: dict[str, set[int]] = {}

    for result in schema.get_all_operations():
        operation = result.ok()
        modes = GenerationMode if operation.body else [GenerationMode.POSITIVE]
        for mode in modes:
            ask(server, operation, mode, own, EXAMPLES if time.monotonic() < deadline else 1, answers)
    # not only refusals: the bodies reach a model that is there
    assert 200 in answers["POST /v2/repository/index"]
    assert all(200 in codes for label, codes in answers.items() if label.startswith("GET /v2"))
    assert 404 not in answers["POST /v2/models/{model}/infer"]


def ask(server, operation, mode, own, examples, answers):
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case):
        if case.path_parameters:  # a model that somebody made up is refused before the body is looked at
            case.path_parameters = {name: own[name] for name in case.path_parameters}
        if case.query and "model" in case.query:
            case.query = {**case.query, "model": "tiny"}
        response = case.call(base_url=server.url)
        assert response.status_code < 500 or response.status_code == 501, (case, response.text)
        assert response.status_code != 422
        if response.status_code >= 400:
            assert list(response.json()) == ["error"]
        assert response.headers["x-request-id"]
        answers.setdefault(operation.label, set()).add(response.status_code)

    run()
