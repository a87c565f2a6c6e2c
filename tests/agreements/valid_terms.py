"""Any terms that could be signed, for property tests."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from hypothesis import strategies as st

from services.agreements.terms import (
    Activity,
    Availability,
    Calendar,
    Claim,
    Component,
    Composite,
    Contact,
    Credit,
    CreditTier,
    ExclusionClass,
    Holiday,
    HourlyRelief,
    Hours,
    Indicator,
    IntervalMean,
    MaintenanceWindow,
    MinimumOutage,
    Objective,
    Party,
    ProportionalCredit,
    RecurringMaintenance,
    Relief,
    Renewal,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    StepCredit,
    Support,
    Terms,
    ThirdParty,
    TimeSlices,
)
from services.agreements.terms.grammar import (
    APPROVAL,
    COMBINE,
    COMPOSITE_RULE,
    DISPUTES,
    EMPTY,
    PRIORITY_RULE,
    REVIEW_EVERY,
    STOP,
    SUPPORT_KIND,
    WEEK,
    WEEKDAY,
)
from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money, minor_digits
from services.vocabulary.period import MONTHLY, SECOND, Cycle, Instant, parse_instant

FIRST_DAY = date(2026, 1, 1)
NOON = parse_instant("2026-01-02T12:00:00Z", place="")

slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)
lines = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20).map(str.strip).filter(bool)
)
clauses = st.just("") | lines
weekdays = st.lists(st.sampled_from(WEEKDAY.words), min_size=1, unique=True).map(tuple)
lengths = st.integers(1, 86_400)
divisors_of_a_day = st.sampled_from([length for length in range(1, 86_401) if 86_400 % length == 0])
milliseconds = st.integers(1, 10**12 - 1).map(lambda thousandths: Decimal(thousandths).scaleb(-3))
lives = st.sampled_from([(None, None), (NOON, None), (None, NOON), (NOON, Instant(NOON + 1))])
ratios = st.integers(1, 100 * 10**9).map(lambda units: Fraction(units, 100 * 10**9))


@st.composite
def services(draw: st.DrawFn) -> tuple[Service, ...]:
    def service(service_id: str) -> Service:
        components = draw(st.lists(slugs, min_size=1, max_size=3, unique=True))
        return Service(id=service_id, name=draw(lines), components=tuple(component(each) for each in components))

    def component(component_id: str) -> Component:
        since, until = draw(lives)
        return Component(id=component_id, name=draw(lines), in_service_from=since, in_service_until=until)

    return tuple(service(each) for each in draw(st.lists(slugs, min_size=1, max_size=3, unique=True)))


@st.composite
def calendars(draw: st.DrawFn, calendar_id: str) -> Calendar:
    """With hours in the morning, in the afternoon, or both."""
    morning = Hours(days=draw(weekdays), opens=f"{draw(st.integers(0, 11)):02d}:00", closes="12:00")
    afternoon = Hours(days=draw(weekdays), opens="12:00", closes=draw(st.sampled_from(["17:30", "24:00"])))
    days = st.lists(st.integers(0, 300), max_size=3, unique=True)
    holidays, also_closed = (
        tuple(Holiday(day=FIRST_DAY + timedelta(days=each), name=draw(clauses)) for each in draw(days)) for _ in range(2)
    )
    return Calendar(
        id=calendar_id,
        zone=draw(st.sampled_from(["", "Europe/London"])),
        hours=draw(st.sampled_from([(morning,), (afternoon,), (morning, afternoon)])),
        region=draw(st.sampled_from(["", "DE-BY", "FR"])),
        holidays=holidays,
        also_closed=also_closed,
    )


@st.composite
def classes(draw: st.DrawFn, class_id: str) -> ExclusionClass:
    return ExclusionClass(
        id=class_id,
        clause=draw(clauses),
        approval=draw(st.sampled_from(APPROVAL.words)),
        notice_s=draw(st.just(0) | lengths),
        monthly_cap_s=draw(st.just(0) | lengths),
    )


@st.composite
def availabilities(draw: st.DrawFn, components: tuple[str, ...], calendar_ids: list[str]) -> Availability:
    combine = draw(st.sampled_from(COMBINE.words))
    weights = draw(st.lists(st.integers(1, 10_000), min_size=len(components), max_size=len(components))) if combine == "pool" else []
    outages = st.builds(
        MinimumOutage,
        at_least_s=st.integers(1, 40_320).map(lambda minutes: 60 * minutes),
        whole_minutes=st.booleans(),
        before_exclusions=st.booleans(),
    )
    return Availability(
        components=components,
        combine=combine,
        no_data=draw(st.sampled_from(["undetermined", "up", "down", "exclude"])),
        weights=tuple(weights) if set(weights) != {1} else (),
        minimum_coverage=draw(st.just(Fraction(0)) | ratios),
        maintenance=draw(st.sampled_from(["exclude", "up", "down"])),
        minimum_outage=draw(st.none() | outages),
        hours=draw(st.sampled_from(["", *calendar_ids])),
    )


@st.composite
def slices(draw: st.DrawFn, components: tuple[str, ...]) -> TimeSlices:
    error_above = draw(st.none() | st.just(Fraction(0)) | ratios.filter(lambda ratio: ratio < 1))
    return TimeSlices(
        components=components,
        every_s=draw(divisors_of_a_day),
        error_above=error_above,
        percentile=draw(ratios) if error_above is None else None,
        latency_above_ms=draw(milliseconds) if error_above is None else None,
        minimum_events=draw(st.integers(1, 10**9)),
        minimum_consecutive=draw(st.integers(1, 28)),
        empty=draw(st.sampled_from(EMPTY.words)),
    )


@st.composite
def clocks(draw: st.DrawFn, calendar_ids: list[str]) -> ResolutionTime:
    priorities = tuple(draw(st.lists(lines, max_size=3, unique=True)))
    rule = draw(st.sampled_from(PRIORITY_RULE.words if priorities else PRIORITY_RULE.words[:1]))
    stop = draw(st.sampled_from(STOP.words))
    return ResolutionTime(
        within_s=draw(st.integers(1, 31_622_400)),
        priorities=priorities,
        reopened=draw(st.sampled_from(["first-resolution", "runs-on"])) if stop == "resolved" else "first-resolution",
        stop=stop,
        hours=draw(st.sampled_from(["", *calendar_ids])),
        pauses=draw(st.sampled_from([(), ("waiting",), ("waiting", "responded") if stop == "resolved" else ()])),
        priority_rule=rule,
        priority_order=tuple(reversed(priorities)) if rule == "highest" else (),
    )


@st.composite
def indicators(draw: st.DrawFn, service: Service, calendar_ids: list[str]) -> Indicator:
    ids = [component.id for component in service.components]
    components = tuple(draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))
    match draw(st.integers(0, 5)):
        case 0:
            return draw(availabilities(components, calendar_ids))
        case 1:
            return RequestRatio(components=components)
        case 2:
            return IntervalMean(components=components, every_s=draw(divisors_of_a_day), empty=draw(st.sampled_from(EMPTY.words)))
        case 3:
            return draw(slices(components))
        case 4:
            return ResponseTime(
                components=components,
                threshold_ms=draw(milliseconds),
                expected_every_s=draw(st.integers(0, 2_678_400)),
                percentile=draw(st.none() | ratios),
            )
        case _:
            return draw(clocks(calendar_ids))


@st.composite
def reliefs(draw: st.DrawFn, indicator: Indicator, target: Fraction) -> Relief:
    has_hours = isinstance(indicator, Availability) and indicator.combine != "pool"
    match draw(st.integers(0 if has_hours else 1, 2)):
        case 0:
            return HourlyRelief(more_than_s=draw(st.integers(1, 3599)))
        case 1:
            return ProportionalCredit(times=draw(ratios) * 100)
        case _:
            return StepCredit(step=draw(ratios.filter(lambda ratio: ratio <= target)), percent=draw(ratios))


@st.composite
def objectives(draw: st.DrawFn, objective_id: str, service: Service, calendar_ids: list[str], *, paid: bool) -> Objective:
    indicator = draw(indicators(service, calendar_ids))
    percentile = indicator.percentile if isinstance(indicator, ResponseTime) else None
    target = draw(ratios) if percentile is None else percentile
    by_tiers = paid and draw(st.booleans())
    below = sorted(draw(st.lists(ratios.filter(lambda ratio: ratio <= target), max_size=3, unique=True)), reverse=True) if by_tiers else []
    percents = sorted(draw(st.lists(ratios, min_size=len(below), max_size=len(below), unique=True)))
    return Objective(
        id=objective_id,
        name=draw(lines),
        service=service.id,
        indicator=indicator,
        target=target,
        comparison=draw(st.sampled_from([">=", ">"])) if target < 1 and percentile is None else ">=",
        decimals=draw(st.integers(0, 9)),
        credits=tuple(CreditTier(below=each, percent=percent) for each, percent in zip(below, percents, strict=True)),
        relief=draw(st.none() | reliefs(indicator, target)) if paid and not by_tiers else None,
        clause=draw(clauses),
    )


@st.composite
def composites(draw: st.DrawFn, of: tuple[str, ...]) -> Objective:
    """Under an id that no slug of the others can be: they are shorter."""
    rule = draw(st.sampled_from(COMPOSITE_RULE.words[:3]))
    weights = draw(st.lists(st.integers(1, 10_000), min_size=len(of), max_size=len(of))) if rule == "weighted" else []
    return Objective(
        id="composite-of-the-others",
        name=draw(lines),
        service="",
        indicator=Composite(of=of, rule=rule, weights=tuple(weights) if set(weights) != {1} else ()),
        target=draw(ratios),
    )


@st.composite
def recurring(draw: st.DrawFn, service: Service, class_ids: list[str]) -> RecurringMaintenance:
    return RecurringMaintenance(
        id="returns-again-and-again",
        service=service.id,
        components=tuple(draw(st.lists(st.sampled_from([component.id for component in service.components]), unique=True))),
        days=draw(weekdays),
        weeks=tuple(draw(st.lists(st.sampled_from(WEEK.words), unique=True))),
        begins=draw(st.sampled_from(["00:00", "02:30", "23:59"])),
        lasts_s=draw(lengths),
        reason=draw(clauses),
        exclusion_class=draw(st.sampled_from(["", *class_ids])),
    )


@st.composite
def windows(draw: st.DrawFn, window_id: str, service: Service, class_ids: list[str]) -> MaintenanceWindow:
    start = Instant(NOON + draw(st.integers(0, 10**13)))
    some = draw(st.lists(st.sampled_from([component.id for component in service.components]), unique=True))
    return MaintenanceWindow(
        id=window_id,
        service=service.id,
        components=tuple(some),
        start=start,
        end=Instant(start + draw(st.integers(1, 86_400 * SECOND))),
        reason=draw(clauses),
        exclusion_class=draw(st.sampled_from(["", *class_ids])),
        announced_at=draw(st.none() | st.integers(0, 10**12).map(lambda before: Instant(start - before))),
    )


@st.composite
def claims(draw: st.DrawFn, calendar_ids: list[str]) -> Claim:
    count = draw(st.integers(1, 120))
    claim = draw(st.sampled_from([Claim(days=count), Claim(months=count), Claim(cycles=count)]))
    calendar_id = draw(st.sampled_from(["", *calendar_ids]))
    return Claim(business_days=count, calendar=calendar_id) if calendar_id else claim


@st.composite
def credits(draw: st.DrawFn, calendar_ids: list[str]) -> Credit:
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
    amount = Decimal(draw(st.integers(0, 10**12))).scaleb(-minor_digits(currency))
    cap = draw(ratios)
    return Credit(
        monthly_charge=Money(amount, currency),
        cap=cap,
        rounding=draw(st.sampled_from(["half-even", "half-up"])),
        combine=draw(st.sampled_from(["sum", "max"])),
        minimum=draw(st.just(Decimal(0)) | st.just((amount / 2).quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_DOWN))),
        yearly_cap=draw(st.none() | st.just(cap)),
        pro_rata=draw(st.booleans()),
        claim=draw(st.none() | claims(calendar_ids)),
    )


def cycles(promised: tuple[Objective, ...], *, paid: bool) -> list[Cycle]:
    """Nothing is paid by the week or by rolling days, and their outages and runs of slices are shorter."""
    of_months = [MONTHLY, Cycle(from_day=15), Cycle("quarter"), Cycle("year"), Cycle("contract-year")]
    of_days = [Cycle("rolling", days=28), Cycle("rolling", days=365)]
    has_long_ones = any(isinstance(each.indicator, Availability | TimeSlices) for each in promised)
    return [*of_months, *([] if paid else of_days), *([] if paid or has_long_ones else [Cycle("week"), Cycle("rolling", days=1)])]


@st.composite
def valid_terms(draw: st.DrawFn) -> Terms:
    provider, customer, *auditors = draw(st.lists(slugs.map(OrganisationId), min_size=2, max_size=4, unique=True))
    agreed = draw(services())
    calendar_ids = draw(st.lists(slugs, max_size=2, unique=True))
    class_ids = draw(st.lists(slugs, max_size=2, unique=True))
    credit = draw(st.none() | credits(calendar_ids))
    objective_ids = draw(st.lists(slugs, min_size=1, max_size=3, unique=True))
    window_ids = draw(st.lists(slugs, max_size=2, unique=True))
    promised = tuple(draw(objectives(each, draw(st.sampled_from(agreed)), calendar_ids, paid=credit is not None)) for each in objective_ids)
    if len(promised) > 1 and draw(st.booleans()):
        promised += (draw(composites(tuple(objective_ids))),)
    close_after_days = draw(st.integers(0, 90))
    people = st.builds(Contact, name=lines, email=st.just("a@b.example"), role=st.just("") | lines)
    party = st.builds(
        Party,
        role=st.just("provider"),
        organisation=st.just(provider),
        name=lines,
        contacts=st.lists(people, max_size=1).map(tuple),
        responsibilities=st.lists(lines, max_size=2, unique=True).map(tuple),
    )
    ends_on = draw(st.none() | st.integers(364, 3000).map(lambda days: FIRST_DAY + timedelta(days=days)))
    third = tuple(draw(st.lists(slugs.filter(lambda name: name not in (provider, customer)), max_size=2, unique=True)))
    return Terms(
        title=draw(lines),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"])),
        effective_on=FIRST_DAY,
        period=draw(st.sampled_from(cycles(promised, paid=credit is not None))),
        ends_on=ends_on,
        parties=(draw(party), Party(role="customer", organisation=customer, name=draw(lines))),
        auditors=tuple(auditors),
        services=agreed,
        maintenance=tuple(draw(windows(each, draw(st.sampled_from(agreed)), class_ids)) for each in window_ids),
        objectives=promised,
        credit=credit,
        close_after_days=close_after_days,
        warn_at=draw(ratios),
        calendars=tuple(draw(calendars(each)) for each in calendar_ids),
        exclusion_classes=tuple(draw(classes(each)) for each in class_ids),
        recurring_maintenance=(draw(recurring(draw(st.sampled_from(agreed)), class_ids)),) if draw(st.booleans()) else (),
        hard_close_after_days=draw(st.none() | st.integers(max(1, close_after_days), 3660)),
        disputes=draw(st.sampled_from([rule for rule in DISPUTES.words if rule != "auditor"])),
        renewal=draw(st.none() | st.builds(Renewal, months=st.integers(1, 120), notice_days=st.integers(0, 27))) if ends_on else None,
        review_every=draw(st.none() | st.sampled_from(REVIEW_EVERY.words)),
        underpinning=tuple(draw(st.lists(supports(objective_ids), max_size=2, unique_by=lambda each: (each.objective, each.agreement)))),
        third_parties=tuple(draw(third_parties(each)) for each in third),
        responsibilities=tuple(draw(st.lists(activities([provider, customer, *auditors, *third]), max_size=2, unique_by=_activity))),
    )


def third_parties(organisation: str) -> st.SearchStrategy[ThirdParty]:
    return st.builds(ThirdParty, organisation=st.just(OrganisationId(organisation)), name=lines, role=st.just("") | lines)


def supports(objective_ids: list[str]) -> st.SearchStrategy[Support]:
    return st.builds(
        Support,
        objective=st.sampled_from(objective_ids),
        agreement=st.uuids().map(str),
        supporting_objective=slugs,
        kind=st.sampled_from(SUPPORT_KIND.words),
    )


def activities(organisations: list[str]) -> st.SearchStrategy[Activity]:
    known = st.sampled_from([OrganisationId(each) for each in organisations])
    several = st.lists(known, max_size=3, unique=True).map(tuple)
    return st.builds(
        Activity,
        activity=lines,
        responsible=st.lists(known, min_size=1, max_size=3, unique=True).map(tuple),
        accountable=known,
        consulted=several,
        informed=several,
    )


def _activity(line: Activity) -> str:
    return line.activity
