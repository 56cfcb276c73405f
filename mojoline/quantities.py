"""Durations, sizes and shares as people write them in YAML: `6h`, `500MB`, `-1%`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB)")
_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_duration(value: object) -> object:
    """`6h` as a timedelta; anything that is not text is left to the type check."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("a duration is a number and a unit: 30s, 15m, 6h or 7d")
    return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


def parse_size(value: object) -> object:
    """`500MB` as bytes (decimal units); anything that is not text is left to the type check."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("a size is a number and a unit: 800KB, 500MB or 2GB")
    return round(float(match[1]) * _BYTES[match[2]])


def parse_share(value: object) -> object:
    """`-1%` as -0.01; anything that is not text is left to the type check."""
    if not isinstance(value, str):
        return value
    match = _PERCENT.fullmatch(value.strip())
    if match is None:
        raise ValueError("a share is a number (0.5) or a percentage (50%)")
    return float(match[1]) / 100


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Share = Annotated[float, BeforeValidator(parse_share)]
