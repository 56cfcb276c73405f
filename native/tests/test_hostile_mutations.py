"""Models damaged at random end in FormatError or UnsupportedError, or load; never in a crash or a hang."""

import random
import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import ZOO, mutate, read_entries, try_file, write_zip

KINDS = [
    "gbm_laplace",
    "gbm_multinomial",
    "xgboost_multinomial",
    "glm_multinomial",
    "pca_mixed",
    "pipeline_xgboost",
    "drf_one_hot",
    "extended_isolation_forest",
    "isolation_forest_flags",
    "gbm_isotonic",
    "gbm_enum_limited",
    "xgboost_linear",
    "kmeans_mixed",
    "glrm_simplex",
    "coxph_strata_pairs",
    "deeplearning_unscaled",
    "isotonicregression",
    "rulefit_rules",
    "stackedensemble_pipeline",
    "targetencoder_interactions",
    "word2vec",
    "gam_mixed",
]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_anywhere(kind: str, tmp_path: Path) -> None:
    whole = (ZOO / f"{kind}.zip").read_bytes()
    path = tmp_path / "cut.zip"
    for length in [*range(0, len(whole), max(1, len(whole) // 60)), *range(len(whole) - 30, len(whole))]:
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError):
            mojo_scorer.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_flipped_in_the_container(kind: str, tmp_path: Path) -> None:
    whole = (ZOO / f"{kind}.zip").read_bytes()
    rng = random.Random(kind)
    path = tmp_path / "flipped.zip"
    directory = max(0, whole.rindex(b"PK\5\6") - 3000)
    for turn in range(150):
        damaged = bytearray(whole)
        at = rng.randrange(len(whole)) if turn % 2 else rng.randrange(directory, len(whole))
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try_file(path)


@pytest.mark.parametrize("kind", KINDS)
def test_contents_damaged_behind_a_right_crc(kind: str, tmp_path: Path) -> None:
    entries = read_entries(kind)
    rng = random.Random(kind)
    names = list(entries)
    small = [n for n in names if n.endswith(("model.ini", ".bin")) or "domains" not in n]
    accepted = 0
    for _ in range(220):
        name = rng.choice(small if rng.random() < 0.8 else names)
        accepted += try_file(write_zip(tmp_path / "mutant.zip", entries | {name: mutate(entries[name], rng)}))
    assert accepted < 220
