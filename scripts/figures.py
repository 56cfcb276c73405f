"""Figures by name, for whoever ran a program and for whoever reads its JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def report(figures: Mapping[str, Any], output: Path | None) -> None:
    """Print a table of `figures`, and write them as JSON where `output` is given."""
    table = Table("figure", "value")
    for name, value in figures.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_row(name, f"{value:,}" if is_number else str(value))
    Console().print(table)
    if output is not None:
        output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
