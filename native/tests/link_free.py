"""Copies of MOJOs that answer their margin: the same coefficients or trees as a regression without a link."""

import re
import struct
import zipfile
from pathlib import Path

IDENTITY = {
    "gbm": {"distribution": "gaussian", "link_function": "identity"},
    "glm": {"family": "gaussian", "link": "identity"},
    "xgboost": {},
}
REGRESSION = {
    "category": "Regression",
    "n_classes": "1",
    "balance_classes": "false",
    "prior_class_distrib": "null",
    "model_class_distrib": "null",
}


def without_link(mojo: Path, algorithm: str, output: Path) -> None:
    """Write the copy. Of XGBoost's objectives only binary:logistic and identities can be edited so."""
    changed = IDENTITY[algorithm] | REGRESSION
    with zipfile.ZipFile(mojo) as source, zipfile.ZipFile(output, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if name == "boosterBytes" and b"binary:logistic" in content:
                # The base score 0.5, which H2O always writes, is -0 as a margin; it stands behind the magic.
                content = content[:4] + struct.pack("<f", -0.0) + content[8:]
                content = content.replace(b"binary:logistic", b"binary:logitraw")
            if name == "model.ini":
                for key, value in changed.items():
                    content = re.sub(rf"(?m)^{key} = .*$".encode(), f"{key} = {value}".encode(), content)
            copy.writestr(name, content)
