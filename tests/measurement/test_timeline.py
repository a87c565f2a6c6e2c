"""Timelines: what is drawn is the period, without gap or overlap, for everybody who can read it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import ObjectiveResult
from services.measurement.interval import length
from services.measurement.objective import Availability, Combine, RequestRatio, TimeSlices
from services.measurement.observation import Evidence, State
from services.measurement.timeline import KINDS, pieces, timeline_svg
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds, Month, instant_text
from tests.measurement.calculation import (
    BERLIN,
    DAY,
    DB,
    JUNE_SPAN,
    LAW,
    UTC,
    counters,
    later,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    status,
)

SVG = "{http://www.w3.org/2000/svg}"
STRIP = Fraction(768)
OFFICE = Calendar(id="office", zone=BERLIN, hours=(Hours(days=(0, 1, 2, 3, 4), from_minute=9 * 60, to_minute=17 * 60),))
EVENTFUL = Evidence(
    outages=[outage(1_000, 1_090), outage(9_000, 9_003)],
    statuses=[status(-60, State.UP), status(12_000, State.UNKNOWN), status(13_000, State.UP)],
)
UNTIL = minute(33_000)


def eventful(
    hours: Calendar | None = None, span: Interval = JUNE_SPAN, windows: tuple[tuple[float, float], ...] = ((3_000, 3_700),)
) -> ObjectiveResult:
    promise = objective(Availability(components=("db",), hours=hours))
    taken = [maintenance(start, end) for start, end in windows]
    return measured(EVENTFUL, promise, span=span, zone=BERLIN, windows=taken, measured_until=UNTIL)


def drawn(result: ObjectiveResult, *, title: str = "Online banking", until: Instant = UNTIL) -> ElementTree.Element:
    return ElementTree.fromstring(timeline_svg(result, title=title, zone=BERLIN, measured_until=until))


def strips(svg: ElementTree.Element) -> dict[str, list[tuple[str, Fraction, Fraction]]]:
    """By the height at which they stand: kind, left and right edge of every piece, as written."""
    found: dict[str, list[tuple[str, Fraction, Fraction]]] = {}
    for rect in svg.findall(f"{SVG}rect"):
        if rect.get("class") != "frame":
            left = Fraction(rect.get("x", ""))
            found.setdefault(rect.get("y", ""), []).append((rect.get("class", ""), left, left + Fraction(rect.get("width", ""))))
    return found


def test_time_is_told_by_what_it_was() -> None:
    found = [(piece.kind, piece.interval) for piece in pieces(eventful(), measured_until=UNTIL)]
    assert found == [
        ("up", minutes(0, 1_000)),
        ("down", minutes(1_000, 1_090)),
        ("up", minutes(1_090, 3_000)),
        ("excluded", minutes(3_000, 3_700)),
        ("up", minutes(3_700, 9_000)),
        ("down", minutes(9_000, 9_003)),
        ("up", minutes(9_003, 12_000)),
        ("unknown", minutes(12_000, 13_000)),
        ("up", minutes(13_000, 33_000)),
        ("ahead", minutes(33_000, 43_200)),
    ]


def test_time_outside_the_service_hours_is_told_apart() -> None:
    found = pieces(eventful(OFFICE), measured_until=UNTIL)
    assert {piece.kind for piece in found} == {"up", "excluded", "outside", "unknown", "ahead"}
    assert length(tuple(piece.interval for piece in found if piece.kind == "outside")) == length(eventful(OFFICE).outside)


def test_time_in_which_no_component_is_in_service_is_told_apart() -> None:
    lives = (("db", minutes(0, 20_000)), ("web", minutes(10_000, 30_000)))
    for combine in get_args(Combine):
        promise = objective(Availability(components=("db", "web"), combine=combine, lives=lives))
        parts = pieces(measured(Evidence(outages=[outage(-60, -50), outage(-60, -50, "web")]), promise), measured_until=minute(43_200))
        assert [piece.interval for piece in parts if piece.kind == "gone"] == [minutes(30_000, 43_200)]


def test_maintenance_that_counts_as_up_is_up() -> None:
    promise = objective(Availability(components=("db",), maintenance="up"))
    result = measured(EVENTFUL, promise, windows=[maintenance(3_000, 3_700)])
    assert "excluded" not in {piece.kind for piece in pieces(result, measured_until=JUNE_SPAN.end)}


def test_a_finished_period_has_nothing_ahead() -> None:
    assert "ahead" not in {piece.kind for piece in pieces(measured(EVENTFUL), measured_until=later(JUNE_SPAN.end, DAY))}


def test_a_period_that_has_not_begun_is_all_ahead() -> None:
    result = measured(EVENTFUL, measured_until=minute(-10))
    assert [(piece.kind, piece.interval) for piece in pieces(result, measured_until=minute(-10))] == [("ahead", JUNE_SPAN)]


def test_bad_slices_are_bad_time_and_requests_are_measured_or_not() -> None:
    rows = {"web": counters((minute(10), 0, 100), (minute(20), 100, 100))}
    sliced = objective(TimeSlices(every=Microseconds(5 * MINUTE), error_above=Fraction(5, 100)))
    bad = measured(Evidence(counters=rows), sliced, span=minutes(0, 60))
    assert [piece.interval for piece in pieces(bad, measured_until=JUNE_SPAN.end) if piece.kind == "down"] == [minutes(10, 15)]
    assert "bad 5 min" in timeline_svg(bad, title="Slices", zone=UTC, measured_until=JUNE_SPAN.end)
    requests = measured(Evidence(counters=rows), objective(RequestRatio()), span=minutes(0, 60))
    assert {piece.kind for piece in pieces(requests, measured_until=JUNE_SPAN.end)} == {"up"}
    assert "measured 1 h" in timeline_svg(requests, title="Requests", zone=UTC, measured_until=JUNE_SPAN.end)


@pytest.mark.parametrize(("days", "rows"), [(1, 0), (2, 0), (3, 3), (14, 14), (15, 3), (30, 5)])
def test_a_long_period_has_a_row_for_every_day_or_week(days: int, rows: int) -> None:
    start = Month(2026, 6).bounds(BERLIN).start
    svg = drawn(eventful(span=Interval(start, Instant(start + days * DAY))))
    assert len(strips(svg)) == 1 + rows


def test_rows_are_civil_weeks_of_the_zone_named_by_their_monday() -> None:
    march = Month(2026, 3).bounds(BERLIN)
    svg = drawn(measured(EVENTFUL, span=march, zone=BERLIN), until=march.end)
    labels = [text.text for text in svg.findall(f"{SVG}text") if text.get("text-anchor") == "end"]
    assert labels == ["2026-02-23", "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-30"]
    weeks = list(strips(svg).values())[1:]
    assert weeks[0][0][1] > 100
    assert all(week[0][1] == 100 and week[-1][2] == 868 for week in weeks[1:-1])


def test_a_short_outage_has_a_mark_even_where_its_width_is_nothing() -> None:
    instant = Evidence(outages=[outage(9_000, 9_000.01)], statuses=[status(-60, State.UP)])
    svg = drawn(measured(instant), until=JUNE_SPAN.end)
    assert len([path for path in svg.findall(f"{SVG}path") if path.get("class") == "mark"]) == 1


def test_a_title_is_text_and_never_markup() -> None:
    title = '<script>alert("1")</script> & "more" </title>'
    text = timeline_svg(eventful(), title=title, zone=BERLIN, measured_until=UNTIL)
    svg = ElementTree.fromstring(text)
    assert svg.findtext(f"{SVG}title") == title
    assert title in [element.text for element in svg.findall(f"{SVG}text")]
    assert not [element for element in svg.iter() if element.tag == f"{SVG}script"]
    assert "<script" not in text


def test_it_is_told_to_those_who_cannot_see_it() -> None:
    svg = drawn(eventful())
    named = svg.get("aria-labelledby", "").split()
    assert svg.get("role") == "img"
    assert [svg.find(f".//*[@id='{name}']") is not None for name in named] == [True, True]
    told = svg.findtext(f"{SVG}desc")
    assert told == (
        "2026-06-01 02:00+02:00 to 2026-07-01 02:00+02:00, Europe/Berlin: up 21 d 16 h 7 min, down 1 h 33 min, excluded 11 h 40 min, "
        "unknown 16 h 40 min, not measured yet 7 d 2 h."
    )
    rect = next(rect for rect in svg.findall(f"{SVG}rect") if rect.get("class") == "down")
    assert rect.findtext(f"{SVG}title") == "down, 2026-06-01 18:40+02:00 – 2026-06-01 20:10+02:00 (1 h 30 min)"


def test_every_kind_has_a_pattern_of_its_own_and_colours_for_light_and_dark() -> None:
    svg = drawn(eventful(OFFICE))
    patterns = {pattern.get("id", "").rsplit("-", 1)[1]: pattern for pattern in svg.iter(f"{SVG}pattern")}
    assert set(patterns) == set(KINDS)
    lines = [ElementTree.tostring(group) for pattern in patterns.values() for group in pattern.findall(f"{SVG}g")]
    assert len(set(lines)) == len(lines) == len(KINDS) - 1
    style = svg.findtext(f"{SVG}style") or ""
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    names = set(re.findall(r"(--timeline-[a-z-]+):", light))
    assert names == set(re.findall(r"(--timeline-[a-z-]+):", dark))
    assert set(re.findall(r"var\((--timeline-[a-z-]+)\)", style)) == names


def test_what_a_picture_refers_to_it_holds_and_two_pictures_share_no_name() -> None:
    one, other = (timeline_svg(eventful(), title=title, zone=BERLIN, measured_until=UNTIL) for title in ("One", "Other"))
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, other)]
    assert set(re.findall(r"url\(#([^)]+)\)", one)) <= ids[0]
    assert not ids[0] & ids[1]


def test_the_same_result_gives_the_same_text() -> None:
    assert timeline_svg(eventful(), title="T", zone=BERLIN, measured_until=UNTIL) == timeline_svg(
        eventful(), title="T", zone=BERLIN, measured_until=UNTIL
    )


spans = st.lists(st.tuples(st.integers(-500, 30_000), st.integers(1, 3_000)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=4)


@LAW
@given(down=spans, windows=spans, unknown=spans, length_min=st.integers(1, 30_000), until=st.integers(-10, 31_000), hours=st.booleans())
def test_pieces_and_what_is_drawn_of_them_fill_the_period_without_gap_or_overlap(
    *,
    down: list[tuple[int, int]],
    windows: list[tuple[int, int]],
    unknown: list[tuple[int, int]],
    length_min: int,
    until: int,
    hours: bool,
) -> None:
    said = [status(at, state) for start, end in unknown for at, state in ((start, State.UNKNOWN), (end, State.UP))]
    evidence = Evidence(outages=[outage(start, end) for start, end in down], statuses=[status(-600, State.UP), *said])
    promise = objective(Availability(components=("db",), hours=OFFICE) if hours else DB)
    taken = [maintenance(start, end) for start, end in windows]
    span = minutes(0, length_min)
    result = measured(evidence, promise, span=span, zone=BERLIN, windows=taken, measured_until=minute(until))
    found = pieces(result, measured_until=minute(until))
    assert [piece.interval.start for piece in found] == [span.start, *(piece.interval.end for piece in found[:-1])]
    assert found[-1].interval.end == span.end
    kept = {kind: length(tuple(piece.interval for piece in found if piece.kind == kind)) for kind in KINDS}
    assert kept["down"] == sum(outage.interval.length for outage in result.outages), instant_text(span.start)
    assert kept["up"] + kept["down"] == result.whole
    strip, *rows = strips(drawn(result, until=minute(until))).values()
    assert [left for _, left, _ in strip] == [100, *(right for _, _, right in strip[:-1])]
    assert strip[-1][2] == 100 + STRIP
    for row in rows:
        assert [left for _, left, _ in row[1:]] == [right for _, _, right in row[:-1]]
