"""Damaged neural networks end in FormatError or UnsupportedError with the reason."""

import re
import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import read_entries, write_zip

NETWORK = "deeplearning_unscaled"  # few, alpha, beta, gamma -> 5 -> 3 -> 1
MAXOUT = "deeplearning_regression"

CASES = {
    "no layer": (NETWORK, "neural_network_sizes", "[10]", FormatError, "has 1 entries"),
    "empty layer": (NETWORK, "neural_network_sizes", "[10, 0, 3, 1]", FormatError, "holds 0"),
    "negative layer": (NETWORK, "neural_network_sizes", "[10, -5, 3, 1]", FormatError, "holds -5"),
    "layer of billions": (NETWORK, "neural_network_sizes", "[10, 2000000000, 3, 1]", FormatError, "needed"),
    "two of billions": (
        NETWORK,
        "neural_network_sizes",
        "[10, 2147483648, 2147483648, 1]",
        FormatError,
        "needed",
    ),
    "other inputs": (NETWORK, "neural_network_sizes", "[11, 5, 3, 1]", FormatError, "goes from 11"),
    "other outputs": (NETWORK, "neural_network_sizes", "[10, 5, 3, 2]", FormatError, "to 2, the columns"),
    "weights": (NETWORK, "weight_layer1", "[1.0, 2.0]", FormatError, "weight_layer1 has 2 entries"),
    "weight": (NETWORK, "weight_layer2", "[1.0, x, 2.0]", FormatError, "weight_layer2"),
    "no bias": (NETWORK, "bias_layer0", "null", FormatError, "bias_layer0 has 0 entries"),
    "biases": (NETWORK, "bias_layer2", "[1.0, 2.0]", FormatError, "bias_layer2 has 2 entries"),
    "maxout of three": (MAXOUT, "bias_layer1", str([1.0] * 9), FormatError, "3 pieces per unit"),
    "maxout of halves": (MAXOUT, "bias_layer1", str([1.0] * 7), FormatError, "bias_layer1 has 7 entries"),
    "dropout": (NETWORK, "hidden_dropout_ratios", "[0.0, 1.5, 0.0]", FormatError, "holds 1.5"),
    "dropouts": (NETWORK, "hidden_dropout_ratios", "[0.0]", FormatError, "hidden_dropout_ratios has 1"),
    "activation": (NETWORK, "activation", "Sigmoid", UnsupportedError, "Sigmoid"),
    "distribution": (NETWORK, "distribution", "cauchy", UnsupportedError, "cauchy"),
    "blind": (NETWORK, "distribution", "modified_huber", UnsupportedError, "modified_huber"),
    "encoding": (NETWORK, "_genmodel_encoding", "Hashing", UnsupportedError, "Hashing"),
    "cats": (NETWORK, "cats", "3", FormatError, "do not add up"),
    "cat_offsets": (NETWORK, "cat_offsets", "[0, -7]", FormatError, "does not ascend"),
    "means": (MAXOUT, "norm_sub", "[1.0]", FormatError, "norm_sub has 1 entries"),
    "response": (MAXOUT, "norm_resp_sub", "null", FormatError, "norm_resp_sub"),
    "category": (NETWORK, "category", "Clustering", FormatError, "a network of category Clustering"),
    "autoencoder": ("autoencoder_deep", "n_domains", "0", FormatError, "are listed"),
}


def set_key(entries: dict[str, bytes], key: str, value: str) -> dict[str, bytes]:
    text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", entries["model.ini"].decode())
    assert count == 1, key
    return entries | {"model.ini": text.encode()}


@pytest.mark.parametrize("case", CASES)
def test_malformed_network(case: str, tmp_path: Path) -> None:
    kind, key, value, error, message = CASES[case]
    with pytest.raises(error, match=re.escape(message)):
        mojo_scorer.load(write_zip(tmp_path / "network.zip", set_key(read_entries(kind), key, value)))


def test_autoencoder_that_lost_its_levels(tmp_path: Path) -> None:
    entries = read_entries("autoencoder_deep")
    text = re.sub(r"n_domains = 1", "n_domains = 0", entries["model.ini"].decode())
    text = text[: text.index("[domains]")] + "[domains]\n"
    with pytest.raises(FormatError, match="column few of an autoencoder"):
        mojo_scorer.load(write_zip(tmp_path / "levels.zip", entries | {"model.ini": text.encode()}))
