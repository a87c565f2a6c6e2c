"""The explanation of a period: of each figure the sum that it is, and the windows that took nothing out. Pure; measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.measurement.assessment import ObjectiveResult, UnknownObjective
from services.measurement.case import Case
from services.measurement.citation import Sources, cited
from services.measurement.exclusion import Refused, RefusedTickets, granted, refused_tickets, windows_in
from services.measurement.interval import overlaps
from services.measurement.objective import Composite, Maintenance, ResolutionTime, TicketExclusion
from services.measurement.proof import Proof, check_sum, proof_document, proof_lines, prove, prove_span
from services.measurement.timeline import stacked, timeline_svg
from services.vocabulary.errors import Conflict
from services.vocabulary.period import instant_text
from services.vocabulary.ratio import floored_percent


class ProofDoesNotAddUp(Conflict):
    """A figure's leaves are not the figure: nothing is told rather than something wrong."""

    code = "proof-does-not-add-up"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Of one segment. `elapsed` tells where all time went, of a figure of time; `members` are a composite's objectives."""

    result: ObjectiveResult
    proof: Proof
    elapsed: Proof | None
    refused: tuple[Refused | RefusedTickets, ...]
    members: tuple[str, ...]


def explain(case: Case, *, objective_id: str = "", turned_down: Sequence[Refused | RefusedTickets] = ()) -> tuple[Explanation, ...]:
    """Every result, or those of one objective. `turned_down` are claims that a party refused.

    Refuses with `UnknownObjective` and `ProofDoesNotAddUp`.
    """
    sources = Sources(case.reported)
    return tuple(_explained(case, result, turned_down, sources) for result in _asked(case, objective_id))


def timeline(case: Case, *, objective_id: str = "") -> str:
    """The pictures of every result, or of one objective's, below each other in one SVG. Refuses with `UnknownObjective`."""
    pictures = [
        timeline_svg(
            result,
            title=f"{_name(result)}, {case.assessment.month}",
            zone=case.terms_of(result).zone,
            measured_until=case.assessment.measured_until,
        )
        for result in _asked(case, objective_id)
    ]
    return stacked(pictures)


def explanation_document(explanation: Explanation) -> dict[str, object]:
    """The JSON form."""
    result = explanation.result
    return {
        "objective_id": result.objective.id,
        "name": result.objective.name,
        "terms_version": result.terms_version,
        "start": instant_text(result.interval.start),
        "end": instant_text(result.interval.end),
        "clause": result.objective.clause,
        "verdict": str(result.verdict),
        "attainment_percent": _percent(result),
        "needed": result.needed,
        "proof": proof_document(explanation.proof),
        **({} if explanation.elapsed is None else {"elapsed": proof_document(explanation.elapsed)}),
        "refused": [refused_document(each) for each in explanation.refused],
        "members": list(explanation.members),
    }


def refused_document(refused: Refused | RefusedTickets) -> dict[str, object]:
    if isinstance(refused, RefusedTickets):
        return _refused_tickets(refused.exclusion, refused.rule)
    window, ground = refused.window, refused.window.ground
    return {
        "id": window.id,
        "exclusion_class": ground.id if ground else "",
        "clause": ground.clause if ground else "",
        "service": window.service,
        "components": list(window.components),
        "start": instant_text(window.interval.start),
        "end": instant_text(window.interval.end),
        "tickets": [],
        "reason": window.reason,
        "rule": refused.rule,
    }


def _refused_tickets(exclusion: TicketExclusion, rule: str) -> dict[str, object]:
    return {
        "id": exclusion.id,
        "exclusion_class": exclusion.ground.id,
        "clause": exclusion.ground.clause,
        "service": exclusion.service,
        "components": [],
        "start": "",
        "end": "",
        "tickets": list(exclusion.tickets),
        "reason": exclusion.reason,
        "rule": rule,
    }


def explanation_lines(explanation: Explanation) -> list[str]:
    """For people: the proof, then what took nothing out and why, then what would settle an open verdict."""
    return list(_lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    yield from proof_lines(explanation.proof)
    for refused in explanation.refused:
        if isinstance(refused, RefusedTickets):
            yield f"  Not excluded: {refused.exclusion.id}  tickets {', '.join(refused.exclusion.tickets)}  ({refused.rule})"
        else:
            span = refused.window.interval
            yield f"  Not excluded: {refused.window.id}  {instant_text(span.start)} – {instant_text(span.end)}  ({refused.rule})"
    if explanation.result.needed:
        yield f"  To settle the verdict: {explanation.result.needed}"


def _asked(case: Case, objective_id: str) -> list[ObjectiveResult]:
    found = [result for result in case.assessment.objectives if objective_id in ("", result.objective.id)]
    if not found:
        raise UnknownObjective(f"the terms of {case.assessment.month} have no objective {objective_id[:80]!r}")
    return found


def _explained(case: Case, result: ObjectiveResult, turned_down: Sequence[Refused | RefusedTickets], sources: Sources) -> Explanation:
    terms, members = case.terms_of(result), _members(case, result)
    ruled = granted(windows_in(terms, result.interval), span=result.interval, zone=terms.zone)
    proof = prove(result, maintenance=ruled.windows, members=members, zone=terms.zone)
    elapsed = prove_span(result, maintenance=ruled.windows) if result.unit == "us" else None
    trees = (proof,) if elapsed is None else (proof, elapsed)
    if broken := [place for tree in trees for place in check_sum(tree)]:
        raise ProofDoesNotAddUp(f"the parts of {broken[0]} do not add up to it")

    def named(tree: Proof) -> Proof:
        return cited(tree, sources, result, members=members, disputes=terms.disputes, until=case.until)

    concerned = (result, *members)
    told = (*ruled.refused, *refused_tickets(terms), *turned_down)
    refused = tuple(each for each in told if any(_is_about(each, one) for one in concerned))
    return Explanation(
        result=result,
        proof=named(proof),
        elapsed=None if elapsed is None else named(elapsed),
        refused=refused,
        members=tuple(member.objective.id for member in members),
    )


def _members(case: Case, result: ObjectiveResult) -> tuple[ObjectiveResult, ...]:
    """A composite's objectives in the same segment."""
    indicator = result.objective.indicator
    if not isinstance(indicator, Composite):
        return ()
    beside = [each for each in case.assessment.objectives if each.interval == result.interval]
    return tuple(each for each in beside if each.objective.id in indicator.of)


def _is_about(refused: Refused | RefusedTickets, result: ObjectiveResult) -> bool:
    if isinstance(refused, RefusedTickets):
        own = {ticket.ticket for ticket in result.tickets} if refused.exclusion.service == result.objective.service else set()
        return not own.isdisjoint(refused.exclusion.tickets)
    return overlaps(refused.window.interval, result.interval) and _concerns(refused.window, result)


def _concerns(window: Maintenance, result: ObjectiveResult) -> bool:
    """No components named, in the window or the objective: all of the service."""
    indicator = result.objective.indicator
    if isinstance(indicator, Composite | ResolutionTime) or window.service != result.objective.service:
        return False
    return not window.components or not indicator.components or bool(set(window.components) & set(indicator.components))


def _percent(result: ObjectiveResult) -> str:
    return "" if result.attainment is None else floored_percent(result.attainment, decimals=result.objective.decimals)


def _name(result: ObjectiveResult) -> str:
    return result.objective.name or result.objective.id
