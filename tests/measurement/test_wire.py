"""Translation between the contracts and the calculator's words."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from google.protobuf.json_format import MessageToDict
from upheld.agreements.v1 import terms_pb2

from services.measurement.answers import AssessmentBody
from services.measurement.objective import Availability, RequestRatio, ResolutionTime, ResponseTime
from services.measurement.observation import Evidence
from services.measurement.wire import SignedTerms, assessment_message, document_of, in_force, terms_of
from services.vocabulary.errors import Invalid
from services.vocabulary.period import Instant
from tests.measurement import promise
from tests.measurement.calculation import assessed, down, objective, outage, rule, terms, tiers
from tests.measurement.calculation import in_force as in_force_from


def signed(number: int, day: str, *, target: str = "99.9") -> SignedTerms:
    return SignedTerms(
        version=number, effective_on=date.fromisoformat(day), message=promise.terms(target=target), recorded_at=Instant(number)
    )


def days(*versions: SignedTerms, last_day: date | None = None) -> list[tuple[int, str, str]]:
    found = in_force(versions, last_day=last_day)
    return [(each.terms.version, str(each.first_day), str(each.last_day or "")) for each in found]


def test_terms_are_read_as_they_were_signed() -> None:
    read = terms_of(promise.terms(), version=3)
    availability, requests = read.objectives
    assert availability.indicator == Availability(components=("web", "core-database"), combine="any", no_data="up")
    assert requests.indicator == RequestRatio(components=("web",))
    assert (availability.target, availability.decimals, availability.credit_tiers[0].credit) == (Fraction(999, 1000), 3, Fraction(1, 10))
    assert (read.version, read.zone.key, read.close_after_days, read.warn_at) == (3, "Europe/Berlin", 5, Fraction(3, 4))
    assert read.credit is not None
    assert (str(read.credit.charge), read.credit.cap) == ("10000.00", Fraction(3, 10))


def test_every_kind_of_indicator_is_read() -> None:
    message = promise.terms()
    response = terms_pb2.ResponseTime(components=["web"], threshold_ms="250.5", expected_every_s=300)
    resolution = terms_pb2.ResolutionTime(within_s=90 * 3600, priorities=["3"], reopened="runs-on")
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(response_time=response))
    message.objectives[1].indicator.CopyFrom(terms_pb2.Indicator(resolution_time=resolution))
    first, second = terms_of(message, version=1).objectives
    assert first.indicator == ResponseTime(threshold_us=250_500, components=("web",), expected_every=300_000_000)  # type: ignore[arg-type]
    assert second.indicator == ResolutionTime(within=324_000_000_000, priorities=("3",), reopened="runs-on")  # type: ignore[arg-type]


def test_terms_that_nobody_could_have_signed_are_refused() -> None:
    message = promise.terms()
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator())
    with pytest.raises(Invalid, match="of no kind"):
        terms_of(message, version=1)
    message = promise.terms()
    message.objectives[0].comparison = "<"
    with pytest.raises(Invalid, match="comparison"):
        terms_of(message, version=1)


def test_a_version_counts_until_the_day_before_the_next() -> None:
    assert days(signed(1, "2026-03-01"), signed(2, "2026-06-15")) == [(1, "2026-03-01", "2026-06-14"), (2, "2026-06-15", "")]


def test_a_later_version_that_reaches_further_back_replaces_the_one_between() -> None:
    found = days(signed(1, "2026-03-01"), signed(2, "2026-06-01"), signed(3, "2026-05-01"))
    assert found == [(1, "2026-03-01", "2026-04-30"), (3, "2026-05-01", "")]
    assert days(signed(1, "2026-03-01"), signed(2, "2026-03-01")) == [(2, "2026-03-01", "")]


def test_nothing_counts_after_the_agreements_last_day() -> None:
    found = days(signed(1, "2026-03-01"), signed(2, "2026-06-15"), last_day=date(2026, 5, 31))
    assert found == [(1, "2026-03-01", "2026-05-31")]


def test_a_document_has_the_fields_of_the_contract_and_no_others() -> None:
    agreed = terms(objective(credit_tiers=tiers(("99.9", "10"))), credit=rule())
    document = document_of(assessed([in_force_from(agreed)], Evidence(outages=[outage(10, 60, cause="disk")])))
    message = assessment_message(document)
    assert {field.name for field in message.DESCRIPTOR.fields} == set(document)
    results = document["objectives"]
    assert isinstance(results, list)
    assert isinstance(results[0], dict)
    assert {field.name for field in message.objectives[0].DESCRIPTOR.fields} == set(results[0])
    again = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert again["objectives"][0]["outages"][0]["cause"] == "disk"
    assert again["credit"] == document["credit"]
    assert AssessmentBody.model_validate(document).model_dump() == document


def test_what_is_not_is_told_as_empty_text_and_never_as_a_number() -> None:
    unknown = document_of(assessed([in_force_from(terms(objective()))], Evidence()))
    results = unknown["objectives"]
    assert isinstance(results, list)
    result = results[0]
    assert isinstance(result, dict)
    assert (result["attainment"], result["attainment_percent"]) == ("", "")
    assert unknown["credit"] is None
    assert AssessmentBody.model_validate(unknown).credit is None


def test_figures_are_exact_text_and_percentages_are_floored() -> None:
    results = document_of(assessed([in_force_from(terms(objective()))], down(44)))["objectives"]
    assert isinstance(results, list)
    result = results[0]
    assert isinstance(result, dict)
    assert (result["good"], result["whole"], result["unit"]) == (str((43_200 - 44) * 60_000_000), str(43_200 * 60_000_000), "us")
    assert (result["attainment"], result["attainment_percent"], result["target_percent"]) == ("10789/10800", "99.89", "99.9")
