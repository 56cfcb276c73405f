"""Versions come and go under load: no answer mixes two, a damaged one changes nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.callers import Callers
from tests.api.live_server import (
    TOKEN,
    LiveServer,
    golden,
    new_registry,
    promote_version,
    publish,
    server_process,
    server_thread,
)
from tests.data.tiny_versions import tiny_draft, tiny_facts

SLOW_POLL = {"MOJOLINE_SERVING__POLL_SECONDS": "600"}


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


def expected_scores(server: LiveServer) -> dict[str, list[float]]:
    """The version that serves -> its probability of the positive class for the golden rows of `first`."""
    rows = golden("first").rows
    answers = server.predict(rows).raise_for_status().json()
    return {answers["model_version"]: [p["probabilities"]["yes"] for p in answers["predictions"]]}


def damage(registry, manifest) -> None:
    path = registry.directory("tiny", manifest.version) / "mojo.zip"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_server_without_models_waits_for_the_first(registry):
    with server_thread(registry) as server:
        server.wait(lambda: server.api.get("/v2/health/live").status_code == 200)
        server.wait(lambda: "publish" in server.api.get("/v2/health/ready").json()["error"])
        ready = server.api.get("/v2/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert ready.headers["Retry-After"]
        refused = server.api.post("/predict", json={"rows": [{}]})
        assert (refused.status_code, list(refused.json())) == (503, ["error"])
        assert refused.headers["Retry-After"]

        manifest = publish(registry, "first", promote=False)
        server.wait(lambda: "tiny" in server.admin.get("/admin/status").json()["models"])
        assert "champion" in server.predict([{}]).json()["error"]
        promote_version(registry, manifest)
        server.wait_ready()
        # made while it was loaded, since they are many: the first request is not the one to wait for them
        answered = (
            f'model_infer_request_success_total{{model_name="tiny",model_version="{manifest.version}"}}'
        )
        assert f"{answered} 0.0" in server.api.get("/metrics").text
        assert server.api.post("/predict", json={"rows": [{}]}).status_code == 200
        assert f"{answered} 1.0" in server.api.get("/metrics").text
        assert server.status()["state"] == "ready"


def test_swaps_and_rollback_under_load(registry):
    first = publish(registry, "first")
    with server_process(registry, **SLOW_POLL) as server:
        server.wait_ready()
        expected = expected_scores(server)
        with Callers(server.url) as callers:
            server.wait(lambda: len(callers.answers) > 200)
            second = publish(registry, "second")
            generation = registry.aliases("tiny").generation
            pushed = server.admin.post("/admin/models/tiny/sync", json={"generation": generation})
            assert pushed.status_code == 202
            assert pushed.json()["wanted_generation"] == generation
            server.wait(lambda: server.status()["generation"] == generation)
            expected |= expected_scores(server)
            seen = len(callers.answers)
            server.wait(lambda: len(callers.answers) > seen + 200)
            started = time.monotonic()
            rolled = server.admin.post("/admin/models/tiny/rollback", json={"reason": "test"})
            assert rolled.status_code == 200
            assert time.monotonic() - started < 30
            assert rolled.json()["version"] == first.version
            seen = len(callers.answers)
            server.wait(lambda: len(callers.answers) > seen + 200)
        assert callers.errors == []
        assert set(expected) == {first.version, second.version}
        same = [a == b for a, b in zip(*expected.values(), strict=True)]
        assert sum(same) < len(same) / 100  # else a mixed-up version could not be told
        assert [a for a in callers.answers if a.score != expected[a.version][a.row]] == []
        order = [answer.version for answer in callers.answers]
        assert order[0] == order[-1] == first.version
        assert second.version in order
        status = server.status()
        assert (status["version"], status["generation"]) == (first.version, generation + 1)
        assert status["loaded"] == sorted([first.version, second.version])
        assert status["swap_seconds"] > 0
        aliases = registry.aliases("tiny")
        assert aliases.champion.version == first.version
        assert (aliases.updated_by, aliases.reason) == ("admin API: admin", "test")


def test_versions_no_alias_names_are_retired(registry):
    first = publish(registry, "first")
    with server_thread(registry) as server:
        server.wait_ready()
        second = publish(registry, "second")
        server.wait(lambda: server.status()["version"] == second.version)
        assert server.status()["loaded"] == sorted([first.version, second.version])
        third = publish(registry, "regression")
        server.wait(lambda: server.status()["version"] == third.version)
        assert server.status()["loaded"] == sorted([second.version, third.version])
        retired = server.api.post(f"/v2/models/tiny/versions/{first.version}/infer", json={})
        assert retired.status_code == 404
        assert server.api.get(f"/v2/models/tiny/versions/{second.version}").status_code == 200


def test_a_damaged_version_keeps_the_old_one_serving(registry):
    first = publish(registry, "first")
    with server_thread(registry) as server:
        server.wait_ready()
        second = publish(registry, "second", promote=False)
        promote_version(registry, second)  # the registry refuses a damaged one: so it is damaged afterwards
        server.wait(lambda: server.status()["version"] == second.version)
        server.admin.post("/admin/models/tiny/rollback")
        third = publish(registry, "regression", promote=False)
        with Callers(server.url, threads=2) as callers:
            generation = registry.aliases("tiny").generation
            self_damaged(registry, third)
            server.wait(lambda: server.status()["last_error"] is not None)
            seen = len(callers.answers)
            server.wait(lambda: len(callers.answers) > seen + 50)
        assert callers.errors == []
        assert {answer.version for answer in callers.answers} == {first.version}
        status = server.status()
        assert (status["version"], status["state"], status["generation"]) == (
            first.version,
            "failed",
            generation,
        )
        assert "mojo.zip has sha256" in status["last_error"]
        assert server.api.get("/v2/health/ready").status_code == 200

        assert server.admin.post("/admin/models/tiny/rollback").json()["version"] == first.version
        status = server.status()
        assert (status["state"], status["last_error"]) == ("ready", None)


def self_damaged(registry, manifest) -> None:
    """Promote a version whose MOJO is damaged between the registry's check and the server's look at it."""
    whole = (registry.directory("tiny", manifest.version) / "mojo.zip").read_bytes()
    entry = registry._entry("tiny", manifest.version)
    damage(registry, manifest)
    registry._entry = lambda *_: entry
    try:
        promote_version(registry, manifest)
    finally:
        del registry._entry
    assert whole != (registry.directory("tiny", manifest.version) / "mojo.zip").read_bytes()


def test_a_version_that_contradicts_its_golden_rows_is_not_served(registry, tmp_path):
    first = publish(registry, "first")
    with server_thread(registry) as server:
        server.wait_ready()
        draft = tiny_draft("second", tmp_path / "draft")
        (draft / "golden.jsonl").write_bytes(
            (registry.directory("tiny", first.version) / "golden.jsonl").read_bytes()
        )
        promote_version(registry, registry.publish("tiny", draft, tiny_facts("second")))
        server.wait(lambda: server.status()["last_error"] is not None)
        assert "equality" in server.status()["last_error"]
        assert server.predict([{}]).json()["model_version"] == first.version


def test_a_version_that_another_release_wrote_is_not_served(registry, tmp_path):
    first = publish(registry, "first")
    draft = tiny_draft("second", tmp_path / "draft")
    facts = tiny_facts("second").model_copy(update={"h2o_version": "3.46.0.10"})
    with server_thread(registry) as server:
        server.wait_ready()
        promote_version(registry, registry.publish("tiny", draft, facts))
        server.wait(lambda: server.status()["last_error"] is not None)
        assert "H2O 3.46.0.11 wrote the MOJO, the manifest says 3.46.0.10" in server.status()["last_error"]
        assert server.predict([{}]).json()["model_version"] == first.version


def test_people_who_roll_back_at_once_do_not_undo_each_other(registry):
    first = publish(registry, "first")
    publish(registry, "second")
    with server_thread(registry) as server:
        server.wait_ready()
        seen = {"generation": server.status()["generation"]}

        def roll_back(_):
            return server.admin.post("/admin/models/tiny/rollback", json=seen).status_code

        with ThreadPoolExecutor(4) as people:
            assert sorted(people.map(roll_back, range(4))) == [200, 409, 409, 409]
        assert server.predict([{}]).json()["model_version"] == first.version
        refused = server.admin.post("/admin/models/tiny/rollback", json={"generation": True})
        assert refused.status_code == 400


def test_a_rollback_without_a_previous_version_is_a_conflict(registry):
    publish(registry, "first")
    with server_thread(registry) as server:
        server.wait_ready()
        refused = server.admin.post("/admin/models/tiny/rollback")
        assert refused.status_code == 409
        assert "no previous champion" in refused.json()["error"]


def test_an_unreadable_alias_file_changes_nothing(registry):
    first = publish(registry, "first")
    with server_thread(registry) as server:
        server.wait_ready()
        aliases = registry.home("tiny") / "aliases.json"
        content = aliases.read_bytes()
        aliases.write_bytes(content[:20])
        server.wait(lambda: server.status()["last_error"] is not None)
        assert server.predict([{}]).json()["model_version"] == first.version
        aliases.write_bytes(content)
        server.wait(lambda: server.status()["last_error"] is None)
        assert server.status()["state"] == "ready"


def test_the_control_plane_needs_its_token(registry):
    first = publish(registry, "first")
    publish(registry, "second")
    with server_thread(registry) as server:
        server.wait_ready()
        calls = [
            ("GET", "/admin/status"),
            ("POST", "/admin/models/tiny/sync"),
            ("POST", "/admin/models/tiny/rollback"),
            ("GET", "/nowhere"),
        ]
        for given in (None, "Bearer wrong", "Bearer", TOKEN, f"Basic {TOKEN}", "Bearer ümlaut".encode()):
            for method, path in calls:
                headers = {"Authorization": given} if given else {}
                refused = httpx.request(
                    method, f"{server.admin.base_url}{path}", headers=headers, trust_env=False
                )
                assert refused.status_code == 401
                assert refused.headers["WWW-Authenticate"] == "Bearer"
                assert list(refused.json()) == ["error"]
        assert registry.aliases("tiny").previous.version == first.version  # nothing was rolled back
        assert server.api.get("/admin/status").status_code == 404  # not on the public port


def test_wrong_control_requests_are_explained(registry):
    publish(registry, "first")
    with server_thread(registry) as server:
        server.wait_ready()
        post = server.admin.post
        assert post("/admin/models/nobody/sync", json={"generation": 1}).status_code == 404
        assert post("/admin/models/tiny/sync", json={"generation": "x"}).status_code == 400
        assert post("/admin/models/tiny/sync", json={"generations": 1}).status_code == 400
        assert post("/admin/models/tiny/sync", content=b"{").status_code == 400
        assert post("/admin/models/tiny/rollback", json={"reason": 1}).status_code == 400
        assert post("/admin/models/tiny/sync").status_code == 202


def test_without_a_configured_token_nothing_is_allowed(registry):
    publish(registry, "first")
    with server_thread(registry, admin_token="") as server:
        server.wait_ready()
        refused = server.admin.get("/admin/status", headers={"Authorization": "Bearer x"})
        assert refused.status_code == 403
        assert "MOJOLINE_ADMIN_TOKEN" in refused.json()["error"]
