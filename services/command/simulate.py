"""`upheld simulate`: how one asks what proposed terms would have come to, and how the answer is shown. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.command.client import Json
from services.command.show import titled_table

SIDES = ("agreed", "provider", "customer")

_ABSENT = "–"


def question(agreement: str, terms: Path | None, *, from_period: str, to_period: str, side: str) -> dict[str, Json]:
    """About the terms in the file; without a file about those in force."""
    document = terms.read_text(encoding="utf-8") if terms is not None else ""
    return {"agreement_id": agreement, "document": document, "from_period": from_period, "to_period": to_period, "side": side}


def simulation_view(told: Mapping[str, Json]) -> Group:
    """A row an objective and period, the credits of each period and of all, and a row a clause that differs."""
    parts: list[RenderableType] = [_periods(told)]
    if told["sensitivities"]:
        parts.append(_clauses(told))
    return Group(*parts)


def _periods(told: Mapping[str, Json]) -> Table:
    table = titled_table(_titled("Simulation", told), "period", "objective", "in force", "simulated", "credit in force", "credit simulated")
    for period in told["periods"]:
        credits = (period["credit_in_force"], period["credit_simulated"])
        name = period["period"] if period["closed"] else f"{period['period']} (open)"
        for number, one in enumerate(period["objectives"]):
            figures = [_figure(one.get(side)) for side in ("before", "after")]
            table.add_row("" if number else name, one["objective_id"], *figures, *(("", "") if number else credits))
    table.add_section()
    table.add_row("all", "", "", "", told["credit_in_force"], told["credit_simulated"], style="bold")
    return table


def _clauses(told: Mapping[str, Json]) -> Table:
    title = _titled("What each clause does", told)
    table = titled_table(title, "clause", "in force", "proposed", "credit without it", "it adds", "verdicts")
    for clause in told["sensitivities"]:
        table.add_row(
            Text(clause["place"]),
            Text(clause["before_json"] or _ABSENT),
            Text(clause["after_json"] or _ABSENT),
            clause["credit_without"] or "does not stand",
            clause["difference"] or _ABSENT,
            Text("\n".join(clause["verdicts_changed"])),
        )
    return table


def _titled(title: str, told: Mapping[str, Json]) -> str:
    return f"{title}, credits in {told['currency']}" if told["currency"] else f"{title}, no credit agreed"


def _figure(figure: Mapping[str, Json] | None) -> str:
    if figure is None:
        return _ABSENT
    percent = f"{figure['attainment_percent']} %" if figure["attainment_percent"] else "no data"
    return f"{percent} {figure['verdict']}"
