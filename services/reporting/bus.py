"""Reporting's door to the bus: what it hears from the other services, and the one thing it tells. Translation only."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy.engine import Connection
from upheld.agreements.v1 import events_pb2 as agreements
from upheld.improvement.v1 import events_pb2 as improvement
from upheld.measurement.v1 import events_pb2 as measurement
from upheld.reporting.v1 import events_pb2 as reporting

from services.chassis.checkpoints import CheckpointsHeard
from services.chassis.consumer import Handler
from services.chassis.context import Context
from services.chassis.database import Database, accept
from services.chassis.events import Recorded
from services.chassis.relay import Outgoing
from services.reporting import views, wire
from services.reporting.application import Sealed
from services.reporting.issue import ReportIssued
from services.reporting.report import LogPart
from services.reporting.views import Heard

M = TypeVar("M", bound=Message)


def handlers(database: Database, heard: Callable[[], None]) -> dict[str, list[Handler]]:
    """For each source the messages reporting takes; rows and inbox row are one transaction, `heard` is called after it."""
    takes = partial(_takes, database, heard)
    return {
        "agreements": [
            takes("agreement-activated", agreements.AgreementActivated, lambda c, m, _: views.agreement_activated(c, m)),
            takes("agreement-amended", agreements.AgreementAmended, lambda c, m, _: views.agreement_amended(c, m)),
            takes("agreement-ended", agreements.AgreementEnded, lambda c, m, _: views.agreement_ended(c, m)),
            takes("agreement-renewed", agreements.AgreementRenewed, lambda c, m, _: views.agreement_renewed(c, m)),
            takes("agreement-suspended", agreements.AgreementSuspended, lambda c, m, _: views.agreement_suspended(c, m)),
        ],
        "measurement": [
            takes("objective-at-risk", measurement.ObjectiveAtRisk, views.objective_at_risk),
            takes("objective-breached", measurement.ObjectiveBreached, views.objective_breached),
            takes("period-closed", measurement.PeriodClosed, views.period_closed),
            takes("period-restated", measurement.PeriodRestated, views.period_restated),
        ],
        "improvement": [
            takes("improvement-changed", improvement.ImprovementChanged, lambda c, m, _: views.improvement_changed(c, m)),
        ],
    }


class MeasurementLog:
    """What measurement's log says last."""

    def __init__(self, checkpoints: CheckpointsHeard) -> None:
        self._checkpoints = checkpoints

    async def newest(self) -> Sealed | None:
        heard = await self._checkpoints.newest()
        if heard is None:
            return None
        said = heard.checkpoint
        log = LogPart(name=said.origin, size=said.size, root=base64.b64encode(said.root).decode(), key=str(heard.key))
        return Sealed(position=heard.position, log=log)


def translate(recorded: Recorded[ReportIssued]) -> Outgoing:
    """The provider is the tenant of the subject."""
    event = recorded.event
    message = reporting.ReportIssued(
        agreement_id=event.agreement_id,
        period=event.period,
        revision=event.revision,
        provider=event.provider,
        customer=event.customer,
        recorded_at=recorded.metadata.recorded_at,
    )
    return Outgoing(tenant=event.provider, event="report-issued", message=message)


def _takes(
    database: Database, heard: Callable[[], None], event: str, message: type[M], write: Callable[[Connection, M, Heard], None]
) -> Handler:
    async def handle(told: M, context: Context) -> None:
        origin = _origin(context)

        def work(connection: Connection) -> None:
            if context.delivery is None or accept(connection, context.delivery):
                write(connection, told, origin)

        await database.write(work)
        heard()

    return Handler(event=event, message=message, handle=handle)


def _origin(context: Context) -> Heard:
    event_id = context.delivery.event_id if context.delivery else context.causation_id
    return Heard(event_id=event_id, correlation_id=context.correlation_id, trace_id=wire.trace_id_of(context.traceparent))
