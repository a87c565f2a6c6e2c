"""`upheld log …`: reads the options, calls one function and prints."""

from __future__ import annotations

import typer

from services.command.shell import out, read_settings, refusing

app = typer.Typer(help="The keys that the platform's signed logs are signed with.", no_args_is_help=True)


@app.command("keys")
def show_log_keys() -> None:
    """Print the verifier keys of each service's log, oldest first; an auditor needs one of each."""
    from services.chassis.log_keys import LogKeys
    from services.command.host import SERVICES

    keys = refusing(lambda: LogKeys.open(read_settings()))
    for service in SERVICES:
        for key in keys.of(service).keys:
            out.print(str(key), markup=False, soft_wrap=True)


@app.command("rotate")
def rotate_log_key() -> None:
    """Make the next key of the logs, or the first. Both sign until the old one is retired; services that run need no restart."""
    from services.chassis.log_keys import LogKeys

    settings = read_settings()
    keys = LogKeys.at(settings)
    number = refusing(keys.rotate)
    out.print(f"{keys.folder / f'{number}.pem'} signs from now on", markup=False, soft_wrap=True)


@app.command("retire")
def retire_log_keys() -> None:
    """Every key of the logs but the newest signs no more. What it said of the next is kept, so that who has it can follow."""
    from services.chassis.log_keys import LogKeys
    from services.command.host import SERVICES

    keys = refusing(lambda: LogKeys.open(read_settings()))
    for number in refusing(lambda: keys.retire(SERVICES)):
        out.print(f"key {number} signs no more", markup=False, soft_wrap=True)
