"""A proof: the tree of amounts that a figure is the sum of, down to the single outage, ticket, day or slice. Pure; measures nothing.

At every node the children add up to the node exactly, where there are any; `check_sum` says where they do not. What a figure leaves
out stands beside it with the amount 0 and its length in the note: it explains, it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from services.measurement.assessment import ObjectiveResult, Verdict
from services.measurement.figure import ExclusionSpan, GapSpan, OutageSpan, SliceResult, TicketResult, TicketVerdict, Unit
from services.measurement.interval import NEVER, Spans, complement, difference, length, overlaps, union
from services.measurement.objective import Availability, Composite, IntervalMean, Maintenance, Planned, TimeSlices
from services.vocabulary.period import MINUTE, Interval, days_between, instant_text
from services.vocabulary.ratio import floored_percent, plain_decimal

GOOD, BAD, LEFT_OUT = "Good", "Bad", "Left out, counts nothing"
_GONE = "Not in service"
_SUSPENDED = "Suspended"

_Taken = OutageSpan | ExclusionSpan | GapSpan
Says = Literal["up", "down", "unknown", "good", "bad", "requests", "silence", "ticket"]
CITED = "observation:"

_LINED = 3
_INTERVAL = 10**18
_DIGITS = 18
_PLANNED: dict[Planned, str] = {
    "exclude": "Maintenance",
    "up": "Maintenance, counts as up",
    "down": "Maintenance, counts as any other time",
}


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What was reported that a leaf rests on: that components were up, down or unknown in the spans; the requests of the spans, those with
    a good or a bad part alone, or those around a silence; the steps of a ticket. No components: all that the figure is about.
    """

    says: Says
    spans: Spans = NEVER
    components: tuple[str, ...] = ()
    ticket: str = ""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A node: so much of the figure's unit, and why. `children` empty: it is told no further.

    `refs` name what it rests on ("ticket:INC-7", "maintenance:march", "observation:probe-1/o-17"), where the evidence has a name.
    `rests_on` says which observations these are, `observations` how many; who names them is `citation.cited`.
    """

    label: str
    amount: int
    unit: Unit
    note: str = ""
    interval: Interval | None = None
    refs: tuple[str, ...] = ()
    children: tuple[Proof, ...] = ()
    rests_on: tuple[Basis, ...] = ()
    observations: int = 0


def prove(
    result: ObjectiveResult,
    *,
    maintenance: Sequence[Maintenance] = (),
    members: Sequence[ObjectiveResult] = (),
    zone: ZoneInfo | None = None,
) -> Proof:
    """The figure's whole, as its good and bad part. `maintenance` are the windows as they counted, for clause, ground and approval of
    an exclusion; `members` the results of a composite's objectives over the same interval: without them its parts are not told.
    `zone` is that of its days: without it a day of requests rests on nothing that could be named.
    """
    match result.unit:
        case "us":
            return _Time(result, maintenance).counted()
        case "requests":
            return _requests(result, zone)
        case "slices" | "10^-18 intervals":
            return _slices(result)
        case "tickets":
            return _tickets(result)
        case "objectives":
            return _verdicts(result, members)
        case _:
            assert_never(result.unit)


def prove_span(result: ObjectiveResult, *, maintenance: Sequence[Maintenance] = ()) -> Proof:
    """Where the elapsed time of the interval went, of a figure of time: eligible, excluded, outside the service hours, still to come.

    In a pool each instant counts as often as the weights together say.
    """
    assert result.unit == "us", "only time has a span to account for"
    return _Time(result, maintenance).elapsed()


def check_sum(proof: Proof) -> tuple[str, ...]:
    """The places where the children do not add up to their node, as paths of labels; none where everything does."""
    own = () if not proof.children or sum(child.amount for child in proof.children) == proof.amount else (proof.label,)
    return own + tuple(f"{proof.label} / {place}" for child in proof.children for place in check_sum(child))


def proof_document(proof: Proof) -> dict[str, object]:
    """The JSON form: amounts as integer text, instants RFC 3339; what is empty is left out."""
    document: dict[str, object] = {"label": proof.label, "amount": str(proof.amount), "unit": proof.unit}
    if proof.note:
        document["note"] = proof.note
    if proof.interval is not None:
        document["start"], document["end"] = instant_text(proof.interval.start), instant_text(proof.interval.end)
    if proof.refs:
        document["refs"] = list(proof.refs)
    if proof.observations:
        document["observations"] = proof.observations
    if proof.children:
        document["children"] = [proof_document(child) for child in proof.children]
    return document


def proof_lines(proof: Proof) -> list[str]:
    """One line a node, below it one with the observations it rests on, then its children, indented.

    Time in minutes, with seconds where minutes have no end.
    """
    return list(_lines(proof, 0))


def told_amount(amount: int, unit: Unit) -> str:
    """Exact: "43.2 min", "1 min 29 s", "18 tickets"."""
    match unit:
        case "us":
            return _minutes(amount)
        case "10^-18 intervals":
            return "1 interval" if amount == _INTERVAL else f"{_decimal(amount, _DIGITS)} intervals"
        case "requests" | "slices" | "tickets" | "objectives":
            return f"1 {unit.removesuffix('s')}" if amount == 1 else f"{amount} {unit}"
        case _:
            assert_never(unit)


def _lines(proof: Proof, depth: int) -> Iterator[str]:
    when = f"  {instant_text(proof.interval.start)} – {instant_text(proof.interval.end)}" if proof.interval else ""
    note = f"  ({proof.note})" if proof.note else ""
    yield f"{'  ' * depth}{proof.label}: {told_amount(proof.amount, proof.unit)}{when}{note}"
    if proof.observations:
        yield f"{'  ' * (depth + 1)}observations: {_cited(proof)}"
    for child in proof.children:
        yield from _lines(child, depth + 1)


def _cited(proof: Proof) -> str:
    """Few by their names, many by the first and their number; the customer's under its name."""
    names = [ref.replace(CITED, "", 1) for ref in proof.refs if CITED in ref]
    return ", ".join(names) if proof.observations <= _LINED else f"{names[0]}, … {proof.observations} in all"


@dataclass(frozen=True, kw_only=True)
class _Balance:
    """Elapsed time by what became of it, in the figure's unit; the parts never overlap."""

    up: int
    down: int
    unknown_good: int
    unknown_bad: int
    unknown_left_out: int
    excluded: int
    outside: int
    gone: int
    suspended: int
    to_come: int

    @property
    def unknown(self) -> int:
        return self.unknown_good + self.unknown_bad + self.unknown_left_out

    @property
    def eligible(self) -> int:
        return self.up + self.down + self.unknown


class _Time:
    """The two trees of one figure of time."""

    def __init__(self, result: ObjectiveResult, maintenance: Sequence[Maintenance]) -> None:
        self._result = result
        self._balance = _balance(result, gone=self._gone(result))
        self._windows = [window for window in maintenance if not result.objective.service or window.service == result.objective.service]

    def counted(self) -> Proof:
        balance = self._balance
        good = (self._up(), *self._unknown(balance.unknown_good, "Unknown, counts as up"))
        bad = (*self._down(), *self._unknown(balance.unknown_bad, "Unknown, counts as down"))
        aside = (
            *(self._exclusion(each) for each in self._result.exclusions),
            *(self._ignored(each) for each in self._result.ignored),
            *(_time("Outside the service hours", span.length, interval=span) for span in self._result.outside),
            *self._gaps(),
            *self._suspended(),
            *self._unknown(balance.unknown_left_out, "Unknown, left out"),
        )
        return _figure(self._result, good=good, bad=bad, left_out=aside)

    def elapsed(self) -> Proof:
        balance = self._balance
        excluded = tuple(self._exclusion(each) for each in self._result.exclusions if each.counted_as == "exclude")
        outside = tuple(_time("Closed", span.length * self._result.scale, interval=span) for span in self._result.outside)
        eligible = (
            self._up(),
            _time("Known to be down", balance.down, children=self._down()),
            _time("Unknown", balance.unknown, children=self._unknown_spans(balance.unknown)),
        )
        return _time(
            "Elapsed time",
            self._result.interval.length * self._result.scale,
            interval=self._result.interval,
            note=_pooled(self._result),
            children=(
                _time("Eligible", balance.eligible, children=eligible),
                _time("Excluded", balance.excluded, children=_parts(balance.excluded, excluded)),
                _time("Outside the service hours", balance.outside, children=_parts(balance.outside, outside)),
                *((_time(_GONE, balance.gone, children=_parts(balance.gone, self._gaps())),) if balance.gone else ()),
                *((_time(_SUSPENDED, balance.suspended, children=self._suspended()),) if balance.suspended else ()),
                _time("Not measured yet", balance.to_come),
            ),
        )

    def _up(self) -> Proof:
        return _time("Known to be up", self._balance.up, rests_on=tuple(self._said_up()))

    def _said_up(self) -> Iterator[Basis]:
        """The time that is left; in a pool each component's own."""
        result, pool = self._result, _pool_of(self._result)
        taken_out = [each for each in result.exclusions if each.counted_as == "exclude"]
        if pool is None:
            other: list[_Taken] = [*result.outages, *taken_out, *result.gaps]
            aside = union((*(each.interval for each in other), *result.unknown, *result.outside, *result.suspended))
            yield Basis(says="up", spans=complement(aside, result.interval))
            return
        for component in pool.components:
            parts = (part for outage in result.outages for part in outage.parts)
            taken: list[_Taken] = [*parts, *taken_out, *result.gaps]
            own = (each.interval for each in taken if component in (each.components or pool.components))
            aside = union((*own, *result.outside, *result.suspended))
            yield Basis(says="up", spans=complement(aside, result.interval), components=(component,))

    def _down(self) -> tuple[Proof, ...]:
        """Every outage; in a pool every component's own."""
        return tuple(self._outage(part) for each in self._result.outages for part in each.parts or (each,))

    def _outage(self, outage: OutageSpan) -> Proof:
        clause = self._result.objective.clause
        return _time(
            f"Outage of {', '.join(outage.components)}" if outage.components else "Outage",
            outage.interval.length * self._weight(outage.components),
            interval=outage.interval,
            note=_joined(outage.cause, clause and f"clause {clause}"),
            rests_on=(Basis(says="down", spans=(outage.interval,), components=outage.components),),
        )

    def _ignored(self, outage: OutageSpan) -> Proof:
        told = self._outage(outage)
        return replace(told, label=f"{told.label}, too short to count", amount=outage.interval.length)

    def _exclusion(self, exclusion: ExclusionSpan) -> Proof:
        windows = [window for window in self._windows if self._made(window, exclusion)]
        return _time(
            _PLANNED[exclusion.counted_as],
            length(difference((exclusion.interval,), self._result.outside)) * self._weight(exclusion.components),
            interval=exclusion.interval,
            note=_joined(", ".join(exclusion.components), exclusion.cause, *(_ground(window) for window in windows)),
            refs=tuple(dict.fromkeys(f"maintenance:{window.id}" for window in windows)),
        )

    def _gaps(self) -> tuple[Proof, ...]:
        return tuple(
            _time(_GONE, gap.interval.length * self._weight(gap.components), interval=gap.interval, note=", ".join(gap.components))
            for gap in self._result.gaps
        )

    def _suspended(self) -> tuple[Proof, ...]:
        return tuple(_time(_SUSPENDED, span.length * self._result.scale, interval=span) for span in self._result.suspended)

    def _gone(self, result: ObjectiveResult) -> int:
        """Time outside the hours of a journey's other leg is told as that."""
        if result.scale != 1:
            return sum(gap.interval.length * self._weight(gap.components) for gap in result.gaps)
        return length(difference(union(gap.interval for gap in result.gaps), union(result.outside)))

    def _made(self, window: Maintenance, exclusion: ExclusionSpan) -> bool:
        named = not window.components or not exclusion.components or bool(set(window.components) & set(exclusion.components))
        return named and overlaps(window.interval, exclusion.interval)

    def _unknown(self, amount: int, label: str) -> tuple[Proof, ...]:
        return (_time(label, amount, children=self._unknown_spans(amount)),) if amount else ()

    def _unknown_spans(self, amount: int) -> tuple[Proof, ...]:
        spans = (
            _time("Unknown", span.length * self._result.scale, interval=span, rests_on=(Basis(says="unknown", spans=(span,)),))
            for span in self._result.unknown
        )
        return _parts(amount, tuple(spans)) if amount else ()

    def _weight(self, components: Sequence[str]) -> int:
        """How often an instant of these components counts; none named: of all of them."""
        indicator = _pool_of(self._result)
        if indicator is None or not components:
            return self._result.scale
        weights = dict(zip(indicator.components, indicator.weights or (1,) * len(indicator.components), strict=True))
        return sum(weights.get(component, 0) for component in components)


def _pool_of(result: ObjectiveResult) -> Availability | None:
    indicator = result.objective.indicator
    return indicator if isinstance(indicator, Availability) and indicator.combine == "pool" else None


def _balance(result: ObjectiveResult, *, gone: int) -> _Balance:
    """From the days and the coverage, which know the eligible time whatever the accounting makes of what is unknown."""
    down, unknown = sum(day.down_us for day in result.days), sum(day.unknown_us for day in result.days)
    eligible = int(unknown / (1 - result.coverage)) if unknown else result.whole
    unknown_left_out = eligible - result.whole
    unknown_bad = result.whole - result.good - down
    unknown_good = unknown - unknown_left_out - unknown_bad
    outside = length(union(result.outside)) * result.scale
    excluded = sum(day.excluded_us for day in result.days)
    suspended = length(result.suspended) * result.scale
    return _Balance(
        up=result.good - unknown_good,
        down=down,
        unknown_good=unknown_good,
        unknown_bad=unknown_bad,
        unknown_left_out=unknown_left_out,
        excluded=excluded,
        outside=outside,
        gone=gone,
        suspended=suspended,
        to_come=result.interval.length * result.scale - eligible - excluded - outside - gone - suspended,
    )


def _requests(result: ObjectiveResult, zone: ZoneInfo | None) -> Proof:
    hours = {} if zone is None else dict(days_between(result.interval, zone))

    def leaf(day: date, amount: int, total: int, *, says: Says) -> Proof:
        rests_on = (Basis(says=says, spans=(hours[day],)),) if day in hours else ()
        return Proof(label=str(day), amount=amount, unit="requests", note=f"of {total}", rests_on=rests_on)

    days = [(day.day, day.good, day.whole) for day in result.days if day.whole]
    return _figure(
        result,
        good=tuple(leaf(day, good, whole, says="good") for day, good, whole in days if good),
        bad=tuple(leaf(day, whole - good, whole, says="bad") for day, good, whole in days if whole > good),
        left_out=(*_silences(result.unknown, "requests"), *_suspended(result)),
    )


def _slices(result: ObjectiveResult) -> Proof:
    """Every slice, or interval of a mean, that is not wholly good, and the rest, which is."""
    counted = [each for each in result.slices if not _stays_out(result, each)]
    shares = [(each, _good_part(each, result.unit)) for each in counted]
    partly = tuple(_slice(each, share, result.unit) for each, share in shares if share)
    return _figure(
        result,
        good=(*_wholly_good(result, result.good - sum(each.amount for each in partly)), *partly),
        bad=tuple(_slice(each, _one(result.unit) - share, result.unit) for each, share in shares if share < _one(result.unit)),
        left_out=(
            *(_slice(each, 0, result.unit) for each in result.slices if _stays_out(result, each)),
            *_silences(result.unknown, result.unit),
            *_suspended(result),
        ),
    )


def _wholly_good(result: ObjectiveResult, amount: int) -> tuple[Proof, ...]:
    rest = complement(union((*(each.interval for each in result.slices), *result.suspended)), result.interval)
    rests_on = (Basis(says="requests", spans=rest),)
    return (Proof(label="Wholly good", amount=amount, unit=result.unit, rests_on=rests_on),) if amount else ()


def _stays_out(result: ObjectiveResult, each: SliceResult) -> bool:
    indicator = result.objective.indicator
    accounted = isinstance(indicator, IntervalMean | TimeSlices) and indicator.empty in {"exclude", "undetermined"}
    return accounted and each.cause == "empty"


def _one(unit: Unit) -> int:
    return _INTERVAL if unit == "10^-18 intervals" else 1


def _good_part(each: SliceResult, unit: Unit) -> int:
    return each.share if unit == "10^-18 intervals" else int(not each.bad)


def _slice(each: SliceResult, amount: int, unit: Unit) -> Proof:
    found = f"{each.total - each.good} of {each.total} requests failed" if each.cause == "errors" else f"{each.total} requests"
    tolerated = "" if each.bad or unit != "slices" else "too few in a row to count"
    return Proof(
        label={"errors": "Errors", "latency": "Too slow", "empty": "No request"}.get(each.cause, each.cause),
        amount=amount,
        unit=unit,
        note=_joined(found if each.total else "", tolerated),
        interval=each.interval,
        rests_on=(Basis(says="requests" if each.total else "silence", spans=(each.interval,)),),
    )


def _tickets(result: ObjectiveResult) -> Proof:
    def those(verdict: TicketVerdict) -> tuple[Proof, ...]:
        return tuple(_ticket(each) for each in result.tickets if each.verdict is verdict)

    left_out = (*those(TicketVerdict.OPEN), *those(TicketVerdict.EXCLUDED), *_suspended(result))
    return _figure(result, good=those(TicketVerdict.MET), bad=those(TicketVerdict.MISSED), left_out=left_out)


def _ticket(ticket: TicketResult) -> Proof:
    resolved = f"resolved {instant_text(ticket.resolved_at)}" if ticket.resolved_at is not None else "not resolved"
    hours = f" in the hours of {ticket.clock}" if ticket.clock else " around the clock"
    counted = f"{_minutes(ticket.counted_us)} of {_minutes(ticket.allowed_us)}{hours}" if ticket.allowed_us else ""
    return Proof(
        label=f"Ticket {ticket.ticket}, {ticket.verdict}",
        amount=int(ticket.verdict in {TicketVerdict.MET, TicketVerdict.MISSED}),
        unit="tickets",
        note=_joined(
            ticket.priority and f"priority {ticket.priority}",
            f"opened {instant_text(ticket.opened_at)}",
            f"due {instant_text(ticket.due_at)}",
            resolved,
            counted,
            ticket.excluded_by,
        ),
        refs=(f"ticket:{ticket.ticket}",),
        rests_on=(Basis(says="ticket", ticket=ticket.ticket),),
    )


def _verdicts(result: ObjectiveResult, members: Sequence[ObjectiveResult]) -> Proof:
    indicator = result.objective.indicator
    assert isinstance(indicator, Composite), "only a composite counts objectives"
    weights = dict(zip(indicator.of, indicator.weights or (1,) * len(indicator.of), strict=True))
    told = [(member.verdict, _member(member, weights[member.objective.id])) for member in members if member.objective.id in weights]
    return _figure(
        result,
        good=tuple(leaf for verdict, leaf in told if verdict is Verdict.MET),
        bad=tuple(leaf for verdict, leaf in told if verdict is Verdict.BREACHED),
        left_out=tuple(leaf for verdict, leaf in told if verdict in {Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE}),
    )


def _member(member: ObjectiveResult, weight: int) -> Proof:
    figure = f"{floored_percent(member.attainment, decimals=6)} %" if member.attainment is not None else "nothing was eligible"
    return Proof(
        label=f"{member.objective.name}, {member.verdict}",
        amount=weight,
        unit="objectives",
        note=_joined(figure, f"weight {weight}" if weight != 1 else ""),
        interval=member.interval,
        refs=(f"objective:{member.objective.id}",),
    )


def _figure(result: ObjectiveResult, *, good: tuple[Proof, ...], bad: tuple[Proof, ...], left_out: tuple[Proof, ...]) -> Proof:
    """The root. Every figure's proof has the same first level."""
    attained = f"{floored_percent(result.attainment, decimals=6)} % good" if result.attainment is not None else "nothing was eligible"
    percentile = f"percentile {_decimal(result.percentile_us, 3)} ms" if result.percentile_us is not None else ""
    aside = Proof(label=LEFT_OUT, amount=0, unit=result.unit, children=tuple(_beside(each) for each in left_out))
    children = (
        Proof(label=GOOD, amount=result.good, unit=result.unit, children=good),
        Proof(label=BAD, amount=result.whole - result.good, unit=result.unit, children=bad),
        *((aside,) if left_out else ()),
    )
    return Proof(
        label=result.objective.name,
        amount=result.whole,
        unit=result.unit,
        note=_joined(attained, percentile, _pooled(result)),
        interval=result.interval,
        refs=(f"objective:{result.objective.id}",),
        children=children,
    )


def _beside(proof: Proof) -> Proof:
    """The same, and all below it, counting nothing; the note tells how much it is."""
    amount = told_amount(proof.amount, proof.unit) if proof.amount else ""
    return replace(proof, amount=0, note=_joined(amount, proof.note), children=tuple(_beside(child) for child in proof.children))


def _parts(total: int, leaves: tuple[Proof, ...]) -> tuple[Proof, ...]:
    """The leaves where they add up; else they overlap or are cut by something else, and stand beside their total."""
    if sum(leaf.amount for leaf in leaves) == total:
        return leaves
    together = Proof(label="Together, each instant once", amount=total, unit="us")
    return (together, *(_beside(leaf) for leaf in leaves))


def _silences(unknown: Spans, unit: Unit) -> tuple[Proof, ...]:
    return tuple(
        Proof(
            label="Unknown",
            amount=0,
            unit=unit,
            interval=span,
            note=_minutes(span.length),
            rests_on=(Basis(says="silence", spans=(span,)),),
        )
        for span in unknown
    )


def _suspended(result: ObjectiveResult) -> tuple[Proof, ...]:
    """Of a figure that is not of time."""
    spans = result.suspended
    return tuple(Proof(label=_SUSPENDED, amount=0, unit=result.unit, interval=span, note=_minutes(span.length)) for span in spans)


def _time(
    label: str,
    amount: int,
    *,
    interval: Interval | None = None,
    note: str = "",
    refs: tuple[str, ...] = (),
    children: tuple[Proof, ...] = (),
    rests_on: tuple[Basis, ...] = (),
) -> Proof:
    return Proof(label=label, amount=amount, unit="us", note=note, interval=interval, refs=refs, children=children, rests_on=rests_on)


def _pooled(result: ObjectiveResult) -> str:
    return f"component time, {result.scale} times the elapsed" if result.scale != 1 else ""


def _ground(window: Maintenance) -> str:
    ground = window.ground
    approved = f"approved by {' and '.join(window.approved_by)}" if window.approved_by else ""
    return _joined(ground.id if ground else "", f"clause {ground.clause}" if ground and ground.clause else "", approved)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _minutes(us: int) -> str:
    """Exact: in minutes where their decimals end, else with seconds."""
    if us * 10_000 % MINUTE == 0:
        return f"{_decimal(us * 10_000 // MINUTE, 4)} min"
    minutes, rest = divmod(us, MINUTE)
    seconds = f"{_decimal(rest, 6)} s"
    return f"{minutes} min {seconds}" if minutes else seconds


def _decimal(units: int, decimals: int) -> str:
    """A count of 10^-decimals, without the zeros at its end."""
    text = plain_decimal(units, decimals=decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text
