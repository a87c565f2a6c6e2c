"""The report on one agreement and period: derived from what the other services told. Pure; measures nothing anew, asks nobody.

A closed period's figures are copied as they were judged. Only what follows from them by subtraction (budget left, difference to the
previous revision) and the words around them are made here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from services.reporting.material import (
    Agreement,
    Assessment,
    Availability,
    Breach,
    CreditLine,
    CreditResult,
    Day,
    EarlyWarning,
    Improvement,
    ObjectiveResult,
    ObjectiveTerms,
    Party,
    PeriodResult,
    Plan,
    ResponseTime,
    ServiceTerms,
    Slice,
    Span,
    Terms,
    Ticket,
    Unit,
    Verdict,
    time_of,
)
from services.reporting.promise import cost_in_words, indicator_in_words, minimum_in_words, promise_in_words
from services.reporting.words import day_name, money, period_word
from services.vocabulary.errors import NotFound, Unavailable
from services.vocabulary.period import (
    MINUTE,
    CivilPeriod,
    Cycle,
    Instant,
    Period,
    day_of,
    parse_day,
    parse_instant,
    parse_period,
    parse_zone,
)
from services.vocabulary.ratio import floored_percent, parse_exact, parse_percent, plain_decimal, trimmed_percent

SCHEMA = "upheld.report.v1"
MOST_SLICES = 20
"""A report lists so many bad intervals or slices and counts the rest; the assessment has them all."""
MaintenanceAccounting = Literal["exclude", "up", "down"]
_MAINTENANCE: dict[str, MaintenanceAccounting] = {"up": "up", "down": "down"}


class ReportNotFound(NotFound):
    """No report on that agreement and period, or none that this caller may know of."""

    code = "report-not-found"

    def __init__(self, agreement_id: str, period: str = "", revision: int | None = None) -> None:
        of = f" for {period}" if period else ""
        at = f", revision {revision}" if revision is not None else ""
        super().__init__(f"there is no report on agreement {agreement_id}{of}{at}")


class ReportBeingIssued(Unavailable):
    """The period is closed and its report is about to be issued: a repeat finds it."""

    code = "report-being-issued"

    def __init__(self, period: str) -> None:
        super().__init__(f"{period} has just been closed and its report is being issued")


@dataclass(frozen=True, kw_only=True)
class TermsVersion:
    """Which signed terms judged the period."""

    number: int
    effective_on: str
    recorded_at: str


@dataclass(frozen=True, kw_only=True)
class AgreementPart:
    """Between whom, and what each side has to do."""

    id: str
    title: str
    status: str
    parties: tuple[Party, ...]
    terms_versions: tuple[TermsVersion, ...]


@dataclass(frozen=True, kw_only=True)
class ObjectiveDifference:
    """What a restatement changed for one objective."""

    objective_id: str
    name: str
    percent_before: str
    percent_after: str
    verdict_before: str
    verdict_after: str


@dataclass(frozen=True, kw_only=True)
class RestatementPart:
    """Why this revision replaces an earlier one; the earlier one stays readable."""

    cause: str
    previous_revision: int
    credit_difference: str
    objectives: tuple[ObjectiveDifference, ...]


@dataclass(frozen=True, kw_only=True)
class PeriodPart:
    """The period, `[start, end)`; `revision` is 0 and `provisional` true while it is not closed."""

    period: str
    start: str
    end: str
    zone: str
    measured_until: str
    closed: bool
    provisional: bool
    revision: int
    previous_period: str
    restatement: RestatementPart | None


@dataclass(frozen=True, kw_only=True)
class ServicePart:
    """The service that an objective is about."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Between what and what the figure lies, whatever the unknown part was."""

    lower_percent: str
    upper_percent: str
    lower: str
    upper: str


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the target allows to be bad, in the objective's unit, floored; `spent_percent` is empty where nothing is allowed."""

    allowed: str
    used: str
    left: str
    spent_percent: str


@dataclass(frozen=True, kw_only=True)
class ProgressPart:
    """A running period: over the time that has passed, and over the whole of it if nothing else fails."""

    to_date_percent: str
    if_nothing_else_fails_percent: str
    at_risk: bool
    lost: bool


@dataclass(frozen=True, kw_only=True)
class PreviousPart:
    """The same objective in the period before."""

    period: str
    attainment_percent: str
    target_percent: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class SpanPart:
    """A stretch of time `[start, end)`; `minutes` a decimal text, floored to three decimals."""

    start: str
    end: str
    minutes: str
    components: tuple[str, ...]
    cause: str


@dataclass(frozen=True, kw_only=True)
class SlicePart:
    """An interval or slice `[start, end)` that was not wholly good, with its requests; `bad` false where it still counts as good."""

    start: str
    end: str
    good: str
    total: str
    bad: bool
    cause: str


@dataclass(frozen=True, kw_only=True)
class PercentilePart:
    """A promise about a percentile: what it came to and what it may be at most, in decimal milliseconds; empty where nothing came."""

    percentile: str
    value_ms: str
    threshold_ms: str


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The days, both inclusive, that one version of the terms judged when an amendment took effect inside the period."""

    from_day: str
    to_day: str


@dataclass(frozen=True, kw_only=True)
class ObjectivePart:
    """One objective: promised, kept, and by how much. Empty percentages: nothing was eligible.

    `segment` is None unless an amendment split the period; then each part is judged by its own terms. `promise` is what it must come to
    where a target percentage does not say it. Where `scale` is more than 1, times are those of several components together. `slices` are
    the worst intervals, or the first bad slices, in the order of time, beside `slices_more` others. `maintenance` is what became of
    the exclusions. `needed` is what would settle a verdict that is open.
    """

    id: str
    name: str
    segment: Segment | None
    service: ServicePart
    indicator: str
    indicator_in_words: str
    comparison: str
    target_percent: str
    decimals: int
    attainment_percent: str
    attainment: str
    verdict: Verdict
    bounds: Bounds
    coverage_percent: str
    coverage: str
    good: str
    whole: str
    unit: Unit
    previous: PreviousPart | None
    credit_percent: str
    budget: Budget | None
    progress: ProgressPart | None
    days: tuple[Day, ...]
    outages: tuple[SpanPart, ...]
    exclusions: tuple[SpanPart, ...]
    unknown: tuple[SpanPart, ...]
    tickets_missed: tuple[Ticket, ...]
    promise: str = ""
    clause: str = ""
    scale: int = 1
    percentile: PercentilePart | None = None
    maintenance: MaintenanceAccounting = "exclude"
    ignored: tuple[SpanPart, ...] = ()
    outside: tuple[SpanPart, ...] = ()
    slices: tuple[SlicePart, ...] = ()
    slices_more: int = 0
    needed: str = ""


@dataclass(frozen=True, kw_only=True)
class CreditLinePart:
    """What one objective cost by one version of the terms: `agreed` is the rule in words, `rule` what of it applied.

    `percent` is of the charge, before combining, cap and pro rata; `share_of_period` is the exact share of the period it stands for.
    """

    objective_id: str
    objective: str
    terms_version: int
    clause: str
    percent: str
    agreed: str
    rule: str
    share_of_period: str


@dataclass(frozen=True, kw_only=True)
class CreditPart:
    """What the provider owes for the period, and how that comes about.

    `period_charge` is what the percentages are of: the monthly charge times the months of the period; empty in reports of before.
    `calculated` is the amount before the yearly cap and the agreed minimum, empty in reports of before; not `paid`: nothing is above
    that minimum. `claim_until` is the last civil day on which it can be claimed, empty without a limit.
    """

    percent: str
    amount: str
    currency: str
    monthly_charge: str
    capped: bool
    explanation: str
    lines: tuple[CreditLinePart, ...] = ()
    paid: bool = True
    calculated: str = ""
    claim_until: str = ""
    yearly_capped: bool = False
    period_charge: str = ""


@dataclass(frozen=True, kw_only=True)
class BreachPart:
    """A breach told in this period; `stands` says whether this revision still finds it."""

    breach_id: str
    objective_id: str
    objective: str
    recorded_at: str
    trace_id: str
    stands: bool


@dataclass(frozen=True, kw_only=True)
class WarningPart:
    """An early warning that was given while the period ran."""

    objective_id: str
    objective: str
    recorded_at: str
    budget_spent_percent: str


@dataclass(frozen=True, kw_only=True)
class MeasuredSpan:
    """An objective's result over a span of its own."""

    start: str
    end: str
    percent: str


@dataclass(frozen=True, kw_only=True)
class ImprovementPart:
    """What is being done about a breach; `before` and `after` are there once the effect was measured, with its `verdict`."""

    id: str
    breach_id: str
    objective_id: str
    objective: str
    period: str
    status: str
    version: int
    findings: tuple[str, ...]
    recommendation: str
    plan: Plan | None
    approved_by: str
    approved_at: str
    implemented_on: str
    before: MeasuredSpan | None
    after: MeasuredSpan | None
    target_percent: str
    verdict: str
    reason: str
    verified_at: str
    changed_at: str


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """Measurement's signed log when the report was issued: what closed the period is in it. `root` is base64, `key` a verifier key."""

    name: str
    size: int
    root: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the figures come from and how anybody can make them again. `log` is None where no checkpoint was known in time."""

    calculator_version: str
    tz_database: str = ""
    assessed_at: str
    known_at: str
    terms_versions: tuple[int, ...]
    command: str
    assessment_path: str
    history_path: str
    report_path: str
    log: LogPart | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report; `document` is its only outward form."""

    schema: str
    agreement: AgreementPart
    period: PeriodPart
    objectives: tuple[ObjectivePart, ...]
    credit: CreditPart | None
    breaches: tuple[BreachPart, ...]
    warnings: tuple[WarningPart, ...]
    improvements: tuple[ImprovementPart, ...]
    provenance: Provenance


@dataclass(frozen=True, kw_only=True)
class SinceThen:
    """What changed after a report was issued: never part of it, always shown apart. `newer_revision` is None while it is the newest."""

    as_of: str
    newer_revision: int | None
    improvements: tuple[ImprovementPart, ...]


def report(
    *,
    agreement: Agreement,
    result: PeriodResult,
    previous: Assessment | None,
    breaches: Sequence[Breach],
    warnings: Sequence[EarlyWarning],
    improvements: Sequence[Improvement],
    known_at: str,
) -> Report:
    """The same material gives the same report. `known_at` is when it was put together, `previous` the newest result of the one before."""
    assessment = result.assessment
    judged_by = agreement.judged_by(assessment.terms_versions)
    terms = judged_by[-1]
    return Report(
        schema=SCHEMA,
        agreement=_agreement(agreement, judged_by),
        period=_period(result, agreement),
        objectives=tuple(
            _objective(result, assessment=assessment, terms=_terms_of(result, judged_by), previous=previous)
            for result in assessment.objectives
        ),
        credit=_credit(assessment, assessment.credit, judged_by) if assessment.credit else None,
        breaches=tuple(_breach(breach, assessment, terms) for breach in sorted(breaches, key=lambda b: (b.recorded_at, b.breach_id))),
        warnings=tuple(_warning(warning, terms) for warning in sorted(warnings, key=lambda w: (w.recorded_at, w.objective_id))),
        improvements=tuple(improvement_part(improvement, terms) for improvement in _bearing_on(assessment, improvements)),
        provenance=_provenance(assessment, known_at=known_at),
    )


def sealed(of: Report, log: LogPart | None) -> Report:
    """The same report, naming the log that its figures are in."""
    return replace(of, provenance=replace(of.provenance, log=log))


def document(of: Report) -> bytes:
    """The report as JSON: the same report gives the same bytes."""
    return json.dumps(asdict(of), ensure_ascii=False, separators=(",", ":")).encode()


def since(issued: Report, *, agreement: Agreement, improvements: Sequence[Improvement], newest_revision: int, as_of: str) -> SinceThen:
    """What became of this period's breaches and of the improvements named in the report after it was issued."""
    told = {improvement.id: improvement.version for improvement in issued.improvements}
    changed = [
        improvement
        for improvement in sorted(improvements, key=lambda i: (time_of(i.period), i.id))
        if improvement.version > told.get(improvement.id, 0) and (improvement.id in told or improvement.period == issued.period.period)
    ]
    return SinceThen(
        as_of=as_of,
        newer_revision=newest_revision if newest_revision > issued.period.revision else None,
        improvements=tuple(improvement_part(improvement, agreement.newest) for improvement in changed),
    )


def has_run(agreement: Agreement, period: Period, *, now: str) -> bool:
    """Whether it is a period of the agreement that has begun, and the agreement was in force on one of its days: nothing else can be
    reported on. Rolling days are a period only once the day they end with has begun."""
    today = day_of(parse_instant(now, place="now"), parse_zone(agreement.newest.zone))
    first_day, told_last = agreement.first_day, agreement.last_day or agreement.newest.ends_on
    if not any(terms.cycle.has(period, term_begins=first_day) for terms in agreement.versions):
        return False
    rolling = isinstance(period, CivilPeriod) and period.every == "rolling"
    begins = period.day_after - timedelta(days=1) if rolling else period.first_day
    is_within = first_day < period.day_after and (not told_last or period.first_day <= parse_day(told_last, place="last_day"))
    return max(begins, first_day) <= today and is_within


def before(agreement: Agreement, period: Period) -> Period:
    """The period before, of the same kind; a contract year by the agreement's own anniversaries."""
    if isinstance(period, CivilPeriod) and period.every == "contract-year":
        return Cycle(period.every).period_on(period.first_day - timedelta(days=1), term_begins=agreement.first_day)
    return period.previous


def is_fully_told(agreement: Agreement, assessment: Assessment, breaches: Sequence[Breach]) -> bool:
    """Whether everything this result rests on has arrived: its terms, and the breach of every objective it finds breached."""
    told = {breach.objective_id for breach in breaches}
    breached = {result.objective_id for result in assessment.objectives if result.verdict == "breached"}
    return agreement.knows(assessment.terms_versions) and breached <= told


def minutes_text(duration_us: int) -> str:
    """Minutes as a plain decimal, floored to three decimals: 89 s is "1.483"."""
    text = plain_decimal(duration_us * 1000 // MINUTE, decimals=3)
    return text.rstrip("0").rstrip(".")


def _agreement(agreement: Agreement, judged_by: tuple[Terms, ...]) -> AgreementPart:
    terms = judged_by[-1]
    return AgreementPart(
        id=agreement.id,
        title=terms.title,
        status=agreement.status,
        parties=terms.parties,
        terms_versions=tuple(
            TermsVersion(number=version.number, effective_on=version.effective_on, recorded_at=version.recorded_at) for version in judged_by
        ),
    )


def _period(result: PeriodResult, agreement: Agreement) -> PeriodPart:
    assessment = result.assessment
    return PeriodPart(
        period=assessment.period,
        start=assessment.start,
        end=assessment.end,
        zone=assessment.zone,
        measured_until=assessment.measured_until,
        closed=assessment.closed,
        provisional=not assessment.closed,
        revision=assessment.revision,
        previous_period=str(before(agreement, parse_period(assessment.period, place="period"))),
        restatement=_restatement(result),
    )


def _restatement(result: PeriodResult) -> RestatementPart | None:
    if result.restatement is None:
        return None
    before = result.restatement.previous
    return RestatementPart(
        cause=result.restatement.cause,
        previous_revision=before.revision,
        credit_difference=result.restatement.credit_difference,
        objectives=tuple(
            _difference(then, now)
            for objective_id in dict.fromkeys(now.objective_id for now in result.assessment.objectives)
            for then, now in zip(before.segments(objective_id), result.assessment.segments(objective_id), strict=False)
            if (then.attainment, then.verdict) != (now.attainment, now.verdict)
        ),
    )


def _difference(then: ObjectiveResult, now: ObjectiveResult) -> ObjectiveDifference:
    return ObjectiveDifference(
        objective_id=now.objective_id,
        name=now.name,
        percent_before=then.attainment_percent,
        percent_after=now.attainment_percent,
        verdict_before=then.verdict,
        verdict_after=now.verdict,
    )


def _objective(result: ObjectiveResult, *, assessment: Assessment, terms: Terms, previous: Assessment | None) -> ObjectivePart:
    service = terms.service(result.service) or ServiceTerms(id=result.service, name=result.service)
    agreed = terms.objective(result.objective_id)
    before = previous.told_of(result.objective_id) if previous else None
    return ObjectivePart(
        id=result.objective_id,
        name=result.name,
        segment=_segment(result, assessment.zone) if len(assessment.segments(result.objective_id)) > 1 else None,
        service=ServicePart(id=service.id, name=service.name),
        indicator=result.indicator,
        indicator_in_words=indicator_in_words(agreed.indicator, service, terms) if agreed else "",
        comparison=result.comparison,
        target_percent=result.target_percent,
        decimals=result.decimals,
        attainment_percent=result.attainment_percent,
        attainment=result.attainment,
        verdict=result.verdict,
        bounds=Bounds(lower_percent=result.lower_percent, upper_percent=result.upper_percent, lower=result.lower, upper=result.upper),
        coverage_percent=result.coverage_percent,
        coverage=result.coverage,
        good=result.good,
        whole=result.whole,
        unit=result.unit,
        previous=_previous(previous, before) if previous and before else None,
        credit_percent=result.credit_percent,
        budget=budget_of(result),
        progress=None if assessment.closed else _progress(result),
        days=result.days,
        outages=tuple(_span(span) for span in result.outages),
        exclusions=tuple(_span(span) for span in result.exclusions),
        unknown=tuple(_span(span) for span in result.unknown),
        tickets_missed=tuple(ticket for ticket in result.tickets if ticket.verdict == "missed"),
        promise=promise_in_words(agreed) if agreed else "",
        clause=result.clause,
        scale=result.scale,
        percentile=_percentile(result, agreed),
        maintenance=_maintenance(agreed),
        ignored=tuple(_span(span) for span in result.ignored),
        outside=tuple(_span(span) for span in result.outside),
        slices=_slices(result),
        slices_more=max(0, len(result.slices) - MOST_SLICES),
        needed=result.needed,
    )


def _percentile(result: ObjectiveResult, agreed: ObjectiveTerms | None) -> PercentilePart | None:
    if agreed is None or not isinstance(agreed.indicator, ResponseTime) or not agreed.indicator.percentile:
        return None
    return PercentilePart(percentile=agreed.indicator.percentile, value_ms=result.percentile_ms, threshold_ms=agreed.indicator.threshold_ms)


def _maintenance(agreed: ObjectiveTerms | None) -> MaintenanceAccounting:
    if agreed is None or not isinstance(agreed.indicator, Availability):
        return "exclude"
    return _MAINTENANCE.get(agreed.indicator.maintenance, "exclude")


def _slices(result: ObjectiveResult) -> tuple[SlicePart, ...]:
    """Of intervals those that lost most, of slices the bad ones before those in too short a run."""
    by_loss = result.unit == "10^-18 intervals"
    worst = sorted(result.slices, key=lambda each: (each.share if by_loss else not each.bad, each.start))[:MOST_SLICES]
    return tuple(_slice(each) for each in sorted(worst, key=lambda each: each.start))


def _slice(told: Slice) -> SlicePart:
    return SlicePart(start=told.start, end=told.end, good=str(told.good), total=str(told.total), bad=told.bad, cause=told.cause)


def _terms_of(result: ObjectiveResult, judged_by: tuple[Terms, ...]) -> Terms:
    """Those that judged it; the last ones where the result names none."""
    return next((terms for terms in judged_by if terms.number == result.terms_version), judged_by[-1])


def _segment(result: ObjectiveResult, zone: str) -> Segment:
    first, after = parse_instant(result.start, place="start"), parse_instant(result.end, place="end")
    days = (day_of(instant, parse_zone(zone)) for instant in (first, Instant(after - 1)))
    from_day, to_day = (day.isoformat() for day in days)
    return Segment(from_day=from_day, to_day=to_day)


def _previous(assessment: Assessment, before: ObjectiveResult) -> PreviousPart:
    return PreviousPart(
        period=assessment.period, attainment_percent=before.attainment_percent, target_percent=before.target_percent, verdict=before.verdict
    )


def _progress(result: ObjectiveResult) -> ProgressPart | None:
    if result.progress is None:
        return None
    return ProgressPart(
        to_date_percent=result.progress.to_date_percent,
        if_nothing_else_fails_percent=result.progress.if_nothing_else_fails_percent,
        at_risk=result.progress.at_risk,
        lost=result.progress.lost,
    )


def budget_of(result: ObjectiveResult) -> Budget | None:
    """The error budget: as measurement told it, else by subtraction. None when nothing was eligible."""
    if int(result.whole or "0") == 0:
        return None
    if result.progress and result.progress.budget and result.progress.budget_left:
        allowed, left = Fraction(result.progress.budget), Fraction(result.progress.budget_left)
        return _budget(allowed=allowed, used=allowed - left)
    known = result.upper if result.verdict == "undetermined" else result.attainment
    if not known:
        return None
    whole = int(result.whole)
    return _budget(allowed=whole * (1 - parse_percent(result.target_percent, place="target")), used=whole * (1 - Fraction(known)))


def _budget(*, allowed: Fraction, used: Fraction) -> Budget:
    left = allowed - used
    return Budget(
        allowed=str(allowed.numerator // allowed.denominator),
        used=str(-(-used.numerator // used.denominator)),
        left=str(left.numerator // left.denominator),
        spent_percent=floored_percent(used / allowed, decimals=1) if allowed else "",
    )


def _span(span: Span) -> SpanPart:
    return SpanPart(
        start=span.start, end=span.end, minutes=minutes_text(span.duration_us), components=tuple(sorted(span.components)), cause=span.cause
    )


def _credit(assessment: Assessment, credit: CreditResult, judged_by: tuple[Terms, ...]) -> CreditPart:
    return CreditPart(
        percent=credit.percent,
        amount=credit.amount,
        currency=credit.currency,
        monthly_charge=credit.monthly_charge,
        capped=credit.capped,
        explanation=_credit_in_words(assessment, credit, judged_by[-1]),
        lines=tuple(_credit_line(line, judged_by) for line in credit.lines),
        paid=credit.paid,
        calculated=credit.calculated,
        claim_until=credit.claim_until,
        yearly_capped=credit.yearly_capped,
        period_charge=credit.period_charge,
    )


def _credit_line(line: CreditLine, judged_by: tuple[Terms, ...]) -> CreditLinePart:
    terms = next((terms for terms in judged_by if terms.number == line.terms_version), judged_by[-1])
    agreed = terms.objective(line.objective_id)
    return CreditLinePart(
        objective_id=line.objective_id,
        objective=_name_of(line.objective_id, terms),
        terms_version=line.terms_version,
        clause=agreed.clause if agreed else "",
        percent=trimmed_percent(parse_exact(line.percent)),
        agreed=cost_in_words(agreed) if agreed else "",
        rule=line.rule,
        share_of_period=line.share_of_period,
    )


def _credit_in_words(assessment: Assessment, credit: CreditResult, terms: Terms) -> str:
    owing = [result for result in assessment.objectives if result.credit_percent and Fraction(result.credit_percent) > 0]
    if not owing:
        return "No objective fell below a level that earns a credit."
    each = "; ".join(
        f"{result.name} came to {_came_to(result)} against {result.target_percent} %, which costs {result.credit_percent} %"
        for result in owing
    )
    rule = terms.credit
    combined = "The highest of them counts:" if rule and rule.combine == "max" and len(owing) > 1 else "Together"
    capped = f", limited to the agreed {rule.cap_percent if rule else credit.percent} %" if credit.capped else ""
    rounding = f" (rounded {rule.rounding})" if rule and rule.rounding else ""
    charge, owed = _charge_in_words(assessment, credit), money(credit.calculated or credit.amount, credit.currency)
    told = f"{each}. {combined} {credit.percent} % of {charge}{capped}: {owed}{rounding}."
    claim = f"It can be claimed until {day_name(credit.claim_until)}." if credit.claim_until else ""
    return " ".join(part for part in (told, _what_is_paid(credit, terms), claim) if part)


def _charge_in_words(assessment: Assessment, credit: CreditResult) -> str:
    charge = credit.period_charge or credit.monthly_charge
    whose = "the monthly charge" if charge == credit.monthly_charge else f"the {period_word(assessment.period)}'s charge"
    return f"{whose} of {money(charge, credit.currency)}"


def _came_to(result: ObjectiveResult) -> str:
    return f"{result.attainment_percent} %" if result.attainment_percent else "no result"


def _what_is_paid(credit: CreditResult, terms: Terms) -> str:
    """What the yearly cap and the agreed minimum leave of what was calculated; empty where they leave all of it."""
    minimum = minimum_in_words(terms.credit)
    agreed = terms.credit.yearly_cap_percent if terms.credit else ""
    cap = f"The agreed cap{f' of {agreed} %' if agreed else ''} of the contract year's charges"
    if credit.yearly_capped and credit.paid:
        return f"{cap} leaves {money(credit.amount, credit.currency)} of it."
    if credit.yearly_capped:
        return f"It is not paid: {cap[0].lower()}{cap[1:]} leaves nothing of it that is above {minimum}."
    return "" if credit.paid else f"It is not paid, because it is not above {minimum}."


def _breach(breach: Breach, assessment: Assessment, terms: Terms) -> BreachPart:
    found = assessment.segments(breach.objective_id)
    return BreachPart(
        breach_id=breach.breach_id,
        objective_id=breach.objective_id,
        objective=_name_of(breach.objective_id, terms),
        recorded_at=breach.recorded_at,
        trace_id=breach.trace_id,
        stands=any(result.verdict == "breached" or (result.progress is not None and result.progress.lost) for result in found),
    )


def _warning(warning: EarlyWarning, terms: Terms) -> WarningPart:
    return WarningPart(
        objective_id=warning.objective_id,
        objective=_name_of(warning.objective_id, terms),
        recorded_at=warning.recorded_at,
        budget_spent_percent=warning.budget_spent_percent,
    )


def _bearing_on(assessment: Assessment, improvements: Sequence[Improvement]) -> list[Improvement]:
    """Improvements of breaches up to this period that are of it, still going on, or changed since it began."""
    start = parse_instant(assessment.start, place="start")
    return [
        improvement
        for improvement in sorted(improvements, key=lambda i: (time_of(i.period), i.id))
        if time_of(improvement.period) <= time_of(assessment.period)
        and (
            improvement.period == assessment.period
            or improvement.status != "effective"
            or parse_instant(improvement.changed_at, place="changed_at") >= start
        )
    ]


def improvement_part(improvement: Improvement, terms: Terms) -> ImprovementPart:
    """An improvement as reports tell it."""
    measured = improvement.verification
    return ImprovementPart(
        id=improvement.id,
        breach_id=improvement.breach_id,
        objective_id=improvement.objective_id,
        objective=_name_of(improvement.objective_id, terms),
        period=improvement.period,
        status=improvement.status,
        version=improvement.version,
        findings=improvement.findings,
        recommendation=improvement.recommendation,
        plan=improvement.plan,
        approved_by=improvement.approved_by,
        approved_at=improvement.approved_at,
        implemented_on=improvement.implemented_on,
        before=MeasuredSpan(start=measured.before_start, end=measured.before_end, percent=measured.before_percent) if measured else None,
        after=MeasuredSpan(start=measured.after_start, end=measured.after_end, percent=measured.after_percent) if measured else None,
        target_percent=measured.target_percent if measured else "",
        verdict=measured.verdict if measured else "",
        reason=measured.reason if measured else "",
        verified_at=measured.verified_at if measured else "",
        changed_at=improvement.changed_at,
    )


def _name_of(objective_id: str, terms: Terms) -> str:
    agreed: ObjectiveTerms | None = terms.objective(objective_id)
    return agreed.name if agreed else objective_id


def _provenance(assessment: Assessment, *, known_at: str) -> Provenance:
    agreement_id, period = assessment.agreement_id, assessment.period
    revision = f"?revision={assessment.revision}" if assessment.closed else ""
    known_then = f"?known_at={assessment.recorded_at}" if assessment.closed else ""
    return Provenance(
        calculator_version=assessment.calculator_version,
        tz_database=assessment.tz_database,
        assessed_at=assessment.recorded_at,
        known_at=known_at,
        terms_versions=assessment.terms_versions,
        command=f"upheld assess terms.json observations.ndjson --period {period}",
        assessment_path=f"/v1/assessments/{agreement_id}/{period}{known_then}",
        history_path=f"/v1/agreements/{agreement_id}/history",
        report_path=f"/v1/reports/{agreement_id}/{period}{revision}",
    )
