"""How the command shows things to a person: Rich tables and panels from the APIs' JSON. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.command import story
from services.command.client import Json
from services.command.host import SERVICES

if TYPE_CHECKING:
    from services.chassis.service import Platform
    from services.chassis.settings import Explained
    from services.command.demo import Check, Play

_COLOURS = {"met": "green", "breached": "red", "undetermined": "yellow", "effective": "green", "not-effective": "red"}


def panel(shared: Platform) -> Panel:
    """Where everything is, once the platform is up."""
    url = shared.public_url
    rows = _rows([("portal", f"{url}/portal"), *_docs(url), ("gRPC", shared.address("agreements"))])
    hint = Text("\nA token: upheld token --organisation acme --role viewer\nCtrl-C stops everything; nothing is lost.", style="dim")
    return Panel(Group(rows, hint), title="Upheld is up", border_style="green", expand=False)


def demo_panel(shared: Platform, play: Play, folder: Path, seconds: float) -> Panel:
    """What to open after the demonstration, with ready-made tokens."""
    url = shared.public_url
    tokens = {person: _token(play, person) for person in (story.JON, story.IDA, story.AUDITOR)}
    rows = _rows(
        [
            ("portal, as the client", f"{url}/portal/enter#token={tokens[story.JON]}"),
            *_docs(url),
            ("history", f"UPHELD_DATA={folder} UPHELD_URL={url} .venv/bin/upheld history {play.agreement_id} -o {story.CUSTOMER}"),
            (
                "March's report",
                f"UPHELD_DATA={folder} UPHELD_URL={url} .venv/bin/upheld report {play.agreement_id} 2026-03 -o {story.CUSTOMER}",
            ),
            *((f"token of {person.name}\n({person.organisation})", token) for person, token in tokens.items()),
        ]
    )
    note = Text(
        f"\nThe platform's clock stands on {play.clock.now():%d %B %Y %H:%M} UTC and ticks on. Told in {seconds:.0f} s. Ctrl-C stops it.",
        style="dim",
    )
    return Panel(Group(rows, note), title="All checks hold. Look around", border_style="green")


def _docs(url: str) -> list[tuple[str, str]]:
    return [(f"API docs, {name}", f"{url}/docs/{name}") for name in SERVICES]


def _token(play: Play, person: story.Person) -> str:
    from services.command.demo import TOKEN_LIFETIME

    return play.identity.issue(subject=person.subject, organisation=person.organisation, roles=person.roles, lifetime=TOKEN_LIFETIME)


def _rows(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def checks_table(checks: Sequence[Check]) -> Table:
    """What the reports had to say beside what they said."""
    table = _table("What the reports must say", "check", "from the plan", "in the report", "")
    for check in checks:
        table.add_row(check.what, check.expected, check.found, "[green]✓[/green]" if check.holds else "[red]✗[/red]")
    return table


def assessment_table(assessment: Mapping[str, Json]) -> Group:
    """One assessment: a row an objective, and the credit."""
    table = _table(
        f"{assessment['period']}  {assessment['start']} – {assessment['end']}", "objective", "target", "result", "verdict", "good / whole"
    )
    for one in assessment["objectives"]:
        table.add_row(
            one["name"] or one["objective_id"],
            f"{one['comparison']} {one['target_percent']} %",
            f"{one['attainment_percent']} %" if one["attainment_percent"] else "no data",
            _coloured(one["verdict"]),
            f"{one['good']} / {one['whole']} {one['unit']}",
        )
    return Group(table, _credit(assessment.get("credit")))


def _credit(credit: Mapping[str, Json] | None) -> Text:
    if not credit or not credit.get("currency"):
        return Text("no credit agreed")
    capped = ", capped" if credit.get("capped") else ""
    return Text(f"credit: {credit['percent']} % of {credit['monthly_charge']} = {credit['amount']} {credit['currency']}{capped}")


def history_table(history: Mapping[str, Json]) -> Table:
    """Every recorded step of an agreement."""
    table = _table("History", "version", "what", "recorded at", "who", "for", "why")
    for entry in history["items"] if "items" in history else history["entries"]:
        table.add_row(
            str(entry["version"]), entry["type"], entry["recorded_at"], entry["actor"], entry["organisation"], Text(entry["reason"])
        )
    return table


def state_table(state: Mapping[str, Json]) -> Table:
    """The terms in force and who signed them."""
    terms = state.get("terms") or {}
    table = _table(f"State: {state['status']}, terms version {terms.get('number', '–')}", "objective", "indicator", "target")
    document = terms.get("terms") or {}
    for one in document.get("objectives", []):
        target = one.get("target") or one.get("target_percent", "")
        table.add_row(one.get("name") or one["id"], one["indicator"].get("kind", ""), f"{one.get('comparison', '>=')} {target} %")
    for signature in state.get("signatures", []):
        table.caption = "  ".join(
            filter(None, [str(table.caption or ""), f"signed: {signature['signatory']} ({signature['organisation']})"])
        )
    return table


def report_view(report: Mapping[str, Json]) -> Group:
    """A report in the terminal."""
    period = report["period"]
    title = f"{report['agreement']['title']}  {period['month']}{'  (provisional)' if period['provisional'] else ''}"
    table = _table(title, "objective", "target", "result", "previous", "verdict", "credit")
    for one in report["objectives"]:
        previous = one.get("previous") or {}
        table.add_row(
            one["name"],
            f"{one['comparison']} {one['target_percent']} %",
            f"{one['attainment_percent']} %" if one["attainment_percent"] else "no data",
            f"{previous['attainment_percent']} %" if previous.get("attainment_percent") else "–",
            _coloured(one["verdict"]),
            f"{one.get('credit_percent') or '0'} %",
        )
    parts: list[RenderableType] = [table, _credit(report.get("credit"))]
    for improvement in report.get("improvements", []):
        effect = f", {improvement['before']['percent']} % before, {improvement['after']['percent']} % after" if improvement["after"] else ""
        parts.append(Text(f"improvement: {improvement['recommendation']}: {improvement['status']}{effect}"))
    return Group(*parts)


def settings_table(rows: Sequence[Explained]) -> Table:
    """One row a setting."""
    table = _table("Settings", "setting", "value", "from", "meaning")
    for row in rows:
        table.add_row(f"UPHELD_{row.name.upper()}", Text(row.value), row.source, row.meaning)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _coloured(verdict: str) -> Text:
    return Text(verdict, style=_COLOURS.get(verdict, ""))
