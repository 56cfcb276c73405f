"""MOJO2 archives of Driverless AI, scored by H2O's `daimojo` (2.9.2), which comes with a licence of its own.

Follows daimojo's public API: `daimojo.model(path)` with feature_names, feature_types, output_names, and
`predict(datatable.Frame) -> datatable.Frame`. Feature types are bool, int32, int64, float32, float64 and
string.
"""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RowRefusedError, RuntimeModelError
from mojoline.runtime.scoring_runtime import Columns, Rows

LICENCE = (
    "put the key itself into DRIVERLESS_AI_LICENSE_KEY, the path of a file with it into "
    "DRIVERLESS_AI_LICENSE_FILE, or the file at ~/.driverlessai/license.sig or /license/license.sig"
)
_DAIMOJO_SAYS = ("license", "License", "DRIVERLESS_AI", "/dot/cpp/")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} is not text")
    return value


def _number(value: Any) -> float:  # noqa: ANN401 - whatever float() takes
    return float(value)


def _whole(value: object) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


# feature type -> the type's name in datatable, and what makes a Python value of it
_TYPES: dict[str, tuple[str, Callable[[object], object]]] = {
    "bool": ("bool8", lambda value: bool(_whole(value))),
    "int32": ("int32", _whole),
    "int64": ("int64", _whole),
    "float32": ("float32", _number),
    "float64": ("float64", _number),
    "string": ("str32", _text),
}


class DaimojoRuntime:
    """The `ScoringRuntime` of daimojo."""

    def __init__(self, archive: Path) -> None:
        self._datatable, self._model = _load(archive)
        self._lock = Lock()  # daimojo promises nothing about threads
        self._types = dict(zip(self._model.feature_names, self._model.feature_types, strict=True))
        if unknown := sorted(set(self._types.values()) - set(_TYPES)):
            raise RuntimeModelError(
                f"{archive} has features of type {', '.join(unknown)}, which is not known"
            )
        self.feature_names: list[str] = list(self._model.feature_names)
        self.domains: dict[str, list[str]] = {n: [] for n, kind in self._types.items() if kind == "string"}
        self.output_names: list[str] = list(self._model.output_names)
        self.response_domain = _labels(self.output_names)
        self.default_threshold = 0.5  # the archive's own threshold is not in daimojo's API
        self.algorithm = "mojo2"
        self.h2o_version = str(self._model.dai_version)
        self.mojo_version = str(self._model.mojo_version)
        self.nbytes = archive.stat().st_size  # daimojo does not say what it holds

    def score(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """As `ScoringRuntime.score`. Columns that no row names are missing throughout."""
        columns = {name: self._convert(name, values, fill) for name, values in self._columns(data).items()}
        types = {name: getattr(self._datatable, _TYPES[kind][0]) for name, kind in self._types.items()}
        try:
            with self._lock:
                scores = self._model.predict(self._datatable.Frame(columns, types=types)).to_list()
        except RuntimeError as error:
            raise RuntimeModelError(f"daimojo failed: {error}") from error
        return np.array(scores, dtype=np.float64).T.copy()

    def _columns(self, data: Rows | Columns) -> dict[str, list[object]]:
        if isinstance(data, Mapping):
            given = {name: list(data[name]) for name in self.feature_names if name in data}
            length = max((len(values) for values in data.values()), default=0)
            return {name: given.get(name, [None] * length) for name in self.feature_names}
        return {name: [row.get(name) for row in data] for name in self.feature_names}

    def _convert(self, name: str, values: list[object], fill: Mapping[str, float]) -> list[object]:
        convert = _TYPES[self._types[name]][1]
        missing = fill.get(name)
        made: list[object] = []
        for row, value in enumerate(values):
            # NaN is the only value that differs from itself.
            if value is None or value != value:
                made.append(missing)
                continue
            try:
                made.append(convert(value))
            except (TypeError, ValueError, OverflowError) as error:
                raise RowRefusedError(f"row {row}, column '{name}' ({self._types[name]}): {error}") from error
        return made


def _load(archive: Path) -> tuple[Any, Any]:
    """The modules datatable and daimojo's model of `archive`."""
    try:
        datatable, daimojo = importlib.import_module("datatable"), importlib.import_module("daimojo")
    except ImportError as error:
        raise RuntimeModelError(
            f"{archive} is a MOJO2 archive of Driverless AI, and its runtime is not installed ({error}): "
            "pip install 'mojoline[daimojo]'; it also needs H2O's licence"
        ) from error
    try:
        with _quiet_stderr():
            return datatable, daimojo.model(str(archive))
    except RuntimeError as error:
        if "license" in str(error).lower():
            reason = f"daimojo found no valid licence of Driverless AI: {LICENCE}"
        else:
            reason = f"daimojo cannot load it: {error}"
        raise RuntimeModelError(f"{archive} is a MOJO2 archive, and {reason}") from error


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep back what daimojo prints: nine lines from C++ and one from Python, besides an error of four words.

    The file descriptor is the whole process's, so lines that are not daimojo's are passed on afterwards.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile("w+") as kept:
        os.dup2(kept.fileno(), 2)
        try:
            with redirect_stderr(kept):
                yield
        finally:
            kept.flush()
            os.dup2(saved, 2)
            os.close(saved)
            kept.seek(0)
            others = [line for line in kept if not any(word in line for word in _DAIMOJO_SAYS)]
            sys.stderr.writelines(others)


def _labels(outputs: list[str]) -> list[str] | None:
    """The classes of outputs named `<target>.<class>`; None for a single value or other names."""
    targets = {name.rpartition(".")[0] for name in outputs}
    if len(outputs) < 2 or len(targets) != 1 or "" in targets:
        return None
    return [name.rpartition(".")[2] for name in outputs]
