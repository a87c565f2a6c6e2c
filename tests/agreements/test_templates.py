"""The library of ready terms: each reads, says again what it says, and is told in plain words; what they come to is tests/worked."""

from __future__ import annotations

from importlib import resources

import pytest

from services.agreements.document import parse_document
from services.agreements.library import Template, UnknownTemplate, template, templates
from services.agreements.terms import Terms, canonical_json, digest, explain
from tests.command.cli import invoke

LIBRARY = templates()
NAMES = [
    "gateway",
    "instance-compute",
    "managed-database",
    "multi-zone-compute",
    "network",
    "object-storage",
    "region-compute",
    "saas-suite",
    "support-desk",
]
WIDEST = 140

each_template = pytest.mark.parametrize("ready", LIBRARY, ids=lambda ready: ready.name)


def terms(ready: Template) -> Terms:
    return parse_document(ready.text)


def test_there_is_one_for_each_usual_kind() -> None:
    assert [ready.name for ready in LIBRARY] == NAMES


def test_the_library_is_read_from_the_installed_package() -> None:
    files = {file.name for file in resources.files("services.agreements").joinpath("templates").iterdir()}
    assert files == {f"{name}.yaml" for name in NAMES}


@each_template
def test_it_reads_without_a_fault(ready: Template) -> None:
    read = terms(ready)
    assert (read.provider, read.customer) == ("your-provider", "your-customer")
    assert read.credit is not None
    assert all(objective.credits or objective.relief for objective in read.objectives)
    assert all(objective.clause for objective in read.objectives)


@each_template
def test_its_canonical_form_says_the_same(ready: Template) -> None:
    read = terms(ready)
    again = parse_document(canonical_json(read), form="json")
    assert again == read
    assert digest(again) == digest(read)


@each_template
def test_it_is_told_in_plain_words(ready: Template) -> None:
    read = terms(ready)
    told = {section.title: section.sentences for section in explain(read)}
    assert [title for title in told if title.startswith("Promise: ")] == [f"Promise: {objective.name}" for objective in read.objectives]
    assert any(sentence.startswith("A credit can be claimed") for sentence in told["What a breach costs"])


@each_template
def test_it_begins_with_what_it_is_for_and_explains_its_choices(ready: Template) -> None:
    first, second, third, *rest = ready.text.splitlines()
    assert first == f"# {ready.summary}"
    assert ready.summary.endswith(".")
    assert second == "#"
    assert third.startswith("# ")
    assert sum("  # " in line or line.startswith("# ") for line in rest) >= 5
    assert all(len(line) <= WIDEST and line == line.rstrip() for line in ready.text.splitlines())


def test_the_claim_windows_are_the_usual_ones() -> None:
    found = set()
    for ready in LIBRARY:
        credit = terms(ready).credit
        assert credit is not None
        claim = credit.claim
        assert claim is not None
        counts = {"days": claim.days, "months": claim.months, "cycles": claim.cycles, "business days": claim.business_days}
        found |= {(f"{count} {unit}", claim.counted_from) for unit, count in counts.items() if count}
    assert found == {
        ("30 days", "period-end"),
        ("30 days", "last-outage"),
        ("15 days", "period-end"),
        ("2 months", "period-end"),
        ("2 cycles", "period-end"),
        ("5 business days", "period-end"),
    }


def test_the_office_is_closed_on_the_holidays_of_its_region() -> None:
    (office,) = terms(template("support-desk")).calendars
    closed = {holiday.day.isoformat(): holiday.name for holiday in office.holidays}
    assert closed["2026-04-03"]
    assert closed["2026-04-06"]
    assert "2026-06-04" not in closed  # Corpus Christi: in parts of Germany only


def test_a_name_that_is_none_is_refused_with_what_was_meant() -> None:
    with pytest.raises(UnknownTemplate, match="there is no template 'suport-desk'; did you mean \"support-desk\""):
        template("suport-desk")


@pytest.mark.parametrize("name", ["../library", "templates/network", "network.yaml", ""])
def test_a_path_is_no_name(name: str) -> None:
    with pytest.raises(UnknownTemplate):
        template(name)


def test_the_command_lists_them() -> None:
    done = invoke("terms", "templates")
    assert done.exit_code == 0
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()] == [[ready.name, ready.summary] for ready in LIBRARY]


@each_template
def test_the_command_prints_it_as_it_is_written(ready: Template) -> None:
    done = invoke("terms", "template", ready.name)
    assert (done.exit_code, done.stdout) == (0, ready.text)


def test_the_command_refuses_another_name_and_prints_nothing() -> None:
    done = invoke("terms", "template", "gatway")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no template 'gatway'; did you mean \"gateway\"?" in done.stderr
