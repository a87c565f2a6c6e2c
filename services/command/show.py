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
from services.measurement.proof import told_amount

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


def demo_panel(shared: Platform, play: Play, seconds: float) -> Panel:
    """What to open after the demonstration."""
    rows = _rows([("portal", f"{shared.public_url}/portal"), *_docs(shared.public_url), ("gRPC", shared.address("agreements"))])
    note = Text(
        f"\nThe platform's clock stands on {play.clock.now():%d %B %Y %H:%M} UTC and ticks on. Told in {seconds:.0f} s. Ctrl-C stops it.",
        style="dim",
    )
    return Panel(Group(rows, note), title="All checks hold. Look around", border_style="green", expand=False)


def demo_lines(shared: Platform, play: Play, folder: Path) -> list[tuple[str, str]]:
    """What to copy, a line each: the portal's front door, the history, the report and the tokens."""
    tokens = {person: _token(play, person) for person in (story.JON, story.IDA, story.AUDITOR)}
    upheld = f"UPHELD_DATA={folder} UPHELD_URL={shared.public_url} .venv/bin/upheld"
    return [
        (f"The portal as {story.JON.name}, the client", f"{shared.public_url}/portal/enter#token={tokens[story.JON]}"),
        (
            "The agreement's history, as known on 1 March",
            f"{upheld} history {play.agreement_id} -o {story.CUSTOMER} --known-at 2026-03-01T00:00:00Z",
        ),
        ("March's report", f"{upheld} report {play.agreement_id} 2026-03 -o {story.CUSTOMER}"),
        *((f"Token of {person.name} ({person.organisation})", token) for person, token in tokens.items()),
    ]


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
    table = titled_table("What the reports must say", "check", "from the plan", "in the report", "")
    for check in checks:
        table.add_row(check.what, check.expected, check.found, "[green]✓[/green]" if check.holds else "[red]✗[/red]")
    return table


def assessment_table(assessment: Mapping[str, Json]) -> Group:
    """One assessment: a row an objective, and the credit."""
    table = titled_table(
        f"{assessment['period']}  {assessment['start']} – {assessment['end']}", "objective", "target", "result", "verdict", "good / whole"
    )
    for one in assessment["objectives"]:
        table.add_row(
            one["name"] or one["objective_id"],
            f"{one['comparison']} {one['target_percent']} %",
            f"{one['attainment_percent']} %" if one["attainment_percent"] else "no data",
            _coloured(one["verdict"]),
            " / ".join(told_amount(int(one[part]), one["unit"]) for part in ("good", "whole")),
        )
    made_by = f"calculator {assessment['calculator_version']}, time zones {assessment['tz_database']}"
    return Group(table, Text(made_by, style="dim"), _credit(assessment.get("credit")))


def _credit(credit: Mapping[str, Json] | None) -> Text:
    if not credit or not credit.get("currency"):
        return Text("no credit agreed")
    capped = ", capped" if credit.get("capped") else ""
    charge = credit.get("period_charge") or credit["monthly_charge"]
    return Text(f"credit: {credit['percent']} % of {charge} = {credit['amount']} {credit['currency']}{capped}")


def history_table(history: Mapping[str, Json]) -> Table:
    """Every recorded step of an agreement; the JSON form has the instants to the microsecond and what caused what."""
    table = titled_table("History", "", "recorded at", "what", "who", "why")
    for entry in history["items"]:
        recorded = f"{entry['recorded_at'][:16]}Z".replace("T", " ")
        who = Text.assemble(entry["actor"], (f" ({entry['organisation']})", "dim"))
        table.add_row(str(entry["version"]), Text(recorded, no_wrap=True), Text(entry["type"], no_wrap=True), who, Text(entry["reason"]))
    return table


def state_table(state: Mapping[str, Json]) -> Table:
    """The terms in force, and who signed them."""
    terms = state["terms"] or {"number": 0, "terms": {"objectives": []}}
    table = titled_table(f"State: {state['status']}, terms version {terms['number']}", "objective", "indicator", "target")
    for one in terms["terms"]["objectives"]:
        table.add_row(one["name"], one["indicator"]["kind"], f"{one['comparison']} {one['target']} %")
    signed = [f"{each['signatory']} ({each['organisation']})" for each in state["signatures"] if each["terms_version"] == terms["number"]]
    table.caption = f"signed by {' and '.join(signed)}" if signed else "signed by nobody yet"
    return table


def keys_table(keys: Mapping[str, Json]) -> Table:
    """Whose keys they are, since when they sign, and why no more."""
    table = titled_table("Keys", "id", "of", "since", "state", "verifier key")
    for key in keys["items"]:
        ended = f"replaced by {key['replaced_by']}" if key["replaced_by"] else "revoked"
        state = (
            Text(f"{ended} at {key['revoked_at']} {key['reason']}".strip(), style="red")
            if key["revoked_at"]
            else Text("signs", style="green")
        )
        table.add_row(key["id"], Text(key["subject"]), Text(key["registered_at"], no_wrap=True), state, Text(key["key"], no_wrap=True))
    return table


def report_view(report: Mapping[str, Json]) -> Group:
    """A report in the terminal."""
    period = report["period"]
    title = f"{report['agreement']['title']}  {period['period']}{'  (provisional)' if period['provisional'] else ''}"
    table = titled_table(title, "objective", "target", "result", "previous", "verdict", "credit")
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
        before, after = improvement["before"], improvement["after"]
        effect = f", {before['percent']} % before, {after['percent']} % after" if before and after else ""
        parts.append(Text(f"improvement: {improvement['recommendation']}: {improvement['status']}{effect}"))
    return Group(*parts)


def settings_table(rows: Sequence[Explained]) -> Table:
    """One row a setting."""
    table = titled_table("Settings", "setting", "value", "from", "meaning")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(f"UPHELD_{row.name.upper()}", Text(row.value), row.source, row.meaning)
    return table


def titled_table(title: str, *columns: str) -> Table:
    """Without a row yet; long texts are folded."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _coloured(verdict: str) -> Text:
    return Text(verdict, style=_COLOURS.get(verdict, ""))
