"""Charts as SVG of our own: day strip, result against target, budget gauge, trend, before and after. Pure.

Texts and integers in, the same bytes out: coordinates are integers in tenths, no float takes part. Colours are left to the style sheet by
class names; what differs in meaning differs in pattern or shape as well. Every text is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Literal

Part = Literal["up", "down", "excluded", "unknown", "nothing"]
Mark = Literal["met", "breached", "undetermined", "not-applicable", "provisional"]

_PATTERNS: dict[Part, str] = {
    "down": '<path class="ink" d="M0 6L6 0M-1.5 1.5L1.5 -1.5M4.5 7.5L7.5 4.5"/>',
    "excluded": '<circle class="ink" cx="3" cy="3" r="1.1"/>',
    "unknown": '<path class="ink" d="M0 3H6"/>',
}
_STRIP_COLUMNS = 16
_STRIP_STEP, _STRIP_CELL, _STRIP_HEIGHT = 240, 200, 460
_LEAST_VISIBLE = 140
_WIDTH = 4000


@dataclass(frozen=True, kw_only=True)
class DayCell:
    """One day of a strip: the shares of it in thousandths, what is left is up; `told` is the text on hovering."""

    label: str
    told: str
    down: int = 0
    excluded: int = 0
    unknown: int = 0
    empty: bool = False


@dataclass(frozen=True, kw_only=True)
class Point:
    """One period of a trend; an empty `percent` leaves a gap."""

    label: str
    percent: str
    target: str
    mark: Mark


def day_strip(*, key: str, title: str, description: str, cells: Sequence[DayCell]) -> str:
    """At most sixteen days in a row. `key` must be unique on the page. A part of a day that is there at all is drawn visibly."""
    assert len(cells) <= _STRIP_COLUMNS, "a row of a strip holds sixteen days"
    patterns = "".join(
        f'<pattern id="{key}-{part}" class="{part}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect class="ground" width="6" height="6"/>{lines}</pattern>'
        for part, lines in _PATTERNS.items()
    )
    drawn = "".join(_day(cell, left=index * _STRIP_STEP, key=key, labelled=index % 2 == 0) for index, cell in enumerate(cells))
    return _svg(
        kind="strip",
        key=key,
        title=title,
        description=description,
        width=_STRIP_COLUMNS * _STRIP_STEP - (_STRIP_STEP - _STRIP_CELL),
        height=_STRIP_HEIGHT + 180,
        body=f"<defs>{patterns}</defs>{drawn}",
    )


def result_line(
    *, key: str, title: str, description: str, result: str, target: str, mark: Mark, lower: str, upper: str, previous: str
) -> str:
    """Result and target on one axis that ends at 100 %, begins below the least; bounds and previous period where there are any."""
    known = [Fraction(text) for text in (result, target, lower, upper, previous) if text]
    axis = _Axis(low=_below(known), high=Fraction(100), start=40, length=_WIDTH - 80)
    parts = [f'<line class="axis" x1="{_n(axis.start)}" y1="34" x2="{_n(axis.start + axis.length)}" y2="34"/>']
    if lower and upper and lower != upper:
        parts.append(f'<line class="bounds" x1="{_n(axis.at(lower))}" y1="34" x2="{_n(axis.at(upper))}" y2="34"/>')
    if not result or axis.anchor(result) != "end":
        parts.append(_text("end", axis.start + axis.length, 610, "100 %", anchor="end"))
    parts.append(f'<line class="target" x1="{_n(axis.at(target))}" y1="19" x2="{_n(axis.at(target))}" y2="48"/>')
    parts.append(_text("target-label", axis.at(target), 130, f"target {target} %", anchor=axis.anchor(target)))
    if previous:
        parts.append(f'<circle class="previous" cx="{_n(axis.at(previous))}" cy="34" r="5"/>')
    if result:
        parts.append(_shape(mark, axis.at(result), 340))
        parts.append(_text("result-label", axis.at(result), 610, f"{result} %", anchor=axis.anchor(result)))
    return _svg(kind="result", key=key, title=title, description=description, width=_WIDTH, height=680, body="".join(parts))


def budget_gauge(*, key: str, title: str, description: str, spent_percent: str) -> str:
    """How much of the error budget is spent; beyond the whole of it the bar goes on past the mark."""
    spent = max(Fraction(spent_percent), Fraction(0))
    whole = max(spent, Fraction(100))
    allowed = int(_WIDTH * 100 / whole)
    used = int(_WIDTH * min(spent, Fraction(100)) / whole)
    body = f'<rect class="allowed" x="0" y="4" width="{_n(allowed)}" height="16"/>'
    if used:
        body += f'<rect class="used" x="0" y="4" width="{_n(used)}" height="16"/>'
    if spent > 100:
        body += f'<rect class="over" x="{_n(allowed)}" y="4" width="{_n(_WIDTH - allowed)}" height="16"/>'
    body += f'<line class="limit" x1="{_n(allowed - 10)}" y1="0" x2="{_n(allowed - 10)}" y2="24"/>'
    return _svg(kind="gauge", key=key, title=title, description=description, width=_WIDTH, height=240, body=body, stretched=True)


def trend(*, key: str, title: str, description: str, points: Sequence[Point]) -> str:
    """Attainment over periods, each against the target of its time."""
    assert points, "a trend has at least one period"
    top, bottom, left = 240, 1240, 620
    known = [Fraction(text) for point in points for text in (point.percent, point.target) if text]
    axis = _Axis(low=_below(known), high=Fraction(100), start=0, length=bottom - top)
    step = (_WIDTH - left) // max(len(points), 3)
    columns = [left + step * index + step // 2 for index in range(len(points))]
    body = [
        f'<line class="axis" x1="{_n(left)}" y1="{_n(top)}" x2="{_n(_WIDTH)}" y2="{_n(top)}"/>',
        _text("tick", left - 60, top + 40, "100 %", anchor="end"),
    ]
    for point, x in zip(points, columns, strict=True):
        y = bottom - axis.at(point.target)
        body.append(f'<line class="target" x1="{_n(x - step // 2)}" y1="{_n(y)}" x2="{_n(x + step // 2)}" y2="{_n(y)}"/>')
    newest = bottom - axis.at(points[-1].target)
    if newest - top > 130:
        body.append(_text("tick", left - 60, newest + 40, f"{points[-1].target} %", anchor="end"))
    body += _lines(
        points, [(x, bottom - axis.at(point.percent)) if point.percent else None for point, x in zip(points, columns, strict=True)]
    )
    for index, (point, x) in enumerate(zip(points, columns, strict=True)):
        body.append(_text("month", x, 1560, point.label, anchor="middle"))
        if not point.percent:
            continue
        y = bottom - axis.at(point.percent)
        body.append(_shape(point.mark, x, y))
        if len(points) <= 4 or index == len(points) - 1 or point.mark == "breached":
            below = y <= top + 60 or Fraction(point.percent) < Fraction(point.target)
            body.append(_text("value", x, y + 200 if below else y - 110, point.percent, anchor="middle"))
    return _svg(kind="trend", key=key, title=title, description=description, width=_WIDTH, height=1640, body="".join(body))


def before_after(*, key: str, title: str, description: str, before: str, after: str, target: str) -> str:
    """What was lost before and after, as bars from zero; the line is what the target allows to be lost."""
    lost = [100 - Fraction(text) for text in (before, after)]
    allowed = 100 - Fraction(target)
    widest = max(*lost, allowed) or Fraction(1)
    axis = _Axis(low=Fraction(0), high=widest, start=620, length=2300)
    body = []
    for row, (name, kept, share) in enumerate(zip(("Before", "After"), (before, after), lost, strict=True)):
        y = 60 + row * 360
        width = max(axis.at(share) - axis.start, 20)
        kind = "over" if share > allowed else "within"
        body.append(_text("name", axis.start - 60, y + 170, name, anchor="end"))
        body.append(f'<rect class="{kind}" x="{_n(axis.start)}" y="{_n(y)}" width="{_n(width)}" height="24" rx="2"/>')
        body.append(_text("value", max(axis.start + width, axis.at(allowed)) + 70, y + 170, f"{kept} %", anchor="start"))
    x = axis.at(allowed)
    body.append(f'<line class="limit" x1="{_n(x)}" y1="0" x2="{_n(x)}" y2="72"/>')
    body.append(_text("limit-label", x, 860, f"allowed {_plain(allowed)} % lost", anchor="middle" if x > 1200 else "start"))
    return _svg(kind="effect", key=key, title=title, description=description, width=_WIDTH, height=930, body="".join(body))


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Values to tenths of a unit, floored."""

    low: Fraction
    high: Fraction
    start: int
    length: int

    def at(self, value: str | Fraction) -> int:
        share = (Fraction(value) - self.low) / (self.high - self.low)
        return self.start + int(share * self.length)

    def anchor(self, value: str) -> str:
        place = self.at(value) - self.start
        if place * 5 < self.length:
            return "start"
        return "end" if place * 5 > self.length * 4 else "middle"


def _below(known: Sequence[Fraction]) -> Fraction:
    least = min(known)
    return max(Fraction(0), least - (100 - least) / 4) if least < 100 else Fraction(99)


def _day(cell: DayCell, *, left: int, key: str, labelled: bool) -> str:
    label = _text("day", left + _STRIP_CELL // 2, _STRIP_HEIGHT + 150, cell.label, anchor="middle") if labelled else ""
    if cell.empty:
        whole = f'<rect class="nothing" x="{_n(left)}" y="0" width="{_n(_STRIP_CELL)}" height="{_n(_STRIP_HEIGHT)}" rx="2"/>'
        return f"<g><title>{escape(cell.told)}</title>{whole}</g>{label}"
    drawn = [f'<rect class="up" x="{_n(left)}" y="0" width="{_n(_STRIP_CELL)}" height="{_n(_STRIP_HEIGHT)}" rx="2"/>']
    foot = _STRIP_HEIGHT
    for part, share in (("down", cell.down), ("excluded", cell.excluded), ("unknown", cell.unknown)):
        height = min(foot, max(_STRIP_HEIGHT * share // 1000, _LEAST_VISIBLE)) if share else 0
        foot -= height
        if height:
            drawn.append(
                f'<rect fill="url(#{key}-{part})" x="{_n(left)}" y="{_n(foot)}" width="{_n(_STRIP_CELL)}" height="{_n(height)}" rx="2"/>'
            )
    return f"<g><title>{escape(cell.told)}</title>{''.join(drawn)}</g>{label}"


def _lines(points: Sequence[Point], places: Sequence[tuple[int, int] | None]) -> list[str]:
    lines = []
    for index in range(1, len(places)):
        start, end = places[index - 1], places[index]
        if start and end:
            kind = "line to-date" if points[index].mark == "provisional" else "line"
            lines.append(f'<line class="{kind}" x1="{_n(start[0])}" y1="{_n(start[1])}" x2="{_n(end[0])}" y2="{_n(end[1])}"/>')
    return lines


def _shape(mark: Mark, x: int, y: int) -> str:
    if mark == "breached":
        return f'<path class="mark breached" d="M{_n(x)} {_n(y - 70)}L{_n(x + 70)} {_n(y)}L{_n(x)} {_n(y + 70)}L{_n(x - 70)} {_n(y)}Z"/>'
    return f'<circle class="mark {mark}" cx="{_n(x)}" cy="{_n(y)}" r="6"/>'


def _text(kind: str, x: int, y: int, text: str, *, anchor: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(*, kind: str, key: str, title: str, description: str, width: int, height: int, body: str, stretched: bool = False) -> str:
    ratio = ' preserveAspectRatio="none"' if stretched else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart {kind}" viewBox="0 0 {_n(width)} {_n(height)}"{ratio} role="img" '
        f'aria-labelledby="{key}-title {key}-desc"><title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(description)}</desc>{body}</svg>'
    )


def _n(tenths: int) -> str:
    sign = "-" if tenths < 0 else ""
    whole, part = divmod(abs(tenths), 10)
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def _plain(value: Fraction) -> str:
    """A ratio that was written as a decimal, written so again; at most nine decimals."""
    whole, part = divmod(value.numerator * 10**9 // value.denominator, 10**9)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
