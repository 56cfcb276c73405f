"""Extended isolation forests."""

from h2o.estimators import H2OExtendedIsolationForestEstimator

from zoo_makers.data import LIGHT
from zoo_makers.isolation_forest import EMPTY as EMPTY
from zoo_makers.zoo_model import ZooModel, train


def forest(name: str, features: list[str], **options: object) -> ZooModel:
    settings = {"ntrees": 8, "sample_size": 32, "seed": 1} | options
    maker = train(H2OExtendedIsolationForestEstimator, None, features, **settings)
    return ZooModel(name, maker, answers="raw")


MODELS = [
    forest("extended_isolation_forest", [*LIGHT, "huge"], extension_level=5),
    forest("extended_isolation_forest_straight", LIGHT, extension_level=0),
]
