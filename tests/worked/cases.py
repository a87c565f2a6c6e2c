"""The worked values as cases: a promise, what was observed, and the exact texts that every door must print.

The numbers are those of the calculator's contract (docs/decisions/0003 and 0007). June 2026 in UTC unless a case says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.vocabulary.period import in_time, last_day_of, parse_period

Json = Any
Told = dict[str, object]
JUNE = "2026-06"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`objectives` are lines of the terms document; `expected` maps a period to fields of its first objective, or of "credit".

    Every case gets a service of its own. Without `begins` the agreement begins with the first of the periods; it ends with the last. `born`
    says from which instant a component is in service, if not always.
    """

    name: str
    objectives: Sequence[str]
    observed: Sequence[Told]
    expected: Mapping[str, Mapping[str, str]]
    zone: str = "UTC"
    components: Sequence[str] = ("web",)
    more: str = ""
    until: str = ""
    begins: str = ""
    born: Mapping[str, str] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.name

    def terms(self, parties: str) -> str:
        """The document; `parties` are its lines from `upheld:` to the last auditor."""
        periods = sorted((parse_period(period, place="expected") for period in self.expected), key=in_time)
        lives = {each: f', in_service_from: "{since}"' for each, since in self.born.items()}
        components = ", ".join(f"{{id: {each}, name: {each}{lives.get(each, '')}}}" for each in self.components)
        lines = "\n".join(f"  - {{{line}}}" for line in self.objectives)
        return (
            f"{parties}title: {self.name}\nzone: {self.zone}\neffective_on: {self.begins or periods[0].first_day}\n"
            f"ends_on: {last_day_of(periods[-1])}\n"
            f"services: [{{id: {self.service}, name: {self.name}, components: [{components}]}}]\n"
            f"{self.more.replace('SERVICE', self.service)}"
            f"objectives:\n{lines.replace('SERVICE', self.service)}\n"
        )

    def observations(self) -> list[Told]:
        return [{**told, "service": self.service, "id": f"{self.name}-{number}"} for number, told in enumerate(self.observed)]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One objective of the service, as a flow mapping's inside."""

    indicator: str
    target: str = "99.9"
    decimals: int = 6
    comparison: str = ">="
    id: str = "it"
    more: str = field(default="")

    def __str__(self) -> str:
        target = f'target: "{self.target}", ' if self.target else ""
        service = "" if "kind: composite" in self.indicator else "service: SERVICE, "
        tail = f", {self.more}" if self.more else ""
        return (
            f"id: {self.id}, name: {self.id}, {service}indicator: {{{self.indicator}}}, {target}"
            f'decimals: {self.decimals}, comparison: "{self.comparison}"{tail}'
        )


WEB = "kind: availability, components: [web]"
EUR_1000 = 'credit: {currency: EUR, monthly_charge: "1000.00"}\n'


def at(text: str, minutes: float = 0) -> str:
    """Minutes after an instant in UTC; "06-10" is 10 June 2026."""
    if len(text) == 5:
        text = f"2026-{text}T00:00:00+00:00"
    return (datetime.fromisoformat(text) + timedelta(minutes=minutes)).astimezone(UTC).isoformat()


def outage(start: str, minutes: float, component: str = "web") -> Told:
    return {"kind": "outage", "component": component, "observed_at": at(start), "until": at(start, minutes)}


def status(start: str, state: str, component: str = "web") -> Told:
    return {"kind": "status", "component": component, "observed_at": at(start), "state": state}


def requests(start: str, good: int, total: int) -> Told:
    return {"kind": "counter", "component": "web", "observed_at": at(start), "good": good, "total": total}


def ticket(number: int, *steps: tuple[str, str]) -> Iterator[Told]:
    """(state, instant) of each step."""
    for state, instant in steps:
        yield {"kind": "ticket", "ticket": f"T{number}", "state": state, "observed_at": at(instant), "priority": "1"}


def down(minutes: float) -> list[Told]:
    return [outage("06-10", minutes)]


def simple(
    name: str, line: Line, observed: Iterable[Told], expected: Mapping[str, str], *, more: str = "", components: Sequence[str] = ("web",)
) -> Case:
    return Case(name=name, objectives=[str(line)], observed=list(observed), expected={JUNE: expected}, more=more, components=components)


def percent(text: str, verdict: str = "") -> dict[str, str]:
    return {"attainment_percent": text, **({"verdict": verdict} if verdict else {})}


OFFICE = 'calendars: [{id: office, zone: Europe/Berlin, hours: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]}]\n'
OFFICE_UTC = 'calendars: [{id: office, hours: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]}]\n'
EASTER = (
    'calendars: [{id: office, hours: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}], '
    "holidays: [{day: 2026-04-03, name: Good Friday}, {day: 2026-04-06, name: Easter Monday}]}]\n"
)
BERLIN_MARCH = [outage("2026-03-31T22:30:00+00:00", 60), outage("03-10", 30)]


def time_cases() -> Iterator[Case]:
    for zone, period, text, verdict in [
        ("UTC", "2026-06", "99.900000", "met"),
        ("America/New_York", "2025-11", "99.900138", "met"),
        ("Pacific/Auckland", "2025-09", "99.899860", "breached"),
    ]:
        yield Case(
            name=f"budget-{zone.rpartition('/')[2].lower().replace('_', '-')}",
            objectives=[str(Line(indicator=WEB))],
            observed=[outage(f"{period}-10T00:00:00+00:00", 43.2)],
            expected={period: percent(text, verdict)},
            zone=zone,
        )
    yield Case(name="march-utc", objectives=[str(Line(indicator=WEB))], observed=BERLIN_MARCH, expected={"2026-03": percent("99.798387")})
    yield Case(
        name="march-berlin",
        objectives=[str(Line(indicator=WEB))],
        observed=BERLIN_MARCH,
        expected={"2026-03": percent("99.932705"), "2026-04": percent("99.861111")},
        zone="Europe/Berlin",
    )
    for name, start, text in [("inside", "07:00", "99.431818"), ("outside", "15:00", "100.000000")]:
        yield Case(
            name=f"office-{name}",
            objectives=[str(Line(indicator=f"{WEB}, hours: office"))],
            observed=[outage(f"2026-03-30T{start}:00+00:00", 60), outage("2026-02-01T10:00:00+00:00", 1)],
            expected={"2026-03": percent(text)},
            zone="Europe/Berlin",
            more=OFFICE,
        )
    unknown = [status("05-31", "up"), status("06-01", "unknown"), status("06-04", "up"), outage("06-10", 30)]
    for policy, text in [("up", "99.930555"), ("down", "89.930555"), ("exclude", "99.922839")]:
        yield simple(f"unknown-{policy}", Line(indicator=f"{WEB}, no_data: {policy}"), unknown, percent(text))
    yield simple(
        "unknown-undetermined",
        Line(indicator=WEB, target="99.93"),
        unknown,
        {"verdict": "undetermined", "lower_percent": "89.930555", "upper_percent": "99.930555", "coverage_percent": "90.0000"},
    )
    overlapping = [outage("2026-06-10T10:00:00+00:00", 40), outage("2026-06-10T10:20:00+00:00", 40)]
    yield simple("union", Line(indicator=WEB), [*overlapping, outage("2026-06-10T10:30:00+00:00", 5)], percent("99.861111"))
    yield simple(
        "intersection",
        Line(indicator="kind: availability, components: [web, db], combine: all"),
        [overlapping[0], {**overlapping[1], "component": "db"}],
        percent("99.953703"),
        components=("web", "db"),
    )
    window = 'maintenance: [{id: m, service: SERVICE, start: "2026-06-10T00:30:00Z", end: "2026-06-10T04:30:00Z", reason: upgrade}]\n'
    for policy, text in [("exclude", "99.930167"), ("up", "99.930555"), ("down", "99.861111")]:
        yield simple(f"maintenance-{policy}", Line(indicator=f"{WEB}, maintenance: {policy}"), down(60), percent(text), more=window)
    yield simple("thousandth", Line(indicator=WEB, decimals=2), down(44), percent("99.89", "breached"))
    yield Case(
        name="one-second",
        objectives=[str(Line(indicator=WEB, decimals=4))],
        observed=[outage("03-10", 1 / 60)],
        expected={"2026-03": percent("99.9999")},
    )
    new_year = [outage("2026-01-31T12:00:00+00:00", 30), outage("2026-02-01T12:00:00+00:00", 30)]
    yield Case(
        name="january-february",
        objectives=[str(Line(indicator=WEB))],
        observed=new_year,
        expected={"2026-01": percent("99.932795"), "2026-02": percent("99.925595")},
    )
    yield from period_cases(new_year)
    yield Case(
        name="late",
        objectives=[str(Line(indicator=WEB))],
        observed=[outage("03-10", 30), outage("03-20", 20)],
        expected={"2026-03": percent("99.887992")},
    )
    short = [{**outage("2026-06-10T10:00:30+00:00", 0), "until": at("2026-06-10T10:00:30+00:00", 89 / 60)}]
    for name, rule, text in [
        ("raw", "", "99.996566"),
        ("continuous", ", minimum_outage: {at_least: 1m}", "99.996566"),
        ("aligned", ", minimum_outage: {at_least: 1m, whole_minutes: true}", "100.000000"),
    ]:
        yield simple(f"minute-{name}", Line(indicator=WEB + rule), short, percent(text))
    yield simple(
        "four-minutes",
        Line(indicator=f"{WEB}, minimum_outage: {{at_least: 5m, whole_minutes: true}}"),
        [outage("06-10", 4)] + [outage(at("06-10", 60 * hour), 4) for hour in range(1, 20)],
        percent("100.000000"),
    )
    databases = tuple(f"db-{number}" for number in range(10))
    told = [outage("06-10", 100, "db-0"), *(status("05-31", "up", each) for each in databases)]
    everyone = f"components: [{', '.join(databases)}]"
    yield simple("resource", Line(indicator="kind: availability, components: [db-0]"), told, percent("99.768518"), components=databases)
    yield simple("pool", Line(indicator=f"kind: availability, {everyone}, combine: pool"), told, percent("99.976851"), components=databases)


def life_cases() -> Iterator[Case]:
    sixteenth = {"web": "2026-06-16T00:00:00Z"}
    for name, minutes, verdict, text in [("in-budget", 21.6, "met", "99.900000"), ("beyond", 21.7, "breached", "99.899537")]:
        case = simple(f"born-{name}", Line(indicator=WEB), [outage("06-20", minutes)], percent(text, verdict))
        yield replace(case, born=sixteenth)
    observed = [status("05-31", "up"), status("05-31", "up", "old"), outage("06-20", 100)]
    pool = Line(indicator="kind: availability, components: [web, old], combine: pool")
    yield replace(simple("born-into-a-pool", pool, observed, percent("99.845679"), components=("web", "old")), born=sixteenth)


def period_cases(new_year: Sequence[Told]) -> Iterator[Case]:
    holding_both = ("2026-01-03--P30D", "2026-01-17--P30D", "2026-01-31--P30D")
    yield Case(
        name="rolling-thirty-days",
        objectives=[str(Line(indicator=WEB))],
        observed=new_year,
        expected={
            "2026-01-02--P30D": percent("99.930555", "met"),
            **dict.fromkeys(holding_both, percent("99.861111", "breached")),
            "2026-02-01--P30D": percent("99.930555", "met"),
        },
        more="period: {every: rolling, days: 30}\n",
        begins="2026-01-01",
    )
    ten = 'credits: [{below: "99.9", percent: "10"}]'
    for minutes, text, verdict, amount in [(129, "99.900462", "met", "0.00"), (130, "99.899691", "breached", "300.00")]:
        yield Case(
            name=f"quarter-{minutes}",
            objectives=[str(Line(indicator=WEB, more=ten))],
            observed=[outage("2026-01-31T23:00:00+00:00", minutes)],
            expected={"2026-Q1": {**percent(text, verdict), "credit.amount": amount, "credit.period_charge": "3000.00"}},
            more=f"period: {{every: quarter}}\n{EUR_1000}",
        )
    in_berlin = {
        "quarter": ("2026-Q1", 129_540),
        "week": ("2026-W13", 10_020),
        "month, from_day: 15": ("2026-03-15--P1M", 44_580),
        "year": ("2025", 525_600),
        "contract-year": ("2025-02-28--P1Y", 525_600),
    }
    for every, (period, whole) in in_berlin.items():
        yield Case(
            name=f"berlin-{period.lower()}",
            objectives=[str(Line(indicator=WEB))],
            observed=[outage("2026-03-29T00:30:00+00:00", 1), outage("2025-07-01T00:00:00+00:00", 1)],
            expected={period: {"whole": str(whole * 60_000_000), "good": str((whole - 1) * 60_000_000)}},
            zone="Europe/Berlin",
            more=f"period: {{every: {every}}}\n",
            begins="2024-02-29" if every == "contract-year" else "",
        )


def request_cases() -> Iterator[Case]:
    ratio = "kind: request-ratio, components: [web]"
    yield simple("pooled", Line(indicator=ratio), [requests("06-10", 5, 10), requests("06-11", 99_990, 99_990)], percent("99.995000"))
    mean = "kind: interval-mean, components: [web], every: 5m"
    for failed, text in [
        (8, "99.907407"),
        (9, "99.895833"),
        (86, "99.004629"),
        (87, "98.993055"),
        (432, "95.000000"),
        (433, "94.988425"),
    ]:
        observed = [requests(at("06-10", 5 * number), 0, 100) for number in range(failed)]
        yield simple(f"intervals-{failed}", Line(indicator=mean), observed, percent(text))
    burst = [requests("06-10", 0, 1_000_000), requests("06-11", 1_000_000, 1_000_000)]
    yield simple("burst-mean", Line(indicator=mean), burst, percent("99.988425"))
    yield simple("burst-pooled", Line(indicator=ratio), burst, percent("50.000000"))
    latency: list[Told] = [
        {"kind": "latency", "component": "web", "observed_at": at("06-10", number / 10), "ms": "100" if number < 9_800 else "5000"}
        for number in range(10_000)
    ]
    yield simple(
        "percentile",
        Line(indicator='kind: response-time, components: [web], threshold_ms: "4999", percentile: "99"', target=""),
        latency,
        {"percentile_ms": "5000", "verdict": "breached", "attainment_percent": "98.000000"},
    )
    slices = 'kind: time-slices, components: [web], every: 1m, error_above: "5"'
    for errors, text in [(5, "100.000000"), (6, "99.997685")]:
        yield simple(f"slice-{errors}", Line(indicator=slices), [requests("06-10", 100 - errors, 100)], percent(text))
    for bad, text, credit in [(43, "99.900462", "0.00"), (44, "99.898148", "100.00"), (60, "99.861111", "100.00")]:
        line = Line(
            indicator=slices,
            more='credits: [{below: "99.9", percent: "10"}, {below: "99", percent: "25"}, {below: "95", percent: "50"}]',
        )
        observed = [requests(at("06-10", number), 0, 100) for number in range(bad)]
        yield Case(
            name=f"suite-{bad}",
            objectives=[str(line)],
            observed=observed,
            expected={JUNE: {**percent(text), "credit.amount": credit}},
            more=EUR_1000,
        )


def ticket_cases() -> Iterator[Case]:
    friday, monday = "2026-06-05", "2026-06-08"
    steps = (
        ("opened", f"{friday}T16:30:00+00:00"),
        ("waiting", f"{friday}T16:45:00+00:00"),
        ("responded", f"{monday}T10:20:00+00:00"),
    )
    paused = (steps[0], steps[1], ("opened", f"{monday}T10:00:00+00:00"), steps[2])
    response = "kind: resolution-time, stop: responded, hours: office"
    yield simple(
        "response-without-pause",
        Line(indicator=f"{response}, within: 110m", target="90"),
        ticket(1, *paused),
        {"tickets.0.counted_us": str(110 * 60_000_000), "verdict": "met"},
        more=OFFICE_UTC,
    )
    yield simple(
        "response-with-pause",
        Line(indicator=f"{response}, within: 35m, pauses: [waiting]", target="90"),
        ticket(1, *paused),
        {"tickets.0.counted_us": str(35 * 60_000_000), "verdict": "met"},
        more=OFFICE_UTC,
    )
    for name, rule, due in [("", "", "2026-06-08T16:30:00Z"), ("-paused", ", pauses: [waiting]", "2026-06-09T09:45:00Z")]:
        yield simple(
            f"resolution-due{name}",
            Line(indicator=f"kind: resolution-time, within: 8h, hours: office{rule}", target="90"),
            ticket(1, *paused),
            {"tickets.0.due_at": due},
            more=OFFICE_UTC,
        )
    yield simple(
        "on-hold",
        Line(indicator="kind: resolution-time, within: 8h, hours: office, pauses: [waiting]", target="90"),
        ticket(
            1,
            ("opened", "2026-06-09T13:00:00+00:00"),
            ("waiting", "2026-06-09T17:00:00+00:00"),
            ("opened", "2026-06-10T09:00:00+00:00"),
        ),
        {"tickets.0.due_at": "2026-06-10T13:00:00Z"},
        more=OFFICE_UTC,
    )
    for name, calendar, due in [("ordinary", OFFICE_UTC, "2026-04-03T15:00:00Z"), ("easter", EASTER, "2026-04-07T15:00:00Z")]:
        yield Case(
            name=name,
            objectives=[str(Line(indicator="kind: resolution-time, within: 8h, hours: office", target="90"))],
            observed=list(ticket(1, ("opened", "2026-04-02T15:00:00+00:00"))),
            expected={"2026-04": {"tickets.0.due_at": due}},
            more=calendar,
        )
    for name, period, opened, resolved, hours in [
        ("october", "2026-10", "2026-10-22T22:30:00+00:00", "2026-10-27T11:00:00+00:00", 217),
        ("march", "2026-03", "2026-03-27T22:30:00+00:00", "2026-03-31T10:00:00+00:00", 167),
    ]:
        yield Case(
            name=f"clock-{name}",
            objectives=[str(Line(indicator="kind: resolution-time, within: 24h", target="90"))],
            observed=list(ticket(1, ("opened", opened), ("resolved", resolved))),
            expected={period: {"tickets.0.counted_us": str(hours * 30 * 60_000_000)}},
            zone="Europe/Berlin",
        )
    desk = [step for number in range(18) for step in ticket(number, ("opened", "06-10"), ("resolved", at("06-10", 60)))]
    desk += [*ticket(18, ("opened", "06-10"), ("resolved", at("06-10", 600))), *ticket(19, ("opened", "06-10"))]
    yield simple(
        "desk",
        Line(indicator="kind: resolution-time, within: 8h", target="90", decimals=2),
        desk,
        {**percent("90.00", "met"), "good": "18", "whole": "20"},
    )
    yield simple("no-tickets", Line(indicator="kind: resolution-time, within: 8h", target="90"), [], percent("", "not-applicable"))


def credit_cases() -> Iterator[Case]:
    three = [
        str(Line(id=f"o{number}", indicator=WEB, more=f'credits: [{{below: "99.9", percent: "{share}"}}]'))
        for number, share in enumerate((25, 10, 30))
    ]
    yield Case(
        name="three-credits",
        objectives=three,
        observed=down(60),
        expected={JUNE: {"credit.amount": "500.00"}},
        more='credit: {currency: EUR, monthly_charge: "1000.00", cap_percent: "50"}\n',
    )
    ten = Line(indicator=WEB, more='credits: [{below: "99.9", percent: "10"}]')
    for rounding, amount in [("half-even", "123.44"), ("half-up", "123.45")]:
        rule = f'credit: {{currency: EUR, monthly_charge: "1234.45", rounding: {rounding}}}\n'
        yield simple(f"rounded-{rounding}", ten, down(60), {"credit.amount": amount}, more=rule)
    for charge, amount in [("10.00", "0.00"), ("10.01", "1.00")]:
        rule = f'credit: {{currency: EUR, monthly_charge: "{charge}", minimum: "1.00"}}\n'
        # 10 % of 10.01 is 1.001: more than 1.00 before it is rounded, so it is paid.
        yield simple(f"minimum-{charge.replace('.', '-')}", ten, down(60), {"credit.amount": amount}, more=rule)
    yield from boundaries("region", '{below: "99.99", percent: "10"}, {below: "99", percent: "30"}, {below: "95", percent: "100"}', "99.99",
                          {4: "0.00", 5: "100.00", 432: "100.00", 433: "300.00", 2160: "300.00", 2161: "1000.00"})  # fmt: skip
    yield from boundaries("instance", '{below: "99.5", percent: "10"}, {below: "99", percent: "30"}, {below: "95", percent: "100"}', "99.5",
                          {216: "0.00", 217: "100.00"})  # fmt: skip
    yield from boundaries("zones", '{below: "99.99", percent: "10"}, {below: "99", percent: "25"}, {below: "95", percent: "100"}', "99.99",
                          {4: "0.00", 5: "100.00"})  # fmt: skip
    yield from boundaries("set", '{below: "99.95", percent: "10"}', "99.95", {21: "0.00", 22: "100.00"})
    multi_zone = Line(
        indicator="kind: availability, components: [a, b], combine: all, minimum_outage: {at_least: 1m, whole_minutes: true}",
        target="99.99",
        more='credits: [{below: "99.99", percent: "10"}, {below: "99", percent: "25"}, {below: "95", percent: "50"}]',
    )
    for minutes, amount in [(4, "0.00"), (5, "100.00"), (433, "250.00"), (2161, "500.00")]:
        observed = [outage("06-10", minutes, "a"), outage("06-10", minutes + 10, "b")]
        yield simple(f"multi-zone-{minutes}", multi_zone, observed, {"credit.amount": amount}, components=("a", "b"), more=EUR_1000)
    hourly = Line(indicator=WEB, target="95", more="relief: {kind: hourly, more_than: 6m}")
    # June has 720 hours: at a charge of 720.00 each free hour is 1.00.
    for name, start, end, amount in [("none", 55, 66, "0.00"), ("one", 50, 61, "1.00"), ("both", 53, 67, "2.00")]:
        observed = [outage(at("2026-06-10T10:00:00+00:00", start), end - start)]
        rule = 'credit: {currency: EUR, monthly_charge: "720.00"}\n'
        yield simple(f"hours-{name}", hourly, observed, {"credit.amount": amount}, more=rule)


def boundaries(name: str, tiers: str, target: str, amounts: Mapping[int, str]) -> Iterator[Case]:
    for minutes, amount in amounts.items():
        line = Line(indicator=WEB, target=target, more=f"credits: [{tiers}]")
        yield simple(f"{name}-{minutes}", line, down(minutes), {"credit.amount": amount}, more=EUR_1000)


CASES = [*time_cases(), *life_cases(), *request_cases(), *ticket_cases(), *credit_cases()]


def found(document: Json, field: str) -> str:
    """The field of the first objective, or of the assessment where its first word is "credit"."""
    here = document if field.startswith("credit.") else document["objectives"][0]
    for word in field.split("."):
        here = here[int(word) if word.isdecimal() else word]
    return str(here)
