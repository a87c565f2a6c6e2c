"""`upheld assess`: the worked values of the four indicators from files alone, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.command.assess import assess_files
from services.vocabulary.errors import Invalid
from services.vocabulary.period import TZ_DATABASE
from tests.command.cli import HEAD, invoke, upheld

Json = Any
Observation = dict[str, object]

SERVICES = "services: [{id: shop, name: Shop, components: [{id: web, name: Web}, {id: data, name: Data}]}]"
WEB = "kind: availability, components: [web]"
TICKETS = "kind: resolution-time, within: 8h"


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One promise of the shop's, as the terms document writes it."""

    indicator: str = WEB
    target: str = "99.9"
    comparison: str = ">="
    decimals: int = 6
    credits: Sequence[tuple[str, str]] = ()

    def written(self, name: str) -> str:
        tiers = ", ".join(f'{{below: "{below}", percent: "{percent}"}}' for below, percent in self.credits)
        return (
            f"  - {{id: {name}, name: {name}, service: shop, indicator: {{{self.indicator}}}, "
            f'comparison: "{self.comparison}", target: "{self.target}", decimals: {self.decimals}, credits: [{tiers}]}}\n'
        )


@dataclass(frozen=True, kw_only=True)
class Files:
    """A terms document and observations on disk."""

    terms: Path
    observations: Path

    def judged(self, period: str, *, until: str = "") -> Json:
        return assess_files(self.terms, self.observations, period=period, mapping=[], until=until)

    def result(self, period: str, *, until: str = "") -> Json:
        """Of the first objective."""
        return self.judged(period, until=until)["objectives"][0]


@dataclass(frozen=True, kw_only=True)
class Given:
    """Writes files into a folder of the test's own."""

    folder: Path
    zone: str = "UTC"
    maintenance: str = "[]"
    credit: str = '{currency: EUR, monthly_charge: "1000.00"}'
    period: str = "{every: month}"
    services: str = SERVICES
    effective_on: str = "2025-01-01"
    objectives: Sequence[Objective] = field(default_factory=lambda: [Objective()])

    def files(self, *observations: Observation) -> Files:
        terms, observed = self.folder / "terms.yaml", self.folder / "observations.ndjson"
        written = "".join(objective.written(f"o{number}") for number, objective in enumerate(self.objectives))
        terms.write_text(
            f"{HEAD}title: Shop\nzone: {self.zone}\neffective_on: {self.effective_on}\nperiod: {self.period}\n{self.services}\n"
            f"maintenance: {self.maintenance}\nobjectives:\n{written}credit: {self.credit}\n"
        )
        observed.write_text("\n".join(map(json.dumps, observations)))
        return Files(terms=terms, observations=observed)


def later(start: str, minutes: float) -> str:
    return (datetime.fromisoformat(start) + timedelta(minutes=minutes)).isoformat()


def status(at: str, state: str, component: str = "web") -> Observation:
    return {"kind": "status", "service": "shop", "component": component, "observed_at": at, "state": state}


def outage(start: str, minutes: float, component: str = "web") -> Observation:
    return {"kind": "outage", "service": "shop", "component": component, "observed_at": start, "until": later(start, minutes)}


def requests(at: str, good: int, total: int) -> Observation:
    return {"kind": "counter", "service": "shop", "component": "web", "observed_at": at, "good": good, "total": total}


def ticket(number: int, opened: str, resolved_after_minutes: float | None) -> list[Observation]:
    told = {"kind": "ticket", "service": "shop", "ticket": f"T{number}"}
    steps: list[Observation] = [{**told, "state": "opened", "observed_at": opened}]
    if resolved_after_minutes is not None:
        steps.append({**told, "state": "resolved", "observed_at": later(opened, resolved_after_minutes)})
    return steps


# Time


@pytest.mark.parametrize(
    ("zone", "period", "expected"),
    [
        ("UTC", "2025-04", ("99.900000", "met")),
        ("America/New_York", "2025-11", ("99.900138", "met")),
        ("Pacific/Auckland", "2025-09", ("99.899860", "breached")),
    ],
)
def test_43_minutes_and_12_seconds_are_the_whole_budget_of_a_30_day_month_in_its_own_zone(
    tmp_path: Path, zone: str, period: str, expected: tuple[str, str]
) -> None:
    result = Given(folder=tmp_path, zone=zone).files(outage(f"{period}-10T00:00:00Z", 43.2)).result(period)
    assert (result["attainment_percent"], result["verdict"]) == expected


def test_an_outage_belongs_to_the_months_of_the_agreements_zone(tmp_path: Path) -> None:
    outages = outage("2026-03-31T22:30:00Z", 60), outage("2026-03-10T12:00:00Z", 30)
    utc = Given(folder=tmp_path).files(*outages)
    assert utc.result("2026-03")["attainment_percent"] == "99.798387"
    berlin = Given(folder=tmp_path, zone="Europe/Berlin").files(*outages)
    assert [berlin.result(month)["attainment_percent"] for month in ("2026-03", "2026-04")] == ["99.932705", "99.861111"]


@pytest.mark.parametrize(
    ("no_data", "percent", "verdict"),
    [("up", "99.930555", "met"), ("down", "89.930555", "breached"), ("exclude", "99.922839", "breached")],
)
def test_three_days_unknown_count_as_the_agreement_says(tmp_path: Path, no_data: str, percent: str, verdict: str) -> None:
    result = three_days_unknown(tmp_path, no_data).result("2026-04")
    assert (result["attainment_percent"], result["verdict"], result["coverage_percent"]) == (percent, verdict, "90.0000")


def test_three_days_unknown_leave_a_target_between_the_bounds_undetermined(tmp_path: Path) -> None:
    result = three_days_unknown(tmp_path, "undetermined").result("2026-04")
    assert result["verdict"] == "undetermined"
    assert (result["lower_percent"], result["upper_percent"], result["coverage_percent"]) == ("89.930555", "99.930555", "90.0000")


def three_days_unknown(folder: Path, no_data: str) -> Files:
    objective = Objective(indicator=f"{WEB}, no_data: {no_data}", target="99.93")
    return Given(folder=folder, objectives=[objective]).files(
        status("2026-04-01T00:00:00Z", "up"),
        status("2026-04-05T00:00:00Z", "unknown"),
        status("2026-04-08T00:00:00Z", "up"),
        status("2026-04-20T10:00:00Z", "down"),
        status("2026-04-20T10:30:00Z", "up"),
    )


def test_overlapping_outages_are_one_while_any_is_down_and_their_overlap_while_all_are(tmp_path: Path) -> None:
    both = "kind: availability, components: [web, data], combine: "
    given = Given(folder=tmp_path, objectives=[Objective(indicator=f"{both}any"), Objective(indicator=f"{both}all")])
    files = given.files(
        outage("2026-04-02T10:00:00Z", 40), outage("2026-04-02T10:20:00Z", 40, "data"), outage("2026-04-02T10:30:00Z", 5, "data")
    )
    any_down, all_down = files.judged("2026-04")["objectives"]
    assert (any_down["attainment_percent"], all_down["attainment_percent"]) == ("99.861111", "99.953703")
    assert [one["duration_us"] for one in any_down["outages"]] == [60 * 60_000_000]


def test_agreed_maintenance_leaves_both_sides_of_the_figure(tmp_path: Path) -> None:
    window = '[{id: upgrade, service: shop, start: "2026-04-11T00:00:00Z", end: "2026-04-11T04:00:00Z"}]'
    files = Given(folder=tmp_path, maintenance=window).files(outage("2026-04-11T03:30:00Z", 60))
    result = files.result("2026-04")
    assert result["attainment_percent"] == "99.930167"
    assert (result["good"], result["whole"]) == (str((43_200 - 240 - 30) * 60_000_000), str((43_200 - 240) * 60_000_000))


def test_44_minutes_down_breach_99_9_and_print_99_89(tmp_path: Path) -> None:
    given = Given(folder=tmp_path, objectives=[Objective(), Objective(decimals=2)])
    precise, short = given.files(outage("2026-04-02T10:00:00Z", 44)).judged("2026-04")["objectives"]
    assert (precise["attainment_percent"], precise["verdict"]) == ("99.898148", "breached")
    assert short["attainment_percent"] == "99.89"


def test_one_second_of_31_days_never_prints_as_100(tmp_path: Path) -> None:
    files = Given(folder=tmp_path, objectives=[Objective(decimals=4)]).files(outage("2026-03-02T10:00:00Z", 1 / 60))
    assert files.result("2026-03")["attainment_percent"] == "99.9999"


def test_half_an_hour_weighs_as_much_as_its_month_is_short(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files(outage("2026-01-31T12:00:00Z", 30), outage("2026-02-01T12:00:00Z", 30))
    assert [files.result(month)["attainment_percent"] for month in ("2026-01", "2026-02")] == ["99.932795", "99.925595"]


def test_a_running_month_has_two_labelled_figures(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files(status("2026-04-01T00:00:00Z", "up"), outage("2026-04-01T06:00:00Z", 60))
    result = files.result("2026-04", until="2026-04-01T12:00:00Z")
    progress = result["progress"]
    assert (progress["to_date_percent"], progress["if_nothing_else_fails_percent"]) == ("91.666666", "99.861111")
    assert result["attainment_percent"] == "91.666666"


def test_a_month_is_measured_until_now_at_the_latest(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files(status("2026-04-01T00:00:00Z", "up"))
    now = datetime.now(UTC)
    assert files.result("2026-04", until=now.isoformat())["verdict"] == "met"
    with pytest.raises(Invalid, match="--until: must not be later than now"):
        files.judged("2026-04", until=(now + timedelta(minutes=5)).isoformat())


# Requests and tickets


def test_requests_are_pooled_and_never_an_average_of_percentages(tmp_path: Path) -> None:
    given = Given(folder=tmp_path, objectives=[Objective(indicator="kind: request-ratio")])
    uneven = given.files(requests("2026-04-01T00:00:00Z", 5, 10), requests("2026-04-02T00:00:00Z", 99_990, 99_990))
    assert uneven.result("2026-04")["attainment_percent"] == "99.995000"
    one_bad_burst = given.files(requests("2026-04-01T00:00:00Z", 0, 1_000_000), requests("2026-04-02T00:00:00Z", 1_000_000, 1_000_000))
    assert one_bad_burst.result("2026-04")["attainment_percent"] == "50.000000"


def test_answers_at_the_threshold_are_within_it(tmp_path: Path) -> None:
    answers = [("100", 9_800), ("5000", 200)]
    samples: list[Observation] = [
        {"kind": "latency", "service": "shop", "component": "web", "observed_at": "2026-04-01T00:00:00Z", "ms": ms}
        for ms, count in answers
        for _ in range(count)
    ]
    within = "kind: response-time, threshold_ms: "
    given = Given(folder=tmp_path, objectives=[Objective(indicator=f'{within}"{ms}"') for ms in ("99.999", "100", "4999.999", "5000")])
    found = given.files(*samples).judged("2026-04")["objectives"]
    assert [one["attainment_percent"] for one in found] == ["0.000000", "98.000000", "98.000000", "100.000000"]


def test_an_overdue_ticket_is_missed_and_one_that_is_not_due_is_in_no_figure(tmp_path: Path) -> None:
    tickets = [ticket(number, "2026-04-02T08:00:00Z", 60) for number in range(18)]
    tickets += [ticket(18, "2026-04-02T08:00:00Z", 9 * 60), ticket(19, "2026-04-02T08:00:00Z", None)]
    tickets += [ticket(number, "2026-04-10T08:00:00Z", None) for number in (20, 21, 22)]
    files = Given(folder=tmp_path, objectives=[Objective(indicator=TICKETS, target="90", decimals=2)]).files(
        *(step for steps in tickets for step in steps)
    )
    result = files.result("2026-04", until="2026-04-10T12:00:00Z")
    assert (result["good"], result["whole"], result["attainment_percent"]) == ("18", "20", "90.00")
    assert [one["ticket"] for one in result["tickets"] if one["verdict"] == "open"] == ["T20", "T21", "T22"]


def test_a_month_without_tickets_is_neither_0_nor_100(tmp_path: Path) -> None:
    files = Given(folder=tmp_path, objectives=[Objective(indicator=TICKETS, target="90")]).files(*ticket(1, "2026-03-02T08:00:00Z", 60))
    result = files.result("2026-04")
    assert (result["verdict"], result["attainment"], result["attainment_percent"]) == ("not-applicable", "", "")


# Credits


@pytest.mark.parametrize(
    ("tiers", "minutes", "percent"),
    [
        *(("region", minutes, percent) for minutes, percent in ((4, 0), (5, 10), (432, 10), (433, 30), (2160, 30), (2161, 100))),
        *(("availability set", minutes, percent) for minutes, percent in ((21, 0), (22, 10))),
        *(("instance", minutes, percent) for minutes, percent in ((216, 0), (217, 10))),
        *(("zones", minutes, percent) for minutes, percent in ((4, 0), (5, 10))),
    ],
)
def test_the_tiers_of_published_contracts_begin_at_the_minute_they_say(tmp_path: Path, tiers: str, minutes: int, percent: int) -> None:
    credits = {
        "region": [("99.99", "10"), ("99", "30"), ("95", "100")],
        "availability set": [("99.95", "10"), ("99", "25")],
        "instance": [("99.5", "10"), ("99", "25"), ("95", "100")],
        "zones": [("99.99", "10"), ("99", "25"), ("95", "100")],
    }[tiers]
    objective = Objective(target=credits[0][0], credits=credits)
    judged = Given(folder=tmp_path, objectives=[objective]).files(outage("2026-04-02T00:00:00Z", minutes)).judged("2026-04")
    assert judged["objectives"][0]["credit_percent"] == str(percent)
    assert (judged["credit"]["percent"], judged["credit"]["amount"]) == (str(percent), f"{percent * 10}.00")
    assert judged["objectives"][0]["verdict"] == ("breached" if percent else "met")


def test_credits_of_several_objectives_add_up_to_the_cap(tmp_path: Path) -> None:
    objectives = [Objective(credits=[("99.9", percent)]) for percent in ("25", "10", "30")]
    credit = '{currency: EUR, monthly_charge: "1000.00", cap_percent: "50"}'
    judged = Given(folder=tmp_path, objectives=objectives, credit=credit).files(outage("2026-04-02T00:00:00Z", 60)).judged("2026-04")
    assert (judged["credit"]["amount"], judged["credit"]["percent"], judged["credit"]["capped"]) == ("500.00", "50", True)


@pytest.mark.parametrize(("rounding", "amount"), [("half-even", "123.44"), ("half-up", "123.45")])
def test_a_credit_is_rounded_once_as_agreed(tmp_path: Path, rounding: str, amount: str) -> None:
    credit = f'{{currency: EUR, monthly_charge: "1234.45", rounding: {rounding}}}'
    given = Given(folder=tmp_path, objectives=[Objective(credits=[("99.9", "10")])], credit=credit)
    assert given.files(outage("2026-04-02T00:00:00Z", 60)).judged("2026-04")["credit"]["amount"] == amount


# As it is typed


def test_the_command_prints_a_table_with_result_verdict_and_credit(tmp_path: Path) -> None:
    objectives = [Objective(credits=[("99.9", "10")]), Objective(indicator="kind: request-ratio", decimals=2)]
    files = Given(folder=tmp_path, objectives=objectives).files(
        outage("2026-04-02T10:00:00Z", 44), requests("2026-04-02T10:00:00Z", 999, 1000)
    )
    done = upheld("assess", files.terms, files.observations, "--period", "2026-04")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.replace("│", " ").split()) for line in done.stdout.splitlines()]
    assert "2026-04 2026-04-01T00:00:00Z – 2026-05-01T00:00:00Z" in lines
    assert "o0 >= 99.9 % 99.898148 % breached 43156 min / 43200 min" in lines
    assert "o1 >= 99.9 % 99.90 % met 999 requests / 1000 requests" in lines
    assert "credit: 10 % of 1000.00 = 100.00 EUR" in lines


def test_the_json_is_the_document_itself(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files(outage("2026-04-02T10:00:00Z", 43.2))
    done = invoke("assess", files.terms, files.observations, "--period", "2026-04", "--until", "2026-06-01T00:00:00Z", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == files.judged("2026-04", until="2026-06-01T00:00:00Z")
    assert '"attainment": "999/1000"' in done.stdout


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_any_version_of_the_calculator_can_be_run_and_says_which_it_was(tmp_path: Path, version: str) -> None:
    files = Given(folder=tmp_path).files(outage("2026-04-02T10:00:00Z", 44))
    options = ("--period", "2026-04", "--until", "2026-06-01T00:00:00Z")
    done = invoke("assess", files.terms, files.observations, *options, "--calculator", version, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == files.judged("2026-04", until="2026-06-01T00:00:00Z") | {"calculator_version": version}
    shown = invoke("assess", files.terms, files.observations, *options, "--calculator", version)
    assert f"calculator {version}, time zones {TZ_DATABASE}" in shown.stdout


def test_a_calculator_that_nobody_has_is_refused(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files(outage("2026-04-02T10:00:00Z", 44))
    done = invoke("assess", files.terms, files.observations, "--period", "2026-04", "--calculator", "0")
    assert (done.exit_code, done.stderr) == (1, "error: there is no calculator '0', only 1, 2, 3\n")


# Refused


@pytest.fixture
def table(tmp_path: Path) -> Files:
    """Terms, and a CSV file."""
    files = Given(folder=tmp_path).files()
    csv = tmp_path / "probes.csv"
    csv.write_text("at,site,said\n2026-04-01T00:00:00Z,web,up\n2026-04-01T00:05:00Z,web,perhaps\n2026-04-01,web,down\n")
    return Files(terms=files.terms, observations=csv)


def mapped(**options: str) -> list[str]:
    return [word for name, value in options.items() for word in ("--map", f"{name}={value}")]


GOOD = {"kind": "status", "service": "shop", "component": "column:site", "observed_at": "at", "state": "said"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--map", "kind"], "--map: must be <name>=<value> with a name of kind, service"),
        (["--map", "colour=at"], "--map: must be <name>=<value>"),
        (mapped(kind="weather", service="shop"), "kind: must be one of status, outage, counter, latency, ticket, not 'weather'"),
        (mapped(kind="status"), "service: is needed: a service, or column:<name>"),
        (mapped(kind="status", service="shop", observed_at="at"), "state: a column is needed for observations of kind status"),
        (mapped(**{**GOOD, "state": "word"}), "state: the file has no column 'word', its columns are at, site, said"),
        (mapped(**GOOD, zone="Europe/Bern"), "zone: must be an IANA time zone"),
        (mapped(**GOOD, known_until="soon"), "known_until: must be an RFC 3339 instant"),
        ([], "kind: must say what the rows are: status, outage, counter, latency, ticket. The columns of a CSV file are named by --map"),
    ],
)
def test_a_mapping_that_says_nothing_is_refused_by_name(table: Files, options: list[str], told: str) -> None:
    done = invoke("assess", table.terms, table.observations, "--period", "2026-04", *options)
    assert done.exit_code == 1
    assert told in done.stderr
    assert done.stdout == ""


def test_every_bad_row_is_told_with_its_line_and_column(table: Files) -> None:
    done = invoke("assess", table.terms, table.observations, "--period", "2026-04", *mapped(**GOOD))
    assert done.exit_code == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("error: line 3, said: must be up, down or unknown, not 'perhaps'")
    assert second.startswith("line 4, at: must carry an offset")


@pytest.mark.parametrize(
    ("period", "until", "told"),
    [
        ("2026-13", "", "--period: must be a period such as"),
        ("April", "", "--period: must be a period such as"),
        ("1066-10", "", "--period: must be a period such as"),
        ("2026-04", "noon", "--until: must be an RFC 3339 instant"),
        ("2026-04", "2026-04-02T10:00:00", "--until: must carry an offset"),
        ("2026-04", "2199-04-02T10:00:00Z", "--until: must not be later than now, "),
        ("2024-12", "", "no terms were in force in 2024-12"),
    ],
)
def test_a_period_without_sense_is_refused(tmp_path: Path, period: str, until: str, told: str) -> None:
    files = Given(folder=tmp_path).files(outage("2026-04-02T10:00:00Z", 44))
    done = invoke("assess", files.terms, files.observations, "--period", period, *(["--until", until] if until else []))
    assert done.exit_code == 1
    assert told in done.stderr


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files()
    done = invoke("assess", files.terms, tmp_path / "nothing.csv", "--period", "2026-04")
    assert done.exit_code == 2
    assert "'observations'" in done.stderr
    assert "does not exist" in done.stderr


def test_a_file_of_an_unknown_form_is_refused(tmp_path: Path) -> None:
    files = Given(folder=tmp_path).files()
    sheet = tmp_path / "probes.xlsx"
    sheet.write_bytes(b"PK")
    done = invoke("assess", files.terms, sheet, "--period", "2026-04")
    assert done.exit_code == 1
    assert "file: must end in .json, .ndjson, .jsonl or .csv, not 'probes.xlsx'" in done.stderr


def test_faults_of_the_terms_are_told_all_at_once_with_their_places(tmp_path: Path) -> None:
    objectives = [Objective(target="101"), Objective(indicator="kind: availability, components: [cellar]"), Objective(decimals=99)]
    files = Given(folder=tmp_path, zone="Europe/Bern", objectives=objectives).files()
    done = invoke("assess", files.terms, files.observations, "--period", "2026-04")
    assert done.exit_code == 1
    for place in ("zone: ", "objectives[0].target: ", "objectives[1].indicator.components[0]: ", "objectives[2].decimals: "):
        assert place in done.stderr
    assert "Europe/Bern" in done.stderr


# Periods


QUARTER = "{every: quarter}"
ROLLING = "{every: rolling, days: 30}"


def test_a_breached_quarter_costs_its_share_of_three_monthly_charges(tmp_path: Path) -> None:
    """129,600 minutes of Q1 2026 in UTC allow 129.6 of them."""
    promised = [Objective(credits=[("99.9", "10")])]
    files = Given(folder=tmp_path, period=QUARTER, objectives=promised).files(outage("2026-01-31T23:00:00Z", 130))
    done = invoke("assess", files.terms, files.observations, "--period", "2026-Q1")
    assert (done.exit_code, "breached" in done.stdout) == (0, True)
    assert "credit: 10 % of 3000.00 = 300.00 EUR" in done.stdout
    assert done.stdout.startswith("2026-Q1  2026-01-01T00:00:00Z – 2026-04-01T00:00:00Z")
    within = Given(folder=tmp_path, period=QUARTER, objectives=promised).files(outage("2026-01-31T23:00:00Z", 129))
    assert within.result("2026-Q1")["verdict"] == "met"


def test_rolling_days_see_what_two_months_share(tmp_path: Path) -> None:
    """30 minutes on 31 January and 30 on 1 February: each month is met or nearly so, thirty days that hold both are not."""
    down = [outage("2026-01-31T12:00:00Z", 30), outage("2026-02-01T12:00:00Z", 30)]
    monthly = Given(folder=tmp_path).files(*down)
    assert [monthly.result(month)["attainment_percent"] for month in ("2026-01", "2026-02")] == ["99.932795", "99.925595"]
    rolling = Given(folder=tmp_path, period=ROLLING, credit="").files(*down)
    assert rolling.result("2026-01-05--P30D")["attainment_percent"] == "99.861111"
    assert rolling.result("2026-01-05--P30D")["whole"] == str(43_200 * 60 * 10**6)


@pytest.mark.parametrize(
    ("period", "credit", "asked", "told"),
    [
        (QUARTER, '{currency: EUR, monthly_charge: "1.00"}', "2026-03", 'by 2026-03 but by quarters such as "2026-Q1"'),
        ("{every: month}", "", "2026-Q1", 'by 2026-Q1 but by calendar months such as "2026-03"'),
        ("{every: month, from_day: 15}", "", "2026-03", 'by 2026-03 but by billing months such as "2026-03-15--P1M"'),
        ("{every: week}", "", "2026-03", 'by 2026-03 but by weeks such as "2026-W10"'),
        (ROLLING, "", "2026-03-01--P28D", 'by 2026-03-01--P28D but by rolling periods of 30 days such as "2026-03-01--P30D"'),
    ],
)
def test_a_period_that_the_terms_do_not_have_is_refused_with_theirs(
    tmp_path: Path, period: str, credit: str, asked: str, told: str
) -> None:
    files = Given(folder=tmp_path, period=period, credit=credit).files(outage("2026-03-02T10:00:00Z", 44))
    done = invoke("assess", files.terms, files.observations, "--period", asked)
    assert done.exit_code == 1
    assert f"the terms do not judge {told}" in done.stderr


def test_a_component_promises_nothing_outside_its_life(tmp_path: Path) -> None:
    """Half of June, 21,600 minutes, 21.6 of them down: exactly the target."""
    services = SERVICES.replace("{id: data, name: Data}", "{id: data, name: Data, in_service_from: 2026-06-16T00:00:00Z}")
    promised = [Objective(indicator="kind: availability, components: [data]")]
    down = (outage("2026-06-01T00:00:00Z", 600, "data"), outage("2026-06-20T00:00:00Z", 21.6, "data"))
    result = Given(folder=tmp_path, services=services, objectives=promised).files(*down).result("2026-06")
    assert (result["attainment_percent"], result["verdict"], result["whole"]) == ("99.900000", "met", str(21_600 * 60 * 10**6))
