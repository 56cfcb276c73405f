"""What a file may claim is an argument of load(); each limit is held, and said when it is not kept."""

import zipfile
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError

ZOO = Path(__file__).parent / "zoo"


@pytest.mark.parametrize(
    ("limit", "value", "model", "said"),
    [
        ("entries", 3, "gbm_binomial", "entries, the limit is 3"),
        ("entry_bytes", 100, "gbm_binomial", "bytes, the limit is 100"),
        ("total_bytes", 5000, "gbm_binomial", "more than 5000 bytes together"),
        ("columns", 3, "gbm_binomial", "n_columns = .* outside of 1 to 3"),
        ("classes", 2, "glm_multinomial", "n_classes = 4 is outside of 1 to 2"),
        ("levels", 10, "glm_huge", "levels, the limit is 10"),
        ("total_levels", 10, "glm_huge", "more than 10 levels together"),
        ("trees", 3, "gbm_binomial", "n_trees = 6 is outside of 0 to 3"),
        ("trees", 3, "xgboost_binomial", "8 trees, the limit is 3"),
        ("depth", 2, "gbm_binomial", "deeper than 2 splits"),
        ("depth", 2, "xgboost_binomial", "deeper than 2 splits"),
        ("nesting", 0, "rulefit_rules", "nested deeper than 0"),
    ],
)
def test_a_lower_limit_refuses(limit: str, value: int, model: str, said: str) -> None:
    mojo_scorer.load(ZOO / f"{model}.zip")
    with pytest.raises(FormatError, match=said):
        mojo_scorer.load(ZOO / f"{model}.zip", limits={limit: value})


def test_the_ratio_is_of_large_entries(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(ZOO / "gbm_binomial.zip") as source,
        zipfile.ZipFile(tmp_path / "a.zip", "w") as copy,
    ):
        for name in source.namelist():
            copy.writestr(name, source.read(name))
        copy.writestr("padding", b"0123456789" * 200_000, zipfile.ZIP_DEFLATED)
    mojo_scorer.load(tmp_path / "a.zip", limits={"ratio": 1000})
    with pytest.raises(FormatError, match="the limit is a factor of 200"):
        mojo_scorer.load(tmp_path / "a.zip")


@pytest.mark.parametrize("limits", [{"tree": 3}, {"trees": -1}, {"nesting": 2**40}])
def test_limits_are_checked(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="limit"):
        mojo_scorer.load(ZOO / "gbm_binomial.zip", limits=limits)
