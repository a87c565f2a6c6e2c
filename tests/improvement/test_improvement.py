"""What may happen to an improvement: of each decision that it does, refuses, and stays quiet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from services.improvement import improvement as rules
from services.improvement.improvement import (
    AlreadyEffective,
    AlreadyImplemented,
    CompositeNotMeasurable,
    ExpectsTooLittle,
    Fact,
    ImpossibleImplementationDate,
    Improvement,
    ImprovementAnalysed,
    ImprovementPlanned,
    ImprovementReopened,
    ImprovementVerified,
    NotAnalysedYet,
    NotAParty,
    NotApproved,
    NotImplementedYet,
    NotPlannedYet,
    NotTheProvider,
    PlanAlreadyApproved,
    SpanBeforeImplementation,
    SpanNotOver,
    Status,
    UnknownRecommendation,
    analysed,
    approved,
    breached_span,
    implemented,
    improvement_id,
    measured,
    opened,
    planned,
    require_party,
    require_provider,
    verification_span,
)
from services.vocabulary.errors import Invalid
from services.vocabulary.period import Instant, Interval, Month, datetime_of, parse_period
from tests.improvement.given import (
    AFTER,
    ANALYSED,
    ANALYSIS,
    APPROVED,
    APRIL_15,
    BEFORE,
    BERLIN,
    BREACH,
    EFFECTIVE,
    EXAMINER,
    IDA,
    IMPLEMENTED,
    IMPLEMENTED_ON,
    INEFFECTIVE,
    JON,
    JUNE_1,
    MARCH,
    MAY,
    OPENED,
    PLAN,
    PLANNED,
    REOPENED,
    REPLICATE,
    UP_TO_IMPLEMENTED,
    figure,
    given,
)

BAD_AFTER = figure(MAY, bad=60, whole=44_640)


def plan_of(
    improvement: Improvement,
    *,
    recommendation_id: str = REPLICATE,
    description: str = PLAN.description,
    owner: str = PLAN.owner,
    expected_attainment: Fraction | None = None,
) -> list[Fact]:
    return list(
        planned(
            improvement,
            recommendation_id=recommendation_id,
            description=description,
            owner=owner,
            due_on=PLAN.due_on,
            expected_attainment=expected_attainment,
        )
    )


# open


def test_a_breach_opens_an_improvement() -> None:
    assert opened(None, BREACH) == (OPENED,)
    assert given(OPENED).status is Status.OPENED


def test_a_breach_told_again_is_quiet() -> None:
    assert opened(given(OPENED), BREACH) == ()
    assert opened(given(*UP_TO_IMPLEMENTED, EFFECTIVE), BREACH) == ()


def test_the_id_follows_from_the_breach() -> None:
    assert given(OPENED).id == improvement_id(BREACH.breach_id)
    assert str(improvement_id(BREACH.breach_id)) == "4680ad06-ec6b-56bd-9896-ced4193ed9af"


# analyse


def test_an_analysis_is_kept_with_its_findings_and_recommendations() -> None:
    assert analysed(given(OPENED), ANALYSIS) == (ANALYSED,)
    assert given(OPENED, ANALYSED).status is Status.ANALYSED


def test_an_analysis_of_later_data_replaces_the_first_until_there_is_a_plan() -> None:
    later = replace(ANALYSIS, good=ANALYSIS.good - 1)
    assert len(analysed(given(OPENED, ANALYSED), later)) == 1
    assert analysed(given(OPENED, ANALYSED, PLANNED), later) == ()


def test_the_same_analysis_again_is_quiet() -> None:
    assert analysed(given(OPENED, ANALYSED), ANALYSIS) == ()


# plan


def test_a_plan_takes_its_expected_attainment_from_its_recommendation() -> None:
    assert plan_of(given(OPENED, ANALYSED)) == [PLANNED]
    assert PLAN.expected_attainment == Fraction(44_335, 44_340)


def test_a_plan_may_promise_more_than_its_recommendation() -> None:
    (fact,) = plan_of(given(OPENED, ANALYSED), expected_attainment=Fraction(99_99, 100_00))
    assert isinstance(fact, ImprovementPlanned)
    assert fact.plan.expected_attainment == Fraction(99_99, 100_00)


def test_a_plan_that_repeats_the_printed_figure_promises_the_exact_one() -> None:
    assert plan_of(given(OPENED, ANALYSED), expected_attainment=Fraction("0.99988723")) == [PLANNED]


def test_a_plan_that_promises_less_than_its_recommendation_is_refused() -> None:
    with pytest.raises(ExpectsTooLittle, match=r"expected_attainment_percent: must be at least the 99\.988723 %"):
        plan_of(given(OPENED, ANALYSED), expected_attainment=Fraction("0.99988722"))


def test_a_plan_is_refused_before_the_analysis() -> None:
    with pytest.raises(NotAnalysedYet):
        plan_of(given(OPENED))


def test_a_plan_that_names_an_unknown_recommendation_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownRecommendation, match=r"must be one of component:core-database, hours:02:00-03:00.* not 'pray'"):
        plan_of(given(OPENED, ANALYSED), recommendation_id="pray")


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001, "nul \x00", "half \ud800"])
def test_a_plan_without_words_with_too_many_or_with_unspeakable_ones_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="description"):
        plan_of(given(OPENED, ANALYSED), description=text)
    with pytest.raises(Invalid, match="owner"):
        plan_of(given(OPENED, ANALYSED), owner=text)


def test_a_plan_may_change_until_it_is_approved() -> None:
    assert len(plan_of(given(OPENED, ANALYSED, PLANNED), owner="Ole Petersen")) == 1
    with pytest.raises(PlanAlreadyApproved):
        plan_of(given(OPENED, ANALYSED, PLANNED, APPROVED), owner="Ole Petersen")


def test_the_same_plan_again_is_quiet() -> None:
    assert plan_of(given(OPENED, ANALYSED, PLANNED)) == []


# approve


def test_an_approval_says_who() -> None:
    assert approved(given(OPENED, ANALYSED, PLANNED), by=JON) == (APPROVED,)
    approval = given(OPENED, ANALYSED, PLANNED, APPROVED).approval
    assert approval is not None
    assert (approval.approved_by, approval.organisation) == ("jon.adeyemi", "hansebank")


@pytest.mark.parametrize("facts", [(OPENED,), (OPENED, ANALYSED), (*UP_TO_IMPLEMENTED, INEFFECTIVE, REOPENED)])
def test_there_is_nothing_to_approve_before_a_plan(facts: tuple[Fact, ...]) -> None:
    with pytest.raises(NotPlannedYet):
        approved(given(*facts), by=JON)


def test_a_second_approval_is_quiet() -> None:
    assert approved(given(OPENED, ANALYSED, PLANNED, APPROVED), by=IDA) == ()


# implement


def test_an_implementation_is_recorded_with_its_date() -> None:
    facts = implemented(given(OPENED, ANALYSED, PLANNED, APPROVED), implemented_on=IMPLEMENTED_ON, recorded_at=APRIL_15)
    assert facts == (IMPLEMENTED,)
    assert given(*UP_TO_IMPLEMENTED).implemented_on == IMPLEMENTED_ON


def test_only_an_approved_plan_is_implemented() -> None:
    with pytest.raises(NotApproved):
        implemented(given(OPENED, ANALYSED, PLANNED), implemented_on=IMPLEMENTED_ON, recorded_at=APRIL_15)


@pytest.mark.parametrize("day", [date(2026, 2, 28), date(2026, 4, 16)])
def test_an_implementation_before_the_breached_period_or_in_the_future_is_refused(day: date) -> None:
    with pytest.raises(ImpossibleImplementationDate, match=r"must lie between 2026-03-01, .* and 2026-04-15, today"):
        implemented(given(OPENED, ANALYSED, PLANNED, APPROVED), implemented_on=day, recorded_at=APRIL_15)


def test_today_is_the_day_in_the_agreements_zone() -> None:
    late_in_utc = datetime(2026, 4, 14, 22, 30, tzinfo=UTC)
    facts = implemented(given(OPENED, ANALYSED, PLANNED, APPROVED), implemented_on=date(2026, 4, 15), recorded_at=late_in_utc)
    assert len(facts) == 1


def test_the_same_implementation_again_is_quiet_and_another_date_is_refused() -> None:
    done = given(*UP_TO_IMPLEMENTED)
    assert implemented(done, implemented_on=IMPLEMENTED_ON, recorded_at=APRIL_15) == ()
    with pytest.raises(AlreadyImplemented):
        implemented(done, implemented_on=date(2026, 4, 13), recorded_at=APRIL_15)


# verify


def span_of(improvement: Improvement, start: datetime | None = None, end: datetime | None = None, at: datetime = JUNE_1) -> Interval:
    return verification_span(improvement, after_start=start, after_end=end, recorded_at=at)


def test_the_span_after_is_the_first_whole_month_in_the_agreements_zone() -> None:
    assert span_of(given(*UP_TO_IMPLEMENTED)) == MAY
    on_the_first = given(OPENED, ANALYSED, PLANNED, APPROVED, replace(IMPLEMENTED, implemented_on=date(2026, 4, 1)))
    assert span_of(on_the_first) == Month(2026, 4).bounds(BERLIN)


@pytest.mark.parametrize(
    ("breached", "implemented_on", "after"),
    [
        ("2026-Q1", date(2026, 4, 1), "2026-Q2"),
        ("2026-Q1", date(2026, 4, 14), "2026-Q3"),
        ("2025", date(2026, 4, 14), "2027"),
        ("2026-W10", date(2026, 4, 14), "2026-W17"),
        ("2026-W10", date(2026, 4, 13), "2026-W16"),
        ("2026-02-15--P1M", date(2026, 4, 14), "2026-04-15--P1M"),
        ("2025-03-15--P1Y", date(2026, 3, 15), "2026-03-15--P1Y"),
        ("2026-02-14--P30D", date(2026, 4, 14), "2026-04-14--P30D"),
    ],
)
def test_the_span_after_is_a_whole_period_like_the_breached_one(breached: str, implemented_on: date, after: str) -> None:
    told = replace(OPENED, breach=replace(BREACH, period=breached))
    done = given(told, ANALYSED, PLANNED, APPROVED, replace(IMPLEMENTED, implemented_on=implemented_on))
    expected = parse_period(after, place="period").bounds(BERLIN)
    assert span_of(done, at=datetime(2028, 1, 1, tzinfo=UTC)) == expected
    with pytest.raises(SpanNotOver):
        span_of(done, at=datetime_of(Instant(expected.end - 1)))


def test_a_composite_is_not_measured_over_a_span() -> None:
    of_a_composite = ImprovementAnalysed(analysis=replace(ANALYSIS, indicator="composite"))
    implemented_on_time = given(OPENED, of_a_composite, PLANNED, APPROVED, IMPLEMENTED)
    with pytest.raises(CompositeNotMeasurable, match="verify the improvements of the objectives it is made of"):
        span_of(implemented_on_time)
    with pytest.raises(CompositeNotMeasurable):
        measured(implemented_on_time, before=BEFORE, after=AFTER, recorded_at=JUNE_1)


def test_a_composite_that_was_not_implemented_yet_says_so_first() -> None:
    with pytest.raises(NotImplementedYet):
        span_of(given(OPENED, ImprovementAnalysed(analysis=replace(ANALYSIS, indicator="composite")), PLANNED))


def test_the_span_before_is_the_breached_period() -> None:
    assert breached_span(given(OPENED, ANALYSED)) == MARCH
    with pytest.raises(NotAnalysedYet):
        breached_span(given(OPENED))


def test_a_month_that_still_runs_proves_nothing() -> None:
    with pytest.raises(SpanNotOver):
        span_of(given(*UP_TO_IMPLEMENTED), at=datetime(2026, 5, 31, 21, 59, tzinfo=UTC))
    assert span_of(given(*UP_TO_IMPLEMENTED), at=datetime(2026, 5, 31, 22, 0, tzinfo=UTC)) == MAY


def test_a_given_span_begins_on_the_day_of_the_implementation_at_the_earliest() -> None:
    first = datetime(2026, 4, 13, 22, 0, tzinfo=UTC)
    end = datetime(2026, 5, 1, tzinfo=UTC)
    assert datetime_of(span_of(given(*UP_TO_IMPLEMENTED), first, end).start) == first
    with pytest.raises(SpanBeforeImplementation, match="must not lie before the implementation on 2026-04-14"):
        span_of(given(*UP_TO_IMPLEMENTED), first.replace(minute=0, hour=21), end)


def test_half_a_span_and_an_empty_one_are_refused() -> None:
    day = datetime(2026, 4, 20, tzinfo=UTC)
    for start, end in ((day, None), (None, day), (day, day)):
        with pytest.raises(Invalid, match="after_"):
            span_of(given(*UP_TO_IMPLEMENTED), start, end)


def test_a_measured_effect_closes_as_effective() -> None:
    assert measured(given(*UP_TO_IMPLEMENTED), before=BEFORE, after=AFTER, recorded_at=JUNE_1) == (EFFECTIVE,)
    assert given(*UP_TO_IMPLEMENTED, EFFECTIVE).status is Status.EFFECTIVE


def test_without_the_promised_effect_it_is_reopened_and_says_why() -> None:
    facts = measured(given(*UP_TO_IMPLEMENTED), before=BEFORE, after=BAD_AFTER, recorded_at=JUNE_1)
    assert [type(fact) for fact in facts] == [ImprovementVerified, ImprovementReopened]
    assert given(*UP_TO_IMPLEMENTED, *facts).status is Status.REOPENED
    assert "misses the target" in REOPENED.reason


def test_what_was_reopened_is_planned_again_and_keeps_its_verifications() -> None:
    again = given(*UP_TO_IMPLEMENTED, INEFFECTIVE, REOPENED, PLANNED)
    assert (again.status, again.approval, again.implemented_on) == (Status.PLANNED, None, None)
    assert len(again.effects) == 1


def test_only_an_implementation_is_verified() -> None:
    for facts in ((OPENED, ANALYSED, PLANNED, APPROVED), (*UP_TO_IMPLEMENTED, INEFFECTIVE, REOPENED)):
        with pytest.raises(NotImplementedYet):
            measured(given(*facts), before=BEFORE, after=AFTER, recorded_at=JUNE_1)


def test_the_same_proof_again_is_quiet_and_another_is_refused() -> None:
    closed = given(*UP_TO_IMPLEMENTED, EFFECTIVE)
    assert measured(closed, before=BEFORE, after=AFTER, recorded_at=JUNE_1) == ()
    with pytest.raises(AlreadyEffective):
        measured(closed, before=BEFORE, after=BAD_AFTER, recorded_at=JUNE_1)


# who


def test_the_provider_plans_and_both_parties_approve() -> None:
    improvement = given(OPENED)
    require_provider(improvement, IDA)
    require_party(improvement, IDA)
    require_party(improvement, JON)
    with pytest.raises(NotTheProvider):
        require_provider(improvement, JON)
    with pytest.raises(NotAParty):
        require_party(improvement, EXAMINER)


@pytest.mark.parametrize("spell", [lambda text: f"{{{text}}}", lambda text: f"urn:uuid:{text}", lambda text: text.replace("-", "")])
def test_an_improvement_has_one_address(spell: Callable[[str], str]) -> None:
    known = rules.improvement_id("breach-1")
    assert rules.parse_improvement_id(str(known)) == known
    with pytest.raises(rules.ImprovementNotFound):
        rules.parse_improvement_id(spell(str(known)))
