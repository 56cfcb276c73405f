import numpy as np
import pytest

from mojoline.model_spec import BudgetSpec, ModelSpec
from mojoline.settings import TrainingSettings
from mojoline.training.candidates import Candidate, choose_winner, fits_budget, percentiles
from mojoline.training.component_choice import choose_components
from mojoline.training.errors import NoWinnerError, TrainingError
from mojoline.training.golden_rows import blot_rows, spread_evenly, unseen_level
from mojoline.training.jvm import describe_status
from mojoline.training.metric_choice import choose_metric
from mojoline.training.pruning import plan_search
from mojoline.training.search import is_trained, missing_families
from mojoline.training.time_split import split_by_time


def a_spec(**automl: object) -> ModelSpec:
    task = automl.pop("task", "binary")
    return ModelSpec.model_validate(
        {
            "name": "m",
            "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "known"},
            "target": {"column": "y", "task": task, "positive": "yes" if task == "binary" else None},
            "features": {"hot": ["a"]},
            "automl": automl,
        }
    )


def a_candidate(name: str, metric: float, *, inside: bool = True, p50: float = 10.0) -> Candidate:
    return Candidate(
        model_id=name,
        algorithm="gbm",
        metric=metric,
        metric_name="logloss",
        trees=50,
        depth=5,
        score_us_p50=p50,
        score_us_p99=20.0 if inside else 90_000.0,
        bytes=1000,
        inside_budget=inside,
    )


def test_fewest_components_that_keep_the_variance():
    choice = choose_components([0.6, 0.9, 0.995, 1.0, 1.0, 1.0], variance=0.99, target_ratio=0.5)
    assert choice.k == 3
    assert choice.rule.startswith("variance: 3 of 6 components keep 99.5%, within the target of 3")


def test_the_target_ratio_gives_way_to_the_variance_and_the_rule_says_so():
    choice = choose_components([0.4, 0.7, 0.9, 1.0], variance=0.99, target_ratio=0.5)
    assert choice.k == 4
    assert "variance over target ratio" in choice.rule
    assert "the target of 2 would keep 70.0% of 99.0%" in choice.rule


def test_all_variance_survives_rounding():
    assert choose_components([0.5, 0.9999999999], variance=1.0, target_ratio=0.5).k == 2


def test_the_best_candidate_inside_the_budget_wins_not_the_best_on_paper():
    board = [a_candidate("slow", 0.1, inside=False), a_candidate("good", 0.2), a_candidate("fair", 0.3)]
    assert choose_winner(board, BudgetSpec(), lower_is_better=True).model_id == "good"
    assert choose_winner(board, BudgetSpec(), lower_is_better=False).model_id == "fair"


def test_of_equals_the_faster_one_wins():
    board = [a_candidate("a", 0.2, p50=30), a_candidate("b", 0.2, p50=20)]
    assert choose_winner(board, BudgetSpec(), lower_is_better=True).model_id == "b"


def test_no_candidate_inside_the_budget_names_the_closest():
    board = [a_candidate("slow", 0.1, inside=False)]
    with pytest.raises(
        NoWinnerError, match=r"none of 1 candidates is inside the budget of 50 ms.*slow, 90 ms"
    ):
        choose_winner(board, BudgetSpec(), lower_is_better=True)
    with pytest.raises(NoWinnerError, match="no model was trained"):
        choose_winner([], BudgetSpec(), lower_is_better=True)


def test_the_budget_is_p99_and_bytes():
    budget = BudgetSpec(p99_ms=1, bytes=1000)
    assert fits_budget(budget, p99_us=1000, size=999)
    assert not fits_budget(budget, p99_us=1001, size=999)
    assert not fits_budget(budget, p99_us=1000, size=1000)


def test_the_time_of_a_row_is_that_of_reducer_and_model():
    assert percentiles([1.0, 2.0, 3.0], [10.0, 10.0, 10.0])[0] == 12.0
    assert percentiles([], [10.0, 10.0, 10.0]) == (10.0, 10.0)


def test_settings_overrule_the_budget_of_the_spec():
    spec = a_spec(max_runtime_secs=3600, max_models=20)
    search = plan_search(spec, TrainingSettings(max_runtime_secs=20, max_models=1))
    assert (search.max_runtime_secs, search.max_models) == (20, 3)  # a model of each family at least
    assert plan_search(spec, TrainingSettings()).max_runtime_secs == 3600


def test_the_search_starts_shallow_and_stays_inside_the_policy():
    search = plan_search(a_spec(max_depth=8, max_models=6, max_runtime_secs=60), TrainingSettings())
    first = search.first_round()
    assert (first.max_depth, first.max_models) == (5, 3)
    assert plan_search(a_spec(max_depth=3), TrainingSettings()).first_round().max_depth == 3
    deeper = search.second_round(models=3, seconds=20.5)
    assert deeper is not None
    assert (deeper.families, deeper.max_depth, deeper.max_models) == (["GBM", "XGBoost"], 8, 3)
    assert deeper.max_runtime_secs == 39
    assert search.second_round(models=6, seconds=1) is None
    assert search.second_round(models=3, seconds=60) is None
    assert plan_search(a_spec(families=["GLM"]), TrainingSettings()).second_round(models=1, seconds=1) is None


def test_the_search_knows_only_the_three_families_without_folds():
    arguments = plan_search(a_spec(), TrainingSettings()).arguments()
    assert arguments["include_algos"] == ["GBM", "GLM", "XGBoost"]
    assert arguments["algo_parameters"].items() >= {"max_depth": 10, "ntrees": 1000}.items()
    assert arguments["nfolds"] == 0


def test_families_without_a_model_are_noticed():
    assert missing_families(["GBM", "GLM", "XGBoost"], ["glm", "gbm", "gbm"]) == ["XGBoost"]


@pytest.mark.parametrize(
    ("metric", "trees", "counts"),
    [
        (0.4, 50, True),
        (0.4, None, True),
        (0.4, 0, False),
        (float("nan"), 50, False),
        (float("nan"), None, False),
    ],
)
def test_a_model_that_was_cancelled_before_it_had_a_tree_or_a_metric_is_none(metric, trees, counts):
    assert is_trained(metric, trees) is counts


def test_a_family_the_budget_was_too_short_for_is_trained_by_the_same_policy():
    search = plan_search(a_spec(max_depth=3, ntrees=70, seed=9), TrainingSettings(max_runtime_secs=1))
    gbm, glm, xgboost = (search.single_model(family) for family in search.families)
    assert (gbm["max_depth"], gbm["ntrees"], gbm["seed"], gbm["max_runtime_secs"]) == (3, 70, 9, 10)
    assert xgboost == {**gbm, "tree_method": "hist"}
    assert "ntrees" not in glm


@pytest.mark.parametrize(
    ("task", "asked", "name", "lower"),
    [
        ("binary", "AUTO", "logloss", True),
        ("binary", "auc", "auc", False),
        ("regression", "AUTO", "rmse", True),
        ("regression", "deviance", "mse", True),
    ],
)
def test_the_metric_follows_the_task(task, asked, name, lower):
    metric = choose_metric(a_spec(task=task, stopping_metric=asked))
    assert (metric.name, metric.lower_is_better) == (name, lower)


def test_a_metric_of_another_task_is_refused():
    with pytest.raises(TrainingError, match="'auc' does not fit a regression target: use AUTO, rmse"):
        choose_metric(a_spec(task="regression", stopping_metric="auc"))


def test_the_parts_follow_each_other_in_time_and_no_moment_is_split():
    moments = np.sort(np.random.default_rng(1).integers(0, 60, 1000))
    parts = split_by_time(moments)
    train, valid, test = (moments[parts == part] for part in ("train", "valid", "test"))
    assert train.max() < valid.min() <= valid.max() < test.min()
    assert 600 < len(train) < 720
    assert len(test) > 100


def test_too_few_rows_or_moments_are_refused():
    with pytest.raises(TrainingError, match="150 rows are too few to train on, 200 are needed"):
        split_by_time(np.arange(150))
    with pytest.raises(TrainingError, match=r"no rows are left for the .* part: 500 rows share 1 moment"):
        split_by_time(np.zeros(500))


def test_blotted_rows_are_those_promised_and_the_others_are_untouched():
    rows = [{"n": float(at), "c": "x", "d": "y"} for at in range(1000)]
    domains = {"c": ["x", "no-such-level"], "d": ["y"]}
    blotted = blot_rows(rows, domains, seed=1)
    missing = [row for row in blotted if None in row.values()]
    unseen = [row for row in blotted if row["c"] == "no-such-level-" or row["d"] == "no-such-level"]
    assert len(missing) == len(unseen) == 120
    assert sum(row == original for row, original in zip(blotted, rows, strict=True)) == 760
    assert blotted == blot_rows(rows, domains, seed=1)
    assert all(row["c"] == "x" for row in rows)


def test_without_levels_nothing_is_unseen():
    rows = [{"n": 1.0} for _ in range(300)]
    assert sum(row != {"n": 1.0} for row in blot_rows(rows, {}, seed=1)) == 120
    assert unseen_level([]) == "no-such-level"


def test_picked_rows_are_spread_over_all():
    assert spread_evenly(3, 10) == [0, 1, 2]
    assert spread_evenly(10, 5) == [0, 2, 4, 6, 8]


def test_a_dead_node_is_explained_by_its_status():
    assert "the heap of 1024 MiB is full" in describe_status(
        3, "java.lang.OutOfMemoryError: Java heap", 1 << 30
    )
    assert "SIGKILL" in describe_status(-9, "started with -XX:+ExitOnOutOfMemoryError", 1 << 30)
    assert "status 1" in describe_status(1, "", 1 << 30)
