"""What terms must fulfil about renewal, what they rest on and who does what. Pure; what could not be read is not judged again."""

from __future__ import annotations

from collections.abc import Iterator

from services.agreements.terms.fields import Faults, hint
from services.agreements.terms.model import Activity, Terms
from services.vocabulary.period import months_after


def check_arrangement(terms: Terms, faults: Faults) -> None:
    """Adds every broken rule to the faults."""
    _check_renewal(terms, faults)
    _check_underpinning(terms, faults)
    _check_third_parties(terms, faults)
    _check_responsibilities(terms, faults)


def _check_renewal(terms: Terms, faults: Faults) -> None:
    renewal = terms.renewal
    if renewal is None or not all(map(faults.sound, ("renewal", "effective_on", "ends_on"))):
        return
    if terms.ends_on is None:
        faults.add("renewal", "needs ends_on: an agreement without an end is never renewed; give its last day, or leave renewal out")
        return
    first = (terms.ends_on - terms.effective_on).days + 1
    further = (months_after(terms.ends_on, renewal.months) - terms.ends_on).days
    shortest = min(first, further)
    if renewal.notice_days >= shortest:
        which = "the whole term" if first <= further else "the term that follows"
        faults.add("renewal.notice_days", f"must be below {shortest}, the days of {which}: else there is no day left for a notice")


def _check_underpinning(terms: Terms, faults: Faults) -> None:
    objectives = [objective.id for objective in terms.objectives]
    seen: dict[tuple[str, str, str], int] = {}
    for index, support in enumerate(terms.underpinning):
        place = f"underpinning[{index}]"
        if not faults.sound(place):
            continue
        if faults.sound("objectives") and support.objective not in objectives:
            faults.add(f"{place}.objective", f"there is no objective {support.objective!r}; {hint(support.objective, objectives)}")
        below = (support.objective, support.agreement, support.supporting_objective)
        if below in seen:
            faults.add(place, f"says the same as underpinning[{seen[below]}]; name each supporting objective once")
        seen.setdefault(below, index)


def _check_third_parties(terms: Terms, faults: Faults) -> None:
    seen: set[str] = set()
    for index, third in enumerate(terms.third_parties):
        place = f"third_parties[{index}].organisation"
        if not faults.sound(place):
            continue
        if terms.role_of(third.organisation):
            faults.add(place, f"{third.organisation} is a party, which signs; leave it out")
        elif third.organisation in seen:
            faults.add(place, f"{third.organisation!r} is listed already; name each third party once")
        seen.add(third.organisation)


def _check_responsibilities(terms: Terms, faults: Faults) -> None:
    known = [*(party.organisation for party in terms.parties), *terms.auditors, *(third.organisation for third in terms.third_parties)]
    seen: set[str] = set()
    for index, line in enumerate(terms.responsibilities):
        place = f"responsibilities[{index}]"
        if not faults.sound(place):
            continue
        if line.activity in seen:
            faults.add(f"{place}.activity", f"{line.activity!r} has a line already; say in one who does what")
        seen.add(line.activity)
        if not all(map(faults.sound, ("parties", "auditors", "third_parties"))):
            continue
        for at, organisation in _named(line):
            if organisation not in known:
                rule = f"{organisation!r} is no party, auditor or third party; {hint(organisation, known)}"
                faults.add(f"{place}.{at}", rule)


def _named(line: Activity) -> Iterator[tuple[str, str]]:
    yield "accountable", line.accountable
    for key, organisations in (("responsible", line.responsible), ("consulted", line.consulted), ("informed", line.informed)):
        for index, organisation in enumerate(organisations):
            yield f"{key}[{index}]", organisation
