"""The pruned search space: what AutoML may try, and for how long."""

from dataclasses import dataclass, replace
from typing import Any

from mojoline.model_spec import ModelSpec
from mojoline.settings import TrainingSettings
from mojoline.training.metric_choice import choose_metric

# A tree model is scored every 10 trees and may stop once the mean of the last 3 scores is not better than the
# mean of the 3 before: never with fewer than 50 trees, so that one lucky early score does not end the search.
# AutoML's own 5 trees make scoring as expensive as training.
TREES_PER_SCORE = 10
STOPPING_ROUNDS = 3
FIRST_DEPTH = 5  # of the first model of each family: shallow trees are quick, small and seldom overfit
BRIEF_CELLS = 1_000_000  # training on less is over before the JVM's optimizing compiler pays
MAKE_UP_SECONDS = 10  # for a family the budget was too short for


@dataclass(frozen=True)
class Search:
    """Limits of one search; `max_models` None means as many as the time allows.

    AutoML takes `max_depth` for every tree model, not as a bound, so it runs twice: one shallow model of each
    family first, then with the trees as deep as the policy allows until time or models are used up.
    """

    families: list[str]
    max_runtime_secs: int
    max_models: int | None
    max_depth: int
    ntrees: int
    seed: int
    stopping_metric: str
    stopping_tolerance: float

    def first_round(self) -> "Search":
        """One model of each family, trees at most 5 deep."""
        depth = min(FIRST_DEPTH, self.max_depth)
        return replace(self, max_models=len(self.families), max_depth=depth)

    def second_round(self, *, models: int, seconds: float) -> "Search | None":
        """What is left after the first round made `models` in `seconds`; None if that is nothing.

        There is one GLM in the plan, and depth does not change it.
        """
        families = [family for family in self.families if family != "GLM"]
        time_left = int(self.max_runtime_secs - seconds)
        models_left = None if self.max_models is None else self.max_models - models
        if not families or time_left < 1 or (models_left is not None and models_left < 1):
            return None
        return replace(self, families=families, max_models=models_left, max_runtime_secs=time_left)

    def single_model(self, family: str) -> dict[str, Any]:
        """The arguments of the estimator of one `family` that the search left out: trees at most 5 deep.

        An estimator that is out of time keeps what it has, at least one tree; AutoML cancels it.
        """
        shared = {"seed": self.seed, "max_runtime_secs": MAKE_UP_SECONDS}
        if family == "GLM":
            return {**shared, "lambda_search": True}
        first = self.first_round()
        trees = {
            "ntrees": first.ntrees,
            "max_depth": first.max_depth,
            "score_tree_interval": TREES_PER_SCORE,
            "stopping_metric": self.stopping_metric,
            "stopping_tolerance": self.stopping_tolerance,
            "stopping_rounds": STOPPING_ROUNDS,
        }
        return {**shared, **trees, **({"tree_method": "hist"} if family == "XGBoost" else {})}

    def arguments(self) -> dict[str, Any]:
        """The arguments of `H2OAutoML`. No cross-validation and no ensemble: a candidate is one MOJO."""
        return {
            "include_algos": self.families,
            # honoured for every algorithm because of the node's system property, see jvm.OPTIONS
            "algo_parameters": {
                "max_depth": self.max_depth,
                "ntrees": self.ntrees,
                "score_tree_interval": TREES_PER_SCORE,
                "XGBoost__tree_method": "hist",  # its default for small data takes half as long again
            },
            "max_runtime_secs": self.max_runtime_secs,
            "max_models": self.max_models,
            "seed": self.seed,
            "nfolds": 0,
            "stopping_metric": self.stopping_metric,
            "stopping_tolerance": self.stopping_tolerance,
            "stopping_rounds": STOPPING_ROUNDS,
            "sort_metric": self.stopping_metric,
            "verbosity": None,
        }


def plan_search(spec: ModelSpec, settings: TrainingSettings) -> Search:
    """The search of `spec`, its budget overruled by the settings where those say something."""
    automl = spec.automl
    most = settings.max_models if settings.max_models is not None else automl.max_models
    return Search(
        families=list(automl.families),
        max_runtime_secs=settings.max_runtime_secs or automl.max_runtime_secs,
        max_models=None if most is None else max(most, len(automl.families)),
        max_depth=automl.max_depth,
        ntrees=settings.ntrees or automl.ntrees,
        seed=automl.seed,
        stopping_metric=choose_metric(spec).name,
        stopping_tolerance=automl.stopping_tolerance,
    )
