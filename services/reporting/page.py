"""What the portal's pages show, ready for the templates: figures beside their charts and words. Pure; fetches and judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from services.reporting import chart
from services.reporting.chart import DayCell, Mark, Point
from services.reporting.material import Agreement, Assessment, Day, EarlyWarning, Improvement, ObjectiveResult, ObjectiveTerms
from services.reporting.promise import promise_in_words
from services.reporting.report import (
    Budget,
    ImprovementPart,
    MaintenanceAccounting,
    ObjectivePart,
    PeriodPart,
    Report,
    SinceThen,
    budget_of,
    improvement_part,
)
from services.reporting.words import (
    Standing,
    amount,
    component_length,
    moment,
    money,
    period_title,
    period_word,
    roughly,
    short_day,
    short_period,
    standing,
    unit_name,
    verdict_in_words,
    word_of,
)
from services.vocabulary.period import Interval, days_between, parse_instant, parse_zone
from services.vocabulary.ratio import parse_percent

_DAYS_IN_A_ROW = 16
_EXCLUSIONS: dict[MaintenanceAccounting, str] = {
    "exclude": "Excluded from both sides",
    "up": "Agreed maintenance, counted as up",
    "down": "Agreed maintenance, counted as any other time",
}
_STEPS = ("opened", "analysed", "planned", "approved", "implemented", "effective")


@dataclass(frozen=True, kw_only=True)
class BudgetView:
    """The error budget in words, and as a gauge where anything is allowed at all."""

    sentence: str
    spent_percent: str
    gauge: str


@dataclass(frozen=True, kw_only=True)
class ObjectiveView:
    """One objective of a report with its charts; `of_time` says whether days are made of time or of counts.

    `came_to` is what the percentage does not say, `exclusions` what became of agreed maintenance.
    """

    key: str
    part: ObjectivePart
    standing: Standing
    previous: Standing | None
    figure_percent: str
    came_to: str
    exclusions: str
    line: str
    budget: BudgetView | None
    strips: tuple[str, ...]
    of_time: bool
    days_in_words: str
    change: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of an improvement's way; exactly one is the present one."""

    name: str
    done: bool
    present: bool


@dataclass(frozen=True, kw_only=True)
class ImprovementView:
    """An improvement with its way so far and, once measured, its effect."""

    part: ImprovementPart
    steps: tuple[Step, ...]
    effect: str
    verdict: Standing | None


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """A whole report page; `word` is what people call such a period."""

    report: Report
    period: str
    word: str
    headline: str
    tone: str
    objectives: tuple[ObjectiveView, ...]
    improvements: tuple[ImprovementView, ...]
    since: tuple[ImprovementView, ...]
    newer_revision: int | None


@dataclass(frozen=True, kw_only=True)
class CardLine:
    """One objective on an agreement's card: the latest closed period and the running one, never mixed."""

    name: str
    comparison: str
    target_percent: str
    promise: str
    closed: Standing | None
    closed_percent: str
    running: Standing | None
    to_date_percent: str
    budget: BudgetView | None


@dataclass(frozen=True, kw_only=True)
class Card:
    """An agreement at a glance; `word` is what people call its periods."""

    agreement: Agreement
    status: str
    provider: str
    customer: str
    word: str
    closed_period: str
    running_period: str
    reachable: bool
    lines: tuple[CardLine, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """An issued report in a list; `credit` is empty where the terms know none."""

    period: str
    revision: int
    issued_at: str
    issued: str
    credit: str


@dataclass(frozen=True, kw_only=True)
class TrendView:
    """An objective over the periods, as a chart and as the rows of a table."""

    name: str
    svg: str
    rows: tuple[tuple[str, str, str, Standing], ...]


def report_view(report: Report, since: SinceThen | None) -> ReportView:
    """The page of one report; `since` only where something is to be told that the report itself does not hold."""
    return ReportView(
        report=report,
        period=period_title(report.period.period),
        word=period_word(report.period.period),
        headline=_headline(report),
        tone=_tone(report),
        objectives=tuple(_objective(part, report.period, key=f"o{index}") for index, part in enumerate(report.objectives)),
        improvements=tuple(_improvement(part, key=f"i{index}") for index, part in enumerate(report.improvements)),
        since=tuple(_improvement(part, key=f"s{index}") for index, part in enumerate(since.improvements)) if since else (),
        newer_revision=since.newer_revision if since else None,
    )


def card(
    agreement: Agreement,
    *,
    status: str,
    running: Assessment | None,
    reachable: bool,
    latest: Assessment | None,
    warnings: Sequence[EarlyWarning],
    key: str,
) -> Card:
    """Objectives in the order of the newest terms."""
    terms = agreement.newest
    provider, customer = terms.party("provider"), terms.party("customer")
    names = {objective.id: objective.name for objective in terms.objectives}
    return Card(
        agreement=agreement,
        status=status,
        provider=provider.name if provider else "",
        customer=customer.name if customer else "",
        word=word_of(terms.cycle.every),
        closed_period=latest.period if latest else "",
        running_period=running.period if running else "",
        reachable=reachable,
        lines=tuple(
            _card_line(
                objective,
                closed=latest.told_of(objective.id) if latest else None,
                running=running.told_of(objective.id) if running else None,
                key=f"{key}-{index}",
            )
            for index, objective in enumerate(terms.objectives)
        ),
        warnings=tuple(f"{names.get(warning.objective_id, warning.objective_id)}: {_warned(warning)}" for warning in warnings),
    )


def report_row(report: Report, *, issued_at: str) -> ReportRow:
    """What the list of reports tells of one."""
    return ReportRow(
        period=report.period.period,
        revision=report.period.revision,
        issued_at=issued_at,
        issued=moment(issued_at, report.period.zone),
        credit=money(report.credit.amount, report.credit.currency) if report.credit else "",
    )


def improvement_views(improvements: Sequence[Improvement], agreement: Agreement) -> list[ImprovementView]:
    """All improvements of an agreement as they stand now, the latest first."""
    parts = [improvement_part(improvement, agreement.newest) for improvement in improvements]
    return [_improvement(part, key=f"i{index}") for index, part in enumerate(reversed(parts))]


def trends(agreement: Agreement, *, closed: Sequence[Assessment], running: Assessment | None) -> list[TrendView]:
    """Each objective of the newest terms over the periods that have a result, the running one to date."""
    assessed = [*closed, *([running] if running else [])]
    found = []
    for index, objective in enumerate(agreement.newest.objectives):
        results = [(period, result) for period in assessed if (result := period.told_of(objective.id))]
        if results:
            title = f"{objective.name} over the {word_of(agreement.newest.cycle.every)}s"
            found.append(_trend(objective.name, title, results, key=f"t{index}"))
    return found


def _headline(report: Report) -> str:
    judged = _parts_by_objective(report)
    met = sum(all(part.verdict == "met" for part in parts) for parts in judged)
    lost = sum(any(_is_lost(part) for part in parts) for parts in judged)
    if report.period.provisional:
        at_risk = sum(any(_is_at_risk(part) for part in parts) and not any(_is_lost(part) for part in parts) for parts in judged)
        risk = f", {at_risk} {'is' if at_risk == 1 else 'are'} at risk" if at_risk else ""
        return (f"{lost} of {_objectives(len(judged))} can no longer be met" if lost else "Every objective can still be met") + risk
    if not judged:
        return "There was nothing to judge"
    if met == len(judged):
        return "The objective was met" if met == 1 else f"All {met} objectives were met"
    if lost:
        return f"{lost} of {_objectives(len(judged))} {'was' if lost == 1 else 'were'} breached"
    return f"{met} of {_objectives(len(judged))} {'was' if met == 1 else 'were'} met, the others are undetermined"


def _parts_by_objective(report: Report) -> list[list[ObjectivePart]]:
    """What there was to judge; an objective has several parts where an amendment split the period."""
    judged = [part for part in report.objectives if part.verdict != "not-applicable"]
    return [[part for part in judged if part.id == objective_id] for objective_id in dict.fromkeys(part.id for part in judged)]


def _is_lost(part: ObjectivePart) -> bool:
    return part.verdict == "breached" or bool(part.progress and part.progress.lost)


def _is_at_risk(part: ObjectivePart) -> bool:
    return bool(part.progress and part.progress.at_risk)


def _objectives(count: int) -> str:
    return "1 objective" if count == 1 else f"{count} objectives"


def _tone(report: Report) -> str:
    if any(_is_lost(part) for part in report.objectives):
        return "breached"
    if report.period.provisional:
        return "at-risk" if any(_is_at_risk(part) for part in report.objectives) else "on-track"
    return "met" if all(part.verdict in ("met", "not-applicable") for part in report.objectives) else "undetermined"


def _objective(part: ObjectivePart, period: PeriodPart, *, key: str) -> ObjectiveView:
    progress = part.progress
    figure = progress.to_date_percent if progress and progress.to_date_percent else part.attainment_percent
    shown = standing(
        part.verdict,
        running=period.provisional,
        empty=int(part.whole or "0") == 0,
        at_risk=bool(progress and progress.at_risk),
        lost=bool(progress and progress.lost),
    )
    return ObjectiveView(
        key=key,
        part=part,
        standing=shown,
        previous=verdict_in_words(part.previous.verdict) if part.previous else None,
        figure_percent=figure,
        came_to=_came_to(part),
        exclusions=_EXCLUSIONS[part.maintenance],
        line="" if part.unit == "objectives" else _result_line(part, figure, period, key=key),
        budget=_budget_view(part.budget, part, key=f"{key}-b"),
        strips=_strips(part, period, key=key),
        of_time=part.unit == "us",
        days_in_words=_days_in_words(part),
        change=_change(part, figure),
    )


def _came_to(part: ObjectivePart) -> str:
    """What the percentage does not say: the percentile itself, or how much of a composite's weight was met. Else empty."""
    if part.percentile and part.percentile.value_ms:
        return f"p{part.percentile.percentile} = {part.percentile.value_ms} ms"
    if part.unit == "objectives" and int(part.whole or "0"):
        return f"{part.good} of {amount(part.whole, part.unit)} met"
    return ""


def _change(part: ObjectivePart, figure: str) -> str:
    if not part.previous or not part.previous.attainment_percent or not figure:
        return ""
    before, now = Fraction(part.previous.attainment_percent), Fraction(figure)
    if before == now:
        return "unchanged from"
    return "up from" if now > before else "down from"


def _result_line(part: ObjectivePart, figure: str, period: PeriodPart, *, key: str) -> str:
    before, word = part.previous.attainment_percent if part.previous else "", period_word(period.period)
    undetermined = part.verdict == "undetermined" and not period.provisional
    spoken = f"{figure} %" if figure else "no result"
    return chart.result_line(
        key=f"{key}-r",
        title=f"{part.name}: {spoken} against a target of {part.target_percent} %",
        description=f"The {word} before: {before} %." if before else f"There is no {word} before.",
        result=figure,
        target=part.target_percent,
        mark="provisional" if period.provisional else part.verdict,
        lower=part.bounds.lower_percent if undetermined else "",
        upper=part.bounds.upper_percent if undetermined else "",
        previous=before,
    )


def _budget_view(budget: Budget | None, part: ObjectivePart | ObjectiveResult, *, key: str) -> BudgetView | None:
    if budget is None or part.unit == "objectives":
        return None
    sentence = _budget_in_words(budget, part)
    gauge = ""
    if budget.spent_percent:
        title = f"{part.name}: {budget.spent_percent} % of the error budget used"
        gauge = chart.budget_gauge(key=key, title=title, description=sentence, spent_percent=budget.spent_percent)
    return BudgetView(sentence=sentence, spent_percent=budget.spent_percent, gauge=gauge)


def _budget_in_words(budget: Budget, part: ObjectivePart | ObjectiveResult) -> str:
    left = int(budget.left)
    allowed, rest = (amount(count, part.unit, scale=part.scale) for count in (budget.allowed, budget.left))
    return f"{rest} beyond the {allowed} allowed" if left < 0 else f"{rest} left of {allowed}"


def _strips(part: ObjectivePart, period: PeriodPart, *, key: str) -> tuple[str, ...]:
    if not part.days:
        return ()
    told = {day.day: day for day in part.days}
    until = parse_instant(period.measured_until, place="measured_until")
    closed = [Interval(parse_instant(span.start, place="start"), parse_instant(span.end, place="end")) for span in part.outside]
    cells = [
        _cell(day, told.get(day.isoformat()), Interval(whole.start, max(min(whole.end, until), whole.start)), closed, part)
        for day, whole in days_between(
            Interval(parse_instant(period.start, place="start"), parse_instant(period.end, place="end")), parse_zone(period.zone)
        )
    ]
    rows = [cells[first : first + _DAYS_IN_A_ROW] for first in range(0, len(cells), _DAYS_IN_A_ROW)]
    return tuple(
        chart.day_strip(
            key=f"{key}-d{index}",
            title=f"{part.name}, {row[0].told.split(':')[0]} to {row[-1].told.split(':')[0]}",
            description=_days_in_words(part),
            cells=row,
        )
        for index, row in enumerate(rows)
    )


def _cell(day: date, told: Day | None, measured: Interval, closed: Sequence[Interval], part: ObjectivePart) -> DayCell:
    """Shares are of the day's measured time within the service hours."""
    name = short_day(day.isoformat())
    if told is None or measured.length <= 0:
        return DayCell(label=str(day.day), told=f"{name}: not measured", empty=True)
    if part.unit != "us":
        return _counted_cell(day, told, part)
    open_us = (measured.length - sum(_common(measured, span) for span in closed)) * part.scale
    if open_us <= 0:
        return DayCell(label=str(day.day), told=f"{name}: outside the service hours", empty=True)
    parts = [
        f"{component_length(duration, part.scale)} {what}"
        for duration, what in ((told.down_us, "down"), (told.excluded_us, "excluded"), (told.unknown_us, "unknown"))
        if duration
    ]
    return DayCell(
        label=str(day.day),
        told=f"{name}: {', '.join(parts) or 'no downtime'}",
        down=_thousandths(told.down_us, open_us),
        excluded=_thousandths(told.excluded_us, open_us),
        unknown=_thousandths(told.unknown_us, open_us),
    )


def _common(one: Interval, other: Interval) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _thousandths(duration_us: int, of_us: int) -> int:
    return min(1000, max(1, duration_us * 1000 // of_us)) if duration_us else 0


def _counted_cell(day: date, told: Day, part: ObjectivePart) -> DayCell:
    name = short_day(day.isoformat())
    if int(told.whole or "0") == 0:
        return DayCell(label=str(day.day), told=f"{name}: no {unit_name(part.unit)}", empty=True)
    below = _is_below(told, part)
    said = f"{name}: {told.percent} % of {amount(told.whole, part.unit)}{', below the target' if below else ''}"
    return DayCell(label=str(day.day), told=said, down=1000 if below else 0)


def _is_below(day: Day, part: ObjectivePart) -> bool:
    share, target = Fraction(int(day.good), int(day.whole)), parse_percent(part.target_percent, place="target")
    return share < target or (share == target and part.comparison == ">")


def _days_in_words(part: ObjectivePart) -> str:
    if part.unit != "us":
        counted = [day for day in part.days if int(day.whole or "0")]
        below = [day for day in counted if _is_below(day, part)]
        listed = f": {', '.join(short_day(day.day) for day in below)}" if below else ""
        return f"{_days(len(counted))} with {unit_name(part.unit)}, {len(below) or 'none'} of them below the target{listed}."
    said = []
    for what, found in (
        ("downtime", [(day.day, day.down_us) for day in part.days if day.down_us]),
        ("excluded time", [(day.day, day.excluded_us) for day in part.days if day.excluded_us]),
        ("unknown time", [(day.day, day.unknown_us) for day in part.days if day.unknown_us]),
    ):
        if found:
            listed = ", ".join(f"{short_day(day)} {component_length(duration, part.scale)}" for day, duration in found)
            said.append(f"{_days(len(found))} with {what}: {listed}.")
    return " ".join(said) or f"{_days(len(part.days))} without downtime."


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _improvement(part: ImprovementPart, *, key: str) -> ImprovementView:
    effect = ""
    if part.before and part.after and part.before.percent and part.after.percent and part.target_percent:
        effect = chart.before_after(
            key=f"{key}-e",
            title=f"{part.objective}: before {part.before.percent} %, after {part.after.percent} %",
            description=f"The bars show what was lost; the target of {part.target_percent} % allows what lies left of the line.",
            before=part.before.percent,
            after=part.after.percent,
            target=part.target_percent,
        )
    verdicts = {"effective": Standing(kind="met", word="Effective"), "not-effective": Standing(kind="breached", word="Not effective")}
    return ImprovementView(part=part, steps=_steps(part.status), effect=effect, verdict=verdicts.get(part.verdict))


def _steps(status: str) -> tuple[Step, ...]:
    reached = _STEPS.index(status) if status in _STEPS else len(_STEPS) - 1
    names = (*_STEPS[:-1], "reopened" if status == "reopened" else "proved effective")
    return tuple(Step(name=name, done=index <= reached, present=index == reached) for index, name in enumerate(names))


def _card_line(objective: ObjectiveTerms, *, closed: ObjectiveResult | None, running: ObjectiveResult | None, key: str) -> CardLine:
    progress = running.progress if running else None
    return CardLine(
        name=objective.name,
        comparison=objective.comparison,
        target_percent=objective.target_percent,
        promise=promise_in_words(objective),
        closed=verdict_in_words(closed.verdict) if closed else None,
        closed_percent=closed.attainment_percent if closed else "",
        running=_running(running) if running else None,
        to_date_percent=(progress.to_date_percent if progress else "") or (running.attainment_percent if running else ""),
        budget=_budget_view(budget_of(running), running, key=key) if running else None,
    )


def _running(result: ObjectiveResult) -> Standing:
    progress = result.progress
    return standing(
        result.verdict,
        running=True,
        empty=int(result.whole or "0") == 0,
        at_risk=bool(progress and progress.at_risk),
        lost=bool(progress and progress.lost),
    )


def _warned(warning: EarlyWarning) -> str:
    spent = roughly(warning.budget_spent_percent)
    return f"{spent} % of the error budget is spent" if spent else "the error budget runs low"


def _trend(name: str, title: str, results: Sequence[tuple[Assessment, ObjectiveResult]], *, key: str) -> TrendView:
    points, rows = [], []
    for period, result in results:
        shown = verdict_in_words(result.verdict) if period.closed else _running(result)
        percent = result.attainment_percent if period.closed or not result.progress else result.progress.to_date_percent
        mark: Mark = result.verdict if period.closed else "provisional"
        points.append(Point(label=short_period(period.period), percent=percent, target=result.target_percent, mark=mark))
        label = period_title(period.period) if period.closed else f"{period_title(period.period)}, to date"
        rows.append((label, result.target_percent, percent, shown))
    spoken = "; ".join(f"{label}: {percent or 'no result'}{' %' if percent else ''} ({shown.word})" for label, _, percent, shown in rows)
    svg = chart.trend(key=key, title=title, description=spoken, points=points)
    return TrendView(name=name, svg=svg, rows=tuple(rows))
