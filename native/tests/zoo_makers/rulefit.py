"""RuleFit."""

from collections.abc import Sequence

from h2o.estimators import H2ORuleFitEstimator

from zoo_makers.data import NUMBERS
from zoo_makers.edit import slim
from zoo_makers.zoo_model import ZooModel, train

COLUMNS = [*NUMBERS, "few"]


def rulefit(name: str, target: str, features: Sequence[str] = COLUMNS, **options: object) -> ZooModel:
    settings = {"seed": 1, "min_rule_length": 2, "max_rule_length": 3, "rule_generation_ntrees": 4} | options
    return ZooModel(name, slim(train(H2ORuleFitEstimator, target, features, **settings)), answers="raw")


MODELS = [
    rulefit("rulefit_binomial", "flag", [*COLUMNS, "some"]),
    rulefit("rulefit_regression", "amount"),
    rulefit("rulefit_rules", "flag", model_type="rules"),
    rulefit("rulefit_linear", "amount", model_type="linear"),
    rulefit("rulefit_multinomial", "kind", model_type="rules", rule_generation_ntrees=2),
    rulefit("rulefit_multinomial_linear", "kind", rule_generation_ntrees=2, max_rule_length=2),
    rulefit("rulefit_numbered_classes", "grade", rule_generation_ntrees=2, max_rule_length=2),
    rulefit("rulefit_by_gbm", "flag", algorithm="GBM"),
    rulefit("rulefit_weights", "flag", weights_column="weight", max_num_rules=8),
    rulefit("rulefit_huge", "flag", ["huge", "alpha"], model_type="linear"),
]
EMPTY: dict[str, str] = {
    "offset": "RuleFit takes no offset",
    "calibration": "H2O calibrates trees only",
}
