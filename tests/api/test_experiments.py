"""Requests split between versions: by weight, sticky by key, changed while the server runs."""

from contextlib import contextmanager

import pytest

from tests.api.live_server import golden, new_registry, publish, server_thread

ROWS = golden("first").rows


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


def split(first, second, share: int, **more) -> dict:
    variants = [
        {"name": "a", "model": "champion", "weight": 10_000 - share},
        {"name": "b", "model": second.version, "weight": share},
    ]
    return {"experiment": {"id": "e1", "variants": variants, **more}}


def tensor(name: str, value) -> dict:
    datatype = "BYTES" if isinstance(value, str) else "FP64"
    return {"name": name, "shape": [1], "datatype": datatype, "data": [value]}


def put(server, body: dict):
    return server.admin.put("/admin/models/tiny/experiment", json=body)


def ask(server, key: str):
    return server.predict([{**ROWS[0], "flight_id": key}]).raise_for_status()


def test_keys_are_split_by_weight_and_stay(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry) as server:
        server.wait_ready()
        assert put(server, split(first, second, 3000)).raise_for_status().json()["generation"] == 2
        versions = {"a": first.version, "b": second.version}
        seen = {}
        for number in range(400):
            answer = ask(server, f"F{number}")
            body = answer.json()
            assert body["model_version"] == versions[body["variant"]]
            assert answer.headers["X-Variant"] == body["variant"]
            assert answer.headers["X-Variant-Sticky"] == "true"
            seen[f"F{number}"] = body["variant"]
        share = list(seen.values()).count("b") / len(seen)
        assert abs(share - 0.3) < 5 * (0.3 * 0.7 / len(seen)) ** 0.5
        put(server, split(first, second, 6000)).raise_for_status()
        for key, variant in seen.items():
            now = ask(server, key).json()["variant"]
            assert now == variant or (variant, now) == ("a", "b"), "a key left the variant that grew"


@contextmanager
def halved_server(registry):
    """A server whose requests are split evenly between two versions, and the two."""
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry) as server:
        server.wait_ready()
        put(server, split(first, second, 5000)).raise_for_status()
        yield server, first, second


def test_infer_splits_as_predict_does(registry):
    with halved_server(registry) as (server, *_):
        for number in range(40):
            key = f"F{number}"
            tensors = [tensor(name, value) for name, value in {**ROWS[0], "flight_id": key}.items()]
            answer = server.api.post("/v2/models/tiny/infer", json={"inputs": tensors}).raise_for_status()
            assert answer.json()["parameters"]["variant"] == ask(server, key).json()["variant"]


def test_rows_of_one_request_are_answered_by_one_version(registry):
    with halved_server(registry) as (server, first, second):
        rows = [{**ROWS[n], "flight_id": f"F{n}"} for n in range(8)]
        answer = server.predict(rows).raise_for_status()
        assert answer.headers["X-Variant-Sticky"] == "false"
        assert answer.json()["model_version"] in {first.version, second.version}


def test_the_key_may_stand_in_a_header_whatever_the_dialect(registry):
    """For models whose rows have no key, and before the keys of those that have."""
    with halved_server(registry) as (server, *_):
        variants = set()
        for number in range(20):
            key = {"X-Entity-Id": f"F{number}"}
            expected = ask(server, f"F{number}").json()["variant"]
            tensors = [tensor(name, value) for name, value in ROWS[0].items()]
            asked = {
                "/predict": {"rows": [{**ROWS[0], "flight_id": "another"}]},
                "/v2/models/tiny/infer": {"inputs": tensors},
                "/invocations": {"instances": [ROWS[0]]},
            }
            for path, body in asked.items():
                answer = server.api.post(path, json=body, headers=key).raise_for_status()
                assert answer.headers["X-Variant-Sticky"] == "true"
                assert answer.headers["X-Variant"] == expected
            variants.add(expected)
        assert variants == {"a", "b"}


def test_a_variant_may_be_named_by_a_uri(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry) as server:
        server.wait_ready()
        body = split(first, second, 3000)
        champion, other = body["experiment"]["variants"]
        champion["model"], other["model"] = "models:/tiny@champion", f"models:/tiny/{second.version}"
        put(server, body).raise_for_status()
        assert {first.version, second.version} == {
            ask(server, f"F{number}").json()["model_version"] for number in range(40)
        }
        other["model"] = "models:/another@champion"
        assert "another" in put(server, body).json()["error"]
        assert put(server, body).status_code == 409


def test_it_outlives_the_server_and_ends_without_one(registry):
    with halved_server(registry) as (server, _, second):
        before = {f"F{n}": ask(server, f"F{n}").json()["variant"] for n in range(60)}
    with server_thread(registry) as server:
        server.wait_ready()
        assert {key: ask(server, key).json()["variant"] for key in before} == before
        put(server, {"experiment": None, "reason": "decided"}).raise_for_status()
        assert {ask(server, key).json()["variant"] for key in before} == {"champion"}
        assert second.version not in server.status()["loaded"]


def test_what_cannot_be_is_refused_and_changes_nothing(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry) as server:
        server.wait_ready()
        body = split(first, second, 3000)
        body["experiment"]["variants"][0]["weight"] = 9000
        refused = put(server, body)
        assert refused.status_code == 400
        assert "sum to 12000, not to 10000" in refused.json()["error"]
        stale = put(server, {**split(first, second, 3000), "generation": 0})
        assert stale.status_code == 409
        assert "read them again" in stale.json()["error"]
        unknown = split(first, second, 3000)
        unknown["experiment"]["variants"][1]["model"] = "challenger"
        assert "no challenger" in put(server, unknown).json()["error"]
        assert server.admin.get("/admin/models/tiny/experiment").json()["experiment"] is None
        assert server.status()["generation"] == 1


def test_a_variant_that_fails_loses_its_traffic_by_itself(registry):
    first = publish(registry, "first")
    worse = publish(registry, "regression", promote=False)  # refuses the rows that the champion answers
    with server_thread(registry) as server:
        server.wait_ready()
        guard = {"error_rate": 0.05, "min_requests": 20}
        put(server, split(first, worse, 5000, guard=guard)).raise_for_status()
        keys = [f"F{number}" for number in range(100)]

        def failures() -> int:
            return sum(server.predict([{**ROWS[0], "flight_id": key}]).is_error for key in keys)

        assert failures() > 20
        server.wait(lambda: server.admin.get("/admin/models/tiny/experiment").json()["generation"] == 3)
        server.wait(lambda: failures() == 0)  # the alias is written first, the server follows it
        aliases = registry.aliases("tiny")
        assert aliases.updated_by == "canary guard"
        assert "variant b: 100.0% of" in aliases.reason
        assert {v.name: v.weight for v in aliases.experiment.variants} == {"a": 10_000, "b": 0}


def test_a_shadow_answers_nobody_and_its_differences_are_shown(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry) as server:
        server.wait_ready()
        body = split(first, second, 0)
        body["experiment"]["variants"][1] = {"name": "s", "model": second.version, "mode": "shadow"}
        put(server, body).raise_for_status()
        for row in ROWS[:50]:
            assert server.predict([row]).raise_for_status().json()["model_version"] == first.version
        server.wait(lambda: server.status()["shadows"].get("s", {}).get("rows") == 50)
        seen = server.status()["shadows"]["s"]
        assert 0 < seen["mean_difference"] <= seen["largest_difference"] <= 1
        assert seen["failures"] == seen["dropped"] == 0
        assert 'mojoline_shadow_abs_diff_count{model_name="tiny",variant="s"} 50.0' in metrics(server)


def metrics(server) -> str:
    return server.api.get("/metrics").raise_for_status().text


def value_of(server, sample: str) -> float:
    """A sample of the page; 0 where it is not there yet."""
    lines = [line for line in metrics(server).splitlines() if line.startswith(f"{sample} ")]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


def test_every_variant_has_its_own_measures(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry) as server:
        server.wait_ready()
        body = split(first, second, 5000)
        body["experiment"]["id"] = "measured"
        put(server, body).raise_for_status()
        seen = [ask(server, f"F{number}").json()["variant"] for number in range(60)]
        for variant in ("a", "b"):
            labels = f'{{experiment="measured",model_name="tiny",variant="{variant}"}}'
            assert value_of(server, f"mojoline_variant_score_seconds_count{labels}") == seen.count(variant)
            for name, result in (("requests", "answered"), ("cache", "bypass")):
                labels = f'{{experiment="measured",model_name="tiny",result="{result}",variant="{variant}"}}'
                assert value_of(server, f"mojoline_variant_{name}_total{labels}") == seen.count(variant)
        shown = server.status()["experiment"]["variants"]
        server.wait(lambda: server.status()["experiment"]["variants"]["b"]["requests"] == seen.count("b"))
        assert shown["a"]["weight"] == 5000


def test_replicas_and_restarts_give_a_key_the_same_variant(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    keys = [f"F{number}" for number in range(300)]
    with server_thread(registry) as one, server_thread(registry) as other:
        one.wait_ready()
        other.wait_ready()
        put(one, split(first, second, 2000)).raise_for_status()
        other.wait(lambda: other.status()["generation"] == 2)
        before = {key: ask(one, key).json()["variant"] for key in keys}
        assert {key: ask(other, key).json()["variant"] for key in keys} == before
    with server_thread(registry) as restarted:
        restarted.wait_ready()
        assert {key: ask(restarted, key).json()["variant"] for key in keys} == before
    share = list(before.values()).count("b") / len(keys)
    assert abs(share - 0.2) < 5 * (0.2 * 0.8 / len(keys)) ** 0.5


def test_a_variant_is_chosen_only_where_that_is_allowed(registry):
    first = publish(registry, "first")
    second = publish(registry, "second", promote=False)
    with server_thread(registry, serving={"forced_variants": True}) as server:
        server.wait_ready()
        put(server, split(first, second, 0)).raise_for_status()
        forced = force(server, "b")
        assert (forced.headers["X-Variant"], forced.headers["X-Variant-Sticky"]) == ("b", "false")
        assert forced.json()["model_version"] == second.version
        assert ask(server, "F1").headers["X-Variant"] == "a"
        refused = force(server, "c")
        assert (refused.status_code, "'c'; there is a, b" in refused.json()["error"]) == (400, True)
    with server_thread(registry) as server:
        server.wait_ready()
        refused = force(server, "b")
        assert refused.status_code == 403
        assert "MOJOLINE_SERVING__FORCED_VARIANTS" in refused.json()["error"]


def force(server, variant: str):
    return server.api.post("/predict", json={"rows": ROWS[:1]}, headers={"X-Model-Variant": variant})


def test_refused_numbers_are_counted_by_column(registry):
    publish(registry, "first", name="refused")
    number = next(name for name, value in ROWS[0].items() if not isinstance(value, str))
    bad = f'mojoline_bad_number_total{{column="{number}",model_name="refused"}}'
    with server_thread(registry) as server:
        server.wait_ready()
        before = value_of(server, bad)
        text = {**ROWS[0], number: "a lot"}
        assert server.predict([text], name="refused").status_code == 400
        infer = {"inputs": [{**tensor(number, 1.0), "data": ["a lot"]}]}
        assert server.api.post("/v2/models/refused/infer", json=infer).status_code == 400
        table = {"fields": [number], "rows": [["a lot"]]}
        assert server.api.post("/model/score?model=refused", json=table).status_code == 400
        assert value_of(server, bad) == before + 3


def test_missing_values_and_unseen_levels_are_counted_by_column(registry):
    publish(registry, "first", name="counted")
    column = next(name for name, value in ROWS[0].items() if isinstance(value, str))
    number = next(name for name, value in ROWS[0].items() if not isinstance(value, str))
    unseen = f'mojoline_unseen_level_total{{column="{column}",model_name="counted"}}'
    missing = f'mojoline_missing_value_total{{column="{number}",model_name="counted"}}'
    complete = dict(ROWS[0])
    with server_thread(registry) as server:
        server.wait_ready()
        before = value_of(server, unseen), value_of(server, missing)
        rows = [complete, {**complete, column: "no such level"}, {**complete, number: None}]
        server.predict(rows, name="counted").raise_for_status()
        tensors = [tensor(name, value) for name, value in complete.items() if name != number]
        tensors = [{**one, "data": ["never seen"]} if one["name"] == column else one for one in tensors]
        server.api.post("/v2/models/counted/infer", json={"inputs": tensors}).raise_for_status()
        assert (value_of(server, unseen), value_of(server, missing)) == (before[0] + 2, before[1] + 2)
