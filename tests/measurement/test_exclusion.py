"""Exclusion windows: when recurring work lies, and what notice, approval and monthly cap leave of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from random import Random
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.exclusion import SIGNED_BY, granted, granted_in, refused_tickets, tickets_out, windows_in
from services.measurement.interval import NEVER, clip, intersection, length, union
from services.measurement.objective import Approval, ExclusionClass, Maintenance, RecurringMaintenance, Terms, TicketExclusion
from services.measurement.observation import Evidence
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, Microseconds, Month, datetime_of, instant_of
from tests.measurement.calculation import (
    BERLIN,
    JUNE,
    JUNE_SPAN,
    LAW,
    UTC,
    figure,
    hours,
    later,
    measured,
    minute,
    minutes,
    objective,
    outage,
    terms,
)

PLANNED = ExclusionClass(id="planned-work", clause="4.2", notice=hours(240), monthly_cap=hours(8))
FORCE = ExclusionClass(id="force-majeure", approval="customer")
CAPPED = ExclusionClass(id="capped", monthly_cap=hours(1))
SUNDAY = 6


def window(start: float, end: float, ground: ExclusionClass | None = None, *, name: str = "w", service: str = "bank") -> Maintenance:
    return Maintenance(id=name, service=service, interval=minutes(start, end), ground=ground, reason="patch")


def sundays(*weeks: int, from_minute: int = 120, lasts: int = 4 * HOUR, days: tuple[int, ...] = (SUNDAY,)) -> RecurringMaintenance:
    return RecurringMaintenance(
        id="sundays", service="bank", days=days, weeks=weeks, from_minute=from_minute, lasts=Microseconds(lasts), reason="patch"
    )


def with_recurring(recurring: RecurringMaintenance, zone: ZoneInfo = BERLIN, *windows: Maintenance) -> Terms:
    return replace(terms(zone=zone, windows=windows), recurring=(recurring,))


def starts(agreed: Terms, span: Interval) -> list[str]:
    found = [each for each in windows_in(agreed, span) if span.start <= each.interval.start < span.end]
    return [f"{datetime_of(each.interval.start).astimezone(agreed.zone):%m-%d %H:%M}" for each in found]


def june(*windows: Maintenance, span: Interval = JUNE_SPAN) -> tuple[list[tuple[str, Interval]], list[tuple[str, Interval, str]]]:
    result = granted(windows, span=span, zone=UTC)
    return (
        [(each.id, each.interval) for each in result.windows],
        [(each.window.id, each.window.interval, each.rule) for each in result.refused],
    )


# When recurring work lies


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ((), ["05-03 02:00", "05-10 02:00", "05-17 02:00", "05-24 02:00", "05-31 02:00"]),
        ((1, 5), ["05-03 02:00", "05-31 02:00"]),
        ((4,), ["05-24 02:00"]),
    ],
)
def test_a_window_returns_every_week_or_on_the_nth_or_last_of_its_weekday(weeks: tuple[int, ...], expected: list[str]) -> None:
    assert starts(with_recurring(sundays(*weeks)), Month(2026, 5).bounds(BERLIN)) == expected


def test_the_last_sunday_of_a_month_with_four_is_the_fourth() -> None:
    assert starts(with_recurring(sundays(5)), Month(2026, 6).bounds(BERLIN)) == ["06-28 02:00"]
    assert starts(with_recurring(sundays(4, 5)), Month(2026, 6).bounds(BERLIN)) == ["06-28 02:00"]


def test_it_begins_at_the_civil_time_and_lasts_real_elapsed_time_over_a_change_of_clocks() -> None:
    march = Month(2026, 3).bounds(BERLIN)
    found = [each.interval for each in windows_in(with_recurring(sundays(5, from_minute=60)), march) if each.id == "sundays/2026-03-29"]
    (changing,) = found
    assert changing == Interval(instant_of(datetime(2026, 3, 29, 1, tzinfo=BERLIN)), instant_of(datetime(2026, 3, 29, 6, tzinfo=BERLIN)))
    assert changing.length == 4 * HOUR


def test_a_start_that_the_zone_skips_is_the_first_instant_after_the_gap() -> None:
    march = Month(2026, 3).bounds(BERLIN)
    assert starts(with_recurring(sundays(5, from_minute=150)), march) == ["03-29 03:00"]


def test_a_window_that_began_before_the_months_is_there_as_long_as_it_lasts() -> None:
    long = sundays(1, lasts=100 * 24 * HOUR)
    found = windows_in(with_recurring(long, UTC), JUNE_SPAN)
    assert "sundays/2026-02-01" in [each.id for each in found]
    assert all(each.interval.end > Month(2026, 5).bounds(UTC).start for each in found)


def test_what_stands_in_the_terms_is_approved_by_both_and_carries_its_class() -> None:
    once = window(0, 60, FORCE)
    announced = replace(window(60, 120, FORCE, name="announced"), announced_at=minute(-60))
    agreed = with_recurring(replace(sundays(), ground=FORCE), UTC, once, announced)
    approvals = {each.id: each.approved_by for each in windows_in(agreed, JUNE_SPAN)}
    assert approvals["w"] == approvals["sundays/2026-06-07"] == SIGNED_BY
    assert approvals["announced"] == ()
    assert {each.id for each in granted_in(agreed, JUNE_SPAN)} == set(approvals) - {"announced"}


# Notice and approval


@pytest.mark.parametrize(("hours_before", "counts"), [(241, True), (240, True), (239, False)])
def test_a_window_announced_too_late_excludes_nothing(hours_before: int, counts: bool) -> None:
    announced = replace(window(20_000, 20_240, PLANNED), announced_at=minute(20_000 - hours_before * 60))
    kept, refused = june(announced)
    assert (len(kept), len(refused)) == ((1, 0) if counts else (0, 1))
    if refused:
        assert refused[0][2] == ("planned-work (clause 4.2) needs 240 h of notice: announced 2026-06-04T22:20:00Z for 2026-06-14T21:20:00Z")


def test_a_window_agreed_in_the_terms_is_always_in_time() -> None:
    assert june(window(0, 60, PLANNED)) == ([("w", minutes(0, 60))], [])


def test_a_class_without_notice_takes_what_was_claimed_afterwards() -> None:
    claimed = replace(window(0, 60, FORCE), announced_at=minute(500), approved_by=("customer",))
    assert june(claimed) == ([("w", minutes(0, 60))], [])


@pytest.mark.parametrize(
    ("approval", "approved_by", "missing"),
    [
        ("none", (), ""),
        ("customer", (), "customer"),
        ("customer", ("provider",), "customer"),
        ("customer", ("customer",), ""),
        ("both", ("customer",), "provider"),
        ("both", (), "provider and customer"),
        ("both", ("provider", "customer"), ""),
    ],
)
def test_a_class_that_needs_an_approval_excludes_nothing_without_it(approval: Approval, approved_by: tuple[str, ...], missing: str) -> None:
    asked = replace(window(0, 60, ExclusionClass(id="power", approval=approval)), approved_by=approved_by)
    kept, refused = june(asked)
    assert [each[2] for each in refused] == ([f"power needs the approval of {missing}"] if missing else [])
    assert len(kept) == (0 if missing else 1)


@pytest.mark.parametrize("approval", get_args(Approval))
@pytest.mark.parametrize(
    ("approved_by", "missing"), [((), "provider and customer"), (("provider",), "customer"), (("provider", "customer"), "")]
)
def test_what_touches_a_closed_period_needs_both_sides_whatever_its_class_asks(
    approval: Approval, approved_by: tuple[str, ...], missing: str
) -> None:
    asked = replace(window(0, 60, ExclusionClass(id="power", approval=approval)), approved_by=approved_by, closed_periods=("2026-06",))
    kept, refused = june(asked)
    rule = f"power needs the approval of {missing}: 2026-06 was closed when it was claimed"
    assert [each[2] for each in refused] == ([rule] if missing else [])
    assert bool(kept) is not bool(missing)


def test_many_closed_periods_are_told_by_the_first_and_the_last() -> None:
    closed = ("2026-05-01--P30D", "2026-05-02--P30D", "2026-05-03--P30D")
    asked = replace(window(0, 60, ExclusionClass(id="power")), closed_periods=closed)
    ((_, _, rule),) = june(asked)[1]
    assert rule.endswith(": 3 periods from 2026-05-01--P30D to 2026-05-03--P30D were closed when it was claimed")


# ----------------------------------------------------------------------------------------------------------------- tickets


def of_tickets(*tickets: str, ground: ExclusionClass = PLANNED, name: str = "e-1", service: str = "desk") -> TicketExclusion:
    return TicketExclusion(id=name, service=service, tickets=tickets, ground=ground)


def with_tickets(*exclusions: TicketExclusion) -> Terms:
    return replace(terms(), ticket_exclusions=exclusions)


def test_tickets_are_taken_out_by_the_first_claim_that_stands_whatever_notice_and_cap_its_class_asks() -> None:
    both = replace(of_tickets("T-2", "T-3", ground=FORCE, name="e-2"), approved_by=("provider", "customer"))
    agreed = with_tickets(of_tickets("T-1", "T-2"), both, of_tickets("T-9", service="bank"))
    assert tickets_out(agreed, "desk") == {
        "T-1": "claim e-1, planned-work, clause 4.2",
        "T-2": "claim e-1, planned-work, clause 4.2",
        "T-3": "claim e-2, force-majeure, approved by provider and customer",
    }
    assert refused_tickets(agreed) == ()


def test_tickets_stay_in_while_an_approval_is_missing() -> None:
    waiting = replace(of_tickets("T-1", ground=FORCE), approved_by=("provider",))
    closed = replace(of_tickets("T-2", name="e-2"), approved_by=("customer",), closed_periods=("2026-03",))
    agreed = with_tickets(waiting, closed)
    assert tickets_out(agreed, "desk") == {}
    assert [(each.exclusion.id, each.rule) for each in refused_tickets(agreed)] == [
        ("e-1", "force-majeure needs the approval of customer"),
        ("e-2", "planned-work (clause 4.2) needs the approval of provider: 2026-03 was closed when it was claimed"),
    ]


def test_what_is_refused_elsewhere_is_not_told_here() -> None:
    outside = window(-600, -540, ExclusionClass(id="power", approval="customer"))
    assert june(outside) == ([], [])


# The monthly cap


def test_the_earliest_time_of_a_month_counts_until_the_cap_is_used_up() -> None:
    kept, refused = june(
        window(500, 540, CAPPED, name="second"), window(0, 40, CAPPED, name="first"), window(900, 960, CAPPED, name="third")
    )
    used_up = "capped has used up its 1 h of the month"
    assert kept == [("first", minutes(0, 40)), ("second", minutes(500, 520))]
    assert refused == [("second", minutes(520, 540), used_up), ("third", minutes(900, 960), used_up)]


def test_time_that_two_windows_have_in_common_is_taken_from_the_cap_once() -> None:
    kept, refused = june(
        window(0, 40, CAPPED, name="a"), window(20, 60, CAPPED, name="b", service="shop"), window(30, 50, CAPPED, name="c")
    )
    assert [each[0] for each in kept] == ["a", "b", "c"]
    assert refused == []


def test_each_civil_month_has_its_own_cap_and_a_window_over_midnight_takes_from_both() -> None:
    over = window(43_100, 43_300, CAPPED)
    kept, refused = june(over)
    assert kept == [("w", minutes(43_100, 43_160)), ("w", minutes(43_200, 43_260))]
    assert [each[1] for each in refused] == [minutes(43_160, 43_200)]
    berlins = granted((over,), span=JUNE_SPAN, zone=BERLIN)
    assert [each.interval for each in berlins.windows] == [minutes(43_100, 43_160)]


def test_a_window_that_broke_a_rule_uses_up_nothing_and_other_classes_have_their_own_cap() -> None:
    late = ExclusionClass(id="capped", monthly_cap=hours(1), notice=hours(1))
    refused_one = replace(window(0, 60, late, name="late"), announced_at=minute(-1))
    kept, refused = june(
        refused_one, window(100, 160, late, name="agreed"), window(200, 260, CAPPED, name="other"), window(300, 999, name="free")
    )
    assert [each[0] for each in kept] == ["agreed", "other", "free"]
    assert [each[0] for each in refused] == ["late"]


def test_the_cap_of_a_month_is_used_up_by_its_beginning_wherever_the_span_begins() -> None:
    agreed = terms(windows=(window(0, 60, CAPPED, name="first"), window(30_000, 30_060, CAPPED, name="last")))
    second_half = Interval(minute(21_600), JUNE_SPAN.end)
    result = granted(windows_in(agreed, second_half), span=second_half, zone=UTC)
    assert [each.id for each in result.windows] == ["first"]
    assert [each.window.id for each in result.refused] == ["last"]


def test_a_capped_window_leaves_the_rest_of_its_time_in_the_figure() -> None:
    """240 min of maintenance of which 60 may count; 60 min down, of them 30 in the time that counts."""
    agreed = terms(windows=(window(20_000, 20_240, CAPPED),))
    result = measured(Evidence(outages=[outage(20_030, 20_090)]), objective(), windows=granted_in(agreed, JUNE_SPAN))
    assert (result.whole, result.good) == ((43_200 - 60) * MINUTE, (43_200 - 60 - 30) * MINUTE)
    assert figure(result) == "99.930458"


GROUNDS = st.sampled_from([None, CAPPED, ExclusionClass(id="roomy", monthly_cap=hours(30)), FORCE])
WINDOWS = st.lists(
    st.builds(
        lambda start, long, ground, name: window(start, start + long, ground, name=str(name)),
        st.integers(-3_000, 46_000),
        st.integers(1, 3_000),
        GROUNDS,
        st.integers(0, 99),
    ),
    max_size=8,
)


@LAW
@given(WINDOWS)
def test_granted_and_refused_are_the_whole_and_keep_apart(windows: list[Maintenance]) -> None:
    everywhere = minutes(-100_000, 200_000)
    result = granted(windows, span=everywhere, zone=UTC)
    for ground in {each.ground for each in windows}:
        asked, kept, refused = (
            union(each.interval for each in those if each.ground == ground)
            for those in (windows, result.windows, [each.window for each in result.refused])
        )
        assert union((*kept, *refused)) == asked
        assert intersection(kept, refused) == NEVER


@LAW
@given(WINDOWS)
def test_no_month_excludes_more_than_the_cap_and_all_that_it_may(windows: list[Maintenance]) -> None:
    """Against the naive reading: of each month's minutes in order, the first sixty that any window of the class covers."""
    result = granted(windows, span=JUNE_SPAN, zone=UTC)
    kept = union(each.interval for each in result.windows if each.ground == CAPPED)
    asked = [each.interval for each in windows if each.ground == CAPPED]
    for month in (JUNE.previous, JUNE, JUNE.next):
        bounds = month.bounds(UTC)
        covered = sorted({number for one in asked for number in range(one.start, one.end, MINUTE) if bounds.start <= number < bounds.end})
        expected = union(Interval(Instant(number), later(Instant(number), MINUTE)) for number in covered[:60])
        assert clip(kept, bounds) == expected
        assert length(clip(kept, bounds)) <= HOUR


@LAW
@given(WINDOWS, st.randoms())
def test_the_order_of_windows_changes_nothing(windows: list[Maintenance], chance: Random) -> None:
    shuffled = list(windows)
    chance.shuffle(shuffled)
    once, again = (granted(each, span=JUNE_SPAN, zone=UTC) for each in (windows, shuffled))
    assert sorted(map(repr, once.windows)) == sorted(map(repr, again.windows))


@LAW
@given(
    st.sets(st.integers(0, 6), min_size=1).map(tuple),
    st.sets(st.integers(1, 5)).map(tuple),
    st.integers(0, 1439),
    st.sampled_from([Month(2026, month) for month in (2, 3, 6, 10)]),
)
def test_the_days_of_a_recurring_window_are_those_a_wall_calendar_shows(
    days: tuple[int, ...], weeks: tuple[int, ...], from_minute: int, month: Month
) -> None:
    agreed = with_recurring(sundays(*weeks, days=days, from_minute=from_minute))
    shown = [date(month.year, month.month, number) for number in range(1, (month.next.first_day - month.first_day).days + 1)]
    expected = []
    for weekday in days:
        same = [day for day in shown if day.weekday() == weekday]
        expected += [day for place, day in enumerate(same, 1) if not weeks or place in weeks or (5 in weeks and day == same[-1])]
    found = [each.id for each in windows_in(agreed, month.bounds(BERLIN)) if each.id.startswith(f"sundays/{month}")]
    assert found == [f"sundays/{day}" for day in sorted(expected)]
