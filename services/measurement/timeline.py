"""A timeline: the period of a result as a strip of what its time was, in SVG. Pure; texts and integers in, the same bytes out.

Widths are exact to a tenth of a unit and add up to the period; what is too short to be seen has a mark above. What differs in meaning
differs in pattern as well as in colour, light and dark are chosen by the reader's system, and there is no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from hashlib import sha256
from html import escape
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from services.measurement.assessment import ObjectiveResult
from services.measurement.interval import NEVER, Spans, clip, complement, difference, intersection, length, union
from services.measurement.objective import Availability
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, datetime_of, days_between, start_of_day

Kind = Literal["up", "down", "excluded", "outside", "gone", "suspended", "unknown", "ahead"]

KINDS: tuple[Kind, ...] = ("up", "down", "excluded", "outside", "gone", "suspended", "unknown", "ahead")

_WORDS: dict[Kind, str] = {
    "up": "up",
    "down": "down",
    "excluded": "excluded",
    "outside": "outside service hours",
    "gone": "not in service",
    "suspended": "suspended",
    "unknown": "unknown",
    "ahead": "not measured yet",
}
_LINES: dict[Kind, str] = {
    "up": "",
    "down": '<path d="M0 6L6 0M-1.5 1.5L1.5 -1.5M4.5 7.5L7.5 4.5"/>',
    "excluded": '<circle cx="3" cy="3" r="0.9"/>',
    "outside": '<path d="M3 0V6"/>',
    "gone": '<path d="M0 3H6M3 0V6"/>',
    "suspended": '<path d="M2 0V6M4 0V6"/>',
    "unknown": '<path d="M0 3H6"/>',
    "ahead": '<path d="M0 0L6 6M-1.5 4.5L1.5 7.5M4.5 -1.5L7.5 1.5"/>',
}
_LIGHT: dict[str, str] = {
    "text": "#1c2430",
    "up": "#cfe8d4",
    "down": "#b3261e",
    "excluded": "#cfd9ea",
    "outside": "#e6e6ea",
    "gone": "#f4f4f6",
    "suspended": "#e9e0f2",
    "unknown": "#f3dfa6",
    "ahead": "#ffffff",
    "line": "#44505f",
    "down-line": "#ffffff",
}
_DARK: dict[str, str] = {
    "text": "#e8ecf2",
    "up": "#1f5a34",
    "down": "#ff8a80",
    "excluded": "#33466b",
    "outside": "#33363d",
    "gone": "#23262c",
    "suspended": "#3a2e4a",
    "unknown": "#6b5313",
    "ahead": "#14181f",
    "line": "#b9c3d0",
    "down-line": "#3b0703",
}
_COUNTED = {"us": "up", "requests": "measured", "tickets": "measured", "objectives": "measured"}

_LEFT, _STRIP, _MARGIN = 1_000, 7_680, 120
_TALL, _ROW, _ROW_STEP = 400, 160, 240
_TOP = 480
_A_DAY = 24 * HOUR
_ROWS_OF_DAYS = 14
_FEW_DAYS = 2


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Unbroken time of one kind."""

    kind: Kind
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A civil week or day, whole, and what of the period lies in it."""

    label: str
    scale: Interval
    pieces: tuple[Piece, ...]


def pieces(result: ObjectiveResult, *, measured_until: Instant) -> tuple[Piece, ...]:
    """The result's interval cut without gap or overlap, in order: what counts by what it was, then what does not.

    Down is a counted outage, or a slice that counts as bad; where neither is measured (requests, tickets) it is never there. Where two
    kinds meet, the later of ahead, suspended, outside, gone, excluded, down, unknown gives way.
    """
    bounds = result.interval
    ahead = clip((Interval(Instant(max(measured_until, bounds.start)), bounds.end),), bounds) if measured_until < bounds.end else NEVER
    told: tuple[tuple[Kind, Spans], ...] = (
        ("ahead", ahead),
        ("suspended", result.suspended),
        ("outside", result.outside),
        ("gone", _gone(result)),
        ("excluded", tuple(each.interval for each in result.exclusions if each.counted_as == "exclude")),
        ("down", (*(each.interval for each in result.outages), *(each.interval for each in result.slices if each.bad))),
        ("unknown", result.unknown),
    )
    taken: Spans = NEVER
    found: list[Piece] = []
    for kind, spans in told:
        own = difference(clip(union(spans), bounds), taken)
        taken = union((*taken, *own))
        found.extend(Piece(kind=kind, interval=span) for span in own)
    found.extend(Piece(kind="up", interval=span) for span in complement(taken, bounds))
    return tuple(sorted(found, key=lambda piece: piece.interval))


def _gone(result: ObjectiveResult) -> Spans:
    """No component was in service, or none of a leg of a journey."""
    indicator = result.objective.indicator
    if not result.gaps or not isinstance(indicator, Availability):
        return union(gap.interval for gap in result.gaps)
    by_component = (union(gap.interval for gap in result.gaps if component in gap.components) for component in indicator.components)
    return reduce(intersection, by_component)


def timeline_svg(result: ObjectiveResult, *, title: str, zone: ZoneInfo, measured_until: Instant) -> str:
    """One strip of the whole interval, and below it a row for each civil day, or week where there are more than fourteen days."""
    parts, key = pieces(result, measured_until=measured_until), _key(result, title)
    rows = _rows(parts, result.interval, zone)
    words = {**_WORDS, "up": _COUNTED.get(result.unit, "good"), "down": "down" if result.unit == "us" else "bad"}
    legend_top = _TOP + _TALL + 440 + len(rows) * _ROW_STEP
    height = legend_top + 320
    body = [
        f"<defs>{''.join(_pattern(kind, key) for kind in KINDS)}</defs>",
        _text(_MARGIN, 200, title, kind="name"),
        *_marks(parts, result.interval),
        *(_rect(piece, result.interval, top=_TOP, height=_TALL, key=key, words=words, zone=zone) for piece in parts),
        _frame(_LEFT, _TOP, _STRIP, _TALL),
        *_ticks(result.interval, zone),
    ]
    for place, row in enumerate(rows):
        top = _TOP + _TALL + 360 + place * _ROW_STEP
        body.append(_text(_LEFT - 80, top + 125, row.label, anchor="end"))
        body.extend(_rect(piece, row.scale, top=top, height=_ROW, key=key, words=words, zone=zone) for piece in row.pieces)
        body.append(_row_frame(row, top))
    body.append(_legend(parts, legend_top, key=key, words=words))
    return _svg(key=key, title=title, description=_described(result, parts, words, zone), height=height, body="".join(body))


def _rows(parts: Sequence[Piece], interval: Interval, zone: ZoneInfo) -> tuple[_Row, ...]:
    days = days_between(interval, zone)
    if len(days) <= _FEW_DAYS:
        return ()
    if len(days) <= _ROWS_OF_DAYS:
        starts = [day for day, _ in days]
        step = timedelta(days=1)
    else:
        monday = days[0][0] - timedelta(days=days[0][0].weekday())
        step = timedelta(days=7)
        starts = [monday + place * step for place in range((days[-1][0] - monday) // step + 1)]
    return tuple(_row(day, Interval(start_of_day(day, zone), start_of_day(day + step, zone)), parts) for day in starts)


def _row(day: date, scale: Interval, parts: Sequence[Piece]) -> _Row:
    cut = [Piece(kind=piece.kind, interval=span) for piece in parts for span in clip((piece.interval,), scale)]
    return _Row(label=day.isoformat(), scale=scale, pieces=tuple(cut))


def _at(instant: int, scale: Interval) -> int:
    """The place on a strip, in tenths, floored: neighbours share their edge."""
    return _LEFT + (instant - scale.start) * _STRIP // scale.length


def _rect(piece: Piece, scale: Interval, *, top: int, height: int, key: str, words: dict[Kind, str], zone: ZoneInfo) -> str:
    left, right = _at(piece.interval.start, scale), _at(piece.interval.end, scale)
    if left == right:
        return ""
    told = f"{words[piece.kind]}, {_when(piece.interval.start, zone)} – {_when(piece.interval.end, zone)} ({_long(piece.interval.length)})"
    return (
        f'<rect class="{piece.kind}" x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(height)}" '
        f'fill="url(#{key}-{piece.kind})"><title>{escape(told)}</title></rect>'
    )


def _marks(parts: Iterable[Piece], scale: Interval) -> list[str]:
    """A triangle over each time that was down, however short."""
    places = dict.fromkeys(
        (_at(piece.interval.start, scale) + _at(piece.interval.end, scale)) // 2 for piece in parts if piece.kind == "down"
    )
    return [f'<path class="mark" d="M{_n(x - 40)} {_n(_TOP - 110)}H{_n(x + 40)}L{_n(x)} {_n(_TOP - 20)}Z"/>' for x in places]


def _ticks(interval: Interval, zone: ZoneInfo) -> list[str]:
    """The civil days on which the strip begins, goes on and ends, at most eight of them."""
    days = days_between(interval, zone)
    step = -(-len(days) // 7)
    chosen = [(day, hours.start) for day, hours in days[::step]]
    y = _TOP + _TALL
    lines = [f'<path class="tick" d="M{_n(_at(start, interval))} {_n(y)}V{_n(y + 60)}"/>' for _, start in chosen]
    return lines + [_text(_at(start, interval), y + 190, day.isoformat(), anchor="middle") for day, start in chosen]


def _legend(parts: Sequence[Piece], top: int, *, key: str, words: dict[Kind, str]) -> str:
    """What is there, and how long it is together."""
    seen, x = [kind for kind in KINDS if any(piece.kind == kind for piece in parts)], _MARGIN
    drawn: list[str] = []
    for kind in seen:
        drawn.append(f'<rect x="{_n(x)}" y="{_n(top)}" width="16" height="12" class="{kind} key" fill="url(#{key}-{kind})"/>')
        drawn.append(_text(x + 220, top + 105, words[kind]))
        x += 420 + 62 * len(words[kind])
    return f'<g class="legend">{"".join(drawn)}</g>'


def _described(result: ObjectiveResult, parts: Sequence[Piece], words: dict[Kind, str], zone: ZoneInfo) -> str:
    lengths = {kind: length(tuple(piece.interval for piece in parts if piece.kind == kind)) for kind in KINDS}
    told = ", ".join(f"{words[kind]} {_long(lasts)}" for kind, lasts in lengths.items() if lasts)
    return f"{_when(result.interval.start, zone)} to {_when(result.interval.end, zone)}, {zone.key}: {told}."


def _pattern(kind: Kind, key: str) -> str:
    line = "down-line" if kind == "down" else "line"
    stroke = f'<g fill="none" stroke="{_LIGHT[line]}" class="{line}">{_LINES[kind]}</g>' if _LINES[kind] else ""
    return (
        f'<pattern id="{key}-{kind}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect class="ground-{kind}" width="6" height="6" fill="{_LIGHT[kind]}"/>{stroke}</pattern>'
    )


def _style(key: str) -> str:
    def named(colours: dict[str, str]) -> str:
        return "".join(f"--timeline-{name}:{colour};" for name, colour in colours.items())

    own = f"#{key}"
    grounds = "".join(f"{own} .ground-{kind}{{fill:var(--timeline-{kind})}}" for kind in KINDS)
    return (
        f"{own}{{{named(_LIGHT)}}}@media(prefers-color-scheme:dark){{{own}{{{named(_DARK)}}}}}{grounds}"
        f"{own} .line{{stroke:var(--timeline-line)}}{own} .down-line{{stroke:var(--timeline-down-line)}}"
        f"{own} text{{fill:var(--timeline-text);font:11px system-ui,sans-serif}}{own} .name{{font-size:14px;font-weight:600}}"
        f"{own} .frame,{own} .tick,{own} .key{{stroke:var(--timeline-line);stroke-width:.6}}{own} .frame{{fill:none}}"
        f"{own} .mark{{fill:var(--timeline-down)}}"
    )


def _svg(*, key: str, title: str, description: str, height: int, body: str) -> str:
    width = _LEFT + _STRIP + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{key}" class="timeline" viewBox="0 0 {_n(width)} {_n(height)}" role="img" '
        f'aria-labelledby="{key}-title {key}-desc"><title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(description)}</desc><style>{_style(key)}</style>{body}</svg>'
    )


def _row_frame(row: _Row, top: int) -> str:
    """Around the part of a week that lies in the period; one stroke where pieces meet."""
    for one, other in pairwise(row.pieces):
        assert one.interval.end == other.interval.start, "pieces meet"
    left, right = _at(row.pieces[0].interval.start, row.scale), _at(row.pieces[-1].interval.end, row.scale)
    return _frame(left, top, right - left, _ROW)


def _frame(left: int, top: int, width: int, height: int) -> str:
    return f'<rect class="frame" x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" fill="none"/>'


def _text(x: int, y: int, text: str, *, anchor: str = "start", kind: str = "label") -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(text)}</text>'


def _when(instant: Instant, zone: ZoneInfo) -> str:
    local = datetime_of(instant).astimezone(zone)
    seconds = "minutes" if not local.second and not local.microsecond else "seconds"
    return local.isoformat(sep=" ", timespec=seconds)


def _long(us: int) -> str:
    """Days, hours and minutes, then seconds; what is shorter than a second is not told."""
    days, rest = divmod(us, _A_DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    named = ((days, "d"), (hours, "h"), (minutes, "min"), (rest // 1_000_000, "s"))
    return " ".join(f"{count} {unit}" for count, unit in named if count) or "less than 1 s"


def _key(result: ObjectiveResult, title: str) -> str:
    """The same for the same picture, so that several can stand on one page."""
    told = f"{result.objective.id} {result.terms_version} {result.interval.start} {result.interval.end} {title}"
    return f"timeline-{sha256(told.encode()).hexdigest()[:10]}"


def _n(tenths: int) -> str:
    sign = "-" if tenths < 0 else ""
    whole, part = divmod(abs(tenths), 10)
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def stacked(pictures: Sequence[str]) -> str:
    """Several timelines below each other in one picture; one alone stays as it is."""
    if len(pictures) == 1:
        return pictures[0]
    sizes = [tuple(int(part.replace(".", "")) if "." in part else int(part) * 10 for part in _size(picture)) for picture in pictures]
    placed, top = [], 0
    for picture, (width, height) in zip(pictures, sizes, strict=True):
        placed.append(picture.replace("<svg ", f'<svg x="0" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" ', 1))
        top += height
    widest = max(width for width, _ in sizes)
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="timelines" viewBox="0 0 {_n(widest)} {_n(top)}">{"".join(placed)}</svg>'


def _size(picture: str) -> tuple[str, str]:
    """Width and height of its view box."""
    box = picture.partition('viewBox="0 0 ')[2].partition('"')[0]
    width, _, height = box.partition(" ")
    return width, height
