"""A bank, its provider and three months, as the other services would tell them. The figures follow from the outages given here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from uuid import NAMESPACE_URL, uuid5

from upheld.agreements.v1 import events_pb2 as agreements
from upheld.agreements.v1 import terms_pb2 as t
from upheld.improvement.v1 import events_pb2 as improvement
from upheld.improvement.v1 import improvements_pb2 as i
from upheld.measurement.v1 import assessment_pb2 as a
from upheld.measurement.v1 import events_pb2 as measurement

from services.vocabulary.period import Instant, Interval, day_of, days_between, instant_text, parse_instant, parse_period, parse_zone
from services.vocabulary.ratio import exact, floored_percent

AGREEMENT = "0f9b6a3e-62d1-4e0c-9a57-3d8b6f2b7c11"
OTHER_AGREEMENT = "8c1d2f40-77aa-4b1e-8a1f-0c5b1f9d2e22"
MANIFOLD_AGREEMENT = "c4b1a7d2-5e0f-4f0a-9c43-1b7e55aa0d44"
PROVIDER, CUSTOMER, AUDITOR, STRANGER = "nordwind-hosting", "hansebank", "bank-examiner", "elsewhere"
ZONE = "Europe/Berlin"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"

TARGETS = {"availability": "99.9", "requests": "99.5", "response-time": "95", "resolution": "90"}
DECIMALS = {"availability": 3, "requests": 3, "response-time": 2, "resolution": 1}
NAMES = {
    "availability": "Availability of online banking",
    "requests": "Requests answered without error",
    "response-time": "Requests answered within 800 ms",
    "resolution": "Priority 2 incidents resolved within 8 hours",
}


@dataclass(frozen=True, kw_only=True)
class Outage:
    """[start, end) in UTC."""

    start: str
    end: str
    components: tuple[str, ...] = ("core-database",)
    cause: str = "Settlement batch locks the core database"

    @property
    def interval(self) -> Interval:
        return Interval(parse_instant(self.start, place="start"), parse_instant(self.end, place="end"))


MARCH_OUTAGES = (
    Outage(start="2026-03-03T01:10:00Z", end="2026-03-03T01:24:00Z"),
    Outage(start="2026-03-09T01:05:00Z", end="2026-03-09T01:30:00Z"),
    Outage(start="2026-03-17T01:08:00Z", end="2026-03-17T01:22:00Z"),
    Outage(start="2026-03-24T13:40:00Z", end="2026-03-24T13:47:00Z", components=("web",), cause="Faulty release of the web front end"),
)
MARCH_MAINTENANCE = (
    Outage(start="2026-03-14T23:00:00Z", end="2026-03-15T03:00:00Z", components=(), cause="Database upgrade, announced on 2 March"),
)
APRIL_OUTAGES = (Outage(start="2026-04-08T01:06:00Z", end="2026-04-08T01:19:00Z"),)
MAY_OUTAGES = (Outage(start="2026-05-19T09:12:00Z", end="2026-05-19T09:15:00Z", components=("web",), cause="Certificate renewed late"),)


def terms(*, title: str = "Online banking platform", auditors: Sequence[str] = (AUDITOR,), target: str = "99.9") -> t.Terms:
    return t.Terms(
        title=title,
        zone=ZONE,
        effective_on="2026-03-01",
        ends_on="2027-02-28",
        parties=[
            t.Party(
                role="provider",
                organisation=PROVIDER,
                name="Nordwind Hosting GmbH",
                contacts=[t.Contact(name="Ida Brandt", email="ida.brandt@nordwind.example", role="service manager")],
                responsibilities=["Runs the platform around the clock and reports every outage", "Announces maintenance five days ahead"],
            ),
            t.Party(
                role="customer",
                organisation=CUSTOMER,
                name="Hansebank AG",
                contacts=[t.Contact(name="Jon Adeyemi", email="jon.adeyemi@hansebank.example", role="service manager")],
                responsibilities=["Reports incidents through the service desk", "Approves changes to the settlement schedule"],
            ),
        ],
        auditors=auditors,
        services=[
            t.Service(
                id="online-banking",
                name="Online banking",
                components=[t.Component(id="web", name="Web front end"), t.Component(id="core-database", name="Core database")],
            ),
            t.Service(id="service-desk", name="Service desk"),
        ],
        objectives=[
            _objective(
                "availability",
                t.Indicator(availability=t.Availability(components=["web", "core-database"], combine="any", no_data="undetermined")),
                target=target,
            ),
            _objective("requests", t.Indicator(request_ratio=t.RequestRatio(components=["web"]))),
            _objective("response-time", t.Indicator(response_time=t.ResponseTime(components=["web"], threshold_ms="800"))),
            _objective(
                "resolution",
                t.Indicator(resolution_time=t.ResolutionTime(within_s=28_800, priorities=["P2"], reopened="runs-on")),
                service="service-desk",
            ),
        ],
        credit=t.Credit(currency="EUR", monthly_charge="12000.00", cap_percent="50", rounding="half-even"),
        close_after_days=3,
        warn_at_percent="75",
    )


def _objective(name: str, indicator: t.Indicator, *, service: str = "online-banking", target: str = "") -> t.Objective:
    return t.Objective(
        id=name,
        name=NAMES[name],
        service=service,
        indicator=indicator,
        comparison=">=",
        target_percent=target or TARGETS[name],
        decimals=DECIMALS[name],
    )


def activated(agreement_id: str = AGREEMENT, *, of: t.Terms | None = None) -> agreements.AgreementActivated:
    return agreements.AgreementActivated(
        agreement_id=agreement_id,
        terms_version=1,
        terms=of or terms(),
        effective_on="2026-03-01",
        recorded_at="2026-02-20T10:00:00Z",
    )


def amended(*, auditors: Sequence[str] = (AUDITOR,), target: str = "99.95") -> agreements.AgreementAmended:
    return agreements.AgreementAmended(
        agreement_id=AGREEMENT,
        terms_version=2,
        terms=terms(auditors=auditors, target=target),
        effective_on="2026-06-01",
        recorded_at="2026-05-20T10:00:00Z",
        reason="The settlement batch is fixed",
    )


def availability(
    month: str,
    outages: Sequence[Outage],
    *,
    exclusions: Sequence[Outage] = (),
    unknown: Sequence[Outage] = (),
    until: str = "",
    target: str = "99.9",
    at_risk: bool = False,
) -> a.ObjectiveResult:
    """No two of the spans may overlap; unknown time counts for neither side here."""
    zone = parse_zone(ZONE)
    period = parse_period(month, place="month").bounds(zone)
    span = Interval(period.start, parse_instant(until, place="until") if until else period.end)
    eligible = span.length - _total(exclusions) - _total(unknown)
    down = _total(outages)
    kept, wanted = Fraction(eligible - down, eligible), Fraction(target) / 100
    gap = _total(unknown)
    lower, upper = Fraction(eligible - down, eligible + gap), Fraction(eligible - down + gap, eligible + gap)
    budget = Fraction(period.length - _total(exclusions)) * (1 - wanted)
    running = bool(until)
    verdict = "met" if kept >= wanted else "breached"
    if unknown and lower < wanted <= upper:
        verdict = "undetermined"
    return a.ObjectiveResult(
        objective_id="availability",
        name=NAMES["availability"],
        service="online-banking",
        indicator="availability",
        target_percent=target,
        comparison=">=",
        good=str(eligible - down),
        whole=str(eligible),
        unit="us",
        attainment=exact(kept),
        attainment_percent=floored_percent(kept, decimals=3),
        verdict="undetermined" if running else verdict,
        lower_percent=floored_percent(lower, decimals=3),
        upper_percent=floored_percent(upper, decimals=3),
        coverage_percent=floored_percent(Fraction(eligible, eligible + gap), decimals=4),
        progress=a.Progress(
            to_date_percent=floored_percent(kept, decimals=3),
            if_nothing_else_fails_percent=floored_percent(1 - Fraction(down, period.length), decimals=3),
            budget=exact(budget),
            budget_left=_signed(budget - down),
            budget_spent_percent=floored_percent(Fraction(down) / budget, decimals=4),
            at_risk=at_risk,
            lost=running and down > budget,
        ),
        outages=[_span(outage) for outage in outages],
        exclusions=[_span(exclusion) for exclusion in exclusions],
        unknown=[_span(gap) for gap in unknown],
        days=[_time_day(day, within, outages, exclusions, unknown) for day, within in days_between(span, zone)],
        credit_percent="10" if verdict == "breached" and not running else "0",
        decimals=3,
        lower=exact(lower),
        upper=exact(upper),
        coverage="1/1",
        terms_version=1,
        start=instant_text(period.start),
        end=instant_text(period.end),
    )


def counted(
    name: str, days: Mapping[str, tuple[int, int]], *, unit: str, service: str = "online-banking", running: bool = False
) -> a.ObjectiveResult:
    """Good and whole by civil day."""
    good, whole = sum(part for part, _ in days.values()), sum(whole for _, whole in days.values())
    kept = Fraction(good, whole) if whole else None
    decimals, wanted = DECIMALS[name], Fraction(TARGETS[name]) / 100
    budget = whole * (1 - wanted)
    percent = floored_percent(kept, decimals=decimals) if kept is not None else ""
    verdict = "not-applicable" if kept is None else "met" if kept >= wanted else "breached"
    return a.ObjectiveResult(
        objective_id=name,
        name=NAMES[name],
        service=service,
        indicator=name,
        target_percent=TARGETS[name],
        comparison=">=",
        good=str(good),
        whole=str(whole),
        unit=unit,
        attainment=exact(kept) if kept is not None else "",
        attainment_percent=percent,
        verdict="undetermined" if running else verdict,
        lower_percent=percent,
        upper_percent=percent,
        coverage_percent="100.0000",
        progress=a.Progress(
            to_date_percent=percent,
            budget=exact(budget) if whole else "",
            budget_left=_signed(budget - (whole - good)) if whole else "",
            budget_spent_percent=floored_percent((whole - good) / budget, decimals=4) if budget else "",
            at_risk=running and bool(budget) and (whole - good) / budget >= Fraction(3, 4),
        ),
        days=[
            a.Day(
                day=day,
                good=str(part),
                whole=str(of),
                percent=floored_percent(Fraction(part, of), decimals=decimals) if of else "",
            )
            for day, (part, of) in days.items()
        ],
        credit_percent="5" if verdict == "breached" and not running else "0",
        decimals=decimals,
        coverage="1/1",
    )


def all_counted(month: str, *, until: str = "", slow_days: Sequence[str] = ()) -> list[a.ObjectiveResult]:
    """Requests, response times and tickets of a month, everything met but the days named."""
    days = _days(month, until)
    running = bool(until)
    requests = {day: (29_800 if day in slow_days else 29_955 - 10 * (index % 5), 30_000) for index, day in enumerate(days)}
    answered = {day: (27_000 if day in slow_days else 29_400 - 90 * (index % 4), 30_000) for index, day in enumerate(days)}
    late = days[min(12, len(days) - 1)]
    resolved = {day: ((1, 2) if day == late else (2, 2) if index % 2 == 0 else (0, 0)) for index, day in enumerate(days)}
    desk = counted("resolution", resolved, unit="tickets", service="service-desk", running=running)
    desk.tickets.append(
        a.TicketResult(
            ticket="INC-1041",
            priority="P2",
            opened_at=f"{late}T07:30:00Z",
            due_at=f"{late}T15:30:00Z",
            resolved_at=f"{late}T18:05:00Z",
            verdict="missed",
        )
    )
    return [
        counted("requests", requests, unit="requests", running=running),
        counted("response-time", answered, unit="requests", running=running),
        desk,
    ]


def assessment(
    month: str,
    objectives: Sequence[a.ObjectiveResult],
    *,
    agreement_id: str = AGREEMENT,
    revision: int = 1,
    until: str = "",
    recorded_at: str = "",
    amount: str = "",
    terms_versions: Sequence[int] = (1,),
) -> a.Assessment:
    """Closed, unless `until` says how far a running month was measured."""
    period = parse_period(month, place="month").bounds(parse_zone(ZONE))
    percent = sum(int(result.credit_percent or "0") for result in objectives)
    end = instant_text(period.end)
    return a.Assessment(
        agreement_id=agreement_id,
        period=month,
        start=instant_text(period.start),
        end=end,
        measured_until=until or end,
        closed=not until,
        revision=0 if until else revision,
        objectives=objectives,
        credit=a.CreditResult(
            currency="EUR", monthly_charge="12000.00", percent=str(percent), amount=amount or f"{120 * percent}.00", capped=False
        ),
        calculator_version="1",
        recorded_at=recorded_at or ("" if until else _closing(month)),
        terms_versions=terms_versions,
        zone=ZONE,
    )


def march(*, revision: int = 1, more: Sequence[Outage] = ()) -> a.Assessment:
    outages = sorted([*MARCH_OUTAGES, *more], key=lambda outage: outage.start)
    measured = availability("2026-03", outages, exclusions=MARCH_MAINTENANCE)
    return assessment("2026-03", [measured, *all_counted("2026-03", slow_days=["2026-03-09", "2026-03-24"])], revision=revision)


def by_quarters() -> t.Terms:
    found = terms(title="Core banking by the quarter")
    found.period.every = "quarter"
    del found.objectives[1:]
    return found


def first_quarter(agreement_id: str = AGREEMENT) -> a.Assessment:
    """60 minutes down of 129,540 less 240 of maintenance: met."""
    measured = availability("2026-Q1", MARCH_OUTAGES, exclusions=MARCH_MAINTENANCE)
    return _charged_thrice(assessment("2026-Q1", [measured], agreement_id=agreement_id))


def second_quarter(agreement_id: str = AGREEMENT) -> a.Assessment:
    """200 minutes down of 131,040: breached, 10 % of three monthly charges."""
    found = Outage(start="2026-05-19T09:00:00Z", end="2026-05-19T12:20:00Z", components=("web",))
    return _charged_thrice(assessment("2026-Q2", [availability("2026-Q2", [found])], agreement_id=agreement_id, amount="3600.00"))


def _charged_thrice(of: a.Assessment) -> a.Assessment:
    of.credit.period_charge = "36000.00"
    return of


def april() -> a.Assessment:
    return assessment("2026-04", [availability("2026-04", APRIL_OUTAGES), *all_counted("2026-04")])


def may() -> a.Assessment:
    return assessment("2026-05", [availability("2026-05", MAY_OUTAGES), *all_counted("2026-05")])


def june(until: str = "2026-06-12T10:00:00Z") -> a.Assessment:
    outages = (Outage(start="2026-06-04T01:02:00Z", end="2026-06-04T01:38:00Z", cause="Storage controller failed over slowly"),)
    return assessment(
        "2026-06",
        [availability("2026-06", outages, until=until, at_risk=True), *all_counted("2026-06", until=until, slow_days=["2026-06-04"])],
        until=until,
    )


def closed(of: a.Assessment) -> measurement.PeriodClosed:
    return measurement.PeriodClosed(assessment=of, provider=PROVIDER, customer=CUSTOMER)


def restated(of: a.Assessment, *, previous: a.Assessment, cause: str, credit_difference: str = "0.00") -> measurement.PeriodRestated:
    return measurement.PeriodRestated(
        assessment=of, previous=previous, cause=cause, provider=PROVIDER, customer=CUSTOMER, credit_difference=credit_difference
    )


def breach_id(objective: str = "availability", month: str = "2026-03", agreement_id: str = AGREEMENT) -> str:
    return str(uuid5(NAMESPACE_URL, f"upheld:breach:{agreement_id}:{objective}:{month}"))


def breached(of: a.Assessment, *, recorded_at: str = "2026-03-24T14:05:00Z") -> measurement.ObjectiveBreached:
    return measurement.ObjectiveBreached(
        breach_id=breach_id(month=of.period),
        agreement_id=of.agreement_id,
        objective_id="availability",
        period=of.period,
        result=of.objectives[0],
        recorded_at=recorded_at,
        provider=PROVIDER,
        customer=CUSTOMER,
        trace_id=TRACE,
    )


def breach_of(of: a.Assessment, result: a.ObjectiveResult) -> measurement.ObjectiveBreached:
    """Of any objective of any agreement."""
    return measurement.ObjectiveBreached(
        breach_id=breach_id(result.objective_id, of.period, of.agreement_id),
        agreement_id=of.agreement_id,
        objective_id=result.objective_id,
        period=of.period,
        result=result,
        recorded_at=of.recorded_at,
        provider=PROVIDER,
        customer=CUSTOMER,
        trace_id=TRACE,
    )


def at_risk(of: a.Assessment, *, recorded_at: str) -> measurement.ObjectiveAtRisk:
    return measurement.ObjectiveAtRisk(
        agreement_id=of.agreement_id,
        objective_id="availability",
        period=of.period,
        result=of.objectives[0],
        recorded_at=recorded_at,
        provider=PROVIDER,
        customer=CUSTOMER,
    )


STEPS = {
    "opened": (1, "2026-03-24T14:05:01Z"),
    "analysed": (2, "2026-03-24T14:05:02Z"),
    "planned": (3, "2026-04-07T09:00:00Z"),
    "approved": (4, "2026-04-08T09:00:00Z"),
    "implemented": (5, "2026-04-14T21:00:00Z"),
    "effective": (6, "2026-06-01T08:00:00Z"),
}


def improvement_at(status: str) -> improvement.ImprovementChanged:
    """The improvement of March's breach when it had come that far."""
    version, recorded_at = STEPS[status]
    state = i.Improvement(
        id=str(uuid5(NAMESPACE_URL, f"upheld:improvement:{breach_id()}")),
        agreement_id=AGREEMENT,
        objective_id="availability",
        breach_id=breach_id(),
        period="2026-03",
        status=status,
        version=version,
        provider=PROVIDER,
        customer=CUSTOMER,
    )
    if version >= 2:
        state.findings.add(kind="component", subject="core-database", summary="Core database: 53 of 60 minutes down", cost="3180000000")
        state.findings.add(kind="hour-of-day", subject="02:00-03:00", summary="Between 02:00 and 03:00: 53 of 60 minutes down")
        state.recommendations.add(id="r1", action="Move the settlement batch off the core database's busy hour", rank=1)
    if version >= 3:
        state.plan.CopyFrom(
            i.Plan(
                recommendation_id="r1",
                description="Run the settlement batch on the read replica from mid-April on",
                owner="Ida Brandt",
                due_on="2026-04-15",
                expected_attainment_percent="99.984",
            )
        )
    if version >= 4:
        state.approved_by, state.approved_at = "jon.adeyemi", "2026-04-08T09:00:00Z"
    if version >= 5:
        state.implemented_on = "2026-04-14"
    if version >= 6:
        state.verifications.append(
            i.Verification(
                before_start="2026-02-28T23:00:00Z",
                before_end="2026-03-31T22:00:00Z",
                before_percent="99.864",
                after_start="2026-04-30T22:00:00Z",
                after_end="2026-05-31T22:00:00Z",
                after_percent="99.993",
                target_percent="99.9",
                expected_percent="99.984",
                verdict="effective",
                reason="The month after meets the target and keeps more than half of what was promised.",
                verified_at=recorded_at,
            )
        )
    return improvement.ImprovementChanged(step=status, improvement=state, recorded_at=recorded_at)


def _days(month: str, until: str) -> list[str]:
    zone = parse_zone(ZONE)
    first = parse_period(month, place="month").first_day
    end = parse_instant(until, place="until") if until else parse_period(month, place="month").bounds(zone).end - 1
    last = day_of(Instant(end), zone)
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _time_day(day: date, within: Interval, outages: Sequence[Outage], exclusions: Sequence[Outage], unknown: Sequence[Outage]) -> a.Day:
    down, excluded, gap = _inside(outages, within), _inside(exclusions, within), _inside(unknown, within)
    whole = within.length - excluded - gap
    return a.Day(
        day=day.isoformat(),
        good=str(whole - down),
        whole=str(whole),
        percent=floored_percent(Fraction(whole - down, whole), decimals=3) if whole else "",
        down_us=down,
        excluded_us=excluded,
        unknown_us=gap,
    )


def _inside(spans: Sequence[Outage], within: Interval) -> int:
    return sum(max(0, min(span.interval.end, within.end) - max(span.interval.start, within.start)) for span in spans)


def _span(outage: Outage) -> a.Interval:
    return a.Interval(
        start=outage.start, end=outage.end, duration_us=outage.interval.length, components=outage.components, cause=outage.cause
    )


def _total(spans: Sequence[Outage]) -> int:
    return sum(span.interval.length for span in spans)


def _signed(ratio: Fraction) -> str:
    return f"{ratio.numerator}/{ratio.denominator}"


def _closing(month: str) -> str:
    return f"{parse_period(month, place='month').day_after + timedelta(days=3)}T09:00:00Z"


# Terms with options, and the March that they were measured in


def manifold_terms() -> t.Terms:
    """One objective of each kind with its options, service hours, credits with a minimum, a yearly cap and a claim window."""
    found = terms(title="Payments with options")
    del found.objectives[:]
    found.calendars.add(
        id="office",
        zone="Europe/Berlin",
        hours=[_hours("09:00", "17:00")],
        holidays=[t.Holiday(day="2026-04-03", name="Good Friday")],
        also_closed=[t.Holiday(day="2026-12-24", name="Christmas Eve")],
    )
    found.objectives.extend(
        [
            _manifold(
                "pool",
                t.Indicator(
                    availability=t.Availability(
                        components=["web", "core-database"],
                        combine="pool",
                        weights=[1, 2],
                        no_data="exclude",
                        minimum_coverage_percent="90",
                        maintenance="up",
                        minimum_outage=t.MinimumOutage(at_least_s=300, whole_minutes=True, before_exclusions=True),
                        hours="office",
                    )
                ),
                target="99.5",
                clause="3.1",
                credits=[t.CreditTier(below_percent="99.5", credit_percent="10"), t.CreditTier(below_percent="99", credit_percent="25")],
            ),
            _manifold(
                "intervals",
                t.Indicator(interval_mean=t.IntervalMean(components=["web"], every_s=300, empty="good")),
                target="99.9",
                credit_formula=t.CreditFormula(proportional=t.Proportional(times="2")),
            ),
            _manifold(
                "slices",
                t.Indicator(
                    time_slices=t.TimeSlices(
                        components=["web"],
                        every_s=60,
                        error_above_percent="5",
                        minimum_events=10,
                        minimum_consecutive=5,
                        empty="exclude",
                    )
                ),
                target="99.9",
                credit_formula=t.CreditFormula(per_step=t.PerStep(step_percent="0.1", credit_percent="5")),
            ),
            _manifold(
                "p99",
                t.Indicator(response_time=t.ResponseTime(components=["web"], threshold_ms="800", percentile="99")),
                target="99",
            ),
            _manifold(
                "response",
                t.Indicator(
                    resolution_time=t.ResolutionTime(
                        within_s=7_200,
                        priorities=["P1", "P2"],
                        stop="responded",
                        hours="office",
                        pauses=["waiting"],
                        priority_rule="highest",
                        priority_order=["P1", "P2"],
                    )
                ),
                target="90",
                service="service-desk",
            ),
            _manifold("all-of-it", t.Indicator(composite=t.Composite(of=["p99", "slices"], rule="all")), target="100", service=""),
        ]
    )
    found.credit.CopyFrom(
        t.Credit(
            currency="EUR",
            monthly_charge="12000.00",
            cap_percent="50",
            rounding="half-even",
            combine="max",
            minimum="1.00",
            yearly_cap_percent="25",
            claim=t.ClaimRule(days=30, counted_from="period-end"),
        )
    )
    return found


def _hours(opens: str, closes: str) -> t.Hours:
    """On weekdays."""
    hours = t.Hours(days=["mon", "tue", "wed", "thu", "fri"], to=closes)
    setattr(hours, "from", opens)  # a word of Python's own
    return hours


def _manifold(
    name: str,
    indicator: t.Indicator,
    *,
    target: str,
    service: str = "online-banking",
    clause: str = "",
    credits: Sequence[t.CreditTier] = (),
    credit_formula: t.CreditFormula | None = None,
) -> t.Objective:
    return t.Objective(
        id=name,
        name=f"The {name}",
        service=service,
        indicator=indicator,
        comparison=">=",
        target_percent=target,
        decimals=3,
        clause=clause,
        credits=credits,
        credit_formula=credit_formula,
    )


def manifold_march(*, paid: bool = True, agreement_id: str = MANIFOLD_AGREEMENT) -> a.Assessment:
    """As measurement tells it: the pool breached and paid for, or not above the minimum."""
    results = [_pool_result(), _interval_result(), _slice_result(), _percentile_result(), _response_result(), _composite_result()]
    for result in results:
        result.terms_version, result.start, result.end = 1, "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"
        result.name, result.comparison, result.decimals = f"The {result.objective_id}", ">=", 3
        result.service = {"response": "service-desk", "all-of-it": ""}.get(result.objective_id, "online-banking")
    found = assessment("2026-03", results, agreement_id=agreement_id)
    found.credit.CopyFrom(
        a.CreditResult(
            currency="EUR",
            monthly_charge="12000.00" if paid else "9.00",
            percent="10",
            amount="1200.00" if paid else "0.00",
            calculated="1200.00" if paid else "0.90",
            paid=paid,
            claim_until="2026-04-30" if paid else "",
            lines=[
                a.CreditLine(objective_id="pool", terms_version=1, percent="1/10", rule="below 99.5: 10", share_of_period="1/1"),
                a.CreditLine(
                    objective_id="slices", terms_version=1, percent="1/20", rule="1 of 0.1 below 99.9: 5 each", share_of_period="1/1"
                ),
            ],
        )
    )
    return found


def _pool_result() -> a.ObjectiveResult:
    """Service hours of March 2026 in Berlin: 22 days of 8 hours, 10,560 min; 3 components' worth of them; 180 of component time down."""
    minute = 60_000_000
    whole, down = 3 * 10_560 * minute, 180 * minute
    outage = Outage(start="2026-03-09T09:00:00Z", end="2026-03-09T10:30:00Z")
    short = Outage(start="2026-03-10T09:00:00Z", end="2026-03-10T09:04:00Z", components=("web",), cause="Deployment")
    window = Outage(start="2026-03-17T08:00:00Z", end="2026-03-17T09:00:00Z", components=(), cause="Upgrade, clause 4.2")
    night = Outage(start="2026-03-09T16:00:00Z", end="2026-03-10T08:00:00Z", components=(), cause="")
    weekend = Outage(start="2026-03-13T16:00:00Z", end="2026-03-16T08:00:00Z", components=(), cause="")
    kept = Fraction(whole - down, whole)
    days = [
        a.Day(day=day, good=str(part - lost), whole=str(part), percent="100.000" if not lost else "87.500", down_us=lost)
        for day in _days("2026-03", "")
        for part, lost in [(0 if date.fromisoformat(day).weekday() > 4 else 3 * 480 * minute, down if day == "2026-03-09" else 0)]
    ]
    return a.ObjectiveResult(
        objective_id="pool",
        indicator="availability",
        target_percent="99.5",
        good=str(whole - down),
        whole=str(whole),
        unit="us",
        attainment=exact(kept),
        attainment_percent=floored_percent(kept, decimals=3),
        verdict="breached",
        credit_percent="10",
        scale=3,
        clause="3.1",
        outages=[_span(outage)],
        ignored=[_span(short)],
        exclusions=[_span(window)],
        outside=[_span(night), _span(weekend)],
        days=days,
        coverage="1/1",
        coverage_percent="100.0000",
    )


def _interval_result() -> a.ObjectiveResult:
    """Eight and a half of 8,928 five-minute intervals lost, in thirty pieces."""
    whole, lost = 8_928 * 10**18, 17 * 10**18 // 2
    kept = Fraction(whole - lost, whole)
    start = parse_instant("2026-03-09T00:00:00Z", place="start")
    slices = [
        a.Slice(
            start=instant_text(Instant(start + number * 300_000_000)),
            end=instant_text(Instant(start + (number + 1) * 300_000_000)),
            good=str(1_000 - 10 * number),
            total="1000",
            share=str(10**18 - number * 10**16),
            cause="errors",
        )
        for number in range(1, 31)
    ]
    return a.ObjectiveResult(
        objective_id="intervals",
        indicator="interval-mean",
        target_percent="99.9",
        good=str(whole - lost),
        whole=str(whole),
        unit="10^-18 intervals",
        attainment=exact(kept),
        attainment_percent=floored_percent(kept, decimals=3),
        verdict="met",
        credit_percent="0",
        slices=slices,
        days=[a.Day(day="2026-03-09", good=str(288 * 10**18 - lost), whole=str(288 * 10**18), percent="97.048")],
        coverage="1/1",
        coverage_percent="100.0000",
    )


def _slice_result() -> a.ObjectiveResult:
    """Sixty one-minute slices bad of 44,580, and two in too short a run to count."""
    start = parse_instant("2026-03-09T00:00:00Z", place="start")
    slices = [
        a.Slice(
            start=instant_text(Instant(start + number * 60_000_000)),
            end=instant_text(Instant(start + (number + 1) * 60_000_000)),
            good="90",
            total="100",
            share="0" if number >= 10 else "1",
            bad=number >= 10,
            cause="errors",
        )
        for number in [0, 1, *range(10, 70)]
    ]
    kept = Fraction(44_520, 44_580)
    return a.ObjectiveResult(
        objective_id="slices",
        indicator="time-slices",
        target_percent="99.9",
        good="44520",
        whole="44580",
        unit="slices",
        attainment=exact(kept),
        attainment_percent=floored_percent(kept, decimals=3),
        verdict="breached",
        credit_percent="5",
        slices=slices,
        days=[a.Day(day="2026-03-09", good="1380", whole="1440", percent="95.833")],
        coverage="1/1",
        coverage_percent="100.0000",
    )


def _percentile_result() -> a.ObjectiveResult:
    kept = Fraction(9_874, 10_000)
    return a.ObjectiveResult(
        objective_id="p99",
        indicator="response-time",
        target_percent="99",
        good="9874",
        whole="10000",
        unit="requests",
        attainment=exact(kept),
        attainment_percent="98.740",
        verdict="breached",
        credit_percent="0",
        percentile_ms="812.5",
        coverage="1/1",
        coverage_percent="100.0000",
    )


def _response_result() -> a.ObjectiveResult:
    return a.ObjectiveResult(
        objective_id="response",
        indicator="resolution-time",
        target_percent="90",
        good="9",
        whole="10",
        unit="tickets",
        attainment="9/10",
        attainment_percent="90.000",
        verdict="met",
        credit_percent="0",
        coverage="1/1",
        coverage_percent="100.0000",
        tickets=[
            a.TicketResult(
                ticket="INC-77",
                priority="P1",
                opened_at="2026-03-06T15:30:00Z",
                due_at="2026-03-09T09:30:00Z",
                resolved_at="2026-03-09T10:00:00Z",
                verdict="missed",
                counted_us=9_000_000_000,
                allowed_us=7_200_000_000,
                clock="office",
            )
        ],
    )


def _composite_result() -> a.ObjectiveResult:
    return a.ObjectiveResult(
        objective_id="all-of-it",
        indicator="composite",
        target_percent="100",
        good="0",
        whole="2",
        unit="objectives",
        attainment="0/1",
        attainment_percent="0.000",
        verdict="breached",
        credit_percent="0",
        coverage="1/1",
        coverage_percent="100.0000",
    )
