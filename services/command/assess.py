"""Judges a period from files, without a server: the terms and the observations go the same way as through the platform, less the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.agreements.document import parse_document
from services.agreements.wire import terms_message
from services.command.observations import mapping_parameters
from services.measurement.assessment import CALCULATOR_VERSION, assess
from services.measurement.batch import NOTHING_OBSERVED, Observations, evidence_of
from services.measurement.case import Case
from services.measurement.explanation import explain, explanation_document, explanation_lines
from services.measurement.intake import media_of, read
from services.measurement.judgement import Document
from services.measurement.mapping import mapping_of
from services.measurement.observation import Evidence
from services.measurement.wire import SignedTerms, document_of, in_force
from services.vocabulary.errors import invalid
from services.vocabulary.period import Instant, instant_of, instant_text, parse_instant, parse_period

COLUMNAR = ".parquet"


def assess_files(terms: Path, observations: Path, *, period: str, mapping: Sequence[str], until: str = "") -> Document:
    """The assessment's document, as the platform's API answers it for an open period. Refuses as `judge_files` does."""
    return document_of(judge_files(terms, observations, period=period, mapping=mapping, until=until).assessment)


def judge_files(
    terms: Path,
    observations: Path,
    *,
    period: str,
    mapping: Sequence[str],
    until: str = "",
    calculator: str = CALCULATOR_VERSION,
    cite: bool = False,
) -> Case:
    """The period with all that it was judged by. Measured until now, as on the platform, or until an earlier instant: a ticket that was
    reopened after the period's end counts as it stands. `cite`: its proofs will name the file's observations. Refuses with `Invalid`,
    naming place and rule, and with `UnknownCalculator`."""
    signed = parse_document(terms.read_bytes(), form="json" if terms.suffix == ".json" else "yaml")
    asked = parse_period(period, place="--period")
    now = instant_of(datetime.now(UTC))
    version = SignedTerms(version=1, effective_on=signed.effective_on, recorded_at=now, message=terms_message(signed))
    agreed = in_force([version], last_day=signed.ends_on)
    evidence, told = observed(observations, now=now, mapping=mapping, cite=cite)
    measured_until = _not_after(now, until) if until else now
    assessment = assess(agreement_id="", terms=agreed, evidence=evidence, month=asked, measured_until=measured_until, calculator=calculator)
    return Case(assessment=assessment, terms=agreed, evidence=evidence, until=measured_until, reported={"provider": told})


def explained_document(case: Case) -> Mapping[str, object]:
    """The assessment's document with the trees of its figures under `explanation`, as the platform's API answers them."""
    return {**document_of(case.assessment), "explanation": [explanation_document(each) for each in explain(case)]}


def explained_lines(case: Case) -> Sequence[str]:
    """The proof of every figure, one after the other, an empty line between."""
    return [line for each in explain(case) for line in ("", *explanation_lines(each))]


def observed(
    observations: Path, *, now: Instant, mapping: Sequence[str], cite: bool = False
) -> tuple[Mapping[str, Evidence], Observations]:
    """What the file says, by service, and the observations in it. A `.parquet` file is read as columns, and once more to `cite` its
    observations; any other is read row by row."""
    if observations.suffix.lower() == COLUMNAR:
        return _columns(observations, now=now, cite=cite)
    media = media_of(observations.name)
    columns = mapping_of(mapping_parameters(mapping)) if media == "csv" else None
    told = read(observations.read_bytes(), media, now=now, source=observations.name, mapping=columns).observations
    return evidence_of(told), told


def _columns(observations: Path, *, now: Instant, cite: bool) -> tuple[Mapping[str, Evidence], Observations]:
    try:
        from services.measurement.columns import read_columns, read_reported
    except ModuleNotFoundError as missing:
        if missing.name != "pyarrow":
            raise
        rule = f'{observations.name} cannot be read without the extra "columns": pip install "upheld[columns]"'
        raise invalid("observations", rule) from None
    evidence = read_columns(observations, now=now, source=observations.name)
    return evidence, read_reported(observations, now=now, source=observations.name) if cite else NOTHING_OBSERVED


def _not_after(now: Instant, until: str) -> Instant:
    """Nothing is known of what has not been: measured until then, silence would count as good time."""
    asked = parse_instant(until, place="--until")
    if asked > now:
        raise invalid("--until", f"must not be later than now, {instant_text(now)}, not {until!r}")
    return asked
