"""How far mojo_scorer may be from genmodel, per algorithm: the one place that says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """A value passes within `ulps` doubles of Java's or within `absolute` of it."""

    ulps: int
    absolute: float = 0.0
    why: str = "the same arithmetic in the same order"


# java_math.hpp has the exp and log of HotSpot, so even links are equal to the last bit.
TOLERANCES = {
    "coxph": Tolerance(0),
    "deeplearning": Tolerance(0),
    "drf": Tolerance(0),
    "extendedisolationforest": Tolerance(1, why="Math.pow of Java is not the C library's"),
    "gam": Tolerance(0),
    "gbm": Tolerance(0),
    "glm": Tolerance(0),
    "glrm": Tolerance(0),
    "isolationforest": Tolerance(0),
    "isotonicregression": Tolerance(0),
    "klime": Tolerance(0),
    "kmeans": Tolerance(0),
    "pca": Tolerance(0),
    "rulefit": Tolerance(0),
    "stackedensemble": Tolerance(0),
    "targetencoder": Tolerance(0),
    "upliftdrf": Tolerance(0),
    "word2vec": Tolerance(0),
    "xgboost": Tolerance(0),
}
