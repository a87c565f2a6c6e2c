"""The words of the pages, on worked values."""

from __future__ import annotations

import pytest

from services.reporting import words
from services.reporting.material import Unit, Verdict

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-03-09T01:05:00Z", "2026-03-09T01:30:00Z", "9 March, 02:05 – 02:30"),
        ("2026-03-31T21:30:00Z", "2026-03-31T22:30:00Z", "31 March, 23:30 – 1 April, 00:30"),
        ("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "29 March, 01:30 – 03:30"),  # the hour that summer time skips
        ("2026-03-09T01:05:07Z", "2026-03-09T01:30:00Z", "9 March, 02:05:07 – 02:30"),
    ],
)
def test_a_stretch_of_time_is_told_in_the_agreements_zone(start: str, end: str, said: str) -> None:
    assert words.stretch(start, end, BERLIN) == said


def test_the_days_of_a_half_open_month_end_with_its_last() -> None:
    assert words.days_covered("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", BERLIN) == "1 March – 31 March 2026"
    assert words.days_covered("2026-03-09T08:00:00Z", "2026-03-09T09:00:00Z", BERLIN) == "9 March 2026"


@pytest.mark.parametrize(
    ("period", "name", "told_during", "short", "word"),
    [
        ("2026-03", "March 2026", "in March 2026", "Mar 26", "month"),
        ("2026-Q1", "first quarter of 2026", "in the first quarter of 2026", "Q1 26", "quarter"),
        ("2026-Q4", "fourth quarter of 2026", "in the fourth quarter of 2026", "Q4 26", "quarter"),
        ("2026", "2026", "in 2026", "2026", "year"),
        ("2026-W10", "week 10 of 2026", "in week 10 of 2026", "W10 26", "week"),
        ("2026-W53", "week 53 of 2026", "in week 53 of 2026", "W53 26", "week"),
        ("2026-03-15--P1M", "15 March to 14 April 2026", "from 15 March to 14 April 2026", "15 Mar", "month"),
        ("2026-12-15--P1M", "15 December 2026 to 14 January 2027", "from 15 December 2026 to 14 January 2027", "15 Dec", "month"),
        ("2026-03-15--P1Y", "15 March 2026 to 14 March 2027", "from 15 March 2026 to 14 March 2027", "15 Mar", "year"),
        ("2026-02-14--P30D", "14 February to 15 March 2026", "from 14 February to 15 March 2026", "15 Mar", "period"),
        ("2026-02-14--P1D", "14 February 2026", "from 14 February 2026", "14 Feb", "period"),
    ],
)
def test_every_period_has_a_name(period: str, name: str, told_during: str, short: str, word: str) -> None:
    assert (words.period_name(period), words.during(period)) == (name, told_during)
    assert (words.short_period(period), words.period_word(period)) == (short, word)


def test_a_name_begins_a_line_with_a_capital_and_keeps_the_others() -> None:
    assert words.period_title("2026-Q1") == "First quarter of 2026"
    assert words.period_title("2026-03") == "March 2026"
    assert words.period_title("2026-03-15--P1M") == "15 March to 14 April 2026"


def test_a_moment_belongs_to_its_zone() -> None:
    assert words.moment("2026-03-31T22:30:00Z", BERLIN) == "1 April 2026, 00:30"
    assert words.moment("2026-03-31T22:30:00Z", "UTC") == "31 March 2026, 22:30"


@pytest.mark.parametrize(
    ("duration_us", "said"),
    [
        (3_900_000_000, "1 h 5 min"),
        (40_000_000, "40 s"),
        (0, "0 min"),
        (-90_000_000, "1 min 30 s"),
        (4_000_000_000_000, "1,111 h 6 min 40 s"),
    ],
)
def test_a_length_is_told_in_hours_minutes_and_seconds(duration_us: int, said: str) -> None:
    assert words.length(duration_us) == said


@pytest.mark.parametrize(
    ("count", "unit", "said"),
    [
        ("3900000000", "us", "1 h 5 min"),
        ("1200", "requests", "1,200 requests"),
        ("1", "tickets", "1 ticket"),
        ("-1", "requests", "1 request"),
        ("60", "slices", "60 slices"),
        ("1", "objectives", "1 objective"),
        ("12500000000000000000", "10^-18 intervals", "12.5 intervals"),
        ("1000000000000000000", "10^-18 intervals", "1 interval"),
        ("8927999999999999999999", "10^-18 intervals", "8,927.999999 intervals"),
        ("-333333333333333333", "10^-18 intervals", "0.333333 intervals"),
    ],
)
def test_an_amount_is_told_in_its_unit(count: str, unit: Unit, said: str) -> None:
    assert words.amount(count, unit) == said


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [("1200.00", "EUR", "EUR 1,200.00"), ("-1200.00", "EUR", "−EUR 1,200.00"), ("5000", "JPY", "JPY 5,000"), ("0.00", "EUR", "EUR 0.00")],
)
def test_money_keeps_the_decimals_of_its_currency(amount: str, currency: str, said: str) -> None:
    assert words.money(amount, currency) == said


@pytest.mark.parametrize(("percent", "said"), [("83.3333", "83.3"), ("99.9951", "99.9"), ("75.0000", "75"), ("100", "100"), ("", "")])
def test_a_rough_percentage_is_floored(percent: str, said: str) -> None:
    assert words.roughly(percent) == said


@pytest.mark.parametrize(
    ("at_risk", "lost", "said"),
    [(False, False, "On track"), (True, False, "At risk"), (True, True, "Target lost"), (False, True, "Target lost")],
)
def test_a_running_month_has_a_state_and_no_verdict(at_risk: bool, lost: bool, said: str) -> None:
    assert words.standing("undetermined", running=True, at_risk=at_risk, lost=lost).word == said


def test_a_running_month_in_which_nothing_was_measured_is_not_called_on_track() -> None:
    assert words.standing("undetermined", running=True, empty=True).word == "Nothing yet"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("met", "Met"), ("breached", "Breached"), ("undetermined", "Undetermined"), ("not-applicable", "Nothing to judge")],
)
def test_a_closed_month_has_its_verdict(verdict: Verdict, said: str) -> None:
    assert words.standing(verdict, running=False, at_risk=True, lost=True).word == said


def test_time_of_several_components_says_so() -> None:
    assert words.amount("3900000000", "us", scale=3) == "1 h 5 min of component time"
    assert words.amount("1200", "requests", scale=3) == "1,200 requests"


@pytest.mark.parametrize(
    ("number", "said"), [("95", "95th"), ("99.9", "99.9th"), ("91", "91st"), ("92", "92nd"), ("93", "93rd"), ("11", "11th")]
)
def test_a_percentile_has_its_ordinal(number: str, said: str) -> None:
    assert words.ordinal(number) == said


@pytest.mark.parametrize(("exact", "said"), [("7/15", "46.6"), ("1/2", "50"), ("1/1", "100")])
def test_a_share_is_told_roughly_and_floored(exact: str, said: str) -> None:
    assert words.share(exact) == said
