"""What the scored rows lack: missing values and levels that training never saw, counted by column."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence

import numpy as np
from prometheus_client import Counter

from mojoline.runtime.scoring_model import Columns, Rows
from serving.metrics import MISSING_VALUES, UNSEEN_LEVELS


class ColumnCensus:
    """The counters of one model; its columns are few and come from its schema. `count` is for any thread."""

    def __init__(self, model: str, features: Sequence[str], domains: Mapping[str, Sequence[str]]) -> None:
        self._features = tuple(features)
        self._names = frozenset(features)
        self._levels = {name: frozenset(domains[name]) for name in features if domains.get(name)}
        self._missing = {name: MISSING_VALUES.labels(model, name) for name in features}
        self._unseen = {name: UNSEEN_LEVELS.labels(model, name) for name in self._levels}

    def count(self, data: Rows | Columns, rows: int) -> None:
        """Count what is missing or unseen in `rows` rows."""
        if isinstance(data, Mapping):
            self._count_columns(data, rows)
            return
        missing: list[str] = []
        unseen: list[str] = []
        for row in data:
            if len(row) < len(self._features):
                missing += self._names - row.keys()
            if None in row.values():
                missing += [name for name, value in row.items() if value is None]
            for name, levels in self._levels.items():
                value = row.get(name)
                if value not in levels and value is not None:
                    unseen.append(name)
        if missing:
            _add_all(self._missing, missing, rows)
        if unseen:
            _add_all(self._unseen, unseen, rows)

    def _count_columns(self, columns: Columns, rows: int) -> None:
        for name in self._features:
            values = columns.get(name)
            if values is None:
                _add(self._missing[name], rows)
            elif isinstance(values, np.ndarray):
                if values.dtype.kind == "f":
                    _add(self._missing[name], int(np.isnan(values).sum()))
            else:
                _add(self._missing[name], list(values).count(None))
                if (levels := self._levels.get(name)) is not None:
                    unseen = sum(value not in levels for value in values if value is not None)
                    _add(self._unseen[name], unseen)


def _add_all(counters: Mapping[str, Counter], names: list[str], rows: int) -> None:
    """Count the `names` found in so many rows, each in one call however often it stands there."""
    for name, amount in (Tally(names) if rows > 1 else dict.fromkeys(names, 1)).items():
        if name in counters:  # stored rows also have the columns that training dropped
            counters[name].inc(amount)


def _add(counter: Counter, amount: int) -> None:
    if amount:
        counter.inc(amount)
