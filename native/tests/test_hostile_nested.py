"""Damaged models with models inside: ensembles and RuleFit."""

import re
import sys
import time
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import read_entries, write_zip

ENSEMBLE = "stackedensemble_regression"
RULES = "rulefit_rules"


def edit(kind: str, *changes: tuple[str, str]) -> dict[str, bytes]:
    """Change lines of the outer model.ini; patterns are regular expressions."""
    entries = read_entries(kind)
    text = entries["model.ini"].decode()
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
        assert count == 1, pattern
    return entries | {"model.ini": text.encode()}


ENSEMBLES = {
    "unknown metalearner": (
        (r"^metalearner = .*", "metalearner = no"),
        FormatError,
        "metalearner no is none",
    ),
    "no metalearner": ((r"^metalearner = .*\n", ""), FormatError, "metalearner is missing"),
    "unknown base": ((r"^base_model1 = .*", "base_model1 = no"), FormatError, "base_model1 no is none"),
    "base models of billions": (
        (r"^base_models_num = .*", "base_models_num = 2000000000"),
        FormatError,
        "base_models_num",
    ),
    "a base too many": (
        (r"^base_models_num = .*", "base_models_num = 4"),
        FormatError,
        "metalearner has 3 columns, the base models give 4",
    ),
    "sub-models of billions": (
        (r"^submodel_count = .*", "submodel_count = 2000000000"),
        FormatError,
        "submodel_count",
    ),
    "empty folder": ((r"^submodel_dir_1 = .*", "submodel_dir_1 = /"), FormatError, "is no folder"),
    "transform": (
        (r"^metalearner_transform = .*", "metalearner_transform = Probit"),
        UnsupportedError,
        "Probit",
    ),
    "unknown column": ((r"^gamma$", "delta"), FormatError, "no column gamma"),
    "classes": (
        (r"^category = .*", "category = AnomalyDetection"),
        FormatError,
        "AnomalyDetection|the ensemble of",
    ),
}


@pytest.mark.parametrize("case", ENSEMBLES)
def test_malformed_ensemble(case: str, tmp_path: Path) -> None:
    change, error, message = ENSEMBLES[case]
    if case == "classes":
        change = (r"^n_classes = .*", "n_classes = 2")
        message = "n_classes = 2"
    with pytest.raises(error, match=message):
        mojo_scorer.load(write_zip(tmp_path / "ensemble.zip", edit(ENSEMBLE, change)))


def test_members_of_another_kind(tmp_path: Path) -> None:
    """A binomial metalearner under an ensemble of numbers."""
    outer = edit("stackedensemble_binomial", (r"^category = .*", "category = Regression"))
    outer = outer | {"model.ini": outer["model.ini"].replace(b"n_classes = 2", b"n_classes = 1")}
    ini = re.sub(rb"prior_class_distrib = .*", b"prior_class_distrib = null", outer["model.ini"])
    with pytest.raises(FormatError, match="category Binomial with 2 classes, the ensemble of Regression"):
        mojo_scorer.load(write_zip(tmp_path / "kinds.zip", outer | {"model.ini": ini}))


def test_folders_inside_each_other_are_refused_at_once(tmp_path: Path) -> None:
    """Else a few hundred names could ask for millions of loads: every way to split a path into folders."""
    depth = 60
    lines = [f"submodel_key_{i} = k{i}\nsubmodel_dir_{i} = {'a/' * (i + 1)}\n" for i in range(depth)]
    lines.append(f"submodel_count = {depth}\n")
    entries = read_entries(ENSEMBLE)
    text = re.sub(r"(?m)^submodel_.*\n", "", entries["model.ini"].decode())
    ini = text.replace("[info]\n", "[info]\n" + "".join(lines), 1).encode()
    one = {n: content for n, content in entries.items() if n.startswith("domains/")} | {"model.ini": ini}
    names = {"a/" * i + name: content for i in range(4 * depth) for name, content in one.items()}
    start = time.monotonic()
    with pytest.raises(FormatError, match="two sub-models lie in"):
        mojo_scorer.load(write_zip(tmp_path / "paths.zip", entries | names))
    assert time.monotonic() - start < 20


RULEFITS = {
    "unknown linear model": ((r"^linear_model = .*", "linear_model = no"), "linear_model no is none"),
    "depth of billions": ((r"^depth = .*", "depth = 2000000000"), "depth = 2000000000"),
    "a tree too many": ((r"^ntrees = .*", "ntrees = 9"), "num_rules_M0T4 is missing"),
    "rules of billions": ((r"^num_rules_M0T0 = .*", "num_rules_M0T0 = 2000000000"), "is missing"),
    "negative rules": ((r"^num_rules_M0T0 = .*", "num_rules_M0T0 = -1"), "num_rules_M0T0 = -1"),
    "conditions of billions": (
        (r"^num_conditions_rule_id_0_0_0 = .*", "num_conditions_rule_id_0_0_0 = 2000000000"),
        "is missing",
    ),
    "column": ((r"^feature_index_0_0_0_0 = .*", "feature_index_0_0_0_0 = 4"), "feature_index_0_0_0_0 = 4"),
    "negative column": ((r"^feature_index_0_0_0_0 = .*", "feature_index_0_0_0_0 = -1"), "= -1 is outside"),
    "operator": (
        (r"^operator_0_0_0_0 = .*", "operator_0_0_0_0 = <"),
        "operator_0_0_0_0 = < is not an integer",
    ),
    "levels of billions": (
        (r"^cat_treshold_length_(\d+_\d+_\d+_\d+) = .*", r"cat_treshold_length_\1 = 2000000000"),
        "is missing",
    ),
    "rule without a node": (
        (r"^var_name_rule_id_0_0_0 = .*", "var_name_rule_id_0_0_0 = M0T0"),
        "a rule is called M0T0",
    ),
    "names": ((r"^linear_names_len = .*", "linear_names_len = 1"), "with 1 names"),
    "names of billions": (
        (r"^linear_names_len = .*", "linear_names_len = 2000000000"),
        "linear_names_len = 2000000000",
    ),
    "name": ((r"^linear_names_0 = .*", "linear_names_0 = other"), "the linear model has no column other"),
}


@pytest.mark.parametrize("case", RULEFITS)
def test_malformed_rulefit(case: str, tmp_path: Path) -> None:
    change, message = RULEFITS[case]
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "rules.zip", edit(RULES, change)))


def test_a_rule_without_a_column_refuses_only_the_rows_it_holds_for(tmp_path: Path) -> None:
    """As genmodel, which looks the column up when the rule holds."""
    change = (r"^var_name_rule_id_0_0_0 = M0T0N", "var_name_rule_id_0_0_0 = M7T0N")
    model = mojo_scorer.load(write_zip(tmp_path / "rules.zip", edit(RULES, change)))
    outcomes = []
    for gamma in (-2.0, 2.0):
        for few in ("red", "blue"):
            try:
                outcomes.append(model.score(model.matrix([{"gamma": gamma, "few": few}])).shape)
            except mojo_scorer.RowError as error:
                outcomes.append(str(error))
    refusal = "row 0: rule M7T0N8: the linear model has no column for it"
    assert outcomes == [(1, 2), (1, 2), (1, 2), refusal]
