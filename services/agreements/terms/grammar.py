"""What may stand where in a terms document: the keys, what each means, its reader. Pure tables, which reading and schema share."""

from __future__ import annotations

from collections.abc import Mapping

from services.agreements.terms.fields import (
    NAME,
    SENTENCE,
    Choice,
    ClockTime,
    Duration,
    Entry,
    Flag,
    Text,
    Whole,
    agreement_id,
    currency,
    day,
    email,
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
from services.agreements.terms.model import (
    Approval,
    ClaimFrom,
    Combine,
    CombineCredits,
    Comparison,
    CompositeRule,
    Disputes,
    Empty,
    NoData,
    PartyRole,
    Planned,
    PriorityRule,
    Reopened,
    ReviewEvery,
    Stop,
    SupportKind,
    TicketState,
    Week,
    Weekday,
)
from services.vocabulary.money import Rounding
from services.vocabulary.period import LATEST_FROM_DAY, LONGEST_ROLLING, Every

GRAMMAR = "terms/v1"

Table = Mapping[str, Entry]

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_MONTH_S = 31 * _DAY_S
_YEAR_S = 366 * _DAY_S

VERSION = Choice(GRAMMAR)
ROLE: Choice[PartyRole] = Choice("provider", "customer")
COMBINE: Choice[Combine] = Choice("any", "all", "pool")
DISPUTES: Choice[Disputes] = Choice("provider", "customer", "either-down", "both-down", "auditor")
NO_DATA: Choice[NoData] = Choice("undetermined", "up", "down", "exclude")
PLANNED: Choice[Planned] = Choice("exclude", "up", "down")
EMPTY: Choice[Empty] = Choice("good", "bad", "exclude", "undetermined")
REOPENED: Choice[Reopened] = Choice("first-resolution", "runs-on")
STOP: Choice[Stop] = Choice("resolved", "responded")
TICKET_STATE: Choice[TicketState] = Choice("opened", "waiting", "responded", "resolved", "reopened", "closed", "cancelled")
PRIORITY_RULE: Choice[PriorityRule] = Choice("last", "first", "highest")
COMPARISON: Choice[Comparison] = Choice(">=", ">")
COMPOSITE_RULE: Choice[CompositeRule] = Choice("all", "any", "weighted", "journey")
ROUNDING: Choice[Rounding] = Choice("half-even", "half-up")
COMBINE_CREDITS: Choice[CombineCredits] = Choice("sum", "max")
CLAIM_FROM: Choice[ClaimFrom] = Choice("period-end", "last-outage")
APPROVAL: Choice[Approval] = Choice("none", "customer", "both")
WEEKDAY: Choice[Weekday] = Choice("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK: Choice[Week] = Choice("first", "second", "third", "fourth", "last", meant={"fifth": "last"})
EVERY: Choice[Every] = Choice(
    "month",
    "quarter",
    "year",
    "contract-year",
    "week",
    "rolling",
    meant={"monthly": "month", "quarterly": "quarter", "yearly": "year", "annual": "year", "weekly": "week", "sliding": "rolling"},
)
KIND = Choice(
    "availability",
    "request-ratio",
    "interval-mean",
    "time-slices",
    "response-time",
    "resolution-time",
    "composite",
    meant={"uptime": "availability", "error-rate": "request-ratio", "latency": "response-time", "tickets": "resolution-time"},
)
REVIEW_EVERY: Choice[ReviewEvery] = Choice(
    "month",
    "quarter",
    "half-year",
    "year",
    meant={"monthly": "month", "quarterly": "quarter", "half-yearly": "half-year", "yearly": "year", "annual": "year"},
)
SUPPORT_KIND: Choice[SupportKind] = Choice(
    "contract", "internal", meant={"uc": "contract", "underpinning": "contract", "ola": "internal", "operational": "internal"}
)
RELIEF = Choice("hourly", "proportional", "per-step")

FLAG = Flag()
BEGINS = ClockTime()
ENDS = ClockTime(ends_day=True)
CLAUSE = Text(at_most=100)
PRIORITY = Text(at_most=60)
DECIMALS = Whole(at_least=0, at_most=9)
WEIGHT = Whole(at_least=1, at_most=10_000)
EVENTS = Whole(at_least=1, at_most=1_000_000_000)
SLICES = Whole(at_least=1, at_most=100_000)
CLOSE_AFTER = Whole(at_least=0, at_most=90)
HARD_CLOSE_AFTER = Whole(at_least=1, at_most=3660)
FROM_DAY = Whole(at_least=2, at_most=LATEST_FROM_DAY)
ROLLING_DAYS = Whole(at_least=1, at_most=LONGEST_ROLLING)
RENEWAL_MONTHS = Whole(at_least=1, at_most=120)
NOTICE_DAYS = Whole(at_least=0, at_most=3660)
CLAIM_DAYS = Whole(at_least=1, at_most=3660)
CLAIM_MONTHS = Whole(at_least=1, at_most=120)
INTERVAL = Duration(at_most_s=_DAY_S)
SILENCE = Duration(at_most_s=_MONTH_S)
OUTAGE = Duration(at_most_s=_MONTH_S)
WINDOW = Duration(at_most_s=_MONTH_S)
WITHIN = Duration(at_most_s=_YEAR_S)
NOTICE = Duration(at_most_s=_YEAR_S)

_COMPONENTS = Entry(meaning="ids of the service's components; none named: all of them", read=slug, many=(0, 2_000))
_HOURS = Entry(meaning="the id of a calendar; left out: around the clock", read=slug)
_EMPTY = Entry(meaning="what an interval without a request is", read=EMPTY)
_EVERY = Entry(meaning='the length of one interval, a divisor of the day such as "5m"', read=INTERVAL)
_CLASS = Entry(meaning="the id of an exclusion class", read=slug)

CONTACT: Table = {
    "name": Entry(meaning="what the person is called", read=NAME, required=True),
    "email": Entry(meaning='an e-mail address such as "ida@nordwind.example"', read=email, required=True),
    "role": Entry(meaning="what the person does there", read=NAME),
}
PARTY: Table = {
    "role": Entry(meaning='"provider" or "customer"', read=ROLE, required=True),
    "organisation": Entry(meaning='the id that its people\'s tokens carry, such as "nordwind-hosting"', read=organisation, required=True),
    "name": Entry(meaning='what the organisation is called, such as "Nordwind Hosting GmbH"', read=NAME, required=True),
    "contacts": Entry(meaning="whom to ask there", of=CONTACT, many=(0, 50)),
    "responsibilities": Entry(meaning="what this side does for the service, a sentence each", read=SENTENCE, many=(0, 50)),
}
COMPONENT: Table = {
    "id": Entry(meaning='how observations name it, such as "core-database"', read=slug, required=True),
    "name": Entry(meaning="what people call it", read=NAME, required=True),
    "in_service_from": Entry(meaning="the instant its life begins; left out: it was there before", read=instant),
    "in_service_until": Entry(meaning="the instant its life ends; left out: it stays", read=instant),
}
SERVICE: Table = {
    "id": Entry(meaning='how objectives and observations name it, such as "online-banking"', read=slug, required=True),
    "name": Entry(meaning="what people call it", read=NAME, required=True),
    "components": Entry(meaning="what is observed; a service that only has tickets needs none", of=COMPONENT, many=(0, 2_000)),
}
HOURS: Table = {
    "days": Entry(meaning="weekdays such as [mon, tue]", read=WEEKDAY, many=(1, 7), required=True),
    "from": Entry(meaning='the time of day it opens, such as "09:00"', read=BEGINS, required=True),
    "to": Entry(meaning='the time of day it closes, such as "17:00"; "24:00" ends the day', read=ENDS, required=True),
}
HOLIDAY: Table = {
    "day": Entry(meaning='the civil day, such as "2026-04-03"', read=day, required=True),
    "name": Entry(meaning="what the day is called", read=NAME),
}
CALENDAR: Table = {
    "id": Entry(meaning='how objectives and claims name it, such as "office"', read=slug, required=True),
    "zone": Entry(meaning="IANA time zone of its hours; left out: the agreement's", read=zone),
    "hours": Entry(meaning='when it is open, such as [{days: [mon], from: "09:00", to: "17:00"}]', of=HOURS, many=(1, 50), required=True),
    "region": Entry(meaning='fills holidays when there are none, such as "DE-BY"; afterwards it only tells', read=region),
    "holidays": Entry(meaning="days on which it is closed; left out: those of the region", of=HOLIDAY, many=(0, 3000)),
    "also_closed": Entry(meaning="further days on which it is closed", of=HOLIDAY, many=(0, 3000)),
}
EXCLUSION_CLASS: Table = {
    "id": Entry(meaning='how windows and claims name it, such as "force-majeure"', read=slug, required=True),
    "clause": Entry(meaning="where the contract says so", read=CLAUSE),
    "approval": Entry(meaning="who has to approve a claim under it", read=APPROVAL),
    "notice": Entry(meaning='announced at least so long before, such as "240h"', read=NOTICE),
    "monthly_cap": Entry(meaning='at most so much of a month, such as "8h"', read=WINDOW),
}
MAINTENANCE: Table = {
    "id": Entry(meaning='how the window is named, such as "march-upgrade"', read=slug, required=True),
    "service": Entry(meaning="the id of the service it is for", read=slug, required=True),
    "components": _COMPONENTS,
    "start": Entry(meaning='the instant it begins, such as "2026-03-14T22:00:00Z"', read=instant, required=True),
    "end": Entry(meaning='the instant it ends, such as "2026-03-15T02:00:00Z"', read=instant, required=True),
    "reason": Entry(meaning="what is done", read=SENTENCE),
    "class": _CLASS,
    "announced_at": Entry(meaning="the instant it was announced; left out: agreed here, in time", read=instant),
}
RECURRING_MAINTENANCE: Table = {
    "id": Entry(meaning='how the window is named, such as "sundays"', read=slug, required=True),
    "service": Entry(meaning="the id of the service it is for", read=slug, required=True),
    "components": _COMPONENTS,
    "days": Entry(meaning="weekdays such as [sun]", read=WEEKDAY, many=(1, 7), required=True),
    "weeks": Entry(meaning="which of that weekday in its month; none named: every week", read=WEEK, many=(0, 5)),
    "from": Entry(meaning='the time of day it begins, such as "02:00"', read=BEGINS, required=True),
    "lasts": Entry(meaning='its elapsed time, such as "4h"', read=WINDOW, required=True),
    "reason": Entry(meaning="what is done", read=SENTENCE),
    "class": _CLASS,
}
MINIMUM_OUTAGE: Table = {
    "at_least": Entry(meaning='the shortest outage that counts, such as "5m"', read=OUTAGE, required=True),
    "whole_minutes": Entry(meaning="only whole UTC minutes are down", read=FLAG),
    "before_exclusions": Entry(meaning="its length before exclusions and service hours", read=FLAG),
}
_KIND = Entry(meaning=f"one of {', '.join(KIND.words)}", read=KIND, required=True)
INDICATORS: Mapping[str, Table] = {
    "availability": {
        "kind": _KIND,
        "components": _COMPONENTS,
        "combine": Entry(meaning="down while any is, only while all are, or each one's own time", read=COMBINE),
        "no_data": Entry(meaning="what unknown time is", read=NO_DATA),
        "weights": Entry(meaning="how often each component of a pool counts", read=WEIGHT, named_by="components"),
        "minimum_coverage": Entry(meaning="the share of time that has to be known for a verdict", read=percent),
        "maintenance": Entry(meaning="what the time of a window is", read=PLANNED),
        "minimum_outage": Entry(meaning="shorter outages do not count", of=MINIMUM_OUTAGE),
        "hours": _HOURS,
    },
    "request-ratio": {"kind": _KIND, "components": _COMPONENTS},
    "interval-mean": {
        "kind": _KIND,
        "components": _COMPONENTS,
        "every": Entry(meaning=_EVERY.meaning, read=INTERVAL, required=True),
        "empty": _EMPTY,
    },
    "time-slices": {
        "kind": _KIND,
        "components": _COMPONENTS,
        "every": Entry(meaning=_EVERY.meaning, read=INTERVAL, required=True),
        "error_above": Entry(meaning="a slice is bad with a higher error rate", read=percent_below_hundred),
        "percentile": Entry(meaning="of latency, with latency_above_ms", read=percent_above_zero),
        "latency_above_ms": Entry(meaning="a slice is bad with a higher percentile", read=milliseconds),
        "minimum_events": Entry(meaning="a slice with fewer requests is good", read=EVENTS),
        "minimum_consecutive": Entry(meaning="bad slices count in runs at least this long", read=SLICES),
        "empty": _EMPTY,
    },
    "response-time": {
        "kind": _KIND,
        "components": _COMPONENTS,
        "threshold_ms": Entry(meaning='the longest time that is good, such as "800"', read=milliseconds, required=True),
        "expected_every": Entry(meaning="a longer silence is a gap in the data", read=SILENCE),
        "percentile": Entry(meaning="the promise is about this one; it is the target then", read=percent_above_zero),
    },
    "resolution-time": {
        "kind": _KIND,
        "within": Entry(meaning='the time a ticket has, such as "8h"', read=WITHIN, required=True),
        "priorities": Entry(meaning="whose tickets count; none named: every one", read=PRIORITY, many=(0, 20)),
        "reopened": Entry(meaning="whether a reopened ticket's clock runs on", read=REOPENED),
        "stop": Entry(meaning="what ends the clock", read=STOP),
        "hours": _HOURS,
        "pauses": Entry(meaning="ticket states in which the clock stands still", read=TICKET_STATE, many=(0, 7)),
        "priority_rule": Entry(meaning="which of its priorities a ticket counts under", read=PRIORITY_RULE),
        "priority_order": Entry(meaning="priorities, the highest first", read=PRIORITY, many=(0, 20)),
    },
    "composite": {
        "kind": _KIND,
        "of": Entry(meaning="ids of other objectives, such as [web, api]", read=slug, many=(2, 50), required=True),
        "rule": Entry(meaning="all, any or weighted of their verdicts, or the journey through them", read=COMPOSITE_RULE, required=True),
        "weights": Entry(meaning="how much each objective weighs", read=WEIGHT, named_by="of"),
    },
}
ANY_INDICATOR: Table = {key: entry for table in INDICATORS.values() for key, entry in table.items()}
TIER: Table = {
    "below": Entry(meaning='applies while the attainment is below this percentage, such as "99.9"', read=percent_above_zero, required=True),
    "percent": Entry(meaning='of the monthly charge, such as "10"', read=percent_above_zero, required=True),
}
_RELIEF_KIND = Entry(meaning=f"one of {', '.join(RELIEF.words)}", read=RELIEF, required=True)
RELIEFS: Mapping[str, Table] = {
    "hourly": {
        "kind": _RELIEF_KIND,
        "more_than": Entry(meaning='an hour with more down is free of charge, such as "6m"', read=OUTAGE, required=True),
    },
    "proportional": {
        "kind": _RELIEF_KIND,
        "times": Entry(meaning='so many times the bad share of the whole, such as "1"', read=multiple, required=True),
    },
    "per-step": {
        "kind": _RELIEF_KIND,
        "step": Entry(meaning='percentage points below the target, such as "0.1"', read=percent_above_zero, required=True),
        "percent": Entry(meaning='of the monthly charge for each step, such as "5"', read=percent_above_zero, required=True),
    },
}
ANY_RELIEF: Table = {key: entry for table in RELIEFS.values() for key, entry in table.items()}
OBJECTIVE: Table = {
    "id": Entry(meaning='how it is named, such as "availability"', read=slug, required=True),
    "name": Entry(meaning='what people call it, such as "Availability of online banking"', read=NAME, required=True),
    "service": Entry(meaning="the id of the service it is about", read=slug, required=True),
    "indicator": Entry(meaning="how it is measured, such as {kind: availability}", of=ANY_INDICATOR, required=True),
    "target": Entry(meaning='the percentage that keeps the promise, such as "99.9"', read=percent_above_zero, required=True),
    "comparison": Entry(meaning='at least the target, or above it: ">=" or ">"', read=COMPARISON),
    "decimals": Entry(meaning="decimals shown, floored towards the breach", read=DECIMALS),
    "credits": Entry(meaning="tiers, the highest below first", of=TIER, many=(0, 20)),
    "relief": Entry(meaning="a formula instead of tiers", of=ANY_RELIEF),
    "clause": Entry(meaning="where the contract says so", read=CLAUSE),
}
CLAIM: Table = {
    "days": Entry(meaning="civil days", read=CLAIM_DAYS),
    "months": Entry(meaning="months", read=CLAIM_MONTHS),
    "cycles": Entry(meaning="periods of the agreement", read=CLAIM_MONTHS),
    "business_days": Entry(meaning="open days of the calendar", read=CLAIM_DAYS),
    "calendar": Entry(meaning="the id of the calendar of the business days", read=slug),
    "counted_from": Entry(meaning="the last day of the period, or of its last outage", read=CLAIM_FROM),
}
PERIOD: Table = {
    "every": Entry(meaning=f"one of {', '.join(EVERY.words)}", read=EVERY, required=True),
    "from_day": Entry(meaning="of months: the civil day that each begins on, 2 to 28; left out: the first", read=FROM_DAY),
    "days": Entry(meaning="of rolling periods: how many civil days each has, such as 30; one ends with every day", read=ROLLING_DAYS),
}
CREDIT: Table = {
    "currency": Entry(meaning='ISO 4217 code such as "EUR"', read=currency, required=True),
    "monthly_charge": Entry(meaning='what the percentages are of, such as "12000.00"', read=money, required=True),
    "cap_percent": Entry(meaning="the most one period can cost, of its charge", read=percent_above_zero),
    "rounding": Entry(meaning="of the sum, once", read=ROUNDING),
    "combine": Entry(meaning="objectives are added, or the highest counts", read=COMBINE_CREDITS),
    "minimum": Entry(meaning="an amount not above it is not paid", read=money),
    "yearly_cap_percent": Entry(meaning="the most one contract year can cost, of its charges", read=percent_above_zero),
    "pro_rata": Entry(meaning="terms in force for a part of a period owe that part", read=FLAG),
    "claim": Entry(meaning="how long a credit can be claimed, such as {days: 30}", of=CLAIM),
}
RENEWAL: Table = {
    "months": Entry(meaning="how long the term goes on, such as 12", read=RENEWAL_MONTHS, required=True),
    "notice_days": Entry(meaning="until how many days before its end notice can be given, such as 90", read=NOTICE_DAYS, required=True),
}
SUPPORT: Table = {
    "objective": Entry(meaning="the id of the objective here that rests on the other agreement", read=slug, required=True),
    "agreement": Entry(meaning="the id of the other agreement", read=agreement_id, required=True),
    "supporting_objective": Entry(meaning="the id of the objective there", read=slug, required=True),
    "kind": Entry(meaning="a contract with a supplier, or an internal operational agreement", read=SUPPORT_KIND),
}
THIRD_PARTY: Table = {
    "organisation": Entry(meaning='its id, such as "cdn-gmbh"', read=organisation, required=True),
    "name": Entry(meaning="what the organisation is called", read=NAME, required=True),
    "role": Entry(meaning="what it does for the service", read=NAME),
}
_ORGANISATIONS = "organisations: parties, auditors or third parties"
ACTIVITY: Table = {
    "activity": Entry(meaning='what is done, such as "restore backups"', read=NAME, required=True),
    "responsible": Entry(meaning=f"who does it, ids of {_ORGANISATIONS}", read=organisation, many=(1, 20), required=True),
    "accountable": Entry(meaning="who answers for it, the id of exactly one organisation", read=organisation, required=True),
    "consulted": Entry(meaning=f"who is asked before, ids of {_ORGANISATIONS}", read=organisation, many=(0, 20)),
    "informed": Entry(meaning=f"who is told, ids of {_ORGANISATIONS}", read=organisation, many=(0, 20)),
}
TERMS: Table = {
    "upheld": Entry(meaning=f"the grammar this document is written in, {GRAMMAR}", read=VERSION, required=True),
    "title": Entry(meaning='what the agreement is called, such as "Online banking platform"', read=NAME, required=True),
    "zone": Entry(meaning='IANA time zone of every day and period, such as "Europe/Berlin"', read=zone, required=True),
    "effective_on": Entry(meaning='the first civil day, such as "2026-01-01"', read=day, required=True),
    "ends_on": Entry(meaning="the last civil day, inclusive; left out: open-ended", read=day),
    "parties": Entry(meaning="exactly one provider and one customer", of=PARTY, many=(1, 10), required=True),
    "period": Entry(meaning="what is judged, credited and closed as one; left out: calendar months", of=PERIOD),
    "auditors": Entry(meaning="organisations that may read, besides the parties", read=organisation, many=(0, 20)),
    "services": Entry(meaning="what is promised about, at least one", of=SERVICE, many=(1, 2_000), required=True),
    "calendars": Entry(meaning="service hours and holidays", of=CALENDAR, many=(0, 50)),
    "exclusion_classes": Entry(meaning="grounds on which time is taken out", of=EXCLUSION_CLASS, many=(0, 50)),
    "maintenance": Entry(meaning="planned work that was agreed", of=MAINTENANCE, many=(0, 500)),
    "recurring_maintenance": Entry(meaning="planned work that returns", of=RECURRING_MAINTENANCE, many=(0, 100)),
    "objectives": Entry(meaning="the promises, at least one", of=OBJECTIVE, many=(1, 2_000), required=True),
    "credit": Entry(meaning="what a breach costs", of=CREDIT),
    "close_after_days": Entry(meaning="days after a period's end until it is closed", read=CLOSE_AFTER),
    "hard_close_after_days": Entry(meaning="days after a period's end until late observations change it no more", read=HARD_CLOSE_AFTER),
    "disputes": Entry(meaning="whose reading of an outage counts where the two sides' differ", read=DISPUTES),
    "warn_at_percent": Entry(meaning="share of the error budget spent that raises a warning", read=percent_above_zero),
    "renewal": Entry(meaning="how the term goes on after ends_on; left out: it ends", of=RENEWAL),
    "review_every": Entry(meaning="how often the parties review the service; left out: no reviews are due", read=REVIEW_EVERY),
    "underpinning": Entry(meaning="objectives that rest on other agreements", of=SUPPORT, many=(0, 500)),
    "third_parties": Entry(meaning="organisations that take part without signing", of=THIRD_PARTY, many=(0, 50)),
    "responsibilities": Entry(meaning="who does what, an activity each", of=ACTIVITY, many=(0, 200)),
}
