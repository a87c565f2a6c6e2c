"""The gRPC door of measurement, and the questions it asks agreements. Translation only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from google.protobuf.json_format import ParseDict
from upheld.agreements.v1 import agreements_pb2, terms_pb2
from upheld.measurement.v1 import assessment_pb2, measurement_pb2, observations_pb2
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementServicer

from services.chassis.clock import Clock
from services.chassis.rpc import context_of, page_size
from services.measurement.application import AgreementNotFound, Measurement
from services.measurement.batch import Batch
from services.measurement.inquiry import AskedObservations, Change, Claimed, Inquiry
from services.measurement.intake import Collection
from services.measurement.parties import Body, Parties, claimed_time, parse_number
from services.measurement.simulator import AskedSimulation, Simulator
from services.measurement.terms_copy import Agreement
from services.measurement.wire import Renewal, SignedTerms, Suspension, assessment_message, result_message
from services.vocabulary.errors import Invalid, Violation
from services.vocabulary.period import Interval, instant_of, parse_day, parse_instant, parse_period

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import AgreementsAsyncStub
    from upheld.measurement.v1.measurement_pb2_grpc import _ServicerContext as Call

SERVICE = "upheld.measurement.v1.Measurement"

_FROM_DAY = "1990-01-01"
_TO_DAY = "2199-12-31"


class MeasurementRpc(MeasurementServicer):
    """The calls of measurement.proto."""

    def __init__(self, measurement: Measurement, parties: Parties, inquiry: Inquiry, simulator: Simulator, *, clock: Clock) -> None:
        self._measurement = measurement
        self._parties = parties
        self._inquiry = inquiry
        self._simulator = simulator
        self._clock = clock

    async def ReportObservations(
        self, request_iterator: AsyncIterator[measurement_pb2.ReportObservationsRequest], context: Call
    ) -> measurement_pb2.ReportObservationsResponse:
        """One batch a stream."""
        acting = context_of(context)
        source = name = ""
        collected = Collection(now=instant_of(self._clock.now()))
        number = 0
        async for request in request_iterator:
            source, name = source or request.source, name or request.batch
            await asyncio.to_thread(_collect, collected, request.observations, number)
            number += len(request.observations)
        batch: Batch = await asyncio.to_thread(collected.batch, source=source, name=name)
        receipt = await self._measurement.report(batch, context=acting)
        return measurement_pb2.ReportObservationsResponse(accepted=receipt.accepted, repeated_count=receipt.repeated, batch=receipt.batch)

    async def GetAssessment(self, request: measurement_pb2.GetAssessmentRequest, context: Call) -> assessment_pb2.Assessment:
        document = await self._measurement.assessment(
            request.agreement_id,
            parse_period(request.period, place="period"),
            known_at=parse_instant(request.known_at, place="known_at") if request.known_at else None,
            caller=context_of(context).caller,
        )
        return assessment_message(document)

    async def ListAssessments(
        self, request: measurement_pb2.ListAssessmentsRequest, context: Call
    ) -> measurement_pb2.ListAssessmentsResponse:
        size = page_size(request.page_size)
        after = parse_period(request.page_token, place="page_token") if request.page_token else None
        found = await self._measurement.assessments(request.agreement_id, after=after, limit=size + 1, caller=context_of(context).caller)
        messages = [assessment_message(document) for document in found[:size]]
        return measurement_pb2.ListAssessmentsResponse(
            assessments=messages, next_page_token=messages[-1].period if len(found) > size else ""
        )

    async def MeasureSpan(self, request: measurement_pb2.MeasureSpanRequest, context: Call) -> assessment_pb2.ObjectiveResult:
        asked = Interval(parse_instant(request.start, place="start"), parse_instant(request.end, place="end"))
        document = await self._measurement.measure(request.agreement_id, request.objective_id, asked, caller=context_of(context).caller)
        return result_message(document)

    async def ClosePeriod(self, request: measurement_pb2.ClosePeriodRequest, context: Call) -> assessment_pb2.Assessment:
        document = await self._measurement.close_period(
            request.agreement_id, parse_period(request.period, place="period"), context=context_of(context, because=request.reason)
        )
        return assessment_message(document)

    async def ListObservations(
        self, request: measurement_pb2.ListObservationsRequest, context: Call
    ) -> measurement_pb2.ListObservationsResponse:
        size = page_size(request.page_size)
        asked = AskedObservations(
            service=request.service,
            components=tuple(request.components),
            span=Interval(parse_instant(request.start, place="start"), parse_instant(request.end, place="end")),
            side=request.side,
            known_at=parse_instant(request.known_at, place="known_at") if request.known_at else None,
        )
        found = await self._inquiry.observations(
            request.agreement_id, asked, after=request.page_token, place="page_token", limit=size + 1, caller=context_of(context).caller
        )
        return measurement_pb2.ListObservationsResponse(
            observations=[_reported(body) for _, body in found[:size]], next_page_token=found[size - 1][0] if len(found) > size else ""
        )

    async def ClaimExclusion(self, request: measurement_pb2.ClaimExclusionRequest, context: Call) -> measurement_pb2.Exclusion:
        claimed = await self._parties.claim_exclusion(
            request.agreement_id,
            exclusion_class=request.exclusion_class,
            service=request.service,
            components=list(request.components),
            interval=claimed_time(request.start, request.end),
            tickets=list(request.tickets),
            reason=request.reason,
            context=context_of(context, because=request.reason),
        )
        return _exclusion(claimed)

    async def ListExclusions(self, request: measurement_pb2.ListExclusionsRequest, context: Call) -> measurement_pb2.ListExclusionsResponse:
        size = page_size(request.page_size)
        found = await self._parties.exclusions(
            request.agreement_id,
            after=parse_number(request.page_token, place="page_token"),
            limit=size + 1,
            known_at=parse_instant(request.known_at, place="known_at") if request.known_at else None,
            caller=context_of(context).caller,
        )
        return measurement_pb2.ListExclusionsResponse(
            exclusions=[_exclusion(each) for _, each in found[:size]], next_page_token=str(found[size - 1][0]) if len(found) > size else ""
        )

    async def ApproveExclusion(self, request: measurement_pb2.ApproveExclusionRequest, context: Call) -> measurement_pb2.Exclusion:
        acting = context_of(context, because=request.reason)
        return _exclusion(await self._parties.approve_exclusion(request.exclusion_id, reason=request.reason, context=acting))

    async def RefuseExclusion(self, request: measurement_pb2.RefuseExclusionRequest, context: Call) -> measurement_pb2.Exclusion:
        acting = context_of(context, because=request.reason)
        return _exclusion(await self._parties.refuse_exclusion(request.exclusion_id, reason=request.reason, context=acting))

    async def WithdrawExclusion(self, request: measurement_pb2.WithdrawExclusionRequest, context: Call) -> measurement_pb2.Exclusion:
        acting = context_of(context, because=request.reason)
        return _exclusion(await self._parties.withdraw_exclusion(request.exclusion_id, reason=request.reason, context=acting))

    async def ListDisputes(self, request: measurement_pb2.ListDisputesRequest, context: Call) -> measurement_pb2.Disputes:
        found = await self._parties.disputes(
            request.agreement_id,
            parse_period(request.period, place="period"),
            known_at=parse_instant(request.known_at, place="known_at") if request.known_at else None,
            caller=context_of(context).caller,
        )
        return ParseDict(found, measurement_pb2.Disputes())

    async def SettleDispute(self, request: measurement_pb2.SettleDisputeRequest, context: Call) -> measurement_pb2.Settlement:
        settled = await self._parties.settle_dispute(
            request.agreement_id,
            objective_id=request.objective_id,
            interval=Interval(parse_instant(request.start, place="start"), parse_instant(request.end, place="end")),
            down=request.down,
            reason=request.reason,
            context=context_of(context, because=request.reason),
        )
        return ParseDict(settled, measurement_pb2.Settlement())

    async def ExplainAssessment(self, request: measurement_pb2.ExplainAssessmentRequest, context: Call) -> measurement_pb2.Explanation:
        found = await self._inquiry.explanation(
            request.agreement_id,
            parse_period(request.period, place="period"),
            objective_id=request.objective_id,
            known_at=parse_instant(request.known_at, place="known_at") if request.known_at else None,
            caller=context_of(context).caller,
        )
        told = {name: found[name] for name in measurement_pb2.Explanation.DESCRIPTOR.fields_by_name}
        return ParseDict(told, measurement_pb2.Explanation())

    async def GetOutlook(self, request: measurement_pb2.GetOutlookRequest, context: Call) -> measurement_pb2.Outlook:
        found = await self._inquiry.outlook(
            request.agreement_id,
            parse_period(request.period, place="period"),
            known_at=parse_instant(request.known_at, place="known_at") if request.known_at else None,
            caller=context_of(context).caller,
        )
        return ParseDict(found, measurement_pb2.Outlook())

    async def PreviewChange(self, request: measurement_pb2.PreviewChangeRequest, context: Call) -> measurement_pb2.Preview:
        found = await self._inquiry.preview(request.agreement_id, _change(request), caller=context_of(context).caller)
        return ParseDict(found, measurement_pb2.Preview())

    async def SimulateTerms(self, request: measurement_pb2.SimulateTermsRequest, context: Call) -> measurement_pb2.Simulation:
        asked = AskedSimulation(
            document=request.document,
            from_period=parse_period(request.from_period, place="from_period"),
            to_period=parse_period(request.to_period, place="to_period"),
            side=request.side,
        )
        found = await self._simulator.simulate(request.agreement_id, asked, caller=context_of(context).caller)
        return ParseDict(found, measurement_pb2.Simulation())


class AgreementsDesk:
    """Asks agreements, over gRPC, for all terms that were ever in force."""

    def __init__(self, stub: AgreementsAsyncStub, *, clock: Clock) -> None:
        self._stub = stub
        self._clock = clock

    async def agreement(self, agreement_id: str) -> Agreement:
        """Refuses with `AgreementNotFound` one that nobody has signed, and with `Unavailable`."""
        request = agreements_pb2.GetTermsInForceRequest(agreement_id=agreement_id, from_day=_FROM_DAY, to_day=_TO_DAY)
        answer = await self._stub.GetTermsInForce(request)
        if not answer.versions:
            raise AgreementNotFound("there is no such agreement in force")
        versions = tuple(sorted((_signed(version) for version in answer.versions), key=lambda signed: signed.version))
        now, last_day = instant_of(self._clock.now()), _other_last_day(answer.last_day, versions)
        is_renewed = last_day is not None and last_day.isoformat() > (versions[-1].message.ends_on or _TO_DAY)
        return Agreement(
            id=agreement_id,
            versions=versions,
            last_day=None if is_renewed else last_day,
            ended_at=now if last_day is not None and not is_renewed else None,
            suspensions=tuple(_suspension(each) for each in answer.suspensions),
            renewals=(Renewal(last_day=last_day, recorded_at=now),) if last_day is not None and is_renewed else (),
        )

    async def read_terms(self, document: str) -> terms_pb2.Terms:
        """Refuses with `Invalid`, naming every fault, and with `Unavailable`."""
        answer = await self._stub.ValidateTerms(agreements_pb2.ValidateTermsRequest(document=document))
        if not answer.valid:
            raise Invalid(*(Violation(place=each.place, rule=each.rule) for each in answer.violations))
        return answer.terms


def _change(request: measurement_pb2.PreviewChangeRequest) -> Change:
    asked = request.exclusion
    return Change(
        document=request.document,
        effective_on=parse_day(request.effective_on, place="effective_on") if request.effective_on else None,
        exclusion=Claimed(
            exclusion_class=asked.exclusion_class,
            service=asked.service,
            components=tuple(asked.components),
            interval=claimed_time(asked.start, asked.end, below="exclusion."),
            tickets=tuple(asked.tickets),
            reason=asked.reason,
        )
        if request.HasField("exclusion")
        else None,
        calculator_version=request.calculator_version,
    )


def _reported(body: Body) -> measurement_pb2.ReportedObservation:
    """The observation's fields by kind, as far as the contract has them."""
    flat = body["observation"]
    assert isinstance(flat, dict), "an observation is an object"
    kind, common = flat["kind"], {field.name for field in observations_pb2.Observation.DESCRIPTOR.fields}
    own = {field.name for field in getattr(observations_pb2.Observation(), kind).DESCRIPTOR.fields}
    observation = {name: told for name, told in flat.items() if name in common - own}
    observation[kind] = {name: told for name, told in flat.items() if name in own}
    return ParseDict({**body, "observation": observation}, measurement_pb2.ReportedObservation())


def _exclusion(body: Body) -> measurement_pb2.Exclusion:
    return ParseDict(body, measurement_pb2.Exclusion())


def _signed(version: agreements_pb2.TermsVersion) -> SignedTerms:
    return SignedTerms(
        version=version.number,
        effective_on=parse_day(version.effective_on, place="effective_on"),
        message=version.terms,
        recorded_at=parse_instant(version.recorded_at, place="recorded_at"),
    )


def _suspension(told: agreements_pb2.Suspension) -> Suspension:
    return Suspension(
        first_day=parse_day(told.first_day, place="first_day"),
        last_day=parse_day(told.last_day, place="last_day") if told.last_day else None,
        recorded_at=parse_instant(told.recorded_at, place="recorded_at"),
        reason=told.reason,
    )


def _other_last_day(last_day: str, versions: Sequence[SignedTerms]) -> date | None:
    """A last day that the terms themselves name can still be amended; only one that somebody set, or a renewal, is kept."""
    if not last_day or last_day == versions[-1].message.ends_on:
        return None
    return parse_day(last_day, place="last_day")


def _collect(collected: Collection, observations: Sequence[observations_pb2.Observation], first: int) -> None:
    for number, observation in enumerate(observations, start=first):
        collected.take(_fields(observation), place=f"observations[{number}]")


def _fields(observation: observations_pb2.Observation) -> dict[str, object]:
    """The JSON form of an observation. An empty text is an absent field there, and a revision of 0 is one that nobody gave."""
    kind = observation.WhichOneof("value")
    if kind is None:
        return {"kind": ""}
    told: dict[str, object] = {
        "kind": kind,
        "service": observation.service,
        "component": observation.component,
        "id": observation.id,
        "observed_at": observation.observed_at,
    }
    if observation.revision:
        told["revision"] = observation.revision
    value = getattr(observation, kind)
    told |= {field.name: getattr(value, field.name) for field in value.DESCRIPTOR.fields}
    return told
