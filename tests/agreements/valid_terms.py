"""Any terms that could be signed, for property tests."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from services.agreements.terms import (
    Availability,
    Component,
    Contact,
    Credit,
    CreditTier,
    Indicator,
    MaintenanceWindow,
    Objective,
    Party,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    Terms,
)
from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money, minor_digits
from services.vocabulary.period import SECOND, Instant, parse_instant

FIRST_DAY = date(2026, 1, 1)
NOON = parse_instant("2026-01-02T12:00:00Z", place="")

slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)
lines = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20).map(str.strip).filter(bool)
)
ratios = st.integers(1, 100 * 10**9).map(lambda units: Fraction(units, 100 * 10**9))


@st.composite
def services(draw: st.DrawFn) -> tuple[Service, ...]:
    def service(service_id: str) -> Service:
        components = draw(st.lists(slugs, min_size=1, max_size=3, unique=True))
        return Service(id=service_id, name=draw(lines), components=tuple(Component(id=each, name=draw(lines)) for each in components))

    return tuple(service(each) for each in draw(st.lists(slugs, min_size=1, max_size=3, unique=True)))


@st.composite
def indicators(draw: st.DrawFn, service: Service) -> Indicator:
    ids = [component.id for component in service.components]
    components = tuple(draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))
    match draw(st.integers(0, 3)):
        case 0:
            return Availability(
                components=components,
                combine=draw(st.sampled_from(["any", "all"])),
                no_data=draw(st.sampled_from(["undetermined", "up", "down", "exclude"])),
            )
        case 1:
            return RequestRatio(components=components)
        case 2:
            threshold = Decimal(draw(st.integers(1, 10**12 - 1))).scaleb(-3)
            return ResponseTime(components=components, threshold_ms=threshold, expected_every_s=draw(st.integers(0, 2_678_400)))
        case _:
            priorities = tuple(draw(st.lists(lines, max_size=3, unique=True)))
            return ResolutionTime(
                within_s=draw(st.integers(1, 31_622_400)),
                priorities=priorities,
                reopened=draw(st.sampled_from(["first-resolution", "runs-on"])),
            )


@st.composite
def objectives(draw: st.DrawFn, objective_id: str, service: Service, *, paid: bool) -> Objective:
    target = draw(ratios)
    below = sorted(draw(st.lists(ratios.filter(lambda ratio: ratio <= target), max_size=3, unique=True)), reverse=True) if paid else []
    percents = sorted(draw(st.lists(ratios, min_size=len(below), max_size=len(below), unique=True)))
    return Objective(
        id=objective_id,
        name=draw(lines),
        service=service.id,
        indicator=draw(indicators(service)),
        target=target,
        comparison=draw(st.sampled_from([">=", ">"])) if target < 1 else ">=",
        decimals=draw(st.integers(0, 9)),
        credits=tuple(CreditTier(below=each, percent=percent) for each, percent in zip(below, percents, strict=True)),
    )


@st.composite
def windows(draw: st.DrawFn, window_id: str, service: Service) -> MaintenanceWindow:
    start = Instant(NOON + draw(st.integers(0, 10**13)))
    some = draw(st.lists(st.sampled_from([component.id for component in service.components]), unique=True))
    return MaintenanceWindow(
        id=window_id,
        service=service.id,
        components=tuple(some),
        start=start,
        end=Instant(start + draw(st.integers(1, 86_400 * SECOND))),
        reason=draw(st.just("") | lines),
    )


@st.composite
def credits(draw: st.DrawFn) -> Credit:
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
    amount = Decimal(draw(st.integers(0, 10**12))).scaleb(-minor_digits(currency))
    return Credit(monthly_charge=Money(amount, currency), cap=draw(ratios), rounding=draw(st.sampled_from(["half-even", "half-up"])))


@st.composite
def valid_terms(draw: st.DrawFn) -> Terms:
    provider, customer, *auditors = draw(st.lists(slugs.map(OrganisationId), min_size=2, max_size=4, unique=True))
    agreed = draw(services())
    credit = draw(st.none() | credits())
    objective_ids = draw(st.lists(slugs, min_size=1, max_size=3, unique=True))
    window_ids = draw(st.lists(slugs, max_size=2, unique=True))
    people = st.builds(Contact, name=lines, email=st.just("a@b.example"), role=st.just("") | lines)
    party = st.builds(
        Party,
        role=st.just("provider"),
        organisation=st.just(provider),
        name=lines,
        contacts=st.lists(people, max_size=1).map(tuple),
        responsibilities=st.lists(lines, max_size=2, unique=True).map(tuple),
    )
    return Terms(
        title=draw(lines),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"])),
        effective_on=FIRST_DAY,
        ends_on=draw(st.none() | st.integers(364, 3000).map(lambda days: FIRST_DAY + timedelta(days=days))),
        parties=(draw(party), Party(role="customer", organisation=customer, name=draw(lines))),
        auditors=tuple(auditors),
        services=agreed,
        maintenance=tuple(draw(windows(each, draw(st.sampled_from(agreed)))) for each in window_ids),
        objectives=tuple(draw(objectives(each, draw(st.sampled_from(agreed)), paid=credit is not None)) for each in objective_ids),
        credit=credit,
        close_after_days=draw(st.integers(0, 90)),
        warn_at=draw(ratios),
    )
