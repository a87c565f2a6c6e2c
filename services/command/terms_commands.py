"""`upheld terms …`: reads the options, calls one function and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.command.shell import READING, OrganisationOption, TermsArgument, TokenOption, UrlOption, asked, choose, out, refusing

if TYPE_CHECKING:
    from services.command.client import Answer, Client

app = typer.Typer(help="Ready terms to begin with; try a document, read it in plain words, or get its grammar.", no_args_is_help=True)


@app.command("check")
def check_terms(file: TermsArgument) -> None:
    """Say whether these terms could be signed: the digest a signature would name, or everything that is wrong, and 2."""
    from services.command.terms import read_file, summary

    out.print(summary(refusing(lambda: read_file(file), code=2)), markup=False, soft_wrap=True)


@app.command("explain")
def explain_terms(file: TermsArgument) -> None:
    """Read the terms back as plain sentences: who promises what to whom, how it is measured, what a breach costs."""
    from services.command.terms import explanation, read_file

    terms = refusing(lambda: read_file(file), code=2)
    out.print(explanation(terms, width=min(out.width, 120)), markup=False, soft_wrap=True)


@app.command("schema")
def terms_schema() -> None:
    """Print the grammar as JSON Schema, for editors that complete and check while you write."""
    from services.command.terms import schema_text

    out.print(schema_text(), markup=False, soft_wrap=True)


@app.command("templates")
def list_templates() -> None:
    """List the ready terms of the library: what each is for."""
    from services.command.terms import template_list

    out.print(template_list(), markup=False, soft_wrap=True)


@app.command("template")
def print_template(name: Annotated[str, typer.Argument(help="One of `upheld terms templates`.")]) -> None:
    """Print ready terms with their comments, to begin a document of your own: `upheld terms template saas-suite > terms.yaml`."""
    from services.command.terms import template_text

    typer.echo(refusing(lambda: template_text(name), code=2), nl=False)


@app.command("import")
def import_terms(
    *,
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

    choose("--from", form, IMPORT_FORMS)
    given = refusing(lambda: given_of(title, provider, customer, zone, effective_on), code=2)
    found = refusing(lambda: import_file(file, given), code=2)
    typer.echo(terms_text(found.terms), nl=False)
    typer.echo(remark_lines(remarks_as_data(found.remarks)), err=True)


@app.command("export")
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

    choose("--to", form, EXPORT_FORMS)

    async def ask(client: Client) -> Answer:
        return await client.get(f"/v1/agreements/{agreement}/export", form=form)

    answer = asked(ask, url=url, token=token, organisation=organisation, roles=READING)
    typer.echo(answer.body["text"], nl=False)
    if answer.body["remarks"]:
        typer.echo(remark_lines(answer.body["remarks"]), err=True)
