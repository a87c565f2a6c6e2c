"""The NATS door: what is taken from measurement and agreements, and what is published. Translates only; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from upheld.agreements.v1 import events_pb2 as agreements_events_pb2
from upheld.measurement.v1 import assessment_pb2
from upheld.measurement.v1 import events_pb2 as measurement_events_pb2

from services.chassis.consumer import Handler
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.nats import Broker
from services.chassis.relay import Outgoing, Relay
from services.improvement import wire
from services.improvement.application import SERVICE, Improvements, repository_of
from services.improvement.improvement import (
    Fact,
    Improvement,
    ImprovementAnalysed,
    ImprovementApproved,
    ImprovementImplemented,
    ImprovementOpened,
    ImprovementPlanned,
    ImprovementReopened,
    ImprovementVerified,
    breach_id,
)
from services.improvement.views import Views

_STEPS: dict[type[Fact], str] = {
    ImprovementOpened: "opened",
    ImprovementAnalysed: "analysed",
    ImprovementPlanned: "planned",
    ImprovementApproved: "approved",
    ImprovementImplemented: "implemented",
    ImprovementVerified: "verified",
    ImprovementReopened: "reopened",
}


def measurement_handlers(improvements: Improvements, views: Views) -> Sequence[Handler]:
    """A breach opens an improvement; a period that is closed or restated explains it anew."""

    async def on_breach(message: measurement_events_pb2.ObjectiveBreached, context: Context) -> None:
        auditors = await views.auditors_of(message.agreement_id)
        await improvements.raise_improvement(wire.breach(message, auditors=auditors), context)

    async def on_closed(message: measurement_events_pb2.PeriodClosed, context: Context) -> None:
        await _renew(improvements, views, message.assessment, context)

    async def on_restated(message: measurement_events_pb2.PeriodRestated, context: Context) -> None:
        await _renew(improvements, views, message.assessment, context)

    return (
        Handler(event="objective-breached", message=measurement_events_pb2.ObjectiveBreached, handle=on_breach),
        Handler(event="period-closed", message=measurement_events_pb2.PeriodClosed, handle=on_closed),
        Handler(event="period-restated", message=measurement_events_pb2.PeriodRestated, handle=on_restated),
    )


async def _renew(improvements: Improvements, views: Views, assessment: assessment_pb2.Assessment, context: Context) -> None:
    """Several streams may change, so the delivery goes with none of them: saying the same again is quiet.

    What waits for its terms is left to the analyst, who asks for the closed period when they are there.
    """
    breached = {result.objective_id for result in assessment.objectives if result.verdict == "breached"}
    for objective_id in sorted(breached):
        by_version = await views.agreed(assessment.agreement_id, objective_id)
        with suppress(wire.TermsNotTold):
            await improvements.renew_analysis(
                breach_id(agreement_id=assessment.agreement_id, objective_id=objective_id, period=assessment.period),
                wire.breached_objective(assessment, objective_id, by_version),
                replace(context, delivery=None),
            )


def agreements_handlers(views: Views) -> Sequence[Handler]:
    """Who may read, besides the parties, follows the newest signed terms; what an objective is made of is kept for each version."""

    async def on_terms(
        message: agreements_events_pb2.AgreementActivated | agreements_events_pb2.AgreementAmended, context: Context
    ) -> None:
        await views.keep_terms(
            message.agreement_id,
            message.terms_version,
            auditors=message.terms.auditors,
            agreed=wire.agreed(message.terms),
            delivery=context.delivery,
        )

    return (
        Handler(event="agreement-activated", message=agreements_events_pb2.AgreementActivated, handle=on_terms),
        Handler(event="agreement-amended", message=agreements_events_pb2.AgreementAmended, handle=on_terms),
    )


class PublishedImprovements:
    """The follower's sink that publishes every step with the whole state at that step: loads the states, then relays the batch."""

    def __init__(self, store: EventStore[Fact], broker: Broker) -> None:
        self.name = "relay"
        self._repository = repository_of(store)
        self._states: dict[str, Improvement] = {}
        self._relay = Relay(SERVICE, broker, self._outgoing)

    async def position(self) -> int:
        return await self._relay.position()

    async def take(self, batch: Sequence[Recorded[Fact]]) -> None:
        """Raises what the relay raises."""
        self._states = {recorded.metadata.event_id: await self._state_at(recorded) for recorded in batch}
        await self._relay.take(batch)

    async def _state_at(self, recorded: Recorded[Fact]) -> Improvement:
        found = await self._repository.load(recorded.stream, up_to_version=recorded.version)
        assert found is not None, "what is in the log is in its stream"
        return found.state

    def _outgoing(self, recorded: Recorded[Fact]) -> Outgoing:
        state = self._states[recorded.metadata.event_id]
        message = wire.improvement_changed(_STEPS[type(recorded.event)], state, recorded.version, recorded_at=recorded.metadata.recorded_at)
        return Outgoing(tenant=state.breach.provider, event="improvement-changed", message=message)
