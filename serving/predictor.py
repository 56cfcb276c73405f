"""From the bytes of a request to its answer: read, score, write; what is long of it leaves the loop.

A request that needs nothing but the processor changes threads at most once. One that waits for stored
features or for the cache goes on in steps.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from mojoline.runtime.errors import ContributionsError, RowRefusedError
from serving.admission import Ticket
from serving.context import ServingContext
from serving.early_start import in_task
from serving.errors import ApiError, bad_request
from serving.inference import Answer, Question, Scores
from serving.tracing import is_tracing, trace_stages
from serving.version_measures import measures_of

READ_AT_ONCE = 1024  # bytes, a row of the usual kind: to read them takes less than to hand them over,
WRITTEN_AT_ONCE = 4  # rows, and so does to write these
SPANS = {"parse": "parse", "feat": "features.lookup", "score": "score", "ser": "serialize"}


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
        question: Question | None = None

        def begin() -> Answer | None:
            """Read, and go on to the answer where nothing has to be waited for and the work belongs here."""
            nonlocal question
            question = read()
            question.note("parse", started)
            if question.lookup is not None or not self._bypasses_cache(question):
                return None
            return self._finish_here(question, ticket)

        try:
            if size <= READ_AT_ONCE:
                answer = begin()
            else:
                answer = await self._context.offload.run("request", begin, size=size)
            if answer is None:
                assert question is not None  # noqa: S101 - `begin` has set it
                answer = await self._go_on(question, ticket, event_time)
        except BaseException as error:
            served = question.route.served if question else None
            (measures_of(served.name, served.version) if served else measures_of()).failures.inc()
            _trace(question)
            if isinstance(error, RowRefusedError):
                raise bad_request(str(error)) from error
            if isinstance(error, ContributionsError):
                raise ApiError(501, str(error)) from error
            raise
        self._note(answer, event_time)
        return answer

    def _finish_here(self, question: Question, ticket: Ticket) -> Answer | None:
        """Score and write as far as that belongs on this thread; None where something is left to do."""
        rows, model = len(question.features), question.route.served.name
        self._context.offload.run_here("score", lambda: self._score(question, ticket), size=rows, model=model)
        return None if question.scores is None else self._write_here(question, ticket)

    def _write_here(self, question: Question, ticket: Ticket) -> Answer | None:
        rows, model = len(question.features), question.route.served.name
        if rows <= WRITTEN_AT_ONCE and not question.contributions:
            return self._write(question, ticket)
        return self._context.offload.run_here(
            _writing(question), lambda: self._write(question, ticket), size=rows, model=model
        )

    async def _go_on(self, question: Question, ticket: Ticket, event_time: datetime | None) -> Answer:
        """Fetch what is stored, ask the cache if it is worth it, and have the rest done where it belongs."""
        await in_task()
        if question.lookup is not None:
            await self._fetch(question, question.lookup, event_time)
            self._bypasses_cache(question)
        offload, rows, model = self._context.offload, len(question.features), question.route.served.name
        if question.scores is None and question.cache == "bypass":
            await offload.run("score", lambda: self._score(question, ticket), size=rows, model=model)
        elif question.scores is None:
            ticket.require_time("scoring")
            await self._look_aside(question)
        answer = self._write_here(question, ticket)
        if answer is not None:
            return answer
        return await offload.run(
            _writing(question), lambda: self._write(question, ticket), size=rows, model=model
        )

    async def _look_aside(self, question: Question) -> None:
        started = time.perf_counter()
        with question.route.noted():
            question.scores, question.cache = await self._context.cache.look_aside(
                question.route.served, question.data, len(question.features)
            )
        question.note("score", started)

    async def _fetch(self, question: Question, keys: Sequence[str], event_time: datetime | None) -> None:
        started = time.perf_counter()
        found = await self._context.entities.fetch(question.route.served, keys, event_time)
        question.data = question.features = found.rows
        question.age, question.stale = found.age, found.stale
        question.note("feat", started)

    def _bypasses_cache(self, question: Question) -> bool:
        """Decide whether the cache is asked; once for each request, since asking is measured."""
        bypasses = self._context.cache.bypasses(question.route.served, len(question.features))
        question.cache = "bypass" if bypasses else "miss"
        return bypasses

    def _score(self, question: Question, ticket: Ticket) -> None:
        ticket.require_time("scoring")
        started = time.perf_counter()
        with question.route.noted():
            question.scores = self._context.cache.score_directly(
                question.route.served, question.data, len(question.features)
            )
        question.note("score", started)

    def _write(self, question: Question, ticket: Ticket) -> Answer:
        """The answer; with what each input added to the scores, if that is asked for."""
        ticket.require_time("writing the answer")
        started = time.perf_counter()
        scoring, scores = question.route.served.scoring, question.scores
        assert scores is not None  # noqa: S101 - `_score` or `_look_aside` has set them
        shares = None
        if question.contributions:
            with question.route.noted():
                shares = scoring.contributions(question.data)
        result = Scores(scores.tolist(), scoring.label(scores), shares)
        body = question.write(question, result)
        question.route.served.census.count(question.data, len(question.features))
        question.note("ser", started)
        return Answer(question, result, body)

    def _note(self, answer: Answer, event_time: datetime | None) -> None:
        """Count the answer, and offer it to the reservoir and to the shadows."""
        context, question, served = self._context, answer.question, answer.route.served
        measures = measures_of(served.name, served.version)
        _trace(question)
        measures.note(len(answer.scores), question.seconds, scored=question.cache != "hit")
        if question.cache == "bypass":
            context.cache.note_direct(served, len(answer.scores))
        if answer.route.tally is not None:
            answer.route.tally.note_cache(question.cache)
        context.shadow.offer(answer)
        if context.reservoir is not None:
            context.reservoir.offer(answer.scored_rows(event_time), size=served.reservoir_size)


def _writing(question: Question) -> str:
    """How the writing of an answer is called; with contributions it takes much longer."""
    return "explain" if question.contributions else "write"


def _trace(question: Question | None) -> None:
    """Spans for the stages of a request, where there are traces."""
    if question is not None and is_tracing():
        stages = ((SPANS[name], at, at + question.seconds[name]) for name, at in question.began.items())
        trace_stages(stages, {"mojoline.rows": len(question.features)})
