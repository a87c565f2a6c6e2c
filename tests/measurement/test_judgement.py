"""What is told of a month, and that it is told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from services.chassis.events import Registry
from services.measurement.case import Case
from services.measurement.judgement import (
    EVENTS,
    Event,
    Finding,
    Judgement,
    ObjectiveAtRisk,
    ObjectiveBreached,
    ObjectiveBurning,
    Parties,
    PeriodAlreadyClosed,
    PeriodClosed,
    PeriodNotOver,
    PeriodRestated,
    Reason,
    breach_id_of,
    close,
    evolve,
    stream_of,
    tell,
)
from services.measurement.objective import RequestRatio, Terms
from services.measurement.observation import Evidence
from services.measurement.outlook import alerts
from services.measurement.wire import document_of, result_of
from services.vocabulary.period import Instant, instant_text
from tests.measurement.calculation import (
    DAY,
    JUNE_SPAN,
    assessed,
    at,
    counters,
    down,
    in_force,
    later,
    minute,
    objective,
    outage,
    rule,
    terms,
    tiers,
)

GOLDEN = Path(__file__).parents[1] / "contracts" / "measurement"
REGISTRY: Registry[Event] = Registry(EVENTS)
OVER = later(JUNE_SPAN.end, 10 * DAY)
CLOSED_AT = instant_text(OVER)
MID_JUNE = minute(20_160)
LATE = [Reason(words="late observations from probe-2", recorded_at=later(OVER, DAY))]
AVAILABILITY = terms(objective(name="availability", credit_tiers=tiers(("99.9", "10"))), credit=rule())


def found(evidence: Evidence, *, measured_until: Instant = OVER, agreed: Terms = AVAILABILITY, recorded_at: str = CLOSED_AT) -> Finding:
    assessment = replace(assessed([in_force(agreed)], evidence, measured_until=measured_until), tz_database="2026a")
    return Finding(
        assessment=assessment,
        document=document_of(assessment),
        results=[result_of(result) for result in assessment.objectives],
        parties=Parties(provider="nordwind-hosting", customer="hansebank"),
        recorded_at=recorded_at,
        trace_id="0af7651916cd43dd8448eb211c80319c",
    )


def after(*events: Event) -> Judgement | None:
    state: Judgement | None = None
    for event in events:
        state = evolve(state, event)
    return state


def names(events: Sequence[Event]) -> list[str]:
    return [REGISTRY.name_of(event) for event in events]


def told(state: Judgement | None, evidence: Evidence, *, measured_until: Instant = OVER) -> list[Event]:
    return tell(state, found(evidence, measured_until=measured_until), reasons=LATE)


def test_a_spent_budget_is_warned_of_once() -> None:
    warned = told(None, outage_before_mid_june(35), measured_until=MID_JUNE)
    assert names(warned) == ["objective.at-risk.v1"]
    assert told(after(*warned), outage_before_mid_june(40), measured_until=MID_JUNE) == []


def test_a_lost_target_is_told_once_and_needs_no_warning_before() -> None:
    breached = told(None, outage_before_mid_june(44), measured_until=MID_JUNE)
    assert names(breached) == ["objective.breached.v1"]
    assert told(after(*breached), outage_before_mid_june(90), measured_until=MID_JUNE) == []


def burning(evidence: Evidence, *, measured_until: Instant = MID_JUNE) -> Finding:
    """With the alerts of a case that was measured then."""
    finding = found(evidence, measured_until=measured_until)
    agreed = (in_force(AVAILABILITY),)
    case = Case(assessment=finding.assessment, terms=agreed, evidence={"bank": evidence}, until=measured_until)
    return replace(finding, alerts=alerts(case))


def test_a_budget_that_burns_is_told_once_for_each_severity() -> None:
    page = tell(None, burning(Evidence(outages=[outage(20_155, 20_160)])), reasons=LATE)
    assert names(page) == ["objective.burning.v1"]
    assert isinstance(page[0], ObjectiveBurning)
    told = (page[0].severity, page[0].factor, page[0].long_rate, page[0].short_rate)
    assert told == ("page", "72/5", "250/3", "1000/1")
    assert tell(after(*page), burning(Evidence(outages=[outage(20_154, 20_160)])), reasons=LATE) == []
    ticket = tell(after(*page), burning(Evidence(outages=[outage(20_000, 20_006)])), reasons=LATE)
    assert [each.severity for each in ticket if isinstance(each, ObjectiveBurning)] == ["ticket"]


def test_a_budget_that_burns_slowly_or_is_gone_already_alarms_nobody() -> None:
    assert tell(None, burning(Evidence(outages=[outage(1_000, 1_005)])), reasons=LATE) == []
    assert names(tell(None, burning(Evidence(outages=[outage(20_100, 20_160)])), reasons=LATE)) == ["objective.breached.v1"]
    assert tell(None, burning(Evidence(outages=[outage(43_195, 43_200)]), measured_until=OVER), reasons=LATE) == []


def test_a_healthy_month_is_not_talked_about() -> None:
    assert told(None, outage_before_mid_june(1), measured_until=MID_JUNE) == []
    assert told(None, outage_before_mid_june(1)) == []


def test_time_that_is_lost_is_told_without_waiting_for_the_close() -> None:
    assert names(told(None, down(44))) == ["objective.breached.v1"]


def test_requests_may_still_come_late_so_their_breach_waits_for_the_close() -> None:
    agreed = terms(objective(RequestRatio(components=("api",)), "99", name="requests"))
    finding = found(Evidence(counters={"api": counters((MID_JUNE, 9, 10))}), agreed=agreed)
    assert tell(None, finding, reasons=LATE) == []
    assert names(close(None, finding)) == ["objective.breached.v1", "period.closed.v1"]


def test_a_breach_known_only_at_the_close_is_told_just_before_it() -> None:
    assert names(close(None, found(down(44)))) == ["objective.breached.v1", "period.closed.v1"]


def test_a_breach_told_before_is_not_told_at_the_close() -> None:
    breached = told(None, down(44))
    assert names(close(after(*breached), found(down(44)))) == ["period.closed.v1"]


def test_the_ids_are_made_from_what_they_are_about() -> None:
    (breached,) = told(None, down(44))
    assert isinstance(breached, ObjectiveBreached)
    assert breached.breach_id == breach_id_of("a", "availability", "2026-06")
    assert breached.breach_id != breach_id_of("a", "availability", "2026-07")
    assert stream_of("a", "2026-06") != stream_of("b", "2026-06")


def test_a_month_is_not_closed_before_its_end() -> None:
    with pytest.raises(PeriodNotOver):
        close(None, found(down(1), measured_until=MID_JUNE))


def test_a_month_is_closed_once() -> None:
    with pytest.raises(PeriodAlreadyClosed):
        close(after(*close(None, found(down(1)))), found(down(1)))


def test_a_close_states_the_first_revision() -> None:
    (closed,) = close(None, found(down(1)))
    assert isinstance(closed, PeriodClosed)
    stated = closed.assessment
    assert (stated["closed"], stated["revision"], stated["recorded_at"], stated["restatement_cause"]) == (True, 1, CLOSED_AT, "")


def test_other_figures_after_the_close_are_a_restatement_that_keeps_the_previous_one() -> None:
    state = after(*close(None, found(down(20))))
    breached, restated = tell(state, found(down(44), recorded_at="2026-07-20T00:00:00Z"), reasons=LATE)
    assert isinstance(breached, ObjectiveBreached)
    assert isinstance(restated, PeriodRestated)
    assert (restated.assessment["revision"], restated.previous["revision"]) == (2, 1)
    assert (restated.cause, restated.credit_difference) == ("late observations from probe-2", "100.00")
    final = after(*close(None, found(down(20))), breached, restated)
    assert final is not None
    assert [document["revision"] for document in final.stated] == [1, 2]
    back = tell(final, found(down(20), recorded_at="2026-07-21T00:00:00Z"), reasons=LATE)
    assert names(back) == ["period.restated.v1"]
    assert isinstance(back[0], PeriodRestated)
    assert back[0].credit_difference == "-100.00"


def test_the_same_figures_after_the_close_are_no_restatement() -> None:
    state = after(*close(None, found(down(20))))
    assert told(state, down(20), measured_until=later(OVER, 30 * DAY)) == []


def test_a_restatement_names_only_what_was_learned_since_the_last_statement() -> None:
    known = Reason(words="late observations from probe-1", recorded_at=later(OVER, -DAY))
    state = after(*close(None, found(down(20))))
    (restated,) = tell(state, found(down(30)), reasons=[known, *LATE])
    assert isinstance(restated, PeriodRestated)
    assert restated.cause == "late observations from probe-2"
    (unexplained,) = tell(state, found(down(30)), reasons=[known])
    assert isinstance(unexplained, PeriodRestated)
    assert unexplained.cause == "late observations from probe-1"


def test_what_was_read_before_the_last_statement_restates_nothing() -> None:
    state = after(*close(None, found(down(20))))
    assert tell(state, found(down(44), recorded_at="2026-07-10T23:59:59Z"), reasons=LATE) == []


def test_a_closed_month_is_never_at_risk() -> None:
    state = after(*close(None, found(down(20))))
    assert not any(isinstance(event, ObjectiveAtRisk) for event in told(state, down(40)))


def examples() -> dict[str, Event]:
    (warned,) = told(None, outage_before_mid_june(35), measured_until=MID_JUNE)
    (closed,) = close(None, found(down(20)))
    breached, restated = told(after(closed), down(44))
    (alarmed,) = tell(None, burning(Evidence(outages=[outage(20_155, 20_160)])), reasons=LATE)
    return {
        "objective.at-risk.v1": warned,
        "objective.burning.v1": alarmed,
        "objective.breached.v1": breached,
        "period.closed.v1": closed,
        "period.restated.v1": restated,
    }


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_written_as_its_golden_file_says(name: str) -> None:
    assert REGISTRY.encode(examples()[name]) == (GOLDEN / f"{name}.json").read_bytes().rstrip()


@pytest.mark.parametrize("path", sorted(path for path in GOLDEN.glob("*.json") if path.stem in EVENTS), ids=lambda path: path.stem)
def test_every_golden_file_is_still_read(path: Path) -> None:
    name, event = REGISTRY.decode(path.stem, path.read_bytes())
    assert event == examples()[name]


@pytest.mark.parametrize(
    "path",
    sorted(path for path in GOLDEN.glob("calculator-*/*.json") if path.stem in EVENTS),
    ids=lambda path: f"{path.parent.stem}-{path.stem}",
)
def test_what_an_older_calculator_stated_is_read_and_keeps_its_bytes(path: Path) -> None:
    written = path.read_bytes().rstrip()
    name, event = REGISTRY.decode(path.stem, written)
    assert name == path.stem
    assert REGISTRY.encode(event) == written


def test_every_event_has_its_golden_file() -> None:
    assert set(EVENTS) <= {path.stem for path in GOLDEN.glob("*.json")}


def outage_before_mid_june(total_minutes: float) -> Evidence:
    return Evidence(outages=[outage(1_000, 1_000 + total_minutes)])


assert at(CLOSED_AT) == OVER
