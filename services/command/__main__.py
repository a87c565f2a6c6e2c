"""The command `upheld`. Each command reads its options, calls one function and prints; heavy imports wait until a command runs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from services.command import agreement_reads, erasure, key_commands, log_commands, terms_commands
from services.command.environment import unknown_variables
from services.command.shell import (
    READING,
    JsonOption,
    OrganisationOption,
    T,
    TokenOption,
    UrlOption,
    asked,
    choose,
    fail,
    out,
    read_settings,
    refusing,
    show,
    write_file,
)
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import OrganisationId, Role

if TYPE_CHECKING:
    from services.chassis.service import Platform
    from services.command.apply import Step
    from services.command.client import Answer, Client

app = typer.Typer(
    name="upheld",
    help="Upheld: the software that makes a service level agreement come true.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command()
def up() -> None:
    """Start the whole platform in one process: four services, the portal and a NATS server of its own."""
    from services.command.clock_file import clock_of
    from services.command.host import SERVICES, serve
    from services.command.show import panel

    settings = read_settings()
    _run(serve(SERVICES, settings, clock_of(settings.data), lambda shared: out.print(panel(shared))))


@app.command("serve")
def serve_one(service: Annotated[str, typer.Argument(help="agreements, measurement, improvement or reporting")]) -> None:
    """Start one service; the others are reached by their addresses in the settings."""
    from services.command.clock_file import clock_of
    from services.command.host import SERVICES, serve

    if service not in SERVICES:
        fail(f"there is no service {service!r}; choose one of {', '.join(SERVICES)}", code=2)
    settings = read_settings()

    def ready(shared: Platform) -> None:
        out.print(f"{service} is up: {shared.public_url}, gRPC {shared.address(service)}")

    _run(serve((service,), settings, clock_of(settings.data), ready))


@app.command()
def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop when the story has been told; 0 only if the reports say what they must.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="A folder for the demonstration's data; empty: a new one below the data folder.")
    ] = None,
) -> None:
    """Play one agreement's whole life on generated data of a bank and its provider, then stay up."""
    from services.command.tell import tell

    sys.exit(_run(tell(read_settings(), data=data, leave=leave, console=out)))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, NDJSON or CSV (by its ending).")],
    source: Annotated[str, typer.Option(help="The name of what reported these observations.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="For CSV: field=column or field=column:name, see docs/observations.md.")
    ] = None,
    on_error: Annotated[str, typer.Option(help="'refuse' takes nothing if a row is bad, 'skip' takes the good rows.")] = "refuse",
    batch: Annotated[str, typer.Option(help="The batch's name; a repeat of it changes nothing. Empty: by content.")] = "",
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
) -> None:
    """Report a file of observations to the running platform."""
    from services.command.observations import content_type, mapping_parameters

    columns = refusing(lambda: mapping_parameters(mapping or []))
    query = {"source": source, "on_error": on_error, **({"batch": batch} if batch else {}), **columns}

    async def send(client: Client) -> Answer:
        return await client.post("/v1/observations", content=file.read_bytes(), content_type=content_type(file), query=query)

    answer = asked(send, url=url, token=token, organisation=organisation, roles=(Role.OPERATOR,))
    out.print_json(answer.text)


@app.command()
def assess(
    terms: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A terms document, YAML or JSON.")],
    observations: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, NDJSON, CSV or Parquet (by its ending).")],
    period: Annotated[str, typer.Option(help='A period of the terms: a calendar month such as "2026-03", or "2026-Q1", "2026-W10"')],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="For CSV: field=column, see docs/observations.md.")] = None,
    until: Annotated[str, typer.Option(help="Measured until this instant (RFC 3339); empty: now.")] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Also the sum that each figure is, down to the single outage.")] = False,
    timeline: Annotated[Path | None, typer.Option(dir_okay=False, help="Also write the period as a picture (SVG) to this file.")] = None,
    calculator: Annotated[str, typer.Option(help="The version of the calculator that judges; empty: the newest.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Judge a period from files, without a server: the same calculator, the same figures."""
    from services.command.assess import explained_document, explained_lines, judge_files
    from services.command.show import assessment_table
    from services.measurement.assessment import CALCULATOR_VERSION
    from services.measurement.explanation import timeline as drawn
    from services.measurement.wire import document_of

    version = calculator or CALCULATOR_VERSION
    case = refusing(
        lambda: judge_files(terms, observations, period=period, mapping=mapping or [], until=until, calculator=version, cite=explain)
    )
    document = document_of(case.assessment)
    if timeline is not None:
        write_file(timeline, drawn(case))
    if as_json:
        out.print_json(data=explained_document(case) if explain else document, sort_keys=True)
        return
    show(assessment_table(document))
    for line in explained_lines(case) if explain else ():
        out.print(line, markup=False, soft_wrap=True)


@app.command()
def history(
    agreement: Annotated[str, typer.Argument(help="The agreement's id.")],
    as_of: Annotated[str, typer.Option(help="Also the state in force on this civil date.")] = "",
    known_at: Annotated[str, typer.Option(help="Only what was recorded until this instant (RFC 3339).")] = "",
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
    as_json: JsonOption = False,
) -> None:
    """Who did what to an agreement, when and why; and the state on a date, as known at an instant."""
    from services.command.show import history_table, state_table

    query = {"known_at": known_at} if known_at else {}

    async def ask(client: Client) -> tuple[Answer, Answer]:
        path = f"/v1/agreements/{agreement}"
        return await client.get(f"{path}/history", **query), await client.get(path, **query, **({"as_of": as_of} if as_of else {}))

    entries, state = asked(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print_json(data={"history": entries.body, "state": state.body})
    else:
        show(Group(history_table(entries.body), state_table(state.body)))


@app.command()
def report(
    agreement: Annotated[str, typer.Argument(help="The agreement's id.")],
    period: Annotated[str, typer.Argument(help='A period of the agreement: a calendar month such as "2026-03", or "2026-Q1", "2026-W10"')],
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
    as_json: JsonOption = False,
) -> None:
    """The report on a period as the client gets it."""
    from services.command.show import report_view

    async def ask(client: Client) -> Answer:
        return await client.get(f"/v1/reports/{agreement}/{period}")

    answer = asked(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print(answer.text, soft_wrap=True, markup=False)
    else:
        show(report_view(answer.body))


@app.command()
def token(
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="The organisation (party) it speaks for.")],
    role: Annotated[list[Role], typer.Option("--role", "-r", help="Repeat for several.")],
    subject: Annotated[str, typer.Option(help="The person or machine.")] = "local-user",
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it is good for.")] = 30,
    api_key: Annotated[bool, typer.Option("--api-key", help="Make an API key instead; only its hash is kept.")] = False,
) -> None:
    """Print a token (or API key) of the local issuer."""
    from services.command.local import check_organisation, local_identity

    identity = local_identity(read_settings())

    def made() -> str:
        checked = check_organisation(organisation)
        if api_key:
            return identity.make_api_key(subject=subject, organisation=checked, roles=role)
        return identity.issue(subject=subject, organisation=checked, roles=role, lifetime=timedelta(days=days))

    out.print(refusing(made), soft_wrap=True)


@app.command("apply")
def apply_files(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Terms documents, or folders of them.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing and say what would change: 2 if anything, else 0.")] = False,
    effective_on: Annotated[str, typer.Option(help="The first civil day that changes of signed terms count for.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the history; empty: that it was applied.")] = "",
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
    as_json: JsonOption = False,
) -> None:
    """Bring agreements to what files say: draft what is new, revise drafts, propose amendments of what was signed. Never signs."""
    from services.command.apply import as_data, carry_out, exit_code, plan_all, read_all, told
    from services.vocabulary.period import parse_day

    day = refusing(lambda: parse_day(effective_on, place="--effective-on") if effective_on else None)
    files = refusing(lambda: read_all(paths))

    async def ask(client: Client) -> list[Step]:
        steps = await plan_all(client, files, effective_on=day)
        if not dry_run:
            await carry_out(client, steps, reason=reason)
        return steps

    steps = asked(ask, url=url, token=token, organisation=organisation, roles=(Role.SERVICE_MANAGER,))
    code = exit_code(steps, dry_run=dry_run)
    done = not dry_run and code == 0
    for file in files.skipped:
        typer.echo(f"{file} holds no terms: skipped", err=True)
    if as_json:
        out.print_json(data=as_data(steps, done=done))
    for line in [] if as_json else [line for step in steps for line in told(step, done=done)]:
        out.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(code)


@app.command()
def witness(
    name: Annotated[str, typer.Option(help="What the witness is called, such as bank.example.")],
    key: Annotated[Path, typer.Option(dir_okay=False, help="The witness's private key, PEM; made where there is none.")],
    log: Annotated[list[str], typer.Option(help="A log's address: https://…/v1/log/agreements. Repeat for several.")],
    log_key: Annotated[
        list[str] | None, typer.Option(help="A log's verifier key, known from elsewhere; without any, the first one seen is believed.")
    ] = None,
    seen: Annotated[Path | None, typer.Option(dir_okay=False, help="What is remembered; empty: beside the key, ending in .seen.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One look instead of one a minute.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 60,
    token: TokenOption = "",
    organisation: OrganisationOption = "",
) -> None:
    """Look at logs, and sign what is the log of before grown further. Ends with 1 where a log was rolled back or forked."""
    import time

    from services.chassis.clock import SystemClock
    from services.command.local import credential
    from services.command.witness import Memory, Witness, look_at_all, signer_at
    from services.transparency.note import parse_key

    settings = read_settings()
    looking = refusing(
        lambda: Witness(
            signer=signer_at(key, name),
            memory=Memory(seen or key.with_name(f"{key.name}.seen")),
            pinned=[parse_key(each) for each in log_key or ()],
            now=SystemClock().now,
        ),
        code=2,
    )
    out.print(f"witness {looking.signer.witness_key}", markup=False, soft_wrap=True)
    while True:
        bearer = token or refusing(lambda: credential(settings, OrganisationId(organisation), READING))
        looks = refusing(lambda: asyncio.run(look_at_all(looking, log, bearer)))  # noqa: B023 - it is run at once
        for look in looks:
            typer.echo(f"{look.url}: {'REFUSED: ' if look.refused else ''}{look.line}", err=look.refused or look.failed)
        if any(look.refused or (look.failed and once) for look in looks):
            raise typer.Exit(1)
        if once:
            return
        time.sleep(every)


@app.command()
def simulate(
    agreement: Annotated[str, typer.Argument(help="The agreement's id.")],
    from_period: Annotated[str, typer.Option("--from", help="The first period, in the form of the agreement's own.")],
    to_period: Annotated[str, typer.Option("--to", help="The last one.")],
    terms: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="Proposed terms; none: the terms in force.")] = None,
    side: Annotated[str, typer.Option(help="Whose readings count: agreed, provider or customer.")] = "agreed",
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
    as_json: JsonOption = False,
) -> None:
    """What proposed terms would have come to over past periods, beside what counts, and what each clause does to it. Writes nothing."""
    from services.command.simulate import SIDES, question, simulation_view

    choose("--side", side, SIDES)
    about = question(agreement, terms, from_period=from_period, to_period=to_period, side=side)

    async def ask(client: Client) -> Answer:
        return await client.post("/v1/simulations", about)

    answer = asked(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print_json(answer.text)
    else:
        show(simulation_view(answer.body))


@app.command("export")
def export_agreement(
    agreement: Annotated[str, typer.Argument(help="The agreement's id.")],
    file: Annotated[Path, typer.Option("--out", dir_okay=False, help="The file to write.")],
    since: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A checkpoint kept from before: the file shows that the log only grew. Repeat."),
    ] = None,
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
) -> None:
    """Write an agreement with its whole history into one file that proves itself."""
    from services.command.proof import export, sizes_of, write

    earlier = refusing(lambda: sizes_of(since or []))
    content = asked(lambda client: export(client, agreement, since=earlier), url=url, token=token, organisation=organisation, roles=READING)
    refusing(lambda: write(file, content))
    out.print(f"{file}: {len(content)} bytes; upheld verify checks it by the key of the log", markup=False, soft_wrap=True)


@app.command("verify")
def verify_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What upheld export wrote.")],
    key: Annotated[list[str], typer.Option(metavar="VKEY", help="A log's verifier key, name+id+base64; repeat for several.")],
    witness: Annotated[list[str] | None, typer.Option(metavar="VKEY", help="Who must have seen the checkpoints; repeat.")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A checkpoint kept from before; repeat for several.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The checks as data.")] = False,
) -> None:
    """Check such a file without a server, a database or the network: 0 if all of it holds, else 1."""
    from services.command.proof import verify

    report = refusing(lambda: verify(file, keys=key, witnesses=witness or [], kept=checkpoint or []), code=2)
    if as_json:
        out.print_json(data=report.as_data)
    else:
        typer.echo("\n".join(report.lines))
    raise typer.Exit(int(report.refused))


@app.command("settings")
def show_settings() -> None:
    """Every setting with its value, where it came from and what it means; secrets are masked. Names variables that are no setting."""
    from services.chassis.settings import explained
    from services.command.show import settings_table

    show(settings_table(explained(read_settings())))
    for stranger in unknown_variables(os.environ):
        out.print(str(stranger), style="yellow", markup=False, soft_wrap=True)


app.add_typer(agreement_reads.app, name="agreement")
app.add_typer(terms_commands.app, name="terms")
app.add_typer(key_commands.app, name="key")
app.command("sign")(key_commands.sign_terms)
app.add_typer(log_commands.app, name="log")
app.command("erase")(erasure.erase)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the platform; what keeps it from starting is told in a line."""
    from services.chassis.nats import NatsServerFailed
    from services.chassis.service import AddressTaken, run

    try:
        return run(work)
    except (AddressTaken, NatsServerFailed, Refusal) as fault:
        fail(str(fault))


def main() -> None:
    """The entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
