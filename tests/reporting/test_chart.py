"""Charts: the same bytes as those looked at once, valid, and safe with any text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.chart import DayCell, Mark, Point, before_after, budget_gauge, day_strip, result_line, trend

LOOKED_AT = Path(__file__).parent / "charts"
SVG = "{http://www.w3.org/2000/svg}"

CELLS = [
    DayCell(label="1", told="1 March: no downtime"),
    DayCell(label="2", told="2 March: 25 min down", down=17),
    DayCell(label="3", told="3 March: 12 h down, 6 h excluded, 6 h unknown", down=500, excluded=250, unknown=250),
    DayCell(label="4", told="4 March: all of it unknown", unknown=1000),
    DayCell(label="5", told="5 March: not measured", empty=True),
]
POINTS = [
    Point(label="Mar 26", percent="99.864", target="99.9", mark="breached"),
    Point(label="Apr 26", percent="99.969", target="99.9", mark="met"),
    Point(label="May 26", percent="", target="99.95", mark="not-applicable"),
    Point(label="Jun 26", percent="99.782", target="99.95", mark="provisional"),
]


def strip(told: str = "1 March: no downtime") -> str:
    return day_strip(key="a", title="Availability, March", description="4 days", cells=[DayCell(label="1", told=told), *CELLS[1:]])


def result(*, figure: str = "99.864", mark: Mark = "breached", title: str = "Availability") -> str:
    return result_line(
        key="a",
        title=title,
        description="The month before: 99.9 %",
        result=figure,
        target="99.9",
        mark=mark,
        lower="",
        upper="",
        previous="99.95",
    )


CHARTS = {
    "day-strip": strip(),
    "result-breached": result(),
    "result-undetermined": result_line(
        key="a",
        title="Availability",
        description="Undetermined",
        result="99.922",
        target="99.93",
        mark="undetermined",
        lower="89.930",
        upper="99.930",
        previous="",
    ),
    "budget-within": budget_gauge(key="a", title="Budget", description="7 min left of 43 min", spent_percent="83.3"),
    "budget-overspent": budget_gauge(key="a", title="Budget", description="15 min beyond", spent_percent="135.3"),
    "trend": trend(key="a", title="Availability over the months", description="Three months", points=POINTS),
    "before-after": before_after(key="a", title="Effect", description="Better", before="99.864", after="99.993", target="99.9"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_the_one_that_was_looked_at(name: str) -> None:
    assert CHARTS[name] + "\n" == (LOOKED_AT / f"{name}.svg").read_text("utf-8")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_speaks_for_itself(name: str) -> None:
    drawn = ElementTree.fromstring(CHARTS[name])
    named_by = drawn.attrib["aria-labelledby"].split()
    assert drawn.attrib["role"] == "img"
    assert [drawn.find(f"{SVG}title[@id='{named_by[0]}']"), drawn.find(f"{SVG}desc[@id='{named_by[1]}']")].count(None) == 0


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_holds_no_style_and_no_script(name: str) -> None:
    for element in ElementTree.fromstring(CHARTS[name]).iter():
        assert element.tag not in (f"{SVG}script", f"{SVG}style", f"{SVG}foreignObject")
        assert not {attribute for attribute in element.attrib if attribute == "style" or attribute.startswith("on")}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=60))
def test_no_text_becomes_markup(text: str) -> None:
    drawn = ElementTree.fromstring(strip(told=text + "<script>alert(1)</script>"))
    assert drawn.find(f".//{SVG}script") is None
    title = drawn.find(f"{SVG}g/{SVG}title")
    assert title is not None
    assert title.text == text + "<script>alert(1)</script>"


def test_a_short_outage_is_drawn_visibly() -> None:
    drawn = ElementTree.fromstring(strip())
    heights = [rect.attrib["height"] for rect in drawn.iter(f"{SVG}rect") if rect.attrib.get("fill") == "url(#a-down)"]
    assert heights == ["14", "23"]


def test_no_part_of_a_day_leaves_the_day() -> None:
    crowded = day_strip(key="a", title="t", description="d", cells=[DayCell(label="1", told="x", down=999, excluded=1, unknown=1)])
    for rect in ElementTree.fromstring(crowded).iter(f"{SVG}rect"):
        if rect.attrib.get("fill"):
            assert float(rect.attrib["y"]) >= 0
            assert float(rect.attrib["height"]) > 0


def test_the_target_stands_where_it_is_whatever_the_result() -> None:
    drawn = ElementTree.fromstring(result(figure="99.9", mark="met"))
    circle, target = drawn.find(f"{SVG}circle[@class='mark met']"), drawn.find(f"{SVG}line[@class='target']")
    assert circle is not None
    assert target is not None
    assert circle.attrib["cx"] == target.attrib["x1"]


def test_verdicts_differ_in_shape_and_not_in_colour_alone() -> None:
    assert '<path class="mark breached"' in result()
    assert '<circle class="mark met"' in result(figure="99.95", mark="met")


def test_a_perfect_month_has_a_trend_too() -> None:
    perfect = trend(key="a", title="t", description="d", points=[Point(label="Mar 26", percent="100", target="100", mark="met")])
    assert "100 %" in perfect


def test_nothing_lost_before_and_after_is_drawn_without_a_fault() -> None:
    assert ElementTree.fromstring(before_after(key="a", title="t", description="d", before="100", after="100", target="100")) is not None


def test_coordinates_carry_no_float_noise() -> None:
    for chart in CHARTS.values():
        for element in ElementTree.fromstring(chart).iter():
            for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"):
                assert len(element.attrib.get(name, "").partition(".")[2]) <= 1
