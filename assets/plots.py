"""Pictures and tables in asset metadata.

The Dagster UI draws Markdown: an image with a `data:` address passes its sanitizer, inline `<svg>` does not.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import TypeAlias, TypeVar

import dagster as dg

Cell: TypeAlias = str | int | float | bool | None
CellT = TypeVar("CellT")
Metadata: TypeAlias = dict[str, dg.MetadataValue | str | int | float]

ROW = 22
LABEL = 190
BAR = 420
COLOURS = {"plain": "#4f43dd", "good": "#1f8a5b", "warn": "#c98a00", "alert": "#c0392b", "muted": "#9aa3b2"}


def bar_plot(
    title: str, bars: Sequence[tuple[str, float, str]], *, marks: Mapping[str, float] | None = None
) -> dg.MarkdownMetadataValue:
    """Horizontal bars as a picture in Markdown.

    Args:
        title: what the bars measure; also the alternative text.
        bars: (label, value >= 0, name of one of COLOURS), drawn from top to bottom.
        marks: vertical lines, label -> value, such as a threshold.
    """
    marks = marks or {}
    top = max([value for _, value, _ in bars] + list(marks.values()) + [1e-12])
    height = 56 + ROW * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + BAR + 90}" height="{height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="8" y="18" font-weight="bold" fill="#111111">{escape(title)}</text>',
    ]
    for index, (label, value, colour) in enumerate(bars):
        y = 44 + ROW * index
        width = BAR * max(value, 0.0) / top
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end" fill="#333333">{escape(label[:30])}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{ROW - 6}" fill="{COLOURS[colour]}"/>'
            f'<text x="{LABEL + width + 5:.1f}" y="{y + 12}" fill="#333333">{value:.4g}</text>'
        )
    for label, value in marks.items():
        x = LABEL + BAR * value / top
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="38" y2="{height - 6}" stroke="#111111"/>'
            f'<text x="{x:.1f}" y="34" text-anchor="middle" fill="#111111">{escape(label)}</text>'
        )
    encoded = base64.b64encode("".join([*parts, "</svg>"]).encode()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{encoded})")


def table(rows: Sequence[Mapping[str, Cell]]) -> dg.TableMetadataValue:
    """Rows with the same keys as a table; a column's type is that of its values which are not None.

    Decimal numbers are rounded for the reader; records and manifests keep them whole.
    """
    names = list(rows[0]) if rows else []
    columns = [dg.TableColumn(name, _column_type([row[name] for row in rows])) for name in names]
    records = [dg.TableRecord({name: rounded(row[name]) for name in names}) for row in rows]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns=columns))


def rounded(value: CellT) -> CellT:
    """A decimal number with six significant digits, anything else as it is."""
    return type(value)(f"{value:.6g}") if isinstance(value, float) else value


def _column_type(values: Sequence[object]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return "bool"
    if kinds <= {int}:
        return "int"
    return "float" if kinds <= {int, float} else "string"
