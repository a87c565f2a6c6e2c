"""The bank's agreement of these tests, as agreements publishes it, and the people who ask."""

from __future__ import annotations

from datetime import UTC, datetime

from upheld.agreements.v1 import agreements_pb2, events_pb2, terms_pb2

from services.vocabulary.identity import Caller, OrganisationId, Role

AGREEMENT = "5b1c0a52-9a7f-4a35-9d5e-2f0d7f0f9a01"
PROVIDER, CUSTOMER, AUDITOR, STRANGER = "nordwind-hosting", "hansebank", "pruefwerk", "elsewhere"
SIGNED = "2026-02-20T10:00:00Z"
MARCH_10 = datetime(2026, 3, 10, 12, tzinfo=UTC)
APRIL_2 = datetime(2026, 4, 2, 12, tzinfo=UTC)
APRIL_9 = datetime(2026, 4, 9, 12, tzinfo=UTC)


def caller(*roles: Role, organisation: str = PROVIDER) -> Caller:
    return Caller(subject=f"{organisation}:{'+'.join(roles)}", organisation=OrganisationId(organisation), roles=frozenset(roles))


OPERATOR = caller(Role.OPERATOR)
MANAGER = caller(Role.SERVICE_MANAGER)
CLIENT = caller(Role.SERVICE_MANAGER, organisation=CUSTOMER)
AUDITING = caller(Role.AUDITOR, organisation=AUDITOR)
OUTSIDER = caller(Role.SERVICE_MANAGER, organisation=STRANGER)


def terms(*, target: str = "99.9", effective_on: str = "2026-03-01", auditors: tuple[str, ...] = (AUDITOR,)) -> terms_pb2.Terms:
    """Availability of two components of online banking, and the share of good requests; a tenth of 10,000 EUR below the target."""
    tier = terms_pb2.CreditTier(below_percent=target, credit_percent="10")
    return terms_pb2.Terms(
        title="Online banking",
        zone="Europe/Berlin",
        effective_on=effective_on,
        parties=[
            terms_pb2.Party(role="provider", organisation=PROVIDER, name="Nordwind Hosting"),
            terms_pb2.Party(role="customer", organisation=CUSTOMER, name="Hansebank"),
        ],
        auditors=auditors,
        services=[terms_pb2.Service(id="online-banking", components=[terms_pb2.Component(id=each) for each in ("web", "core-database")])],
        objectives=[
            terms_pb2.Objective(
                id="availability",
                name="Availability of online banking",
                service="online-banking",
                indicator=terms_pb2.Indicator(
                    availability=terms_pb2.Availability(components=["web", "core-database"], combine="any", no_data="up")
                ),
                comparison=">=",
                target_percent=target,
                decimals=3,
                credits=[tier],
            ),
            terms_pb2.Objective(
                id="requests",
                name="Good requests",
                service="online-banking",
                indicator=terms_pb2.Indicator(request_ratio=terms_pb2.RequestRatio(components=["web"])),
                comparison=">=",
                target_percent="99",
                decimals=2,
            ),
        ],
        credit=terms_pb2.Credit(currency="EUR", monthly_charge="10000.00", cap_percent="30", rounding="half-even"),
        close_after_days=5,
        warn_at_percent="75",
    )


def version(number: int = 1, *, message: terms_pb2.Terms | None = None, effective_on: str = "2026-03-01") -> agreements_pb2.TermsVersion:
    return agreements_pb2.TermsVersion(number=number, terms=message or terms(), effective_on=effective_on, recorded_at=SIGNED)


def activated() -> events_pb2.AgreementActivated:
    return events_pb2.AgreementActivated(
        agreement_id=AGREEMENT, terms_version=1, terms=terms(), effective_on="2026-03-01", recorded_at=SIGNED
    )


def amended(*, target: str, effective_on: str, recorded_at: str) -> events_pb2.AgreementAmended:
    return events_pb2.AgreementAmended(
        agreement_id=AGREEMENT, terms_version=2, terms=terms(target=target), effective_on=effective_on, recorded_at=recorded_at
    )


def outage(start: str, end: str = "", *, id: str = "", component: str = "core-database") -> dict[str, object]:
    told: dict[str, object] = {"kind": "outage", "service": "online-banking", "component": component, "observed_at": start}
    return told | ({"until": end} if end else {}) | ({"id": id} if id else {})


def counter(at: str, good: int, total: int, *, id: str = "") -> dict[str, object]:
    told = {"kind": "counter", "service": "online-banking", "component": "web", "observed_at": at, "good": good, "total": total}
    return told | ({"id": id} if id else {})


def ticket(at: str, state: str, *, number: str = "INC-1") -> dict[str, object]:
    return {"kind": "ticket", "service": "desk", "ticket": number, "observed_at": at, "state": state}
