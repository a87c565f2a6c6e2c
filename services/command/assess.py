"""Judges a month from files, without a server: the terms and the observations go the same way as through the platform, less the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.agreements.document import parse_document
from services.agreements.wire import terms_message
from services.command.observations import mapping_parameters
from services.measurement.assessment import assess
from services.measurement.batch import evidence_of
from services.measurement.intake import media_of, read
from services.measurement.judgement import Document
from services.measurement.mapping import mapping_of
from services.measurement.wire import SignedTerms, document_of, in_force
from services.vocabulary.period import instant_of, parse_instant, parse_month


def assess_files(terms: Path, observations: Path, *, period: str, mapping: Sequence[str], until: str = "") -> Document:
    """The assessment's document, as the platform's API answers it for an open month. Measured until now, as there: a ticket that was
    reopened after the month's end counts as it stands. Refuses with `Invalid`, naming place and rule."""
    signed = parse_document(terms.read_bytes(), form="json" if terms.suffix == ".json" else "yaml")
    month = parse_month(period, place="--period")
    now = instant_of(datetime.now(UTC))
    media = media_of(observations.name)
    columns = mapping_of(mapping_parameters(mapping)) if media == "csv" else None
    batch = read(observations.read_bytes(), media, now=now, source=observations.name, mapping=columns)
    version = SignedTerms(version=1, effective_on=signed.effective_on, recorded_at=now, message=terms_message(signed))
    return document_of(
        assess(
            agreement_id="",
            terms=in_force([version], last_day=signed.ends_on),
            evidence=evidence_of(batch.observations),
            month=month,
            measured_until=parse_instant(until, place="--until") if until else now,
        )
    )
