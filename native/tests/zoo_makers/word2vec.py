"""Word2Vec, which gives vectors for words instead of scores for rows."""

from pathlib import Path

import h2o
import numpy as np
from h2o.estimators import H2OWord2vecEstimator

from zoo_makers.data import Columns
from zoo_makers.zoo_model import Workbench, ZooModel

WORDS = ["red", "green", "blue", "São", "x,y", "a\\b", "über", "1", "two words", "-0.0"]


def make(_: Workbench, output: Path) -> None:
    text = [[WORDS[i]] for i in np.random.default_rng(3).integers(0, len(WORDS), 4000)]
    frame = h2o.H2OFrame(text, column_names=["word"], column_types=["string"])
    model = H2OWord2vecEstimator(vec_size=5, min_word_freq=1, epochs=2)
    model.train(training_frame=frame)
    model.download_mojo(str(output))


def sentences() -> Columns:
    """Each row is a sentence of up to four words, some of them unknown."""
    rng = np.random.default_rng(4)
    known = [*WORDS, "never seen", "RED", " red"]
    rows = [[word, None, None, None] for word in known]
    rows += [[known[i] if i < len(known) else None for i in rng.integers(0, 16, 4)] for _ in range(100)]
    return {f"word{at}": [row[at] for row in rows] for at in range(4)}


MODELS = [ZooModel("word2vec", make, answers="words", rows=sentences)]
EMPTY: dict[str, str] = dict.fromkeys(
    ["binary", "multiclass", "regression", "offset", "weights", "calibration", ">1024 levels", "extremes"],
    "words are no rows",
) | {"unseen": "words are no levels; unknown ones are among the rows"}
