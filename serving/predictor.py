"""From the bytes of a request to its answer: read, score, write; each step leaves the loop if it is long."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import ContributionsError, RowRefusedError
from serving.admission import Ticket
from serving.context import ServingContext
from serving.errors import ApiError, bad_request
from serving.inference import Answer, Question, Scores
from serving.metrics import (
    EXECUTIONS,
    INFER_FAILURE,
    INFER_SUCCESS,
    INFERRED_ROWS,
    LAST_INFERENCE,
    ROWS,
    STAGE_SECONDS,
)

UNKNOWN = "unknown"  # what a failed request is counted under when it names no model that is served


class Predictor:
    """Answers questions in any dialect over one `ServingContext`."""

    def __init__(self, context: ServingContext) -> None:
        self._context = context

    async def answer(
        self, read: Callable[[], Question], size: int, ticket: Ticket, event_time: datetime | None = None
    ) -> Answer:
        """The answer to what `read` finds in a request of `size` bytes.

        Raises:
            ApiError: the request cannot be answered, or not in the time it has.
        """
        started = time.perf_counter()
        question = None
        try:
            question = await self._context.compute(read, size)
            question.seconds["parse"] = time.perf_counter() - started
            if question.lookup is not None:
                await self._fetch(question, question.lookup, event_time)
            ticket.require_time("scoring")
            result = await self._score(question)
            ticket.require_time("writing the answer")
            answer = await self._write(question, result)
        except BaseException:
            served = question.route.served if question else None
            labels = (served.name, served.version) if served else (UNKNOWN, UNKNOWN)
            INFER_FAILURE.labels(*labels).inc()
            raise
        self._note(answer, event_time)
        return answer

    async def _fetch(self, question: Question, keys: Sequence[object], event_time: datetime | None) -> None:
        started = time.perf_counter()
        found = await self._context.entities.fetch(question.route.served, keys, event_time)
        question.data = question.features = found.rows
        question.age, question.stale = found.age, found.stale
        question.seconds["feat"] = time.perf_counter() - started

    async def _score(self, question: Question) -> Scores:
        served, rows = question.route.served, len(question.features)
        started = time.perf_counter()
        with question.route.noted():
            try:
                scores, question.cache = await self._context.cache.score(served, question.data, rows)
                shares = await self._contributions(question, rows) if question.contributions else None
            except RowRefusedError as error:
                raise bad_request(str(error)) from error
            except ContributionsError as error:
                raise ApiError(501, str(error)) from error
        question.seconds["score"] = time.perf_counter() - started
        return Scores(scores.tolist(), served.scoring.label(scores), shares)

    async def _contributions(self, question: Question, rows: int) -> NDArray[np.float32]:
        scoring = question.route.served.scoring
        return await self._context.offload.run(
            "contributions",
            lambda: scoring.contributions(question.data),
            size=rows,
            model=question.route.served.name,
        )

    async def _write(self, question: Question, result: Scores) -> Answer:
        started = time.perf_counter()
        body = await self._context.offload.run(
            "write", lambda: question.write(question, result), size=len(result.values)
        )
        question.seconds["ser"] = time.perf_counter() - started
        return Answer(question, result, body)

    def _note(self, answer: Answer, event_time: datetime | None) -> None:
        """Count the answer, and offer it to the reservoir and to the shadows."""
        context, served = self._context, answer.route.served
        labels = served.name, served.version
        INFER_SUCCESS.labels(*labels).inc()
        ROWS.labels(*labels).inc(len(answer.scores))
        LAST_INFERENCE.labels(*labels).set(time.time())
        if answer.question.cache != "hit":
            EXECUTIONS.labels(*labels).inc()
            INFERRED_ROWS.labels(*labels).inc(len(answer.scores))
        for stage, seconds in answer.question.seconds.items():
            STAGE_SECONDS.labels(stage, *labels).observe(seconds)
        context.shadow.offer(answer)
        if context.reservoir is not None:
            context.reservoir.offer(answer.scored_rows(event_time), size=served.reservoir_size)
