"""Every fifth worked value simulated once it is closed: the terms in force come to what was booked, to the cent and to the last digit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.vocabulary.period import in_time, parse_period
from tests.command.cli import CUSTOMER, HEAD, PROVIDER
from tests.journeys.people import Json
from tests.journeys.processes import folder
from tests.worked.cases import CASES, Case
from tests.worked.test_platform import AFTER_ALL_CASES, Platform, platform_at


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with folder() as home, platform_at(AFTER_ALL_CASES, home) as running:
        yield running


def closed(platform: Platform, agreement_id: str, period: str) -> Json:
    found = platform.assessment(agreement_id, period)
    if found["closed"]:
        return found
    return platform.person(PROVIDER).post(f"/v1/assessments/{agreement_id}/{period}/close", {"reason": "All observations are in"})


@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: case.name)
def test_the_terms_in_force_come_to_the_worked_value(case: Case, platform: Platform) -> None:
    agreement_id = platform.agreement_on(case)
    periods = sorted(case.expected, key=lambda period: in_time(parse_period(period, place="expected")))
    booked = {period: closed(platform, agreement_id, period) for period in periods}
    for period, document in booked.items():
        asked = {"agreement_id": agreement_id, "from_period": period, "to_period": period}
        for terms in ("", case.terms(HEAD)):
            (told,) = platform.person(CUSTOMER).post("/v1/simulations", {**asked, "document": terms})["periods"]
            credit = document["credit"]["amount"] if document["credit"] else "0"
            assert (told["closed"], told["credit_in_force"], told["credit_simulated"]) == (True, credit, credit)
            assert not any(each["moves"] for each in told["objectives"])
            figures = [each["after"]["attainment_percent"] for each in told["objectives"]]
            assert figures == [each["attainment_percent"] for each in document["objectives"]]
