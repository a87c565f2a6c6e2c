"""The command `upheld`. Each command reads its options, calls one function and prints; heavy imports wait until a command runs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement

from services.command.environment import TOKEN, URL, unknown_variables
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import OrganisationId, Role

if TYPE_CHECKING:
    from services.chassis.service import Platform
    from services.chassis.settings import Settings
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
terms_app = typer.Typer(help="Ready terms to begin with; try a document, read it in plain words, or get its grammar.", no_args_is_help=True)
app.add_typer(terms_app, name="terms")
key_app = typer.Typer(help="The keys that you sign with: make, register, rotate, revoke and list them.", no_args_is_help=True)
app.add_typer(key_app, name="key")
log_app = typer.Typer(help="The keys that the platform's signed logs are signed with.", no_args_is_help=True)
app.add_typer(log_app, name="log")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

T = TypeVar("T")
READING = (Role.AUDITOR,)
SIGNING = (Role.SIGNATORY,)
_WIDEST = 10_000

UrlOption = Annotated[str, typer.Option("--url", envvar=URL, help="The platform's HTTP origin; empty: from the settings.")]
TokenOption = Annotated[
    str, typer.Option("--token", envvar=TOKEN, help="A bearer token; empty: one made by the local issuer for --organisation.")
]
OrganisationOption = Annotated[str, typer.Option("--organisation", "-o", help="Whom the local issuer's token speaks for.")]
TermsArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A terms document, YAML or JSON.")]
KeyFileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A key's file, made by `upheld key make`.")]
SubjectOption = Annotated[str, typer.Option(help="Who you are to the platform; empty: as the key is called, after the organisation.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The API's JSON instead of a table.")]


@app.command()
def up() -> None:
    """Start the whole platform in one process: four services, the portal and a NATS server of its own."""
    from services.command.clock_file import clock_of
    from services.command.host import SERVICES, serve
    from services.command.show import panel

    settings = _settings()
    _run(serve(SERVICES, settings, clock_of(settings.data), lambda shared: out.print(panel(shared))))


@app.command("serve")
def serve_one(service: Annotated[str, typer.Argument(help="agreements, measurement, improvement or reporting")]) -> None:
    """Start one service; the others are reached by their addresses in the settings."""
    from services.command.clock_file import clock_of
    from services.command.host import SERVICES, serve

    if service not in SERVICES:
        _fail(f"there is no service {service!r}; choose one of {', '.join(SERVICES)}", code=2)
    settings = _settings()

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

    sys.exit(_run(tell(_settings(), data=data, leave=leave, console=out)))


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

    columns = _refusing(lambda: mapping_parameters(mapping or []))
    query = {"source": source, "on_error": on_error, **({"batch": batch} if batch else {}), **columns}

    async def send(client: Client) -> Answer:
        return await client.post("/v1/observations", content=file.read_bytes(), content_type=content_type(file), query=query)

    answer = _ask(send, url=url, token=token, organisation=organisation, roles=(Role.OPERATOR,))
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
    case = _refusing(
        lambda: judge_files(terms, observations, period=period, mapping=mapping or [], until=until, calculator=version, cite=explain)
    )
    document = document_of(case.assessment)
    if timeline is not None:
        _write(timeline, drawn(case))
    if as_json:
        out.print_json(data=explained_document(case) if explain else document, sort_keys=True)
        return
    _show(assessment_table(document))
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

    entries, state = _ask(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print_json(data={"history": entries.body, "state": state.body})
    else:
        _show(Group(history_table(entries.body), state_table(state.body)))


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

    answer = _ask(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print(answer.text, soft_wrap=True, markup=False)
    else:
        _show(report_view(answer.body))


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

    identity = local_identity(_settings())

    def made() -> str:
        checked = check_organisation(organisation)
        if api_key:
            return identity.make_api_key(subject=subject, organisation=checked, roles=role)
        return identity.issue(subject=subject, organisation=checked, roles=role, lifetime=timedelta(days=days))

    out.print(_refusing(made), soft_wrap=True)


@terms_app.command("check")
def check_terms(file: TermsArgument) -> None:
    """Say whether these terms could be signed: the digest a signature would name, or everything that is wrong, and 2."""
    from services.command.terms import read_file, summary

    out.print(summary(_refusing(lambda: read_file(file), code=2)), markup=False, soft_wrap=True)


@terms_app.command("explain")
def explain_terms(file: TermsArgument) -> None:
    """Read the terms back as plain sentences: who promises what to whom, how it is measured, what a breach costs."""
    from services.command.terms import explanation, read_file

    terms = _refusing(lambda: read_file(file), code=2)
    out.print(explanation(terms, width=min(out.width, 120)), markup=False, soft_wrap=True)


@terms_app.command("schema")
def terms_schema() -> None:
    """Print the grammar as JSON Schema, for editors that complete and check while you write."""
    from services.command.terms import schema_text

    out.print(schema_text(), markup=False, soft_wrap=True)


@terms_app.command("templates")
def list_templates() -> None:
    """List the ready terms of the library: what each is for."""
    from services.command.terms import template_list

    out.print(template_list(), markup=False, soft_wrap=True)


@terms_app.command("template")
def print_template(name: Annotated[str, typer.Argument(help="One of `upheld terms templates`.")]) -> None:
    """Print ready terms with their comments, to begin a document of your own: `upheld terms template saas-suite > terms.yaml`."""
    from services.command.terms import template_text

    typer.echo(_refusing(lambda: template_text(name), code=2), nl=False)


@terms_app.command("import")
def import_terms(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="OpenSLO v1 documents, YAML (several in one file) or JSON.")],
    form: Annotated[str, typer.Option("--from", help="The form it is in: openslo.")],
    title: Annotated[str, typer.Option(help="What the agreement is called.")] = "",
    provider: Annotated[str, typer.Option(help="The provider's organisation.")] = "",
    customer: Annotated[str, typer.Option(help="The customer's organisation.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone of its days and periods; empty: that of the first calendar window.")] = "",
    effective_on: Annotated[str, typer.Option(help="The first civil day; empty: that of the first calendar window, else today.")] = "",
) -> None:
    """Print documents of another form as terms, without a server; what was lost or assumed goes to the standard error."""
    from services.agreements.exchange import IMPORT_FORMS, terms_text
    from services.command.terms import given_of, import_file, remark_lines, remarks_as_data

    _choose("--from", form, IMPORT_FORMS)
    given = _refusing(lambda: given_of(title, provider, customer, zone, effective_on), code=2)
    found = _refusing(lambda: import_file(file, given), code=2)
    typer.echo(terms_text(found.terms), nl=False)
    typer.echo(remark_lines(remarks_as_data(found.remarks)), err=True)


@terms_app.command("export")
def export_terms(
    agreement: Annotated[str, typer.Argument(help="The agreement's id.")],
    form: Annotated[str, typer.Option("--to", help="openslo, tmf623, tmf657 or terms.")],
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
) -> None:
    """Print an agreement's terms in another form; what that form does not say goes to the standard error."""
    from services.agreements.exchange import EXPORT_FORMS
    from services.command.terms import remark_lines

    _choose("--to", form, EXPORT_FORMS)

    async def ask(client: Client) -> Answer:
        return await client.get(f"/v1/agreements/{agreement}/export", form=form)

    answer = _ask(ask, url=url, token=token, organisation=organisation, roles=READING)
    typer.echo(answer.body["text"], nl=False)
    if answer.body["remarks"]:
        typer.echo(remark_lines(answer.body["remarks"]), err=True)


@key_app.command("make")
def make_key(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where the private key shall lie; never overwritten.")],
    name: Annotated[str, typer.Option(help="What it is called: your organisation, a slash, and you, such as rheinbank/ida.keller.")],
) -> None:
    """Make a key of your own, readable by you alone, and print its public half."""
    from services.command.signing import make_key_file

    out.print(str(_refusing(lambda: make_key_file(file, name), code=2)), markup=False, soft_wrap=True)


@key_app.command("register")
def register_key(file: KeyFileArgument, subject: SubjectOption = "", url: UrlOption = "", token: TokenOption = "") -> None:
    """Register your key with your organisation; from then on you can sign with it."""
    from services.command.signing import owned, registration

    own = _refusing(lambda: owned(file, subject=subject), code=2)

    async def send(client: Client) -> Answer:
        return await client.post("/v1/keys", {"note": registration(own)})

    answer = _ask(send, url=url, token=token, organisation=own.organisation, roles=SIGNING, subject=own.subject)
    out.print_json(answer.text)


@key_app.command("rotate")
def rotate_key(
    old: KeyFileArgument, new: KeyFileArgument, subject: SubjectOption = "", url: UrlOption = "", token: TokenOption = ""
) -> None:
    """Put a new key of yours in place of the old one; both sign the change."""
    from services.command.signing import owned, rotation

    before = _refusing(lambda: owned(old, subject=subject), code=2)
    after = _refusing(lambda: owned(new, subject=subject), code=2)

    async def send(client: Client) -> Answer:
        return await client.post(f"/v1/keys/{before.signer.key.id.hex()}/rotation", {"note": rotation(before, after)})

    answer = _ask(send, url=url, token=token, organisation=before.organisation, roles=SIGNING, subject=before.subject)
    out.print_json(answer.text)


@key_app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, eight hex digits.")],
    reason: Annotated[str, typer.Option(help="Why; everybody who sees the key reads it.")],
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
) -> None:
    """Revoke a key: your own, or as an administrator anybody's of your organisation. What it signed before stays signed."""

    async def send(client: Client) -> Answer:
        return await client.post(f"/v1/keys/{key}/revocation", {"reason": reason}, reason=reason)

    out.print_json(_ask(send, url=url, token=token, organisation=organisation, roles=(Role.ADMINISTRATOR,)).text)


@key_app.command("list")
def list_keys(
    of: Annotated[str, typer.Option(help="Another organisation's, with which you have an agreement; empty: your own.")] = "",
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
    as_json: JsonOption = False,
) -> None:
    """List the keys of an organisation: whose they are, since when, and until when they signed."""
    from services.command.show import keys_table

    async def ask(client: Client) -> Answer:
        return await client.get("/v1/keys", **({"organisation": of} if of else {}))

    answer = _ask(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print_json(answer.text)
    else:
        _show(keys_table(answer.body))


@app.command("sign")
def sign_terms(
    key: Annotated[Path, typer.Option("--key", exists=True, dir_okay=False, help="Your key's file.")],
    terms: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="The terms document that you sign.")] = None,
    offered: Annotated[str, typer.Option(help="Sign what waits for signatures in this agreement, after it was explained to you.")] = "",
    agreement: Annotated[str, typer.Option(help="The agreement's id.")] = "",
    terms_version: Annotated[int, typer.Option(min=1, help="The number under which the terms were proposed.")] = 1,
    effective_on: Annotated[str, typer.Option(help="The first civil day they count for; empty: the first version's, as they say.")] = "",
    role: Annotated[str, typer.Option(help="Your side: provider or customer; empty: as the terms say.")] = "",
    organisation: Annotated[str, typer.Option(help="Whom you sign for; empty: as your key is called.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write the signed note to this file.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the platform as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Sign what is offered without being asked.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    subject: SubjectOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Sign terms with your own key, on your own machine: from the document alone, or what the platform offers."""
    from services.command.signing import note_of, offer_of, offer_told, owned, post_note, text_of
    from services.command.terms import read_file

    if (terms is None) == (not offered):
        _fail("give a terms document, or --offered and an agreement's id", code=2)
    own = _refusing(lambda: owned(key, subject=subject, organisation=organisation), code=2)

    def ask(work: Callable[[Client], Awaitable[T]]) -> T:
        return _ask(work, url=url, token=token, organisation=own.organisation, roles=SIGNING, subject=own.subject)

    if terms is not None:
        document = _refusing(lambda: read_file(terms), code=2)
        text = _refusing(
            lambda: text_of(document, own, agreement=agreement, number=terms_version, effective_on=effective_on, role=role), code=2
        )
    else:
        offer = ask(lambda client: offer_of(client, own, offered))
        text = offer.text
        out.print(offer_told(offer, width=min(out.width, 120)), markup=False, soft_wrap=True)
        if not yes and not typer.confirm(f"Sign version {text.terms_version} as the {text.role}, {own.organisation}?"):
            _fail("nothing was signed")
    note = note_of(text, own)
    if output is not None:
        _write(output, note)
    if send or offered:
        answer = ask(lambda client: post_note(client, str(text.agreement_id), note, reason=reason))
        signed = f"version {text.terms_version} is signed for the {text.role}; the agreement is {answer.body['status']}"
        out.print(signed, markup=False, soft_wrap=True)
    elif output is None:
        typer.echo(note, nl=False)


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

    day = _refusing(lambda: parse_day(effective_on, place="--effective-on") if effective_on else None)
    files = _refusing(lambda: read_all(paths))

    async def ask(client: Client) -> list[Step]:
        steps = await plan_all(client, files, effective_on=day)
        if not dry_run:
            await carry_out(client, steps, reason=reason)
        return steps

    steps = _ask(ask, url=url, token=token, organisation=organisation, roles=(Role.SERVICE_MANAGER,))
    code = exit_code(steps, dry_run=dry_run)
    done = not dry_run and code == 0
    for file in files.skipped:
        typer.echo(f"{file} holds no terms: skipped", err=True)
    if as_json:
        out.print_json(data=as_data(steps, done=done))
    for line in [] if as_json else [line for step in steps for line in told(step, done=done)]:
        out.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(code)


@log_app.command("keys")
def show_log_keys() -> None:
    """Print the verifier keys of each service's log, oldest first; an auditor needs one of each."""
    from services.chassis.log_keys import LogKeys
    from services.command.host import SERVICES

    keys = _refusing(lambda: LogKeys.open(_settings()))
    for service in SERVICES:
        for key in keys.of(service).keys:
            out.print(str(key), markup=False, soft_wrap=True)


@log_app.command("rotate")
def rotate_log_key() -> None:
    """Make the next key of the logs, or the first. Both sign until the old one is retired; services that run need no restart."""
    from services.chassis.log_keys import LogKeys

    settings = _settings()
    keys = LogKeys.at(settings)
    number = _refusing(keys.rotate)
    out.print(f"{keys.folder / f'{number}.pem'} signs from now on", markup=False, soft_wrap=True)


@log_app.command("retire")
def retire_log_keys() -> None:
    """Every key of the logs but the newest signs no more. What it said of the next is kept, so that who has it can follow."""
    from services.chassis.log_keys import LogKeys
    from services.command.host import SERVICES

    keys = _refusing(lambda: LogKeys.open(_settings()))
    for number in _refusing(lambda: keys.retire(SERVICES)):
        out.print(f"key {number} signs no more", markup=False, soft_wrap=True)


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

    settings = _settings()
    looking = _refusing(
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
        bearer = token or _refusing(lambda: credential(settings, OrganisationId(organisation), READING))
        looks = _refusing(lambda: asyncio.run(look_at_all(looking, log, bearer)))  # noqa: B023 - it is run at once
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

    _choose("--side", side, SIDES)
    asked = question(agreement, terms, from_period=from_period, to_period=to_period, side=side)

    async def ask(client: Client) -> Answer:
        return await client.post("/v1/simulations", asked)

    answer = _ask(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print_json(answer.text)
    else:
        _show(simulation_view(answer.body))


@app.command("export")
def export_agreement(
    agreement: Annotated[str, typer.Argument(help="The agreement's id.")],
    file: Annotated[Path, typer.Option("--out", "-o", dir_okay=False, help="The file to write.")],
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: Annotated[str, typer.Option("--organisation", help="Whom the local issuer's token speaks for.")] = "",
) -> None:
    """Write an agreement with its whole history into one file that proves itself."""
    from services.command.proof import export, write

    content = _ask(lambda client: export(client, agreement), url=url, token=token, organisation=organisation, roles=READING)
    _refusing(lambda: write(file, content))
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

    report = _refusing(lambda: verify(file, keys=key, witnesses=witness or [], kept=checkpoint or []), code=2)
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

    _show(settings_table(explained(_settings())))
    for stranger in unknown_variables(os.environ):
        out.print(str(stranger), style="yellow", markup=False, soft_wrap=True)


def _show(table: RenderableType) -> None:
    """On a terminal as wide as that is; into a pipe or a file as wide as the table, since a program reads it line by line."""
    if out.file.isatty():
        out.print(table)
        return
    whole = Measurement.get(out, out.options.update(max_width=_WIDEST), table).maximum
    Console(highlight=False, width=whole).print(table)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        _fail(f"{file} cannot be written: {fault.strerror}")


def _choose(option: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        _fail(f"{option} must be {' or '.join(words)}, not {word!r}", code=2)


def _settings() -> Settings:
    from services.chassis.settings import Settings, SettingsError

    try:
        return Settings()
    except SettingsError as error:
        _fail(str(error), code=2)


def _ask(
    ask: Callable[[Client], Awaitable[T]], *, url: str, token: str, organisation: str, roles: Sequence[Role], subject: str = "command"
) -> T:
    """One conversation with the running platform; a refusal is printed as it was told."""
    from services.chassis.settings import origin_of
    from services.command.client import RequestFailed, connected
    from services.command.local import credential

    settings = _settings()

    async def conversation() -> T:
        bearer = token or credential(settings, OrganisationId(organisation), roles, subject=subject)
        async with connected(url or origin_of(settings), bearer) as client:
            return await ask(client)

    try:
        return asyncio.run(conversation())
    except RequestFailed as failure:
        _fail(str(failure))
    except Refusal as refusal:
        _fail(refusal.message)


def _refusing(work: Callable[[], T], *, code: int = 1) -> T:
    """Runs local work; a refusal names the field and the rule, one line each."""
    from services.vocabulary.errors import Invalid

    try:
        return work()
    except Invalid as refusal:
        _fail("\n".join(str(violation) for violation in refusal.violations), code=code)
    except Refusal as refusal:
        _fail(refusal.message, code=code)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the platform; what keeps it from starting is told in a line."""
    from services.chassis.nats import NatsServerFailed
    from services.chassis.service import AddressTaken, run

    try:
        return run(work)
    except (AddressTaken, NatsServerFailed, Refusal) as fault:
        _fail(str(fault))


def _fail(message: str, *, code: int = 1) -> NoReturn:
    err.print("[red]error[/red]: ", end="")
    err.print(message, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def main() -> None:
    """The entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
