"""What surrounds the promises: renewal, reviews, agreements below, third parties and who does what."""

from __future__ import annotations

import json

from upheld.agreements.v1 import terms_pb2

from services.agreements.answers import terms_document
from services.agreements.document import parse_document, read_document
from services.agreements.openslo_export import to_openslo
from services.agreements.terms import (
    Activity,
    Renewal,
    Support,
    ThirdParty,
    canonical_json,
    difference,
    digest,
    explain,
    parse_terms,
    stored_terms,
    to_document,
)
from services.agreements.tmforum import Agreed, to_tmf623
from services.agreements.wire import document_of, terms_message, terms_of
from services.vocabulary.identity import OrganisationId
from tests.agreements.support import AGREEMENT, ARRANGEMENT_EXAMPLE, DOCUMENT, TERMS

CDN, NORDWIND = OrganisationId("cdn-gmbh"), OrganisationId("nordwind-hosting")


def arranged() -> object:
    node = read_document(DOCUMENT)
    more = read_document(ARRANGEMENT_EXAMPLE)
    assert isinstance(node, dict)
    assert isinstance(more, dict)
    return node | more


NODE = json.dumps(arranged())
ARRANGED = parse_document(NODE, form="json")


def test_the_example_says_what_it_looks_like() -> None:
    assert (ARRANGED.renewal, ARRANGED.review_every) == (Renewal(months=12, notice_days=90), "quarter")
    assert [each.kind for each in ARRANGED.underpinning] == ["contract", "internal"]
    assert ARRANGED.underpinning[0] == Support(
        objective="availability", agreement="6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11", supporting_objective="storage-uptime"
    )
    assert ARRANGED.third_parties == (ThirdParty(organisation=CDN, name="CDN GmbH", role="delivers pictures and scripts"),)
    assert ARRANGED.responsibilities == (
        Activity(
            activity="Restore backups",
            responsible=(CDN,),
            accountable=NORDWIND,
            consulted=(OrganisationId("bank-am-markt"),),
            informed=(OrganisationId("bafin-examiner"),),
        ),
    )


def test_it_survives_its_document_its_canonical_form_the_wire_and_the_answer() -> None:
    assert parse_terms(to_document(ARRANGED)) == stored_terms(canonical_json(ARRANGED)) == ARRANGED
    message = terms_pb2.Terms.FromString(terms_message(ARRANGED).SerializeToString())
    assert terms_of(message) == ARRANGED
    assert digest(parse_terms(document_of(message))) == digest(ARRANGED)
    answered = json.loads(terms_document(ARRANGED).model_dump_json(by_alias=True))
    assert json.dumps(answered, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == canonical_json(ARRANGED)


def test_what_was_signed_before_keeps_its_digest() -> None:
    new = {"renewal", "review_every", "underpinning", "third_parties", "responsibilities"}
    assert not new & to_document(TERMS).keys()
    assert not terms_message(TERMS).HasField("renewal")


def test_a_third_party_does_not_read_the_agreement() -> None:
    assert CDN not in ARRANGED.readers
    assert OrganisationId("bafin-examiner") in ARRANGED.readers


def test_it_is_read_back_in_sentences() -> None:
    told = {section.title: section.sentences for section in explain(ARRANGED)}
    assert (
        "At its end it goes on for 12 months, again and again, unless one side gives notice at least 90 days before."
        in (told["The agreement"])
    )
    assert "The parties review the service every quarter." in told["The agreement"]
    assert told["What it rests on"][0].endswith(
        'rests on the objective "storage-uptime" of the underpinning contract 6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11.'
    )
    assert told["Who does what"][0] == "CDN GmbH (cdn-gmbh) takes part without signing: delivers pictures and scripts."
    assert told["Who does what"][1].startswith("Restore backups: done by CDN GmbH, ")


def test_a_difference_names_what_was_added_by_its_own_names() -> None:
    def changed(change: str, to: str) -> set[str]:
        assert change in NODE
        return {each.place for each in difference(ARRANGED, parse_document(NODE.replace(change, to), form="json"))}

    assert changed('"notice_days": "90"', '"notice_days": "60"') == {"renewal.notice_days"}
    assert changed("delivers pictures", "stores pictures") == {"third_parties[cdn-gmbh].role"}
    assert changed('"kind": "internal"', '"kind": "contract"') == {
        "underpinning[availability/0b6c4a52-7d8e-4c38-9d57-0d3d5c6f3a02/network-uptime].kind"
    }
    assert changed('"accountable": "nordwind-hosting"', '"accountable": "cdn-gmbh"') == {"responsibilities[Restore backups].accountable"}


def test_other_forms_tell_what_they_lose_of_it() -> None:
    new = {"renewal", "review_every", "underpinning", "third_parties", "responsibilities"}
    agreed = Agreed(agreement_id=str(AGREEMENT), number=1, terms=ARRANGED, digest=digest(ARRANGED), last_day=ARRANGED.ends_on)
    for remarks in (to_openslo(ARRANGED).remarks, to_tmf623(agreed).remarks):
        assert new <= {remark.place for remark in remarks if remark.kind == "lost"}
