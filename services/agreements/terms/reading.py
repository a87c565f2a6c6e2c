"""Reads a terms document into terms, telling every fault with its place. Pure; the grammar is fixed by the document's own version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from services.agreements.terms import grammar
from services.agreements.terms.checks import check
from services.agreements.terms.fields import (
    NAME,
    SENTENCE,
    Faults,
    Fields,
    Node,
    agreement_id,
    currency,
    day,
    email,
    hint,
    instant,
    milliseconds,
    money,
    multiple,
    organisation,
    percent,
    percent_above_zero,
    percent_below_hundred,
    region,
    slug,
    zone,
)
from services.agreements.terms.grammar import GRAMMAR
from services.agreements.terms.model import (
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
from services.agreements.terms.region import holidays_in
from services.vocabulary.errors import Invalid
from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money
from services.vocabulary.period import MONTHLY, Cycle, Instant

__all__ = ["GRAMMAR", "parse_terms", "read_terms"]

_FIRST_DAY = date(1990, 1, 1)
_OPEN_ENDED_YEARS = 5


def parse_terms(document: Node) -> Terms:
    """The terms that may be signed. Refuses with `Invalid`, naming all faults of form and all broken rules at once."""
    faults = Faults()
    terms = read_terms(document, faults)
    check(terms, faults)
    if faults.violations:
        raise Invalid(*faults.violations)
    return terms


def read_terms(document: Node, faults: Faults) -> Terms:
    """The document by its grammar alone: what was signed once reads for ever, however the rules of `check` grow."""
    fields = Fields(document, "", faults, known=grammar.TERMS)
    fields.required("upheld", grammar.VERSION, blank=GRAMMAR)
    services = tuple(_service(node, place, faults) for place, node in fields.items("services"))
    components = {service.id: tuple(component.id for component in service.components) for service in reversed(services)}
    title = fields.required("title", NAME, blank="")
    agreed_zone = fields.required("zone", zone, blank="UTC")
    effective_on = fields.required("effective_on", day, blank=_FIRST_DAY)
    ends_on = fields.optional("ends_on", day, default=None)
    years = _years(effective_on, ends_on) if faults.sound("effective_on") and faults.sound("ends_on") else None
    return Terms(
        title=title,
        zone=agreed_zone,
        effective_on=effective_on,
        ends_on=ends_on,
        period=_period(fields.node("period"), fields.at("period"), faults) if fields.has("period") else MONTHLY,
        parties=tuple(_party(node, place, faults) for place, node in fields.items("parties")),
        auditors=fields.values("auditors", organisation),
        services=services,
        calendars=tuple(_calendar(node, place, faults, years) for place, node in fields.items("calendars")),
        exclusion_classes=tuple(_exclusion_class(node, place, faults) for place, node in fields.items("exclusion_classes")),
        maintenance=tuple(_maintenance(node, place, faults) for place, node in fields.items("maintenance")),
        recurring_maintenance=tuple(_recurring(node, place, faults) for place, node in fields.items("recurring_maintenance")),
        objectives=tuple(_objective(node, place, faults, components) for place, node in fields.items("objectives")),
        credit=_credit(fields.node("credit"), fields.at("credit"), faults) if fields.has("credit") else None,
        close_after_days=fields.optional("close_after_days", grammar.CLOSE_AFTER, default=3),
        hard_close_after_days=fields.optional("hard_close_after_days", grammar.HARD_CLOSE_AFTER, default=None),
        disputes=fields.optional("disputes", grammar.DISPUTES, default="provider"),
        warn_at=fields.optional("warn_at_percent", percent_above_zero, default=Fraction(75, 100)),
        renewal=_renewal(fields.node("renewal"), fields.at("renewal"), faults) if fields.has("renewal") else None,
        review_every=fields.optional("review_every", grammar.REVIEW_EVERY, default=None),
        underpinning=tuple(_support(node, place, faults) for place, node in fields.items("underpinning")),
        third_parties=tuple(_third_party(node, place, faults) for place, node in fields.items("third_parties")),
        responsibilities=tuple(_activity(node, place, faults) for place, node in fields.items("responsibilities")),
    )


def _years(effective_on: date, ends_on: date | None) -> range:
    last = ends_on.year if ends_on else effective_on.year + _OPEN_ENDED_YEARS
    return range(effective_on.year, last + 1)


def _period(node: Node, place: str, faults: Faults) -> Cycle:
    fields = Fields(node, place, faults, known=grammar.PERIOD)
    return Cycle(
        every=fields.required("every", grammar.EVERY, blank="month"),
        from_day=fields.optional("from_day", grammar.FROM_DAY, default=1),
        days=fields.optional("days", grammar.ROLLING_DAYS, default=0),
    )


def _renewal(node: Node, place: str, faults: Faults) -> Renewal:
    fields = Fields(node, place, faults, known=grammar.RENEWAL)
    return Renewal(
        months=fields.required("months", grammar.RENEWAL_MONTHS, blank=1),
        notice_days=fields.required("notice_days", grammar.NOTICE_DAYS, blank=0),
    )


def _support(node: Node, place: str, faults: Faults) -> Support:
    fields = Fields(node, place, faults, known=grammar.SUPPORT)
    return Support(
        objective=fields.required("objective", slug, blank=""),
        agreement=fields.required("agreement", agreement_id, blank=""),
        supporting_objective=fields.required("supporting_objective", slug, blank=""),
        kind=fields.optional("kind", grammar.SUPPORT_KIND, default="contract"),
    )


def _third_party(node: Node, place: str, faults: Faults) -> ThirdParty:
    fields = Fields(node, place, faults, known=grammar.THIRD_PARTY)
    return ThirdParty(
        organisation=fields.required("organisation", organisation, blank=OrganisationId("")),
        name=fields.required("name", NAME, blank=""),
        role=fields.optional("role", NAME, default=""),
    )


def _activity(node: Node, place: str, faults: Faults) -> Activity:
    fields = Fields(node, place, faults, known=grammar.ACTIVITY)
    return Activity(
        activity=fields.required("activity", NAME, blank=""),
        responsible=fields.values("responsible", organisation),
        accountable=fields.required("accountable", organisation, blank=OrganisationId("")),
        consulted=fields.values("consulted", organisation),
        informed=fields.values("informed", organisation),
    )


def _party(node: Node, place: str, faults: Faults) -> Party:
    fields = Fields(node, place, faults, known=grammar.PARTY)
    return Party(
        role=fields.required("role", grammar.ROLE, blank="provider"),
        organisation=fields.required("organisation", organisation, blank=OrganisationId("")),
        name=fields.required("name", NAME, blank=""),
        contacts=tuple(_contact(each, at, faults) for at, each in fields.items("contacts")),
        responsibilities=fields.values("responsibilities", SENTENCE),
    )


def _contact(node: Node, place: str, faults: Faults) -> Contact:
    fields = Fields(node, place, faults, known=grammar.CONTACT)
    return Contact(
        name=fields.required("name", NAME, blank=""),
        email=fields.required("email", email, blank=""),
        role=fields.optional("role", NAME, default=""),
    )


def _service(node: Node, place: str, faults: Faults) -> Service:
    fields = Fields(node, place, faults, known=grammar.SERVICE)
    return Service(
        id=fields.required("id", slug, blank=""),
        name=fields.required("name", NAME, blank=""),
        components=tuple(_component(each, at, faults) for at, each in fields.items("components")),
    )


def _component(node: Node, place: str, faults: Faults) -> Component:
    fields = Fields(node, place, faults, known=grammar.COMPONENT)
    return Component(
        id=fields.required("id", slug, blank=""),
        name=fields.required("name", NAME, blank=""),
        in_service_from=fields.optional("in_service_from", instant, default=None),
        in_service_until=fields.optional("in_service_until", instant, default=None),
    )


def _calendar(node: Node, place: str, faults: Faults, years: range | None) -> Calendar:
    fields = Fields(node, place, faults, known=grammar.CALENDAR)
    of_region = fields.optional("region", region, default="")
    return Calendar(
        id=fields.required("id", slug, blank=""),
        zone=fields.optional("zone", zone, default=""),
        hours=tuple(_hours(each, at, faults) for at, each in fields.items("hours")),
        region=of_region,
        holidays=tuple(_holiday(each, at, faults) for at, each in fields.items("holidays"))
        if fields.has("holidays")
        else _filled(of_region, years, fields),
        also_closed=tuple(_holiday(each, at, faults) for at, each in fields.items("also_closed")),
    )


def _filled(of_region: str, years: range | None, fields: Fields) -> tuple[Holiday, ...]:
    if not of_region or not years:
        return ()
    try:
        return holidays_in(of_region, years, place=fields.at("region"))
    except Invalid as refusal:
        fields.faults.take(refusal)
        return ()


def _hours(node: Node, place: str, faults: Faults) -> Hours:
    fields = Fields(node, place, faults, known=grammar.HOURS)
    return Hours(
        days=fields.values("days", grammar.WEEKDAY),
        opens=fields.required("from", grammar.BEGINS, blank="00:00"),
        closes=fields.required("to", grammar.ENDS, blank="24:00"),
    )


def _holiday(node: Node, place: str, faults: Faults) -> Holiday:
    fields = Fields(node, place, faults, known=grammar.HOLIDAY)
    return Holiday(day=fields.required("day", day, blank=_FIRST_DAY), name=fields.optional("name", NAME, default=""))


def _exclusion_class(node: Node, place: str, faults: Faults) -> ExclusionClass:
    fields = Fields(node, place, faults, known=grammar.EXCLUSION_CLASS)
    return ExclusionClass(
        id=fields.required("id", slug, blank=""),
        clause=fields.optional("clause", grammar.CLAUSE, default=""),
        approval=fields.optional("approval", grammar.APPROVAL, default="none"),
        notice_s=fields.optional("notice", grammar.NOTICE, default=0),
        monthly_cap_s=fields.optional("monthly_cap", grammar.WINDOW, default=0),
    )


def _maintenance(node: Node, place: str, faults: Faults) -> MaintenanceWindow:
    fields = Fields(node, place, faults, known=grammar.MAINTENANCE)
    return MaintenanceWindow(
        id=fields.required("id", slug, blank=""),
        service=fields.required("service", slug, blank=""),
        components=fields.values("components", slug),
        start=fields.required("start", instant, blank=Instant(0)),
        end=fields.required("end", instant, blank=Instant(0)),
        reason=fields.optional("reason", SENTENCE, default=""),
        exclusion_class=fields.optional("class", slug, default=""),
        announced_at=fields.optional("announced_at", instant, default=None),
    )


def _recurring(node: Node, place: str, faults: Faults) -> RecurringMaintenance:
    fields = Fields(node, place, faults, known=grammar.RECURRING_MAINTENANCE)
    return RecurringMaintenance(
        id=fields.required("id", slug, blank=""),
        service=fields.required("service", slug, blank=""),
        components=fields.values("components", slug),
        days=fields.values("days", grammar.WEEKDAY),
        weeks=fields.values("weeks", grammar.WEEK),
        begins=fields.required("from", grammar.BEGINS, blank="00:00"),
        lasts_s=fields.required("lasts", grammar.WINDOW, blank=1),
        reason=fields.optional("reason", SENTENCE, default=""),
        exclusion_class=fields.optional("class", slug, default=""),
    )


def _objective(node: Node, place: str, faults: Faults, components: Mapping[str, tuple[str, ...]]) -> Objective:
    fields = Fields(node, place, faults, known=grammar.OBJECTIVE)
    is_composite = _kind_of(fields.node("indicator")) == "composite"
    service = fields.optional("service", slug, default="") if is_composite else fields.required("service", slug, blank="")
    if is_composite and fields.has("service"):
        faults.add(fields.at("service"), "has no place beside a composite, whose objectives have their own; leave it out")
    if not fields.has("indicator"):
        fields.missing("indicator")
    indicator = _indicator(fields.node("indicator"), fields.at("indicator"), faults, components.get(service, ()))
    return Objective(
        id=fields.required("id", slug, blank=""),
        name=fields.required("name", NAME, blank=""),
        service="" if is_composite else service,
        indicator=indicator,
        target=_target(fields, indicator),
        comparison=fields.optional("comparison", grammar.COMPARISON, default=">="),
        decimals=fields.optional("decimals", grammar.DECIMALS, default=2),
        credits=tuple(_tier(each, at, faults) for at, each in fields.items("credits")),
        relief=_relief(fields.node("relief"), fields.at("relief"), faults) if fields.has("relief") else None,
        clause=fields.optional("clause", grammar.CLAUSE, default=""),
    )


def _target(fields: Fields, indicator: Indicator) -> Fraction:
    """A promised percentile is its own target."""
    if isinstance(indicator, ResponseTime) and indicator.percentile is not None:
        return fields.optional("target", percent_above_zero, default=indicator.percentile)
    return fields.required("target", percent_above_zero, blank=Fraction(1))


def _kind_of(node: Node) -> str:
    kind = node.get("kind") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""


def _indicator(node: Node, place: str, faults: Faults, components: tuple[str, ...]) -> Indicator:
    if node is None:
        return Availability(components=())
    fields = Fields(node, place, faults, known=grammar.INDICATORS.get(_kind_of(node), grammar.ANY_INDICATOR))
    match fields.required("kind", grammar.KIND, blank=""):
        case "availability":
            return _availability(fields, components)
        case "request-ratio":
            return RequestRatio(components=fields.values("components", slug) or components)
        case "interval-mean":
            return IntervalMean(
                components=fields.values("components", slug) or components,
                every_s=fields.required("every", grammar.INTERVAL, blank=1),
                empty=fields.optional("empty", grammar.EMPTY, default="good"),
            )
        case "time-slices":
            return _time_slices(fields, components)
        case "response-time":
            return ResponseTime(
                components=fields.values("components", slug) or components,
                threshold_ms=fields.required("threshold_ms", milliseconds, blank=Decimal(1)),
                expected_every_s=fields.optional("expected_every", grammar.SILENCE, default=0),
                percentile=fields.optional("percentile", percent_above_zero, default=None),
            )
        case "resolution-time":
            return _resolution_time(fields)
        case "composite":
            of = fields.values("of", slug)
            rule = fields.required("rule", grammar.COMPOSITE_RULE, blank="all")
            return Composite(of=of, rule=rule, weights=_weights(fields, of, of_what="objective", named_at="of"))
        case _:
            return Availability(components=())


def _availability(fields: Fields, components: tuple[str, ...]) -> Availability:
    named = fields.values("components", slug) or components
    return Availability(
        components=named,
        combine=fields.optional("combine", grammar.COMBINE, default="any"),
        no_data=fields.optional("no_data", grammar.NO_DATA, default="undetermined"),
        weights=_weights(fields, named if set(named) <= set(components) else (), of_what="component", named_at="components"),
        minimum_coverage=fields.optional("minimum_coverage", percent, default=Fraction(0)),
        maintenance=fields.optional("maintenance", grammar.PLANNED, default="exclude"),
        minimum_outage=_minimum_outage(fields) if fields.has("minimum_outage") else None,
        hours=fields.optional("hours", slug, default=""),
    )


def _minimum_outage(within: Fields) -> MinimumOutage:
    fields = Fields(within.node("minimum_outage"), within.at("minimum_outage"), within.faults, known=grammar.MINIMUM_OUTAGE)
    return MinimumOutage(
        at_least_s=fields.required("at_least", grammar.OUTAGE, blank=60),
        whole_minutes=fields.optional("whole_minutes", grammar.FLAG, default=False),
        before_exclusions=fields.optional("before_exclusions", grammar.FLAG, default=False),
    )


def _time_slices(fields: Fields, components: tuple[str, ...]) -> TimeSlices:
    return TimeSlices(
        components=fields.values("components", slug) or components,
        every_s=fields.required("every", grammar.INTERVAL, blank=1),
        error_above=fields.optional("error_above", percent_below_hundred, default=None),
        percentile=fields.optional("percentile", percent_above_zero, default=None),
        latency_above_ms=fields.optional("latency_above_ms", milliseconds, default=None),
        minimum_events=fields.optional("minimum_events", grammar.EVENTS, default=1),
        minimum_consecutive=fields.optional("minimum_consecutive", grammar.SLICES, default=1),
        empty=fields.optional("empty", grammar.EMPTY, default="good"),
    )


def _resolution_time(fields: Fields) -> ResolutionTime:
    return ResolutionTime(
        within_s=fields.required("within", grammar.WITHIN, blank=1),
        priorities=fields.values("priorities", grammar.PRIORITY),
        reopened=fields.optional("reopened", grammar.REOPENED, default="first-resolution"),
        stop=fields.optional("stop", grammar.STOP, default="resolved"),
        hours=fields.optional("hours", slug, default=""),
        pauses=fields.values("pauses", grammar.TICKET_STATE),
        priority_rule=fields.optional("priority_rule", grammar.PRIORITY_RULE, default="last"),
        priority_order=fields.values("priority_order", grammar.PRIORITY),
    )


def _weights(fields: Fields, names: Sequence[str], *, of_what: str, named_at: str) -> tuple[int, ...]:
    """One for each name, in their order; none where each weighs 1, which is the same."""
    found = fields.by_name("weights", grammar.WEIGHT)
    place = fields.at("weights")
    if not fields.has("weights") or not names or not fields.faults.sound(place) or not fields.faults.sound(fields.at(named_at)):
        return ()
    for stranger in sorted(found.keys() - set(names)):
        fields.faults.add(f"{place}.{stranger}", f"is no {of_what} of this indicator; {hint(stranger, names)}")
    if missing := [name for name in names if name not in found]:
        fields.faults.add(place, f"says nothing of {', '.join(missing)}; give every {of_what} a whole number, 1 to count once")
        return ()
    weights = tuple(found[name] for name in names)
    return () if set(weights) == {1} else weights


def _tier(node: Node, place: str, faults: Faults) -> CreditTier:
    fields = Fields(node, place, faults, known=grammar.TIER)
    return CreditTier(
        below=fields.required("below", percent_above_zero, blank=Fraction(0)),
        percent=fields.required("percent", percent_above_zero, blank=Fraction(0)),
    )


def _relief(node: Node, place: str, faults: Faults) -> Relief:
    fields = Fields(node, place, faults, known=grammar.RELIEFS.get(_kind_of(node), grammar.ANY_RELIEF))
    match fields.required("kind", grammar.RELIEF, blank=""):
        case "hourly":
            return HourlyRelief(more_than_s=fields.required("more_than", grammar.OUTAGE, blank=1))
        case "per-step":
            return StepCredit(
                step=fields.required("step", percent_above_zero, blank=Fraction(1)),
                percent=fields.required("percent", percent_above_zero, blank=Fraction(1)),
            )
        case "proportional":
            return ProportionalCredit(times=fields.required("times", multiple, blank=Fraction(1)))
        case _:
            return ProportionalCredit(times=Fraction(1))


def _credit(node: Node, place: str, faults: Faults) -> Credit:
    fields = Fields(node, place, faults, known=grammar.CREDIT)
    agreed = fields.required("currency", currency, blank="")

    def amount(text: str, /, *, place: str) -> Money:
        return money(text, place=place, currency=agreed or "EUR")

    nothing = Money(Decimal(0), agreed)
    return Credit(
        monthly_charge=fields.required("monthly_charge", amount, blank=nothing),
        cap=fields.optional("cap_percent", percent_above_zero, default=Fraction(1)),
        rounding=fields.optional("rounding", grammar.ROUNDING, default="half-even"),
        combine=fields.optional("combine", grammar.COMBINE_CREDITS, default="sum"),
        minimum=fields.optional("minimum", amount, default=nothing).amount,
        yearly_cap=fields.optional("yearly_cap_percent", percent_above_zero, default=None),
        pro_rata=fields.optional("pro_rata", grammar.FLAG, default=True),
        claim=_claim(fields.node("claim"), fields.at("claim"), faults) if fields.has("claim") else None,
    )


def _claim(node: Node, place: str, faults: Faults) -> Claim:
    fields = Fields(node, place, faults, known=grammar.CLAIM)
    return Claim(
        days=fields.optional("days", grammar.CLAIM_DAYS, default=0),
        months=fields.optional("months", grammar.CLAIM_MONTHS, default=0),
        cycles=fields.optional("cycles", grammar.CLAIM_MONTHS, default=0),
        business_days=fields.optional("business_days", grammar.CLAIM_DAYS, default=0),
        calendar=fields.optional("calendar", slug, default=""),
        counted_from=fields.optional("counted_from", grammar.CLAIM_FROM, default="period-end"),
    )
