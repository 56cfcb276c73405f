"""What must not get out: secrets come from files, pages about the API are off, a log holds no feature."""

import json

import httpx
import pytest

from mojoline.runtime.errors import RuntimeModelError
from serving.request_scope import log_defect
from tests.api.live_server import golden, new_registry, publish, server_process, server_thread

ROWS = golden("first").rows
KEY, TOKEN = "a-callers-long-api-key", "an-operators-long-token"


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


def secret_files(tmp_path, **secrets: str) -> dict[str, str]:
    """Each secret in a file, and the variables that name the files."""
    named = {}
    for name, secret in secrets.items():
        path = tmp_path / name.lower()
        path.write_text(f"{secret}\n")
        named[f"{name}_FILE"] = str(path)
    return named


def test_every_secret_may_come_from_a_file_and_none_is_logged(registry, tmp_path, redis_server_url):
    publish(registry, "first")
    named = secret_files(
        tmp_path,
        MOJOLINE_ADMIN_TOKEN=TOKEN,
        MOJOLINE_API_KEYS=f"caller:{KEY}",
        REDIS_URL=redis_server_url,
        RESERVOIR_REDIS_URL=redis_server_url,
        DATABASE_URL="postgresql://nobody:top-secret-word@127.0.0.1:9/none",  # away, which is logged
    )
    with server_process(registry, MOJOLINE_ADMIN_TOKEN="", **named) as server:
        server.wait_ready()

        def predict(key: str | None) -> int:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return server.api.post("/predict", json={"rows": ROWS[:1]}, headers=headers).status_code

        assert (predict(KEY), predict(None), predict("a-wrong-but-long-key")) == (200, 401, 401)
        admin = {"Authorization": f"Bearer {TOKEN}"}
        assert server.admin.get("/admin/status", headers=admin).status_code == 200
        assert server.admin.get("/admin/status").status_code == 401
        server.wait(
            lambda: server.admin.get("/admin/status", headers=admin).json()["reservoir"]["written"] > 0
        )
        page = httpx.get(f"{server.url}/metrics", headers={"X-Api-Key": KEY}, trust_env=False).text
        assert server.stop() == 0
        told = server.said()
    assert told
    for secret in (TOKEN, KEY, "a-wrong-but-long-key", "top-secret-word"):
        assert secret not in told
        assert secret not in page


def test_a_defect_is_logged_with_its_place_and_no_text_of_others(caplog):
    """Python's and the libraries' messages show the value that they could not take: it may be a feature's."""
    try:
        float("secret feature")
    except ValueError as error:
        log_defect("r-1", error)
    log_defect("r-2", RuntimeModelError("the file holds another model now"))
    first, second = (record.getMessage() for record in caplog.records)
    assert all(word in first for word in ("r-1", "ValueError", "test_serve_secrets.py", "float("))
    assert "secret feature" not in first.replace('float("secret feature")', "")
    assert all(word in second for word in ("r-2", "RuntimeModelError", "another model now"))


def test_pages_about_the_api_are_off_unless_asked_for(registry):
    publish(registry, "first")
    pages = ("/docs", "/openapi.json", "/redoc")
    with server_thread(registry) as server:
        server.wait_ready()
        assert [server.api.get(page).status_code for page in pages] == [404, 404, 404]
        assert [server.admin.get(page).status_code for page in pages] == [404, 404, 404]
    with server_thread(registry, serving={"docs": True}) as server:
        server.wait_ready()
        assert [server.api.get(page).status_code for page in pages] == [200, 200, 404]
        assert [server.admin.get(page).status_code for page in pages] == [404, 404, 404]


def test_no_value_of_a_feature_reaches_the_log(registry):
    """Also not where rows are refused, and with every kind of answer among the logged ones."""
    publish(registry, "first")
    text = next(name for name, value in ROWS[0].items() if isinstance(value, str))
    number = next(name for name, value in ROWS[0].items() if not isinstance(value, str))
    secrets = ("patient-zero", "4711.0815", "entity-77")
    with server_process(registry, MOJOLINE_SERVING__LOG="json") as server:
        server.wait_ready()
        row = {**ROWS[0], text: "patient-zero", number: 4711.0815, "flight_id": "entity-77"}
        for _ in range(40):  # one request in a hundred is logged
            for _ in range(50):
                server.predict([row]).raise_for_status()
            if "mojoline.requests" in server.said():
                break
        wrong = [{**row, number: "patient-zero"}, {**row, "patient-zero": 1}, {**row, text: 4711.0815}]
        assert [server.predict([one]).status_code for one in wrong] == [400, 400, 400]
        page = server.api.get("/metrics").text
        assert server.stop() == 0
        lines = server.said().splitlines()
    parsed = [json.loads(line) for line in lines]  # nothing but JSON
    assert any(line["logger"] == "mojoline.requests" for line in parsed)
    for secret in secrets:
        assert not [line for line in lines if secret in line]
        assert secret not in page
