"""Pictures and tables as the UI gets them."""

import base64
import re
from xml.etree import ElementTree

from assets.plots import bar_plot, table


def drawn(markdown: str) -> ElementTree.Element:
    found = re.fullmatch(r"!\[[^\]]*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found
    return ElementTree.fromstring(base64.b64decode(found[1]))  # noqa: S314 - made a line above


def widths(svg: ElementTree.Element) -> list[float]:
    _background, *bars = svg.iter("{http://www.w3.org/2000/svg}rect")
    return [float(bar.get("width")) for bar in bars]


def test_bars_are_as_long_as_their_values():
    svg = drawn(bar_plot("PSI", [("a", 0.4, "alert"), ("b", 0.1, "good"), ("c", 0.0, "good")]).value)
    longest, quarter, nothing = widths(svg)
    assert quarter * 4 == longest
    assert nothing == 0


def test_labels_cannot_break_the_picture():
    """A level from the data ends up in a label."""
    svg = drawn(bar_plot("x < y & z", [("</text><script>", 1.0, "plain")], marks={"a&b": 0.5}).value)
    assert "</text><script>" in [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_a_threshold_beyond_every_bar_stays_inside_the_picture():
    svg = drawn(bar_plot("PSI", [("a", 0.01, "good")], marks={"alert": 0.25}).value)
    [line] = svg.iter("{http://www.w3.org/2000/svg}line")
    assert float(line.get("x1")) <= float(svg.get("width"))


def test_table_takes_missing_cells():
    """A linear model has no trees; the column is one of numbers all the same."""
    shown = table([{"model": "GLM_1", "trees": None}, {"model": "GBM_1", "trees": 50}])
    assert shown.records[0].data == {"model": "GLM_1", "trees": None}
    assert [column.type for column in shown.schema.columns] == ["string", "int"]


def test_numbers_are_readable_and_their_column_stays_one_of_numbers():
    shown = table([{"metric": 0.43210987654321, "bytes": 123456789, "best": True, "gone": 1e-17 / 3}])
    assert shown.records[0].data == {"metric": 0.43211, "bytes": 123456789, "best": True, "gone": 3.33333e-18}
    assert [column.type for column in shown.schema.columns] == ["float", "int", "bool", "float"]


def test_an_empty_table_is_a_table():
    assert table([]).records == []
