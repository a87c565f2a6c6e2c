"""No stored event names a person in the plain: what a field is called says that it may, and then it is marked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_type_hints

import pytest

from services.agreements.personal import PERSONAL as AGREED
from services.improvement.personal import PERSONAL as IMPROVED
from services.vocabulary.identity import OrganisationId
from services.vocabulary.personal import Marks
from tests.contracts.event_fields import STORED_EVENTS, fields_of

MARKED: Mapping[type, Marks] = {**AGREED, **IMPROVED}
OF_PEOPLE = re.compile(r"(^|[._])(by|subject|signatory|actor|owner|author|note|key|person|contact)$")
OF_NO_PERSON = {
    "exclusion.claimed.v1 claimed_by",  # an organisation
    "improvement.analysed.v1 analysis.findings[].subject",  # what a finding is about
    "improvement.analysed.v1 analysis.recommendations[].subject",
}


@pytest.mark.parametrize("service", STORED_EVENTS)
def test_every_field_that_names_people_is_hidden(service: str) -> None:
    for name, kind in STORED_EVENTS[service].items():
        hints = get_type_hints(kind)
        asked = [place for place, told in fields_of(kind).items() if told.startswith("str") and OF_PEOPLE.search(place)]
        for place in asked:
            marked = place in MARKED.get(kind, {})
            assert marked != (hints.get(place) is OrganisationId or f"{name} {place}" in OF_NO_PERSON), f"{name} {place}"


def test_every_mark_is_of_a_field_that_there_is() -> None:
    kinds = {kind for events in STORED_EVENTS.values() for kind in events.values()}
    for kind, marks in MARKED.items():
        assert kind in kinds
        assert marks.keys() <= fields_of(kind).keys()
