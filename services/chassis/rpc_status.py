"""Refusals on the gRPC wire and back: google.rpc.Status, with its details. Tells nothing of an inner fault."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from services.chassis.identity import Unauthenticated
from services.vocabulary.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, Since, StaleVersion, Unavailable, Violation

__all__ = ["Status", "code_of", "fault", "refusal_of", "status_of", "too_late"]

DOMAIN = "upheld"
_DETAILS = "grpc-status-details-bin"

# A refusal travels in trailers of at most 8 KiB, where its message may take three times, and its details four thirds of their bytes.
_MESSAGE_BYTES = 1_000
_VIOLATION_BYTES = 500
_ALL_VIOLATIONS_BYTES = 2_500
_CHANGE_BYTES = 200
_ALL_CHANGES_BYTES = 2_500

_VERSION = "version "
_BY = " by "

# The first that fits counts; a refusal of no category is an invalid argument.
_CODES: tuple[tuple[type[Refusal], int], ...] = (
    (Unauthenticated, code_pb2.UNAUTHENTICATED),
    (NotAllowed, code_pb2.PERMISSION_DENIED),
    (NotFound, code_pb2.NOT_FOUND),
    (Conflict, code_pb2.FAILED_PRECONDITION),
    (StaleVersion, code_pb2.ABORTED),
    (Unavailable, code_pb2.UNAVAILABLE),
    (Refusal, code_pb2.INVALID_ARGUMENT),
)
_CATEGORIES: dict[grpc.StatusCode, type[Refusal]] = {
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: Conflict,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.INVALID_ARGUMENT: Refusal,
}


class ServiceUnreachable(Unavailable):
    """Another service did not answer, or not in time."""

    code = "service-unreachable"


class ServiceFailed(Unavailable):
    """Another service answered with a fault of its own."""

    code = "service-failed"


class ServiceCredentialRefused(Unavailable):
    """Another service does not take our credential: the two are not configured for each other."""

    code = "service-credential-refused"


def status_of(refusal: Refusal) -> Status:
    code = next(code for category, code in _CODES if isinstance(refusal, category))
    reason = error_details_pb2.ErrorInfo(reason=refusal.code, domain=DOMAIN)
    details: list[Message] = [reason]
    if isinstance(refusal, StaleVersion):
        reason.metadata.update({"expected": str(refusal.expected), "actual": str(refusal.actual)})
        if refusal.changed:
            details.append(_changed(refusal.changed))
    if isinstance(refusal, Invalid):
        details.append(_broken(refusal.violations))
    return _status(code, refusal.message, details)


def code_of(status: Status | None) -> str:
    """ "OK" for none."""
    return str(code_pb2.Code.Name(status.code if status else code_pb2.OK))


def fault() -> Status:
    """For what is not told; the log has it."""
    return _status(code_pb2.INTERNAL, "an unexpected fault; the correlation id finds it in the log", [])


def too_late(bound_s: float) -> Status:
    return _status(code_pb2.DEADLINE_EXCEEDED, f"not answered within {bound_s:g} s", [])


def refusal_of(error: grpc.aio.AioRpcError, *, service: str) -> Refusal:
    """The refusal that the called service raised, of the same category and code; `Unavailable` for whatever was none of its refusals."""
    status = _rich(error)
    reason, violations = _details(status)
    message = error.details() or error.code().name
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        return ServiceCredentialRefused(f"{service} does not accept this service's credential")
    if reason is None:
        unreachable = error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
        return ServiceUnreachable(f"{service} cannot be reached now") if unreachable else ServiceFailed(f"{service} failed to answer")
    if error.code() is grpc.StatusCode.ABORTED:
        return _stale(reason, status)
    if violations:
        return _invalid(reason.reason, violations)
    return _refusal(_CATEGORIES.get(error.code(), Refusal), reason.reason, message)


def _broken(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    """As many as there is room for, and how many more there are."""
    told = error_details_pb2.BadRequest()
    for number, violation in enumerate(violations):
        told.field_violations.add(field=_clipped(violation.place, _VIOLATION_BYTES), description=_clipped(violation.rule, _VIOLATION_BYTES))
        if told.ByteSize() > _ALL_VIOLATIONS_BYTES:
            del told.field_violations[number:]
            told.field_violations.add(description=f"and {len(violations) - number} more")
            break
    return told


def _clipped(text: str, most_bytes: int) -> str:
    encoded = text.encode("utf-8", "replace")
    return encoded.decode() if len(encoded) <= most_bytes else f"{encoded[:most_bytes].decode('utf-8', 'ignore')} …"


def _changed(since: Sequence[Since]) -> error_details_pb2.PreconditionFailure:
    """The newest that there is room for, in their order; how many there were, `expected` and `actual` say."""
    newest: list[error_details_pb2.PreconditionFailure.Violation] = []
    room = _ALL_CHANGES_BYTES
    for each in reversed(since):
        told = error_details_pb2.PreconditionFailure.Violation(
            type=each.type,
            subject=f"{_VERSION}{each.version}",
            description=f"{each.recorded_at}{_BY}{_clipped(each.actor, _CHANGE_BYTES)}",
        )
        room -= told.ByteSize()
        if room < 0:
            break
        newest.append(told)
    return error_details_pb2.PreconditionFailure(violations=newest[::-1])


def changed_since(status: Status) -> tuple[Since, ...]:
    """What came after the version that the caller decided on, as far as the answer tells it."""
    failure = error_details_pb2.PreconditionFailure()
    for detail in status.details:
        if detail.Is(error_details_pb2.PreconditionFailure.DESCRIPTOR):
            detail.Unpack(failure)
    told = [(each.type, each.subject.removeprefix(_VERSION), each.description.partition(_BY)) for each in failure.violations]
    return tuple(
        Since(version=int(version), type=type_, actor=actor, recorded_at=recorded_at)
        for type_, version, (recorded_at, _, actor) in told
        if version.isdecimal()
    )


def _stale(reason: error_details_pb2.ErrorInfo, status: Status) -> StaleVersion:
    expected, actual = reason.metadata.get("expected", ""), reason.metadata.get("actual", "")
    known = expected.isdecimal() and actual.isdecimal()
    return StaleVersion(expected=int(expected) if known else 0, actual=int(actual) if known else 0, changed=changed_since(status))


def _status(code: int, message: str, details: list[Message]) -> Status:
    status = Status(code=code, message=_clipped(message, _MESSAGE_BYTES))
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _details(status: Status) -> tuple[error_details_pb2.ErrorInfo | None, tuple[Violation, ...]]:
    reason: error_details_pb2.ErrorInfo | None = None
    violations: tuple[Violation, ...] = ()
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            found = error_details_pb2.ErrorInfo()
            detail.Unpack(found)
            reason = found if found.domain == DOMAIN else reason
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            broken = error_details_pb2.BadRequest()
            detail.Unpack(broken)
            violations = tuple(Violation(place=rule.field, rule=rule.description) for rule in broken.field_violations)
    return reason, violations


def _rich(error: grpc.aio.AioRpcError) -> Status:
    for name, value in error.trailing_metadata() or ():
        if name == _DETAILS and isinstance(value, bytes):
            try:
                return Status.FromString(value)
            except DecodeError:
                return Status()
    return Status()


def _refusal(category: type[Refusal], code: str, message: str) -> Refusal:
    """The category's refusal with the code that the called service gave it."""
    coded: type[Refusal] = type(category.__name__, (category,), {"code": code})
    return coded(message)


def _invalid(code: str, violations: tuple[Violation, ...]) -> Invalid:
    coded: type[Invalid] = type("Invalid", (Invalid,), {"code": code})
    return coded(*violations)
