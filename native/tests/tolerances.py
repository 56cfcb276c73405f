"""How far mojo_scorer may be from genmodel, per algorithm: the one place that says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """A value passes within `ulps` doubles of Java's or within `absolute` of it."""

    ulps: int
    absolute: float = 0.0
    why: str = "the same arithmetic in the same order"


# Java's Math.exp and the C library's differ by one ulp in 0.3 % of all arguments, which 1 - p and a division
# can make two to three.
EXP = "Math.exp of Java differs from the C library's by 1 ulp for 0.3 % of all arguments"
TOLERANCES = {
    "gbm": Tolerance(3, why=EXP),
    "glm": Tolerance(3, why=EXP),
    "pca": Tolerance(0),
    "xgboost": Tolerance(0),
}
