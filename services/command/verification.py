"""Checks a bundle: what `upheld verify` runs, and a program of its own where nothing but the standard library and `cryptography` is there.

Asks nobody: no server, no database, no network. Whom to believe comes from the caller, never from the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from services.agreements.audit import check_history
from services.measurement.audit import SERVICE as MEASUREMENT
from services.measurement.audit import check_statements
from services.transparency.bundle import BadBundle, Bundle, read
from services.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey, parse_key
from services.transparency.verify import Check, Trust, check_logs, failed, holds, notice, ok
from services.vocabulary.errors import Refusal, invalid

_MARKS = {"ok": "ok     ", "failed": "FAILED ", "notice": "notice "}


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was looked at. `refused`: something of it failed."""

    checks: tuple[Check, ...]

    @property
    def refused(self) -> bool:
        return not holds(self.checks)

    @property
    def as_data(self) -> dict[str, object]:
        return {"holds": not self.refused, "checks": [asdict(check) for check in self.checks]}

    @property
    def lines(self) -> list[str]:
        told = [_printable(f"{_MARKS[check.outcome]}{check.rule}: {check.place}: {check.told}") for check in self.checks]
        return [*told, "The bundle does NOT hold." if self.refused else "The bundle holds."]


def _printable(line: str) -> str:
    """One line that a terminal only shows: words of the file could end it, or hide what comes after."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def trust_in(keys: Sequence[str], witnesses: Sequence[str] = (), kept: Sequence[str] = ()) -> Trust:
    """Verifier keys as texts. Refuses with `Invalid` and `BadNote`."""
    return Trust(
        keys=tuple(_key(text, ED25519, place="--key") for text in keys),
        witnesses=tuple(_key(text, COSIGNATURE_V1, place="--witness") for text in witnesses),
        kept=tuple(kept),
    )


def verify_bundle(content: bytes, trust: Trust, *, figures: bool = True) -> Report:
    """`figures`: also by the calculator, where it is installed."""
    try:
        bundle = read(content)
    except BadBundle as refusal:
        return Report(checks=(failed("file", "bundle", refusal.message),))
    return Report(checks=(ok("file", "bundle", f"canonical, exported {bundle.exported_at}"), *_checks(bundle, trust, figures=figures)))


def _checks(bundle: Bundle, trust: Trust, *, figures: bool) -> Iterator[Check]:
    """What rests on something that failed is not looked at: it would prove nothing."""
    logs = check_logs(bundle, trust)
    yield from logs
    if not holds(logs):
        return
    told = [*check_history(bundle), *check_statements(bundle)]
    yield from told
    if figures and holds(told) and bundle.log(MEASUREMENT) is not None:
        yield from _figures(bundle)


def _figures(bundle: Bundle) -> Sequence[Check]:
    """The calculator counts in arrays and reads terms as the services send them: it needs more than a proof does."""
    try:
        import_module("numpy")
        from services.command.figures import check_figures_of
    except ModuleNotFoundError as missing:
        return [notice("figures", MEASUREMENT, f"figures not recomputed: {missing.name} is not installed")]
    return check_figures_of(bundle)


def _key(text: str, algorithm: int, *, place: str) -> VerifierKey:
    key = parse_key(text)
    if key.algorithm != algorithm:
        rule = "must be the key of a witness" if algorithm == COSIGNATURE_V1 else "must be the key of a log, not of a witness"
        raise invalid(place, rule)
    return key


def main(arguments: Sequence[str] | None = None) -> int:
    """0: it holds; 1: it does not; 2: it was asked wrongly."""
    parser = argparse.ArgumentParser(prog="upheld-verify", description="Check an agreement's bundle without a server.")
    parser.add_argument("file", type=Path, help="what upheld export wrote")
    parser.add_argument("--key", action="append", required=True, metavar="VKEY", help="a log's verifier key, name+id+base64; repeatable")
    parser.add_argument("--witness", action="append", default=[], metavar="VKEY", help="who must have seen the checkpoints; repeatable")
    parser.add_argument("--checkpoint", action="append", default=[], type=Path, metavar="FILE", help="one kept from before; repeatable")
    parser.add_argument("--json", action="store_true", help="the checks as data")
    asked = parser.parse_args(arguments)
    try:
        trust = trust_in(asked.key, asked.witness, [each.read_text("utf-8") for each in asked.checkpoint])
        report = verify_bundle(asked.file.read_bytes(), trust)
    except (Refusal, OSError, UnicodeDecodeError) as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    sys.stdout.write(json.dumps(report.as_data, indent=2) + "\n" if asked.json else "\n".join(report.lines) + "\n")
    return int(report.refused)


def program() -> None:
    """The entry point of the installed program `upheld-verify`."""
    sys.exit(main())


if __name__ == "__main__":
    program()
