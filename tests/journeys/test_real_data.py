"""Real observations, judged through the running platform and by the offline command: what others published comes out, both ways alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from services.vocabulary.identity import Role
from services.vocabulary.period import MINUTE, Instant, Interval, instant_of, instant_text, parse_zone
from services.vocabulary.ratio import exact
from tests.command.cli import PROVIDER, person
from tests.journeys import real_data
from tests.journeys.processes import Reach, one_process
from tests.journeys.real_data import Imported, Json, Judged, Promise, differences, imported, judged_offline, printed_offline

pytestmark = [
    pytest.mark.skipif(bool(real_data.missing_reason()), reason=real_data.missing_reason()),
    pytest.mark.xdist_group("real data"),
]

MARCH = Interval(instant_of(datetime(2014, 3, 1, tzinfo=UTC)), instant_of(datetime(2014, 4, 1, tzinfo=UTC)))
FIVE_MINUTES = 5 * MINUTE
ZURICH = parse_zone("Europe/Zurich")
A_MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def reach() -> Iterator[Reach]:
    with one_process() as found:
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offline")


@pytest.fixture(scope="module")
def sites(reach: Reach) -> Imported:
    return imported(real_data.sites(), reach)


@pytest.fixture(scope="module")
def sites_in_zurich(home: Path) -> Judged:
    return judged_offline(real_data.sites(zone="Europe/Zurich"), home)


@pytest.fixture(scope="module")
def desk(reach: Reach) -> Imported:
    return imported(real_data.tickets(reopened="first-resolution"), reach)


@pytest.fixture(scope="module")
def machine(reach: Reach) -> Imported:
    return imported(real_data.latency(), reach)


def assert_alike(platform: Judged, offline: Judged) -> None:
    """Field by field, so that a failure names each one."""
    assert list(differences(platform.documents, offline.documents)) == []


# Sites that were probed


def test_the_sites_are_judged_alike_both_ways(sites: Imported, home: Path) -> None:
    promise = real_data.sites()
    assert sites.receipt["rejected_count"] == 0
    assert sites.receipt["accepted"] == len(real_data.rows("probes.csv")) + len(real_data.published_sites()), "and an end each"
    assert_alike(sites.judged, judged_offline(promise, home))
    assert list(differences(sites.judged.documents[promise.months[-1]], printed_offline(promise, home))) == []


def test_every_site_was_down_on_each_utc_day_for_the_minutes_that_were_published(sites: Imported) -> None:
    compared = 0
    for site in real_data.published_sites():
        days = {day["day"]: Fraction(day["down_us"], MINUTE) for day in sites.judged.leaves(site["site"], "days")}
        published = site["minutes_down_by_utc_day"]
        assert len(days) == sum((31, 28, 31, 30, 31, 30, 31, 31))
        assert set(published) <= set(days)
        apart = {day: (float(down), published.get(day, 0)) for day, down in days.items() if abs(down - published.get(day, 0)) > 1}
        assert apart == {}, site["site"]
        compared += len(days)
    assert compared == 8 * 243


def test_the_lifetime_uptime_of_every_site_is_the_published_one_to_two_decimals(sites: Imported) -> None:
    found = {}
    for site in real_data.published_sites():
        months = sites.judged.results(site["site"])
        good, whole = (sum(int(month[part]) for month in months) for part in ("good", "whole"))
        found[site["site"]] = f"{round(Decimal(good) / Decimal(whole) * 100, 2):.2f}"
        series = [row["checked_at"] for row in real_data.rows("probes.csv") if row["site"] == site["site"]]
        end = max(row["checked_at"] for row in real_data.rows("probes.csv"))
        lifetime = datetime.fromisoformat(end) - datetime.fromisoformat(min(series))
        assert timedelta(microseconds=whole) == lifetime, "what nobody probed is in no figure"
        assert abs(datetime.fromisoformat(min(series)) - datetime.fromisoformat(site["monitored_from"])) < timedelta(seconds=1)
    assert found == {site["site"]: site["uptime_percent"] for site in real_data.published_sites()}


# The same sites by the days of those who run them, March with an hour less


def midnight(day: date) -> datetime:
    """In Zurich, as an instant."""
    return datetime.combine(day, time(), tzinfo=ZURICH).astimezone(UTC)


def probed() -> dict[str, list[tuple[datetime, datetime, str]]]:
    """Of each site the spans of its states, as the test reads the file by itself: a status holds until the next."""
    end = max(datetime.fromisoformat(row["checked_at"]) for row in real_data.rows("probes.csv"))
    told: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in real_data.rows("probes.csv"):
        told[row["site"]].append((datetime.fromisoformat(row["checked_at"]), row["status"]))
    return {
        site: [(start, following, state) for (start, state), (following, _) in pairwise([*sorted(rows), (end, "")])]
        for site, rows in told.items()
    }


def by_day_in_zurich(spans: list[tuple[datetime, datetime, str]], *states: str) -> Counter[str]:
    """Microseconds in one of the states, by civil day; a span is walked from midnight to midnight."""
    days: Counter[str] = Counter()
    for start, end, state in spans:
        at = start
        while state in states and at < end:
            day = at.astimezone(ZURICH).date()
            until = min(end, midnight(day + timedelta(days=1)))
            days[day.isoformat()] += (until - at) // A_MICROSECOND
            at = until
    return days


def test_every_month_in_zurich_has_the_time_that_was_probed_and_march_an_hour_less(sites_in_zurich: Judged) -> None:
    whole_march = 0
    for site, spans in probed().items():
        by_month: Counter[str] = Counter()
        for day, known in by_day_in_zurich(spans, "up", "down").items():
            by_month[day[:7]] += known
        assert {month: int(one["whole"]) for month, one in by_site(sites_in_zurich, site).items()} == {
            month: by_month[month] for month in sites_in_zurich.documents
        }
        if spans[0][0] <= midnight(date(2026, 3, 1)):
            whole_march += 1
            assert by_month["2026-03"] == 743 * 60 * MINUTE
            assert by_month["2026-04"] == 720 * 60 * MINUTE
    assert whole_march == 8


def by_site(judged: Judged, site: str) -> dict[str, Json]:
    return dict(zip(judged.documents, judged.results(site), strict=True))


def test_every_site_was_down_on_each_day_in_zurich_as_long_as_the_file_says(sites_in_zurich: Judged) -> None:
    days_with_an_outage = 0
    for site, spans in probed().items():
        days = {day["day"]: (day["down_us"], int(day["whole"]) - int(day["good"])) for day in sites_in_zurich.leaves(site, "days")}
        down = by_day_in_zurich(spans, "down")
        assert days == {day: (down[day], down[day]) for day in days}, site
        assert set(down) <= set(days)
        days_with_an_outage += sum(one > 0 for one, _ in days.values())
    assert days_with_an_outage == 15


def test_every_month_in_zurich_is_exactly_the_sum_of_its_days(sites_in_zurich: Judged) -> None:
    for site in real_data.published_sites():
        for month, result in by_site(sites_in_zurich, site["site"]).items():
            assert {day["day"][:7] for day in result["days"]} == {month}
            for part in ("good", "whole"):
                assert sum(int(day[part]) for day in result["days"]) == int(result[part]), (site["site"], month, part)


def test_the_lifetime_of_every_site_is_the_same_whether_months_are_cut_in_zurich_or_in_utc(sites_in_zurich: Judged, home: Path) -> None:
    in_utc = judged_offline(real_data.sites(), home)
    apart = 0
    for site in real_data.published_sites():
        ours, theirs = sites_in_zurich.results(site["site"]), in_utc.results(site["site"])
        for part in ("good", "whole"):
            assert sum(int(month[part]) for month in ours) == sum(int(month[part]) for month in theirs)
        apart += sum(one["whole"] != other["whole"] for one, other in zip(ours, theirs, strict=True))
    assert apart > 0, "the months themselves are not the same"


# A service desk


def made_sla() -> dict[str, bool]:
    """The desk's own verdict, by ticket, on the ticket's last row."""
    last: dict[str, tuple[tuple[int, datetime], bool]] = {}
    for row in real_data.rows("tickets.csv"):
        place = int(row["sys_mod_count"]), datetime.strptime(row["sys_updated_at"], "%d-%m-%Y %H:%M").replace(tzinfo=UTC)
        if row["number"] not in last or place > last[row["number"]][0]:
            last[row["number"]] = place, row["made_sla"] == "TRUE"
    return {ticket: verdict for ticket, (_, verdict) in last.items()}


def agreeing(judged: Judged, objective_id: str) -> tuple[int, int]:
    """Tickets judged as the desk did, and tickets judged."""
    desk = made_sla()
    verdicts = {ticket["ticket"]: ticket["verdict"] for ticket in judged.leaves(objective_id, "tickets")}
    assert set(verdicts.values()) <= {"met", "missed"}
    return sum((verdict == "met") == desk[ticket] for ticket, verdict in verdicts.items()), len(verdicts)


def test_the_tickets_are_judged_alike_both_ways(desk: Imported, home: Path) -> None:
    promise = real_data.tickets(reopened="first-resolution")
    assert desk.receipt["rejected_count"] == 0
    assert_alike(desk.judged, judged_offline(promise, home))
    march = Promise(terms=promise.terms, file=promise.file, mapping=promise.mapping, months=["2016-03"])
    assert list(differences(desk.judged.documents["2016-03"], printed_offline(march, home))) == []


def test_every_ticket_is_due_in_one_month_and_the_months_beside_it_have_none(desk: Imported) -> None:
    due = {month: {one["objective_id"]: int(one["whole"]) for one in found["objectives"]} for month, found in desk.judged.documents.items()}
    nothing = {"all": 0, "moderate": 0, "low": 0}
    assert due == {"2016-02": nothing, "2016-03": {"all": 452, "moderate": 387, "low": 44}, "2016-04": nothing}
    beside = [one for month in ("2016-02", "2016-04") for one in desk.judged.documents[month]["objectives"]]
    assert {(one["verdict"], one["attainment"], one["attainment_percent"]) for one in beside} == {("not-applicable", "", "")}
    assert len(made_sla()) == 452


def test_ninety_hours_to_the_first_resolution_reproduce_the_desks_own_verdicts(desk: Imported) -> None:
    assert agreeing(desk.judged, "moderate") == (385, 387)
    assert agreeing(desk.judged, "low") == (44, 44)
    assert agreeing(desk.judged, "all") == (440, 452), "priorities 1 and 2 had less time than 90 hours"
    (moderate,) = (one for one in desk.judged.results("moderate") if one["whole"] != "0")
    assert (moderate["good"], moderate["whole"], moderate["attainment"]) == ("235", "387", "235/387")
    assert moderate["verdict"] == "breached"


def test_a_clock_that_runs_on_after_a_reopening_agrees_with_the_desk_on_one_ticket_more(desk: Imported, reach: Reach, home: Path) -> None:
    promise = real_data.tickets(reopened="runs-on")
    platform = imported(promise, reach)
    assert platform.receipt["accepted"] == 0, "the desk's file is known already"
    assert agreeing(platform.judged, "moderate") == (386, 387)
    assert agreeing(platform.judged, "low") == (44, 44)
    assert agreeing(platform.judged, "all") == (441, 452)
    assert_alike(platform.judged, judged_offline(promise, home))


# A machine's answers


def answers() -> list[tuple[Instant, Decimal]]:
    """Instants and milliseconds, read from the file by the test itself."""
    read = [(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC), Decimal(row["value"])) for row in real_data.rows("latency.csv")]
    return [(instant_of(moment), ms) for moment, ms in read]


def silences(span: Interval) -> list[tuple[str, str, int]]:
    """Longer than five minutes without an answer, in a span."""
    edges = sorted({span.start, span.end, *(at for at, _ in answers() if span.start <= at < span.end)})
    pairs = [(one, following) for one, following in pairwise(edges) if following - one > FIVE_MINUTES]
    return [(instant_text(one), instant_text(following), following - one) for one, following in pairs]


def within_50_ms(span: Interval) -> tuple[str, str]:
    inside = [ms for at, ms in answers() if span.start <= at < span.end]
    return str(sum(ms <= 50 for ms in inside)), str(len(inside))


def listed(result: Json) -> list[tuple[str, str, int]]:
    return [(one["start"], one["end"], one["duration_us"]) for one in result["unknown"]]


def test_the_answers_are_judged_alike_both_ways(machine: Imported, home: Path) -> None:
    promise = real_data.latency()
    assert (machine.receipt["accepted"], machine.receipt["rejected_count"]) == (4032, 0), "two at one instant are two answers"
    assert_alike(machine.judged, judged_offline(promise, home))
    assert list(differences(machine.judged.documents["2014-03"], printed_offline(promise, home))) == []


def test_the_share_within_the_threshold_is_a_decimal_count_of_the_file(machine: Imported) -> None:
    (result,) = machine.judged.results("answers")
    assert (result["good"], result["whole"]) == within_50_ms(MARCH) == ("3982", "4032")
    assert result["attainment"] == exact(Fraction(3982, 4032))
    by_day: Counter[str] = Counter(instant_text(at)[:10] for at, _ in answers())
    assert {day["day"]: int(day["whole"]) for day in result["days"] if day["whole"] != "0"} == by_day


def test_the_outage_at_the_end_is_unknown_time_and_not_good_time(machine: Imported) -> None:
    (result,) = machine.judged.results("answers")
    expected = silences(MARCH)
    assert listed(result) == expected
    assert expected[-1] == ("2014-03-21T03:41:00Z", "2014-04-01T00:00:00Z", (10 * 24 * 60 + 20 * 60 + 19) * MINUTE)
    assert result["coverage"] == exact(1 - Fraction(sum(length for _, _, length in expected), MARCH.length))
    assert result["coverage_percent"] == "44.9955"
    assert sum(day["unknown_us"] for day in result["days"]) == sum(length for _, _, length in expected)


def test_a_running_month_is_unknown_from_the_last_answer_to_the_measurement(home: Path) -> None:
    until = datetime(2014, 3, 21, 15, 7, 30, 250_001, tzinfo=UTC)
    (result,) = judged_offline(real_data.latency(), home, until=until.isoformat()).results("answers")
    assert listed(result) == silences(Interval(MARCH.start, instant_of(until)))
    assert listed(result)[-1] == ("2014-03-21T03:41:00Z", "2014-03-21T15:07:30.250001Z", 41_190_250_001)


def test_the_erratic_answers_before_the_failure_are_counted_one_by_one(machine: Imported, home: Path) -> None:
    last = max(at for at, _ in answers())
    erratic = Interval(Instant(last - 8 * FIVE_MINUTES), Instant(last + FIVE_MINUTES))
    viewer = person(machine.reach, PROVIDER, Role.VIEWER)
    span = {"start": instant_text(erratic.start), "end": instant_text(erratic.end)}
    measured = viewer.get(f"/v1/measurements/{machine.agreement_id}/answers", **span)
    assert (measured["good"], measured["whole"]) == within_50_ms(erratic) == ("6", "9")
    assert measured["unknown"] == []
    (before,) = judged_offline(real_data.latency(), home, until=span["start"]).results("answers")
    (after,) = judged_offline(real_data.latency(), home, until=span["end"]).results("answers")
    assert (int(after["good"]) - int(before["good"]), int(after["whole"]) - int(before["whole"])) == (6, 9)
