"""The observation store on both databases: durable, told once, in any order, and as it was known at an instant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.engine import Connection

from services.chassis.database import Database
from services.chassis.settings import Settings
from services.measurement import marks, store
from services.measurement.batch import Batch, Place, Report, SampleRow, evidence_of
from services.measurement.intake import read_json
from services.measurement.judgement import Reason
from services.measurement.marks import Cause
from services.measurement.observation import STILL_OPEN, Evidence
from services.measurement.store import BatchNameReused, Receipt
from services.vocabulary.period import HOUR, Instant, Interval, instant_text, parse_instant

TENANT = "nordwind-hosting"


def at(text: str) -> Instant:
    return parse_instant(text, place="test")


NOW = at("2026-06-01T00:00:00Z")
MARCH = Interval(at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"))
APRIL = Interval(at("2026-04-01T00:00:00Z"), at("2026-05-01T00:00:00Z"))
Row = dict[str, object]


def counter(when: str, good: int = 9, *, component: str = "web", **more: object) -> Row:
    return {"kind": "counter", "service": "bank", "component": component, "observed_at": when, "good": good, "total": 10} | more


def status(when: str, state: str, *, component: str = "web", **more: object) -> Row:
    return {"kind": "status", "service": "bank", "component": component, "observed_at": when, "state": state} | more


def outage(start: str, end: str = "", **more: object) -> Row:
    told: Row = {"kind": "outage", "service": "bank", "component": "web", "observed_at": start} | more
    return told | {"until": end} if end else told


def ticket(when: str, state: str) -> Row:
    return {"kind": "ticket", "service": "bank", "ticket": "INC-1", "observed_at": when, "state": state}


def batch(*rows: Row, source: str = "probe", name: str = "") -> Batch:
    return read_json(json.dumps({"source": source, "batch": name, "observations": rows}).encode(), now=NOW)


class Kept:
    """A store, and what it says of the bank."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def record(self, *rows: Row, source: str = "probe", name: str = "", tenant: str = TENANT, recorded_at: Instant = NOW) -> Receipt:
        told = batch(*rows, source=source, name=name)
        return await self.database.write(lambda connection: store.record(connection, told, tenant=tenant, recorded_at=recorded_at))

    async def evidence(self, span: Interval = MARCH, *, known_at: Instant | None = None, tenant: str = TENANT) -> Evidence:
        found = await self.database.read(
            lambda connection: store.observations(connection, tenant=tenant, services={"bank"}, span=span, known_at=known_at)
        )
        return evidence_of(found).get("bank", Evidence())

    async def reports(
        self,
        span: Interval = MARCH,
        *,
        components: tuple[str, ...] = (),
        known_at: Instant | None = None,
        after: Place | None = None,
        limit: int = 100,
        tickets_in: Interval | None = None,
        tenant: str = TENANT,
    ) -> list[Report]:
        return await self.database.read(
            lambda connection: store.reports(
                connection,
                tenant=tenant,
                service="bank",
                components=components,
                span=span,
                tickets_in=tickets_in or span,
                known_at=known_at,
                after=after,
                limit=limit,
            )
        )

    async def goods(self, span: Interval = MARCH, *, known_at: Instant | None = None, component: str = "web") -> list[int]:
        evidence = await self.evidence(span, known_at=known_at)
        counters = evidence.counters.get(component)
        if counters is None:
            return []
        inside = (counters.at >= span.start) & (counters.at < span.end)
        return sorted(counters.good[inside].tolist())


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Kept]:
    database = Database.open("measurement", settings, store.METADATA)
    try:
        yield Kept(database)
    finally:
        await database.close()


def run(settings: Settings, story: Callable[[Kept], Awaitable[None]]) -> None:
    async def told() -> None:
        async with opened(settings) as kept:
            await story(kept)

    asyncio.run(told())


def test_what_was_recorded_is_there_after_a_restart(settings: Settings) -> None:
    async def before(kept: Kept) -> None:
        receipt = await kept.record(counter("2026-03-02T00:00:00Z"), status("2026-03-01T00:00:00Z", "up"), outage("2026-03-03T00:00:00Z"))
        assert (receipt.accepted, receipt.repeated) == (3, 0)

    async def after(kept: Kept) -> None:
        evidence = await kept.evidence()
        assert evidence.counters["web"].total.tolist() == [10]
        assert [each.state for each in evidence.statuses] == ["up"]
        assert [each.interval.end for each in evidence.outages] == [STILL_OPEN]

    run(settings, before)
    run(settings, after)


def test_a_batch_told_again_is_counted_as_repeated_and_changes_nothing(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        rows = [counter("2026-03-02T00:00:00Z"), counter("2026-03-02T00:00:00Z"), status("2026-03-01T00:00:00Z", "up")]
        assert (await kept.record(*rows)).accepted == 3
        again = await kept.record(*rows[::-1])
        assert (again.accepted, again.repeated) == (0, 3)
        assert await kept.goods() == [9, 9]

    run(settings, story)


def test_observations_told_again_in_another_batch_are_known_by_the_sources_id(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        first = [counter("2026-03-02T00:00:00Z", id="a"), status("2026-03-01T00:00:00Z", "up"), outage("2026-03-04T00:00:00Z", id="o")]
        await kept.record(*first, name="one")
        mixed = await kept.record(*first, counter("2026-03-03T00:00:00Z", 8, id="b"), name="two")
        assert (mixed.accepted, mixed.repeated) == (1, 3)
        assert await kept.goods() == [8, 9]
        other_source = await kept.record(counter("2026-03-02T00:00:00Z", 7, id="a"), source="probe-2")
        assert other_source.accepted == 1
        assert await kept.goods() == [7, 8, 9]

    run(settings, story)


def test_a_batch_keeps_who_reported_it_and_why(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        told = batch(outage("2026-03-04T00:00:00Z"), name="one")

        def work(connection: Connection, *, by: str) -> Receipt:
            return store.record(connection, told, tenant=TENANT, recorded_at=NOW, reported_by=by, reason="The clock was wrong")

        await kept.database.write(lambda connection: work(connection, by="rea"))
        await kept.database.write(lambda connection: work(connection, by="tim"))
        await kept.record(outage("2026-03-05T00:00:00Z"), name="two")
        asked = [
            await kept.database.read(lambda each, name=name: store.reporter_of(each, tenant=TENANT, source="probe", name=name))  # type: ignore[misc]
            for name in ("one", "two", "three")
        ]
        assert asked == [("rea", "The clock was wrong"), ("", ""), None]

    run(settings, story)


def test_what_replaces_something_told_is_a_correction(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        ended = outage("2026-03-04T00:00:00Z", "2026-03-04T01:00:00Z", id="o-1")
        assert not (
            await kept.record(ended, outage("2026-03-06T00:00:00Z", id="o-2"), status("2026-03-01T00:00:00Z", "up", id="s"))
        ).corrects
        assert not (await kept.record(outage("2026-03-06T00:00:00Z", "2026-03-06T01:00:00Z", id="o-2"))).corrects
        assert not (await kept.record(ended | {"id": "o-3", "revision": 7})).corrects
        assert not (await kept.record(ended | {"revision": 2}, source="probe-2")).corrects
        assert (await kept.record(ended | {"revision": 2})).corrects
        assert (await kept.record(status("2026-03-01T00:00:00Z", "down", id="s", revision=1))).corrects
        await kept.record(counter("2026-03-02T00:00:00Z", id="c"))
        assert (await kept.record(counter("2026-03-02T00:00:00Z", 8, id="c", revision=1))).corrects

    run(settings, story)


def test_a_batch_name_is_not_used_for_two_things(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.record(counter("2026-03-02T00:00:00Z"), name="night")
        with pytest.raises(BatchNameReused):
            await kept.record(counter("2026-03-02T00:00:00Z", 8), name="night")
        assert (await kept.record(counter("2026-03-02T00:00:00Z", 8), name="night", source="probe-2")).accepted == 1
        assert (await kept.record(counter("2026-03-02T00:00:00Z", 8), name="night", tenant="another")).accepted == 1
        assert await kept.goods() == [8, 9]

    run(settings, story)


def test_the_highest_revision_counts_even_when_it_moves_the_sample_to_another_month(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.record(counter("2026-03-31T23:00:00Z", 9, id="a", revision=0))
        await kept.record(counter("2026-04-01T01:00:00Z", 5, id="a", revision=2))
        late = await kept.record(counter("2026-03-31T23:00:00Z", 7, id="a", revision=1))
        assert late.accepted == 1
        assert (await kept.goods(MARCH), await kept.goods(APRIL)) == ([], [5])

    run(settings, story)


def test_every_figure_can_be_asked_as_it_was_known(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        early, late = at("2026-04-02T00:00:00Z"), at("2026-04-20T00:00:00Z")
        await kept.record(
            counter("2026-03-02T00:00:00Z", 9, id="a"),
            outage("2026-03-03T00:00:00Z", id="o"),
            status("2026-03-01T00:00:00Z", "up", id="s"),
            recorded_at=early,
        )
        await kept.record(
            counter("2026-03-02T00:00:00Z", 4, id="a", revision=1),
            outage("2026-03-03T00:00:00Z", "2026-03-03T01:00:00Z", id="o"),
            status("2026-03-01T00:00:00Z", "down", id="s", revision=1),
            recorded_at=late,
        )
        then, now = await kept.evidence(known_at=early), await kept.evidence()
        assert (await kept.goods(known_at=early), await kept.goods()) == ([9], [4])
        assert ([each.interval.end for each in then.outages], [instant_text(each.interval.end) for each in now.outages]) == (
            [STILL_OPEN],
            ["2026-03-03T01:00:00Z"],
        )
        assert ([each.state for each in then.statuses], [each.state for each in now.statuses]) == (["up"], ["down"])
        assert await kept.evidence(known_at=at("2026-04-01T00:00:00Z")) is not then
        assert (await kept.evidence(known_at=at("2026-04-01T00:00:00Z"))).statuses == ()

    run(settings, story)


def test_the_status_that_holds_at_the_start_of_a_span_belongs_to_it(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.record(
            status("2026-01-01T00:00:00Z", "up"),
            status("2026-02-01T00:00:00Z", "down"),
            status("2026-03-05T00:00:00Z", "up"),
            status("2026-04-05T00:00:00Z", "down"),
            status("2026-02-20T00:00:00Z", "unknown", component="db"),
        )
        evidence = await kept.evidence()
        assert sorted((each.component, instant_text(each.at)[:10], each.state) for each in evidence.statuses) == [
            ("db", "2026-02-20", "unknown"),
            ("web", "2026-02-01", "down"),
            ("web", "2026-03-05", "up"),
        ]

    run(settings, story)


def test_outages_of_any_time_belong_to_a_span_for_they_tell_how_a_component_reports(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.record(
            outage("2026-01-27T00:00:00Z", "2026-01-28T00:00:00Z", cause="before"), outage("2026-05-01T00:00:00Z", cause="after")
        )
        assert sorted(each.cause for each in (await kept.evidence()).outages) == ["after", "before"]

    run(settings, story)


def test_organisations_do_not_see_each_others_observations(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        rows = [counter("2026-03-02T00:00:00Z"), status("2026-03-01T00:00:00Z", "up"), outage("2026-03-03T00:00:00Z")]
        await kept.record(*rows, tenant="another")
        evidence = await kept.evidence()
        assert (evidence.statuses, evidence.outages, evidence.counters) == ((), (), {})
        assert (await kept.evidence(tenant="another")).counters["web"].good.tolist() == [9]

    run(settings, story)


def test_a_large_batch_is_kept_in_parts_of_little_time_each(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        start = MARCH.start
        rows = [counter(instant_text(Instant(start + number * 60_000_000)), component=f"c{number % 3}") for number in range(44_640)]
        receipt = await kept.record(*rows)
        assert receipt.accepted == 44_640
        first_day = Interval(start, Instant(start + 24 * HOUR))
        found = await kept.database.read(
            lambda connection: store.observations(connection, tenant=TENANT, services={"bank"}, span=first_day)
        )
        assert sum(len(frame) for frame in found.counters) == 20_000
        assert len(await kept.goods(MARCH, component="c1")) == 14_880

    run(settings, story)


# Reports


def named(reports: list[Report]) -> list[str]:
    """Kind and instant, of a sample its values."""
    return [
        f"{each.observed.kind} {each.observed.values}"
        if isinstance(each.observed, SampleRow)
        else f"{type(each.observed).__name__.removesuffix('Row').lower()} {instant_text(each.observed.at)[5:16]}"
        for each in reports
    ]


def test_reports_come_in_the_order_in_which_they_became_known(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        later = Instant(NOW + HOUR)
        latency: Row = {"kind": "latency", "service": "bank", "component": "web", "observed_at": "2026-03-01T00:00:00Z", "ms": "1.5"}
        await kept.record(counter("2026-03-02T00:00:00Z"), recorded_at=later)
        await kept.record(
            latency, counter("2026-03-09T00:00:00Z", 1), ticket("2026-03-04T00:00:00Z", "opened"), outage("2026-03-03T00:00:00Z"), name="b"
        )
        await kept.record(status("2026-03-05T00:00:00Z", "up"), status("2026-03-01T00:00:00Z", "up"), name="a")
        found = await kept.reports()
        assert named(found) == [
            "status 03-01T00:00",
            "status 03-05T00:00",
            "outage 03-03T00:00",
            "ticket 03-04T00:00",
            "counter (1, 10)",
            "latency (1500,)",
            "counter (9, 10)",
        ]
        assert [each.place.batch for each in found][:3] == ["a", "a", "b"]
        assert [each.place.recorded_at for each in found] == [NOW] * 6 + [later]
        assert await kept.reports(tenant="another") == []

    run(settings, story)


def test_pages_of_any_size_are_the_whole(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        for source in ("probe", "Probe", "Öde", "probe 2"):
            rows = [counter(f"2026-03-02T00:0{minute}:00Z", minute, id=f"c{minute}") for minute in range(7)]
            rows += [status(f"2026-03-02T00:0{minute}:00Z", "up", id=chr(97 - 32 * (minute % 2) + minute)) for minute in range(5)]
            await kept.record(*rows, outage("2026-03-03T00:00:00Z", id="o"), ticket("2026-03-04T00:00:00Z", "opened"), source=source)
        whole = await kept.reports()
        assert len(whole) == 4 * 14
        assert [each.place for each in whole] == sorted({each.place for each in whole})
        for size in (1, 5, 55):
            joined: list[Report] = []
            while page := await kept.reports(after=joined[-1].place if joined else None, limit=size):
                joined += page
            assert joined == whole

    run(settings, story)


def test_reports_go_on_across_the_parts_of_a_frame(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        rows = [counter(instant_text(Instant(MARCH.start + number * 60_000_000))) for number in range(20_010)]
        await kept.record(*rows)
        first = await kept.reports(limit=20_005)
        rest = await kept.reports(after=first[-1].place)
        assert (first[-1].place.major, rest[0].place.major, rest[0].place.minor, len(rest)) == (1, 1, 5, 5)

    run(settings, story)


def test_a_report_touches_the_span_or_holds_as_it_begins(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.record(
            status("2026-02-01T00:00:00Z", "down"),
            status("2026-02-20T00:00:00Z", "up"),
            status("2026-02-21T00:00:00Z", "up", component="db"),
            status("2026-03-01T00:00:00Z", "up", component="db"),
            status("2026-04-01T00:00:00Z", "down"),
            outage("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            outage("2026-02-02T00:00:00Z", "2026-03-01T00:00:01Z"),
            outage("2026-02-03T00:00:00Z", id="open"),
            outage("2026-04-01T00:00:00Z"),
            counter("2026-02-28T23:59:59Z", 1),
            counter("2026-03-01T00:00:00Z", 2),
            counter("2026-04-01T00:00:00Z", 3),
            ticket("2026-02-28T00:00:00Z", "opened"),
            ticket("2026-03-01T00:00:00Z", "resolved"),
        )
        touching = ["status 02-20T00:00", "status 03-01T00:00", "outage 02-02T00:00", "outage 02-03T00:00", "ticket 03-01T00:00"]
        assert named(await kept.reports()) == [*touching, "counter (2, 10)"]
        assert named(await kept.reports(components=("db",))) == ["status 03-01T00:00"]
        of_february = Interval(at("2026-02-01T00:00:00Z"), MARCH.start)
        nothing = Interval(MARCH.end, MARCH.end)
        assert named(await kept.reports(nothing, tickets_in=of_february)) == ["ticket 02-28T00:00"]

    run(settings, story)


def test_of_what_was_corrected_the_revision_that_counts_is_reported_and_before_that_the_one_that_did(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        then = Instant(NOW + HOUR)
        await kept.record(
            counter("2026-03-02T00:00:00Z", 9, id="a"), counter("2026-03-02T00:00:00Z", 8, id="b"), outage("2026-03-03T00:00:00Z", id="o")
        )
        await kept.record(
            counter("2026-03-02T00:00:00Z", 5, id="a", revision=1),
            outage("2026-03-05T00:00:00Z", "2026-03-05T01:00:00Z", id="o", revision=2),
            recorded_at=then,
        )
        assert named(await kept.reports()) == ["counter (8, 10)", "outage 03-05T00:00", "counter (5, 10)"]
        assert sorted(named(await kept.reports(known_at=NOW))) == ["counter (8, 10)", "counter (9, 10)", "outage 03-03T00:00"]
        assert [each.observed.revision for each in await kept.reports()] == [0, 2, 1]

    run(settings, story)


def test_a_report_names_who_reported_it_and_why(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        known, unknown = batch(outage("2026-03-04T00:00:00Z"), name="one"), batch(outage("2026-03-05T00:00:00Z"), name="two")

        def work(connection: Connection) -> None:
            store.record(connection, known, tenant=TENANT, recorded_at=NOW, reported_by="rea", reason="The clock was wrong")
            store.record(connection, unknown, tenant=TENANT, recorded_at=NOW)
            connection.execute(store.REPORTERS.delete().where(store.REPORTERS.c.name == "two"))

        await kept.database.write(work)
        assert [(each.reported_by, each.reason) for each in await kept.reports()] == [("rea", "The clock was wrong"), ("", "")]

    run(settings, story)


# Marks


def test_a_mark_grows_with_its_causes_and_keeps_the_latest_trace(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await set_mark(kept, Interval(Instant(50), Instant(60)), words="late observations from a", traceparent="first")
        await set_mark(kept, Interval(Instant(20), Instant(30)), words="late observations from b", traceparent="second")
        (mark,) = await kept.database.read(marks.marked)
        assert (mark.span, mark.cause.traceparent) == (Interval(Instant(20), Instant(60)), "second")
        assert [reason.words for reason in mark.reasons] == ["late observations from a", "late observations from b"]

    run(settings, story)


def test_a_mark_set_again_meanwhile_is_not_cleared(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await set_mark(kept, Interval(Instant(50), Instant(60)), words="a")
        (seen,) = await kept.database.read(marks.marked)
        await set_mark(kept, Interval(Instant(70), Instant(80)), words="b")
        await kept.database.write(lambda connection: marks.clear_mark(connection, seen))
        (left,) = await kept.database.read(marks.marked)
        assert left.span == Interval(Instant(50), Instant(80))
        await kept.database.write(lambda connection: marks.clear_mark(connection, left))
        assert await kept.database.read(marks.marked) == []
        assert await latest(kept) is not None
        assert await latest(kept, pending=True) is None
        await set_mark(kept, Interval(Instant(90), Instant(95)), words="c")
        assert [each.span for each in await kept.database.read(marks.marked)] == [Interval(Instant(90), Instant(95))]

    run(settings, story)


def test_a_state_holds_on_so_its_report_touches_all_that_follows() -> None:
    touched = dict(marks.touched(batch(status("2026-03-05T00:00:00Z", "down"))))
    assert touched == {"bank": Interval(at("2026-03-05T00:00:00Z"), STILL_OPEN)}
    samples = dict(marks.touched(batch(counter("2026-03-05T00:00:00Z"), counter("2026-03-07T00:00:00Z"))))
    assert samples == {"bank": Interval(at("2026-03-05T00:00:00Z"), Instant(at("2026-03-07T00:00:00Z") + 1))}
    assert dict(marks.touched(batch(outage("2026-03-05T00:00:00Z")))) == {"bank": marks.ALWAYS}
    assert dict(marks.touched(batch(ticket("2026-04-05T00:00:00Z", "reopened")))) == {"bank": marks.ALWAYS}
    corrections = dict(marks.touched(batch(counter("2026-03-05T00:00:00Z", id="a", revision=1))))
    assert corrections == {"bank": marks.ALWAYS}


def test_an_outage_touches_its_own_time_once_its_component_is_known_to_report_by_outages(settings: Settings) -> None:
    """With two days on each side, in which it may join another; told again, also the time that it had."""

    async def touched(kept: Kept, *rows: dict[str, object]) -> Interval:
        told = batch(*rows)
        before = await kept.database.read(lambda connection: marks.told_before(connection, told, tenant=TENANT))
        return dict(marks.touched(told, before))["bank"]

    async def story(kept: Kept) -> None:
        first = outage("2026-03-05T00:00:00Z", until="2026-03-05T01:00:00Z", id="a")
        assert await touched(kept, first) == marks.ALWAYS
        await kept.record(first)
        second = outage("2026-03-10T00:00:00Z", until="2026-03-10T01:00:00Z", id="b")
        assert await touched(kept, second) == Interval(at("2026-03-08T00:00:00Z"), at("2026-03-12T01:00:00Z"))
        assert await touched(kept, outage("2026-03-10T00:00:00Z", id="c")) == Interval(at("2026-03-08T00:00:00Z"), STILL_OPEN)
        moved = outage("2026-03-10T00:00:00Z", until="2026-03-10T01:00:00Z", id="a", revision=1)
        assert await touched(kept, moved) == Interval(at("2026-03-03T00:00:00Z"), at("2026-03-12T01:00:00Z"))
        assert await touched(kept, {**second, "component": "db"}) == marks.ALWAYS
        await kept.record({**second, "component": "db"})
        assert await touched(kept, {**moved, "component": "db"}) == marks.ALWAYS
        assert await touched(kept, {**second, "id": "c"}, first) == Interval(at("2026-03-03T00:00:00Z"), at("2026-03-12T01:00:00Z"))

    run(settings, story)


async def set_mark(kept: Kept, span: Interval, *, words: str, traceparent: str = "") -> None:
    cause = Cause(reason=Reason(words=words, recorded_at=NOW), traceparent=traceparent)
    await kept.database.write(
        lambda connection: marks.set_mark(connection, scope="service", tenant=TENANT, subject="bank", span=span, cause=cause)
    )


async def latest(kept: Kept, *, pending: bool = False) -> Cause | None:
    return await kept.database.read(
        lambda connection: marks.latest_cause(connection, tenant=TENANT, services={"bank", "desk"}, pending=pending)
    )
