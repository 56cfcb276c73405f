"""What is wrong with a model spec, in sentences its writer can act on."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError


def describe_faults(error: ValidationError, root: type[BaseModel]) -> Iterator[str]:
    """One line per fault of `root`'s validation: its place, what is wrong, what is allowed."""
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in fault["loc"]) or "the whole"
        if fault["type"] == "extra_forbidden":
            allowed = _keys_at(root, fault["loc"][:-1])
            close = difflib.get_close_matches(str(fault["loc"][-1]), allowed, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            yield f"{place}: unknown key; {hint}known keys: {', '.join(allowed)}"
        elif fault["type"] == "missing":
            yield f"{place}: missing"
        else:
            shown = "" if isinstance(fault["input"], dict) else f" (is {fault['input']!r})"
            yield f"{place}: {fault['msg'].removeprefix('Value error, ')}{shown}"


def _keys_at(model: type[BaseModel], place: Iterable[int | str]) -> list[str]:
    for part in place:
        nested: Any = model.model_fields[str(part)].annotation
        options = [nested, *getattr(nested, "__args__", ())]
        model = next(
            option for option in options if isinstance(option, type) and issubclass(option, BaseModel)
        )
    return list(model.model_fields)
