"""A FAKE of daimojo 2.9.2's public API, for the paths behind it. Nothing of it is H2O's.

A fake archive is a zip with `mojo/pipeline.pb`, in which the real one keeps protobuf and this one JSON:
features with types, an intercept and weights; text adds its length. It is a
logistic regression of two classes.
`DRIVERLESS_AI_LICENSE_KEY` must be set, as with the real one, to anything.
"""

import json
import math
import os
import sys
import zipfile

import datatable


class model:  # noqa: N801 - daimojo's name
    """The attributes and the method of daimojo.model that a caller uses."""

    def __init__(self, filename: str) -> None:
        if "DRIVERLESS_AI_LICENSE_KEY" not in os.environ:
            os.write(2, b"[ERROR] pipeline.cc:877: License could not be found!\n")
            sys.stderr.write("Driverless AI license error!\n")
            raise RuntimeError("Driverless AI license error!")
        with zipfile.ZipFile(filename) as archive:
            made = json.loads(archive.read("mojo/pipeline.pb"))
        self._intercept, self._weights = made["intercept"], made["weights"]
        self.feature_names = list(made["types"])
        self.feature_types = list(made["types"].values())
        self.output_names = [f"{made['target']}.{label}" for label in made["labels"]]
        self.output_types = ["float32"] * 2
        self.missing_values = ["", "NA"]
        self.mojo_version, self.dai_version, self.uuid = "2.9.2", "1.11.1", "fake"

    def predict(self, frame: datatable.Frame) -> datatable.Frame:
        if missing := set(self.feature_names) - set(frame.names):
            raise RuntimeError(f"Column(s) missing: {sorted(missing)}")
        ones = []
        for row in range(frame.nrows):
            total = self._intercept
            for name in self.feature_names:
                value = frame.columns[name][row]
                number = 0.0 if value is None else len(value) if isinstance(value, str) else value
                total += self._weights[name] * number
            ones.append(1 / (1 + math.exp(-total)))
        scores = dict(zip(self.output_names, [[1 - p for p in ones], ones], strict=True))
        return datatable.Frame(scores, types=dict.fromkeys(scores, datatable.float64))
