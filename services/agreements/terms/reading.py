"""Reads a terms document into terms, telling every fault with its place. Pure; the grammar is fixed by the document's own version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

from services.agreements.terms.checks import check
from services.agreements.terms.fields import (
    NAME,
    SENTENCE,
    Choice,
    Duration,
    Faults,
    Fields,
    Node,
    Text,
    Whole,
    email,
    milliseconds,
    organisation,
    percent_above_zero,
    slug,
    zone,
)
from services.agreements.terms.model import (
    Availability,
    Combine,
    Comparison,
    Component,
    Contact,
    Credit,
    CreditTier,
    Indicator,
    MaintenanceWindow,
    NoData,
    Objective,
    Party,
    PartyRole,
    Reopened,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    Terms,
)
from services.vocabulary.errors import Invalid
from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money, Rounding, parse_money
from services.vocabulary.period import Instant, parse_day, parse_instant

GRAMMAR = "terms/v1"

_FIRST_DAY = date(1990, 1, 1)
_HOUR_S = 3600
_ROLE: Choice[PartyRole] = Choice("provider", "customer")
_COMBINE: Choice[Combine] = Choice("any", "all")
_NO_DATA: Choice[NoData] = Choice("undetermined", "up", "down", "exclude")
_REOPENED: Choice[Reopened] = Choice("first-resolution", "runs-on")
_COMPARISON: Choice[Comparison] = Choice(">=", ">")
_ROUNDING: Choice[Rounding] = Choice("half-even", "half-up")
_KIND = Choice("availability", "request-ratio", "response-time", "resolution-time")
_TERMS_KEYS = (
    "upheld",
    "title",
    "zone",
    "effective_on",
    "ends_on",
    "parties",
    "auditors",
    "services",
    "maintenance",
    "objectives",
    "credit",
    "close_after_days",
    "warn_at_percent",
)
_INDICATOR_KEYS: Mapping[str, tuple[str, ...]] = {
    "availability": ("kind", "components", "combine", "no_data"),
    "request-ratio": ("kind", "components"),
    "response-time": ("kind", "components", "threshold_ms", "expected_every"),
    "resolution-time": ("kind", "within", "priorities", "reopened"),
}
_ALL_INDICATOR_KEYS = tuple(dict.fromkeys(key for keys in _INDICATOR_KEYS.values() for key in keys))


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
    fields = Fields(document, "", faults, known=_TERMS_KEYS)
    fields.required("upheld", Choice(GRAMMAR), blank=GRAMMAR)
    services = tuple(_service(node, place, faults) for place, node in fields.items("services", at_least=1, at_most=100))
    return Terms(
        title=fields.required("title", NAME, blank=""),
        zone=fields.required("zone", zone, blank="UTC"),
        effective_on=fields.required("effective_on", parse_day, blank=_FIRST_DAY),
        ends_on=fields.optional("ends_on", parse_day, default=None),
        parties=tuple(_party(node, place, faults) for place, node in fields.items("parties", at_least=1, at_most=10)),
        auditors=fields.values("auditors", organisation, at_most=20),
        services=services,
        maintenance=tuple(_maintenance(node, place, faults) for place, node in fields.items("maintenance", at_most=500)),
        objectives=tuple(_objective(node, place, faults, services) for place, node in fields.items("objectives", at_least=1, at_most=200)),
        credit=_credit(fields.node("credit"), fields.at("credit"), faults) if fields.has("credit") else None,
        close_after_days=fields.optional("close_after_days", Whole(at_least=0, at_most=90), default=3),
        warn_at=fields.optional("warn_at_percent", percent_above_zero, default=Fraction(75, 100)),
    )


def _party(node: Node, place: str, faults: Faults) -> Party:
    fields = Fields(node, place, faults, known=("role", "organisation", "name", "contacts", "responsibilities"))
    return Party(
        role=fields.required("role", _ROLE, blank="provider"),
        organisation=fields.required("organisation", organisation, blank=OrganisationId("")),
        name=fields.required("name", NAME, blank=""),
        contacts=tuple(_contact(each, at, faults) for at, each in fields.items("contacts", at_most=50)),
        responsibilities=fields.values("responsibilities", SENTENCE, at_most=50),
    )


def _contact(node: Node, place: str, faults: Faults) -> Contact:
    fields = Fields(node, place, faults, known=("name", "email", "role"))
    return Contact(
        name=fields.required("name", NAME, blank=""),
        email=fields.required("email", email, blank=""),
        role=fields.optional("role", NAME, default=""),
    )


def _service(node: Node, place: str, faults: Faults) -> Service:
    fields = Fields(node, place, faults, known=("id", "name", "components"))
    return Service(
        id=fields.required("id", slug, blank=""),
        name=fields.required("name", NAME, blank=""),
        components=tuple(_component(each, at, faults) for at, each in fields.items("components", at_most=200)),
    )


def _component(node: Node, place: str, faults: Faults) -> Component:
    fields = Fields(node, place, faults, known=("id", "name"))
    return Component(id=fields.required("id", slug, blank=""), name=fields.required("name", NAME, blank=""))


def _maintenance(node: Node, place: str, faults: Faults) -> MaintenanceWindow:
    fields = Fields(node, place, faults, known=("id", "service", "components", "start", "end", "reason"))
    return MaintenanceWindow(
        id=fields.required("id", slug, blank=""),
        service=fields.required("service", slug, blank=""),
        components=fields.values("components", slug, at_most=200),
        start=fields.required("start", parse_instant, blank=Instant(0)),
        end=fields.required("end", parse_instant, blank=Instant(0)),
        reason=fields.optional("reason", SENTENCE, default=""),
    )


def _objective(node: Node, place: str, faults: Faults, services: tuple[Service, ...]) -> Objective:
    known = ("id", "name", "service", "indicator", "target", "comparison", "decimals", "credits")
    fields = Fields(node, place, faults, known=known)
    service = fields.required("service", slug, blank="")
    if not fields.has("indicator"):
        fields.missing("indicator")
    return Objective(
        id=fields.required("id", slug, blank=""),
        name=fields.required("name", NAME, blank=""),
        service=service,
        indicator=_indicator(fields.node("indicator"), fields.at("indicator"), faults, _components_of(service, services)),
        target=fields.required("target", percent_above_zero, blank=Fraction(1)),
        comparison=fields.optional("comparison", _COMPARISON, default=">="),
        decimals=fields.optional("decimals", Whole(at_least=0, at_most=9), default=2),
        credits=tuple(_tier(each, at, faults) for at, each in fields.items("credits", at_most=20)),
    )


def _components_of(service: str, services: tuple[Service, ...]) -> tuple[str, ...]:
    return next((tuple(component.id for component in each.components) for each in services if each.id == service), ())


def _indicator(node: Node, place: str, faults: Faults, components: tuple[str, ...]) -> Indicator:
    kind = node.get("kind") if isinstance(node, dict) else None
    known = _INDICATOR_KEYS.get(kind, _ALL_INDICATOR_KEYS) if isinstance(kind, str) else _ALL_INDICATOR_KEYS
    if node is None:
        return Availability(components=())
    fields = Fields(node, place, faults, known=known)
    match fields.required("kind", _KIND, blank=""):
        case "availability":
            return Availability(
                components=fields.values("components", slug, at_most=200) or components,
                combine=fields.optional("combine", _COMBINE, default="any"),
                no_data=fields.optional("no_data", _NO_DATA, default="undetermined"),
            )
        case "request-ratio":
            return RequestRatio(components=fields.values("components", slug, at_most=200) or components)
        case "response-time":
            return ResponseTime(
                components=fields.values("components", slug, at_most=200) or components,
                threshold_ms=fields.required("threshold_ms", milliseconds, blank=Decimal(1)),
                expected_every_s=fields.optional("expected_every", Duration(at_most_s=31 * 24 * _HOUR_S), default=0),
            )
        case "resolution-time":
            return ResolutionTime(
                within_s=fields.required("within", Duration(at_most_s=366 * 24 * _HOUR_S), blank=1),
                priorities=fields.values("priorities", Text(at_most=60), at_most=20),
                reopened=fields.optional("reopened", _REOPENED, default="first-resolution"),
            )
        case _:
            return Availability(components=())


def _tier(node: Node, place: str, faults: Faults) -> CreditTier:
    fields = Fields(node, place, faults, known=("below", "percent"))
    return CreditTier(
        below=fields.required("below", percent_above_zero, blank=Fraction(0)),
        percent=fields.required("percent", percent_above_zero, blank=Fraction(0)),
    )


def _credit(node: Node, place: str, faults: Faults) -> Credit:
    fields = Fields(node, place, faults, known=("currency", "monthly_charge", "cap_percent", "rounding"))
    currency = fields.required("currency", _currency, blank="")

    def charge(text: str, /, *, place: str) -> Money:
        return parse_money(text, currency or "EUR", place=place)

    return Credit(
        monthly_charge=fields.required("monthly_charge", charge, blank=Money(Decimal(0), "EUR")),
        cap=fields.optional("cap_percent", percent_above_zero, default=Fraction(1)),
        rounding=fields.optional("rounding", _ROUNDING, default="half-even"),
    )


def _currency(text: str, /, *, place: str) -> str:
    parse_money("0", text, place=place)
    return text
