"""An entry of the zoo, and the place where entries are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import h2o

from zoo_makers.data import FEATURES, Columns
from zoo_makers.server import upload

ZOO = Path(__file__).parent.parent / "zoo"


@dataclass(frozen=True)
class Workbench:
    """What a maker may use: the training frame on the server, and the finished models of the zoo."""

    frame: h2o.H2OFrame

    @staticmethod
    def upload(columns: Columns, numeric: Sequence[str] = ()) -> h2o.H2OFrame:
        """Make a frame of other columns; those not named numeric are categorical."""
        return upload(columns, numeric)

    @staticmethod
    def mojo(name: str) -> Path:
        return ZOO / f"{name}.zip"


Maker = Callable[[Workbench, Path], None]  # writes the MOJO to the path


@dataclass(frozen=True)
class ZooModel:
    """`NAME.zip` of the zoo.

    `answers` says how genmodel is asked: "predict" is its CSV tool PredictCsv, "raw" the array that score0
    fills, or the reason why it refuses the row (for models that PredictCsv does not know or stops at),
    "fresh" the same from a model loaded anew for each row (GLRM), "words" a vector for each row of words.
    `keeps` names what is kept besides, as `NAME.KIND.csv.gz`: "margins" (before the link), "contributions",
    "leaves", "staged". `rows` replaces the common `rows.csv`.
    """

    name: str
    make: Maker
    answers: Literal["predict", "raw", "fresh", "words"] = "predict"
    keeps: Sequence[str] = ()
    rows: Callable[[], Columns] | None = field(default=None, compare=False)
    h2o_version: str = "3.46.0.11"

    @property
    def mojo(self) -> Path:
        return ZOO / f"{self.name}.zip"

    @property
    def rows_file(self) -> Path:
        return ZOO / (f"{self.name}.rows.csv" if self.rows else "rows.csv")

    def reference(self, kind: str = "java") -> Path:
        """The file of genmodel's answers: "java", or one of `keeps`."""
        return ZOO / f"{self.name}.{kind}.csv.gz"


def train(
    estimator: type, target: str | None, features: Sequence[str] = FEATURES, **options: object
) -> Maker:
    """Make a maker: `estimator(**options)` trained on the training frame."""

    def make(bench: Workbench, output: Path) -> None:
        model = estimator(**options)
        supervised = {} if target is None else {"y": target}
        model.train(x=list(features), training_frame=bench.frame, **supervised)
        model.download_mojo(str(output))

    return make
