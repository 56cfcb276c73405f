"""Golden rows: raw inputs with the predictions of the cluster that trained the model.

`golden.jsonl` starts with a header `{"columns": [...], "outputs": [...]}`; every other line is
`{"row": {column: value, ...}, "expected": [...]}`. A column that is absent from a row is missing there.
Expected is a number, or the text NaN, Infinity or -Infinity, for which JSON has no number.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from mojoline.registry.errors import GoldenRowsError

Value = str | float | int
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})


@dataclass(frozen=True)
class GoldenRows:
    """Raw rows and their expected scores, `expected[i][j]` belonging to `outputs[j]`."""

    columns: Sequence[str]
    outputs: Sequence[str]
    rows: Sequence[Mapping[str, Value]]
    expected: Sequence[Sequence[float]]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def read(cls, path: Path, limit: int | None = None) -> Self:
        """The golden rows in `path`; GoldenRowsError naming the line that is not as it must be.

        With `limit` at most so many of them, spread evenly over all, so that every kind of row is among them.
        """
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise GoldenRowsError(f"{path} cannot be read: {error.strerror}") from error
        header = _object(lines[0] if lines else b"", path, 1, {"columns", "outputs"})
        columns, outputs = _names(header["columns"], path), _names(header["outputs"], path)
        rows: list[Mapping[str, Value]] = []
        expected: list[Sequence[float]] = []
        total = len(lines) - 1
        count = total if limit is None else min(limit, total)
        for number in (1 + index * total // count for index in range(count)):
            item = _object(lines[number], path, number + 1, {"row", "expected"})
            rows.append(_row(item["row"], columns, path, number + 1))
            expected.append(_scores(item["expected"], len(outputs), path, number + 1))
        return cls(columns, outputs, rows, expected)

    def write(self, path: Path) -> None:
        """Write `path`. Values that are None or NaN are left out of their row: that is what missing means."""
        lines = [orjson.dumps({"columns": list(self.columns), "outputs": list(self.outputs)})]
        for row, scores in zip(self.rows, self.expected, strict=True):
            present = {name: value for name, value in row.items() if not _is_missing(value)}
            lines.append(
                orjson.dumps({"row": present, "expected": [_as_json(float(score)) for score in scores]})
            )
        path.write_bytes(b"\n".join(lines) + b"\n")

    def missing_rows(self) -> int:
        """How many rows lack at least one column."""
        return sum(any(_is_missing(row.get(name)) for name in self.columns) for row in self.rows)

    def unseen_rows(self, domains: Mapping[str, Collection[str]]) -> int:
        """How many rows hold a level that is not in `domains` (categorical column -> its training levels)."""
        known = {name: frozenset(levels) for name, levels in domains.items()}
        return sum(
            any(not _is_missing(row.get(name)) and row[name] not in levels for name, levels in known.items())
            for row in self.rows
        )


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _object(line: bytes, path: Path, number: int, keys: set[str]) -> dict[str, object]:
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise GoldenRowsError(f"{path}:{number} is not JSON: {error}") from error
    if not isinstance(item, dict) or set(item) != keys:
        raise GoldenRowsError(f"{path}:{number} must be an object with exactly the keys {sorted(keys)}")
    return item


def _names(value: object, path: Path) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise GoldenRowsError(f"{path}:1 must list the names of columns and outputs, not {value!r}")
    return [str(name) for name in value]


def _row(value: object, columns: list[str], path: Path, number: int) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise GoldenRowsError(f"{path}:{number} row must be an object, not {value!r}")
    for name, item in value.items():
        if name not in columns:
            raise GoldenRowsError(f"{path}:{number} has the column {name!r}, which the header does not list")
        if not isinstance(item, str | int | float):
            raise GoldenRowsError(f"{path}:{number} column {name!r} must be a text or a number, not {item!r}")
    return value


def _scores(value: object, width: int, path: Path, number: int) -> list[float]:
    if not isinstance(value, list) or len(value) != width:
        raise GoldenRowsError(f"{path}:{number} must expect {width} scores, not {value!r}")
    if not all(map(_is_score, value)):
        raise GoldenRowsError(f"{path}:{number} must expect numbers, not {value!r}")
    return [float(score) for score in value]


def _is_score(value: object) -> bool:
    if isinstance(value, str):
        return value in _NOT_FINITE
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_json(score: float) -> float | str:
    if math.isfinite(score):
        return score
    return "NaN" if math.isnan(score) else "Infinity" if score > 0 else "-Infinity"
