"""The pruned search space: what AutoML may try, and for how long."""

from dataclasses import dataclass
from typing import Any

from mojoline.model_spec import ModelSpec
from mojoline.settings import TrainingSettings
from mojoline.training.metric_choice import choose_metric

# A tree model is scored every 5 trees and may stop once the mean of the last 6 scores is not better than that of
# the 6 before: never with fewer than 50 trees, so that one lucky early score does not end the search.
STOPPING_ROUNDS = 6
MAKE_UP_SECONDS = 10  # for a family the budget was too short for


@dataclass(frozen=True)
class Search:
    """Limits of one AutoML run; `max_models` None means as many as the time allows."""

    families: list[str]
    max_runtime_secs: int
    max_models: int | None
    max_depth: int
    ntrees: int
    seed: int
    stopping_metric: str
    stopping_tolerance: float

    def arguments(self) -> dict[str, Any]:
        """The arguments of `H2OAutoML`. No cross-validation and no ensemble: a candidate is one MOJO."""
        return {
            "include_algos": self.families,
            # honoured for every algorithm because of the node's system property, see jvm.OPTIONS
            "algo_parameters": {"max_depth": self.max_depth, "ntrees": self.ntrees},
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
        ntrees=automl.ntrees,
        seed=automl.seed,
        stopping_metric=choose_metric(spec).name,
        stopping_tolerance=automl.stopping_tolerance,
    )
