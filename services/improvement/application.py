"""Use cases of improvement: load, decide, save. Holds no rule, and knows no door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Protocol
from uuid import UUID, uuid4

from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.identity import caller_of_service
from services.chassis.repository import Repository, Versioned
from services.chassis.telemetry import correlated, current_traceparent, log
from services.chassis.telemetry import span as traced
from services.improvement import improvement as rules
from services.improvement.analysis import Agreed, BreachedObjective, analysed
from services.improvement.effect import Figure
from services.improvement.improvement import NAMES, Breach, Fact, Improvement, ImprovementNotFound, Status
from services.improvement.personal import PERSONAL
from services.improvement.views import Listed, Views
from services.vocabulary.errors import Conflict, NotFound, Refusal, StaleVersion
from services.vocabulary.identity import Caller
from services.vocabulary.period import Interval

SERVICE = "improvement"
REGISTRY: Registry[Fact] = Registry(NAMES, personal=PERSONAL)

_SHORTEST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0


class NotMeasured(Conflict):
    """Measurement knows no such objective over the span."""

    code = "objective-not-measured"


class Measurement(Protocol):
    """What is asked of measurement. Both raise `Unavailable` while it cannot be reached, or while it takes terms not told yet."""

    async def breached_objective(self, breach: Breach, by_version: Mapping[int, Agreed]) -> BreachedObjective: ...

    async def figure(self, breach: Breach, span: Interval) -> Figure: ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan as it is handed in; without an expectation that of its recommendation counts."""

    recommendation_id: str
    description: str
    owner: str
    due_on: date
    expected_attainment: Fraction | None


def repository_of(store: EventStore[Fact]) -> Repository[Improvement, Fact]:
    """Improvements, folded from their streams."""

    def evolve(state: Improvement | None, recorded: Recorded[Fact]) -> Improvement:
        return rules.evolve(state, recorded.event, recorded_at=datetime.fromisoformat(recorded.metadata.recorded_at))

    return Repository(store, evolve)


class Improvements:
    """All that can be asked of an improvement. What the caller may not see is refused with `ImprovementNotFound`."""

    def __init__(self, *, store: EventStore[Fact], views: Views, measurement: Measurement) -> None:
        self._store = store
        self._repository = repository_of(store)
        self._views = views
        self._measurement = measurement

    async def raise_improvement(self, breach: Breach, context: Context) -> Versioned[Improvement]:
        """One improvement a breach, however often it is told."""
        return await self._repository.execute(
            rules.improvement_id(breach.breach_id), lambda state: rules.opened(state, breach), context=context
        )

    async def analyse(self, improvement_id: UUID, context: Context) -> Versioned[Improvement]:
        """Asks measurement for the breached period, unless that was done. Refuses with `Unavailable` while it cannot be reached."""
        found = await self._loaded(improvement_id)
        if found.state.status is not Status.OPENED:
            return found
        breach = found.state.breach
        by_version = await self._views.agreed(breach.agreement_id, breach.objective_id)
        return await self._keep_analysis(improvement_id, await self._measurement.breached_objective(breach, by_version), context)

    async def renew_analysis(self, breach_id: str, objective: BreachedObjective, context: Context) -> None:
        """The period was closed or restated: its final data explain the breach better, if there was one and nothing is planned yet."""
        improvement_id = rules.improvement_id(breach_id)
        if await self._repository.load(improvement_id) is not None:
            await self._keep_analysis(improvement_id, objective, context)

    async def plan(
        self, improvement_id: UUID, plan: Plan, context: Context, *, expected_version: int | None = None
    ) -> Versioned[Improvement]:
        """The provider's."""
        await self._seen(improvement_id, context.caller)

        def decide(improvement: Improvement) -> Sequence[Fact]:
            rules.require_provider(improvement, context.caller)
            return rules.planned(
                improvement,
                recommendation_id=plan.recommendation_id,
                description=plan.description,
                owner=plan.owner,
                due_on=plan.due_on,
                expected_attainment=plan.expected_attainment,
            )

        return await self._execute(improvement_id, decide, context, expected_version)

    async def approve(self, improvement_id: UUID, context: Context, *, expected_version: int | None = None) -> Versioned[Improvement]:
        """Either party's."""
        await self._seen(improvement_id, context.caller)

        def decide(improvement: Improvement) -> Sequence[Fact]:
            rules.require_party(improvement, context.caller)
            return rules.approved(improvement, by=context.caller)

        return await self._execute(improvement_id, decide, context, expected_version)

    async def record_implementation(
        self, improvement_id: UUID, implemented_on: date, context: Context, *, expected_version: int | None = None
    ) -> Versioned[Improvement]:
        """The provider's."""
        await self._seen(improvement_id, context.caller)

        def decide(improvement: Improvement) -> Sequence[Fact]:
            rules.require_provider(improvement, context.caller)
            return rules.implemented(improvement, implemented_on=implemented_on, recorded_at=context.recorded_at)

        return await self._execute(improvement_id, decide, context, expected_version)

    async def verify(
        self,
        improvement_id: UUID,
        context: Context,
        *,
        after_start: datetime | None = None,
        after_end: datetime | None = None,
        expected_version: int | None = None,
    ) -> Versioned[Improvement]:
        """The provider's. Measures both spans, then decides; what changed in between is refused with `StaleVersion`."""
        current = await self._seen(improvement_id, context.caller)
        rules.require_provider(current.state, context.caller)
        if context.request is not None and (answer := await self._store.answered(context.request)) is not None:
            return await self._loaded(answer[0], up_to_version=answer[1])
        if expected_version is not None and expected_version != current.version:
            stale = StaleVersion(expected=expected_version, actual=current.version)
            raise await self._repository.explained(improvement_id, stale)
        after_span = rules.verification_span(current.state, after_start=after_start, after_end=after_end, recorded_at=context.recorded_at)
        before, after = await asyncio.gather(
            self._figure(current.state.breach, rules.breached_span(current.state)), self._figure(current.state.breach, after_span)
        )
        return await self._execute(
            improvement_id,
            lambda improvement: rules.measured(improvement, before=before, after=after, recorded_at=context.recorded_at),
            context,
            current.version,
        )

    async def get(self, improvement_id: UUID, caller: Caller) -> Versioned[Improvement]:
        return await self._seen(improvement_id, caller)

    async def history(self, improvement_id: UUID, caller: Caller) -> Sequence[Recorded[Fact]]:
        """Every fact, oldest first."""
        await self._seen(improvement_id, caller)
        return await self._store.load(improvement_id)

    async def page(
        self, caller: Caller, *, agreement_id: str = "", status: Status | None = None, limit: int, before: int | None = None
    ) -> Listed:
        """What the caller may see, newest first; `before` is where the page before ended."""
        return await self._views.listed(caller, agreement_id=agreement_id, status=status, limit=limit, before=before)

    async def _keep_analysis(self, improvement_id: UUID, objective: BreachedObjective, context: Context) -> Versioned[Improvement]:
        analysis = analysed(objective)
        return await self._execute(improvement_id, lambda improvement: rules.analysed(improvement, analysis), context, None)

    async def _execute(
        self, improvement_id: UUID, decide: Callable[[Improvement], Sequence[Fact]], context: Context, expected_version: int | None
    ) -> Versioned[Improvement]:
        def decide_on_existing(improvement: Improvement | None) -> Sequence[Fact]:
            if improvement is None:
                raise _not_found(improvement_id)
            return decide(improvement)

        return await self._repository.execute(improvement_id, decide_on_existing, context=context, expected_version=expected_version)

    async def _figure(self, breach: Breach, span: Interval) -> Figure:
        try:
            return await self._measurement.figure(breach, span)
        except NotFound as missing:
            raise NotMeasured(f"objective {breach.objective_id} cannot be measured over this span: {missing}") from missing

    async def _seen(self, improvement_id: UUID, caller: Caller) -> Versioned[Improvement]:
        found = await self._loaded(improvement_id)
        auditors = await self._views.auditors_of(found.state.breach.agreement_id)
        if not caller.speaks_for_any(rules.organisations_of(found.state, auditors=auditors)):
            raise _not_found(improvement_id)
        return found

    async def _loaded(self, improvement_id: UUID, *, up_to_version: int | None = None) -> Versioned[Improvement]:
        found = await self._repository.load(improvement_id, up_to_version=up_to_version)
        if found is None:
            raise _not_found(improvement_id)
        return found


def _not_found(improvement_id: UUID) -> ImprovementNotFound:
    return ImprovementNotFound(f"there is no improvement {improvement_id}")


class Analyst:
    """A runner: what was opened gets its analysis, tried again until measurement answers. One that fails holds up no other."""

    name = f"{SERVICE}-analyst"

    def __init__(self, *, improvements: Improvements, store: EventStore[Fact], views: Views, clock: Clock) -> None:
        self._improvements = improvements
        self._store = store
        self._views = views
        self._clock = clock
        self._log = log(SERVICE)

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = _SHORTEST_PAUSE_S
        while True:
            all_done = await self.analyse_opened()
            pause_s = _SHORTEST_PAUSE_S if all_done else min(2 * pause_s, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def analyse_opened(self) -> bool:
        """One round. False: some could not be analysed."""
        return all([await self._is_analysed(improvement_id) for improvement_id in await self._views.unanalysed()])

    async def _is_analysed(self, improvement_id: UUID) -> bool:
        opened = (await self._store.load(improvement_id, up_to_version=1))[0].metadata
        correlation_id = opened.correlation_id or str(uuid4())
        with correlated(correlation_id), traced("analyse improvement", traceparent=opened.traceparent, service=SERVICE):
            context = Context(
                caller=caller_of_service(SERVICE),
                recorded_at=self._clock.now(),
                tool="timer",
                correlation_id=correlation_id,
                causation_id=opened.event_id,
                traceparent=current_traceparent() or opened.traceparent,
            )
            try:
                await self._improvements.analyse(improvement_id, context)
            except Refusal as refusal:
                self._log.warning("a breach waits for its analysis", improvement_id=str(improvement_id), reason=str(refusal))
                return False
            except Exception:
                self._log.exception("a breach could not be analysed", improvement_id=str(improvement_id))
                return False
        return True
