"""What the pages show, ready for the templates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.reporting import wire
from services.reporting.material import Agreement, Assessment, PeriodResult, Restatement
from services.reporting.page import ReportView, card, report_view, trends
from services.reporting.pages import Pages
from services.reporting.report import LogPart, report, sealed
from tests.reporting import given
from tests.reporting.room import LOG, caller


def agreement() -> Agreement:
    told = given.activated()
    first = wire.terms(told.terms, number=1, effective_on=told.effective_on, recorded_at=told.recorded_at)
    return Agreement(id=given.AGREEMENT, status="active", last_day="", versions=(first,))


def viewed(assessment: Assessment, *, of: Agreement | None = None) -> ReportView:
    return report_view(
        report(
            agreement=of or agreement(),
            result=PeriodResult(assessment=assessment),
            previous=None,
            breaches=(),
            warnings=(),
            improvements=(),
            known_at="2026-06-12T10:00:00Z",
        ),
        None,
    )


def only(name: str) -> Assessment:
    whole = wire.assessment(given.march())
    return replace(whole, objectives=whole.segments(name))


@pytest.mark.parametrize(
    ("assessment", "headline", "tone"),
    [
        (wire.assessment(given.march()), "1 of 4 objectives was breached", "breached"),
        (wire.assessment(given.may()), "All 4 objectives were met", "met"),
        (only("requests"), "The objective was met", "met"),
        (wire.assessment(given.june()), "Every objective can still be met, 1 is at risk", "at-risk"),
        (replace(wire.assessment(given.may()), objectives=()), "There was nothing to judge", "met"),
    ],
)
def test_the_report_begins_with_the_whole_in_one_sentence(assessment: Assessment, headline: str, tone: str) -> None:
    view = viewed(assessment)
    assert (view.headline, view.tone) == (headline, tone)


def test_a_month_has_a_cell_for_each_of_its_days_in_two_rows() -> None:
    strips = viewed(wire.assessment(given.march())).objectives[0].strips
    assert [strip.count("<g>") for strip in strips] == [16, 15]


def of_quarters() -> Agreement:
    terms = wire.terms(given.by_quarters(), number=1, effective_on="2026-03-01", recorded_at="2026-02-20T10:00:00Z")
    return Agreement(id=given.AGREEMENT, status="active", last_day="", versions=(terms,))


def test_a_quarter_has_a_cell_for_each_of_its_days_in_rows_of_sixteen() -> None:
    view = viewed(wire.assessment(given.second_quarter()), of=of_quarters())
    assert [strip.count("<g>") for strip in view.objectives[0].strips] == [16, 16, 16, 16, 16, 11]
    assert "There is no quarter before." in view.objectives[0].line
    assert (view.period, view.word) == ("Second quarter of 2026", "quarter")


def test_the_page_of_a_quarter_speaks_of_quarters_only() -> None:
    view = viewed(wire.assessment(given.second_quarter()), of=of_quarters())
    page = bytes(Pages().report(view.report, None, caller=caller(given.CUSTOMER), session=True).body).decode()
    assert "<h1>Second quarter of 2026</h1>" in page
    assert "First quarter of 2026" in page  # the column of the one before
    assert "10&nbsp;% of EUR 36,000.00" in page
    assert "month" not in page.replace("--P1M", "")


def test_an_agreement_over_the_quarters_speaks_of_quarters_only() -> None:
    first, second = (wire.assessment(told) for told in (given.first_quarter(), given.second_quarter()))
    shown = card(of_quarters(), status="active", running=second, reachable=False, latest=first, warnings=(), key="c")
    (view,) = trends(of_quarters(), closed=[first, second], running=None)
    assert [label for label, *_ in view.rows] == ["First quarter of 2026", "Second quarter of 2026"]
    assert "Availability of online banking over the quarters" in view.svg
    assert (">Q1 26<" in view.svg, ">Q2 26<" in view.svg) == (True, True)
    pages, jon = Pages(), caller(given.CUSTOMER)
    home = bytes(pages.home([shown], caller=jon, as_of="now").body).decode()
    whole = bytes(
        pages.agreement(shown, caller=jon, trends=[view], reports=[], improvements=[], parties=of_quarters().newest.parties).body
    ).decode()
    assert "All quarters and improvements" in home
    assert "Report first quarter of 2026" in home
    assert "Second quarter of 2026 to date" in home
    assert "Objectives over the quarters" in whole
    assert ('<th scope="col">Quarter</th>' in whole, "quarter by quarter" in whole) == (True, True)
    assert "The figures of the running quarter cannot be reached" in whole
    for page in (home, whole.replace('class="month"', "")):
        assert "month" not in page.lower()


def test_days_to_come_are_not_drawn_as_up() -> None:
    strips = viewed(wire.assessment(given.june())).objectives[0].strips
    assert "".join(strips).count('class="nothing"') == 18
    assert "".join(strips).count('class="up"') == 12


def test_the_day_of_the_summer_time_is_an_hour_shorter() -> None:
    whole_day = given.Outage(start="2026-03-28T23:00:00Z", end="2026-03-29T22:00:00Z", components=("web",))
    view = viewed(wire.assessment(given.assessment("2026-03", [given.availability("2026-03", [whole_day])])))
    assert "29 March: 23 h down" in "".join(view.objectives[0].strips)
    assert 'y="0" width="20" height="46" rx="2"/></g>' in view.objectives[0].strips[1]


def test_a_running_month_without_data_is_neither_on_track_nor_over_budget() -> None:
    nothing = given.counted("requests", {"2026-06-01": (0, 0)}, unit="requests", running=True)
    running = wire.assessment(given.assessment("2026-06", [nothing], until="2026-06-02T00:00:00Z"))
    line = card(agreement(), status="active", running=running, reachable=True, latest=None, warnings=(), key="c").lines[1]
    assert line.running is not None
    assert (line.running.word, line.budget) == ("Nothing yet", None)


def test_a_trend_keeps_the_target_of_each_month() -> None:
    stricter = wire.assessment(given.assessment("2026-04", [given.availability("2026-04", given.APRIL_OUTAGES, target="99.95")]))
    view = trends(agreement(), closed=[wire.assessment(given.march()), stricter], running=None)[0]
    assert [(label, target, standing.word) for label, target, _, standing in view.rows] == [
        ("March 2026", "99.9", "Breached"),
        ("April 2026", "99.95", "Met"),
    ]


def test_a_page_of_a_month_split_by_an_amendment_shows_both_parts() -> None:
    first, second = given.availability("2026-03", given.MARCH_OUTAGES), given.availability("2026-03", (), target="99.95")
    del first.days[15:], second.days[:15]
    first.end = second.start = "2026-03-15T23:00:00Z"
    view = viewed(wire.assessment(given.assessment("2026-03", [first, second])))
    page = bytes(Pages().report(view.report, None, caller=caller(given.CUSTOMER), session=True).body).decode()
    assert "1 March to 15 March" in page
    assert "16 March to 31 March" in page
    assert view.headline == "1 of 1 objective was breached"


def test_a_month_that_was_breached_in_one_part_is_a_breached_month_wherever_one_verdict_is_shown() -> None:
    first, second = given.availability("2026-03", given.MARCH_OUTAGES), given.availability("2026-03", (), target="99.95")
    split = wire.assessment(given.assessment("2026-03", [first, second]))
    shown = card(agreement(), status="active", running=None, reachable=True, latest=split, warnings=(), key="c").lines[0]
    assert shown.closed is not None
    assert shown.closed.word == "Breached"
    assert trends(agreement(), closed=[split], running=None)[0].rows[0][3].word == "Breached"


def test_a_restatement_of_what_had_no_result_says_so_without_a_percent_sign() -> None:
    march = wire.assessment(given.march())
    nothing = replace(march.objectives[1], attainment="", attainment_percent="", verdict="not-applicable")
    before = replace(march, objectives=(nothing,))
    after = replace(march, objectives=march.objectives[1:2], revision=2)
    told = PeriodResult(assessment=after, restatement=Restatement(cause="late data", credit_difference="0.00", previous=before))
    made = report(
        agreement=agreement(), result=told, previous=None, breaches=(), warnings=(), improvements=(), known_at="2026-04-09T00:00:00Z"
    )
    page = bytes(Pages().report(made, None, caller=caller(given.CUSTOMER), session=False).body).decode()
    assert 'from <span class="quiet">no result</span> (not-applicable) to' in page


def test_a_page_without_credit_or_tickets_is_still_a_page() -> None:
    bare = replace(only("availability"), credit=None)
    page = bytes(Pages().report(viewed(bare).report, None, caller=caller(given.CUSTOMER), session=False).body).decode()
    assert "Service credit" not in page
    assert "Leave" not in page


def test_the_same_report_is_the_same_page() -> None:
    shown = viewed(wire.assessment(given.march())).report
    first, second = (Pages().report(shown, None, caller=caller(given.CUSTOMER), session=True) for _ in range(2))
    assert first.body == second.body


@pytest.mark.parametrize(("tz_database", "told"), [("2026a", "version 1, time zones 2026a</dd>"), ("", "version 1</dd>")])
def test_the_versions_that_made_the_figures_are_named_as_far_as_they_are_known(tz_database: str, told: str) -> None:
    message = given.march()
    message.tz_database = tz_database
    view = viewed(wire.assessment(message))
    page = bytes(Pages().report(view.report, None, caller=caller(given.CUSTOMER), session=True).body).decode()
    assert f"<dt>Calculator</dt><dd>{told}" in page


@pytest.mark.parametrize("log", [LOG, None])
def test_the_signed_log_that_the_figures_are_in_is_named_where_it_is_known(log: LogPart | None) -> None:
    shown = sealed(viewed(wire.assessment(given.march())).report, log)
    page = bytes(Pages().report(shown, None, caller=caller(given.CUSTOMER), session=True).body).decode()
    told = f"<dt>Signed log</dt><dd>{LOG.name}, {LOG.size} events, root <code>{LOG.root}</code>, key <code>{LOG.key}</code></dd>"
    assert (told in page.replace("&#43;", "+")) == (log is not None)
    assert ("Signed log" in page) == (log is not None)
