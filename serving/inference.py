"""What a request asks and what it is answered, whatever dialect it speaks.

Every dialect (`predict_dialect`, `infer_dialect`, ...) reads a body into a `Question` that knows how its
answer is written; `predictor` does what is in between, the same for all of them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mojoline.drift.sample import ScoredRows
from mojoline.runtime.scoring_model import Columns, Rows
from serving.errors import ApiError
from serving.routing import Route, Serving

T = TypeVar("T")


class Scores(NamedTuple):
    """What a model says about n rows: n lists of scores, n labels where there are labels."""

    values: Sequence[Sequence[float]]
    labels: Sequence[str] | None
    contributions: NDArray[np.float32] | None = None


class Body(NamedTuple):
    """The bytes of an answer and the headers that describe them."""

    content: bytes
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Question:
    """A request that was read and checked.

    `data` is what the model scores, `features` the same row by row, `write` makes the body of the answer.
    With `lookup` both are empty until the stored features are there.
    """

    serving: Serving
    route: Route
    request_id: str
    data: Rows | Columns
    features: Sequence[Mapping[str, Any]]
    entities: Sequence[str | None]
    write: Callable[["Question", Scores], Body]
    contributions: bool = False
    lookup: Sequence[str] | None = None  # entities whose stored features are to be scored
    age: float | None = None  # of those features, in seconds
    stale: bool = False
    cache: str = "bypass"
    scores: NDArray[np.float64] | None = None  # [n, m], once they are known
    seconds: dict[str, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)

    def note(self, stage: str, began: float) -> None:
        """`stage` began at `began` (of `time.perf_counter`) and is done."""
        self.began[stage] = began
        self.seconds[stage] = time.perf_counter() - began

    def facts(self) -> dict[str, object]:
        """What the answer says about stored features; nothing where none were used."""
        if self.age is None:
            return {}
        return {"feature_age_s": round(self.age, 3), **({"stale_features": True} if self.stale else {})}


class Answer(NamedTuple):
    """A question with its scores and the body made of them."""

    question: Question
    result: Scores
    body: Body

    @property
    def serving(self) -> Serving:
        """What the aliases said when the request came."""
        return self.question.serving

    @property
    def route(self) -> Route:
        """Who answered."""
        return self.question.route

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self.question.request_id

    @property
    def features(self) -> Sequence[Mapping[str, Any]]:
        """The scored rows."""
        return self.question.features

    @property
    def scores(self) -> Sequence[Sequence[float]]:
        """The scores of each row."""
        return self.result.values

    @property
    def labels(self) -> Sequence[str] | None:
        """The label of each row."""
        return self.result.labels

    def scored_rows(self, event_time: datetime | None) -> ScoredRows:
        """The rows as the reservoir takes them; `event_time` None means now."""
        return ScoredRows(
            model=self.route.served.name,
            version=self.route.served.version,
            variant=self.route.variant,
            request_id=self.request_id,
            features=self.features,
            scores=self.scores,
            labels=self.labels,
            event_time=event_time,
            entities=self.question.entities,
        )


def check_for(route: Route, check: Callable[[], T]) -> T:
    """`check()`; what it refuses counts as a failure of the variant that would have answered."""
    try:
        return check()
    except ApiError:
        with route.noted():
            raise


def as_text(value: object) -> str | None:
    """An entity key as the reservoir keeps it."""
    return None if value is None else str(value)
