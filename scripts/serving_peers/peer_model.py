"""The model as every peer serves it: mojo-scorer, one row or more in, label and probabilities out."""

import os
from typing import Any

import mojo_scorer

model = mojo_scorer.load(os.environ["PEER_MODEL"])
port = int(os.environ.get("PEER_PORT", "8080"))


def predict(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The predictions of `rows` in the words of the project's own /predict."""
    scores = model.score(model.matrix(rows))
    positive = scores[:, 1] >= model.default_threshold
    return [
        {
            "label": model.response_domain[int(flag)],
            "probabilities": dict(zip(model.output_names, row, strict=True)),
        }
        for flag, row in zip(positive, scores.tolist(), strict=True)
    ]
