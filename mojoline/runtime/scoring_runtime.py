"""What scores an archive: a protocol, and the choice by what the archive is.

H2O-3 MOJOs are scored by `native` (mojo_scorer), MOJO2 archives of Driverless AI by `daimojo`, H2O's own
runtime, which is an extra of this project and wants a licence.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RuntimeModelError

Rows = Sequence[Mapping[str, object]]
Columns = Mapping[str, Sequence[object] | NDArray[np.generic]]
RuntimeName = Literal["native", "daimojo"]

RUNTIMES: dict[RuntimeName, str] = {
    "native": "H2O-3 MOJOs (model.ini)",
    "daimojo": "MOJO2 archives of Driverless AI (mojo/pipeline.pb)",
}


class ScoringRuntime(Protocol):
    """A loaded archive. Immutable, safe to score from several threads."""

    feature_names: list[str]
    domains: dict[str, list[str]]  # the text columns, with their levels as far as the archive names them
    output_names: list[str]
    response_domain: list[str] | None
    default_threshold: float  # of the second of two classes
    algorithm: str
    h2o_version: str  # the release of H2O or Driverless AI that wrote the archive
    mojo_version: str
    nbytes: int

    def score(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """Scores float64[n, m], one column per output; `fill` replaces missing numbers by column.

        Raises:
            RowRefusedError: a value is neither missing nor a number or level its column can hold.
            RuntimeModelError: the runtime failed.
        """
        ...


@runtime_checkable
class MatrixRuntime(Protocol):
    """What a `ScoringRuntime` may offer besides: the row as numbers, which tells one row from another."""

    def matrix(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """Rows or columns as the model's inputs: float64[n, k], levels by index, gaps and unseen filled."""
        ...

    def score_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of what `matrix` made; raises as `ScoringRuntime.score`."""
        ...


@runtime_checkable
class ExplainingRuntime(Protocol):
    """What a `ScoringRuntime` may offer besides: how much each input added to a score."""

    @property
    def is_pipeline(self) -> bool:
        """Whether a reducer stands before the main model, whose columns contributions then have."""
        ...

    def contribution_names(self) -> list[str]:
        """The columns of `contributions`, the bias last; ContributionsError where the model has none."""
        ...

    def contributions(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float32]:
        """TreeSHAP of each row: float32[n, k]; ContributionsError where the model has none."""
        ...


def runtime_for(archive: Path) -> RuntimeName:
    """The runtime that reads `archive`. What is no zip at all is left to `native`, whose errors say more."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = set(opened.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return "native"
    return "daimojo" if "mojo/pipeline.pb" in names and "model.ini" not in names else "native"


def open_runtime(archive: Path, name: RuntimeName | None = None) -> ScoringRuntime:
    """Load `archive` with the runtime it is for.

    Args:
        archive: an H2O-3 MOJO or a MOJO2 archive.
        name: insist on this runtime.

    Raises:
        RuntimeModelError: the archive is for another runtime than `name`, cannot be loaded, or its runtime is
            not installed or has no licence.
    """
    fitting = runtime_for(archive)
    if name is not None and name != fitting:
        raise RuntimeModelError(
            f"{archive} cannot be scored by {name}, which reads {RUNTIMES[name]}: it is for {fitting}, which "
            f"reads {RUNTIMES[fitting]}. Leave the runtime out, or export the other kind of archive"
        )
    # Neither runtime is imported before it is needed: daimojo may not be there at all.
    if fitting == "daimojo":
        from mojoline.runtime.daimojo_runtime import DaimojoRuntime

        return DaimojoRuntime(archive)
    from mojoline.runtime.native_runtime import NativeRuntime

    return NativeRuntime(archive)
