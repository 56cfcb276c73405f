"""The audit log: who did what on the control plane, and never a secret."""

import json
import stat

import httpx
import pytest

from tests.api.live_server import TOKEN, golden, new_registry, publish, server_process, server_thread

ROWS = golden("first").rows
ALICE, BOB = "alices-long-secret-token", "bobs-own-secret-token"


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


def test_who_did_what_from_which_generation_to_which(registry, tmp_path):
    publish(registry, "first")
    second = publish(registry, "second")
    path = tmp_path / "logs" / "audit.jsonl"
    env = {
        "MOJOLINE_ADMIN_TOKENS": f"alice:{ALICE},bob:{BOB}",
        "MOJOLINE_SERVING__AUDIT_LOG": str(path),
        "MOJOLINE_SERVING__POLL_SECONDS": "3600",
    }
    with server_process(registry, **env) as server:
        server.wait_ready()

        def ask(method: str, action: str, token: str, body: object = None, **headers: str) -> httpx.Response:
            sent = {"Authorization": f"Bearer {token}", **headers}
            return server.admin.request(method, f"/admin/models/tiny/{action}", headers=sent, json=body)

        assert (
            ask("POST", "rollback", ALICE, {"reason": "worse"}, **{"X-Request-Id": "r-1"}).status_code == 200
        )
        variants = [
            {"name": "a", "model": "champion", "weight": 5000},
            {"name": "b", "model": second.version, "weight": 5000},
        ]
        split = {"experiment": {"id": "e1", "variants": variants}, "reason": "try"}
        assert ask("PUT", "experiment", BOB, split).status_code == 200
        assert ask("PUT", "experiment", BOB, {**split, "generation": 1}).status_code == 409
        assert ask("POST", "sync", TOKEN, {"generation": 4}).status_code == 202
        assert ask("POST", "rollback", "wrong-token-of-somebody").status_code == 401
        assert ask("GET", "experiment", ALICE).status_code == 200  # reading is no deed
        assert server.stop() == 0
        told = server.said()

    entries = [json.loads(line) for line in path.read_text().splitlines()]
    seen = [
        (e["who"], e["action"], e["status"], e.get("generation_before"), e.get("generation_after"))
        for e in entries
    ]
    assert seen == [
        ("alice", "rollback", 200, 2, 3),
        ("bob", "set experiment", 200, 3, 4),
        ("bob", "set experiment", 409, 1, None),
        ("admin", "sync", 202, 4, 4),
        (None, "request", 401, None, None),
    ]
    assert all(e["ts"] and e["client"] == "127.0.0.1" and e["request_id"] for e in entries)
    assert (entries[0]["reason"], entries[0]["request_id"], entries[0]["model"]) == ("worse", "r-1", "tiny")
    assert entries[4]["path"] == "/admin/models/tiny/rollback"
    assert registry.aliases("tiny").updated_by == "admin API: bob"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for secret in (ALICE, BOB, TOKEN, "wrong-token-of-somebody"):
        assert secret not in path.read_text()
        assert secret not in told
    logged = [json.loads(line)["audit"] for line in told.splitlines() if '"logger":"mojoline.audit"' in line]
    assert logged == entries


def test_the_guard_is_audited_like_a_person(registry, tmp_path):
    publish(registry, "first")
    worse = publish(registry, "regression", promote=False)  # refuses the rows that the champion answers
    path = tmp_path / "audit.jsonl"
    with server_thread(registry, serving={"audit_log": path}) as server:
        server.wait_ready()
        variants = [
            {"name": "a", "model": "champion", "weight": 5000},
            {"name": "b", "model": worse.version, "weight": 5000},
        ]
        guard = {"error_rate": 0.05, "min_requests": 20}
        body = {"experiment": {"id": "e1", "variants": variants, "guard": guard}}
        server.admin.put("/admin/models/tiny/experiment", json=body).raise_for_status()
        for number in range(100):
            server.predict([{**ROWS[0], "flight_id": f"F{number}"}])
        server.wait(lambda: path.read_text().count("canary guard"))
        entry = json.loads(path.read_text().splitlines()[-1])
        assert (entry["who"], entry["generation_before"], entry["generation_after"]) == ("canary guard", 2, 3)
        assert "variant b" in entry["reason"]


def test_an_audit_file_that_cannot_be_written_does_not_stop_the_operator(registry, tmp_path):
    publish(registry, "first")
    publish(registry, "second")
    (tmp_path / "file").write_text("")
    with server_thread(registry, serving={"audit_log": tmp_path / "file" / "audit.jsonl"}) as server:
        server.wait_ready()
        assert server.admin.post("/admin/models/tiny/rollback").status_code == 200
