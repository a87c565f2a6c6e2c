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

from services.vocabulary.period import Instant, Interval, day_of, days_between, instant_text, parse_instant, parse_month, parse_zone
from services.vocabulary.ratio import exact, floored_percent

AGREEMENT = "0f9b6a3e-62d1-4e0c-9a57-3d8b6f2b7c11"
OTHER_AGREEMENT = "8c1d2f40-77aa-4b1e-8a1f-0c5b1f9d2e22"
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
    period = parse_month(month, place="month").bounds(zone)
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
    period = parse_month(month, place="month").bounds(parse_zone(ZONE))
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
    first = parse_month(month, place="month").first_day
    end = parse_instant(until, place="until") if until else parse_month(month, place="month").bounds(zone).end - 1
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
    after = parse_month(month, place="month").next
    return f"{after}-04T09:00:00Z"
