"""The portal's pages as HTML: templates filled, escaped, and sent with a policy that lets nothing foreign in. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.reporting import past, words
from services.reporting.material import Party
from services.reporting.page import Card, ImprovementView, ReportRow, TrendView, report_view
from services.reporting.past import History, Look
from services.reporting.report import Report, SinceThen
from services.vocabulary.errors import NotFound
from services.vocabulary.identity import Caller

STATIC = "/portal/static"

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ASKING_POLICY = f"{_POLICY}; connect-src 'self'"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SPOKEN = {
    "moment": words.moment,
    "stretch": words.stretch,
    "days_covered": words.days_covered,
    "period_name": words.period_name,
    "period_title": words.period_title,
    "during": words.during,
    "day_name": words.day_name,
    "short_day": words.short_day,
    "money": words.money,
    "length": words.length,
    "share": words.share,
    "roughly": words.roughly,
    "event_name": past.name_of,
    "door": past.door,
    "cause": past.cause,
    "status_in_words": past.status,
    "sides": past.parties,
    "promise": past.promised,
    "change_in_words": past.change_in_words,
    "data_in_lines": past.data_in_lines,
}


class NoSuchFile(NotFound):
    """The portal has no file of that name."""

    code = "no-such-file"


class Pages:
    """All pages and their files, read once. Every text is escaped; only charts, which escape for themselves, are markup."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted((_HERE / "static").iterdir())}
        self._versions = {name: sha256(content).hexdigest()[:12] for name, content in self._files.items()}
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals.update(_SPOKEN, static=self.address)

    def address(self, name: str) -> str:
        """Of a file, changing with its content."""
        return f"{STATIC}/{name}?v={self._versions[name]}"

    def file(self, name: str, version: str) -> Response:
        """Refuses with `NoSuchFile`. Kept for good by whoever asked for exactly this content."""
        if name not in self._files:
            raise NoSuchFile(f"the portal has no file {name!r}")
        kept = "public, max-age=31536000, immutable" if version == self._versions[name] else "no-cache"
        return Response(self._files[name], media_type=_MEDIA_TYPES[Path(name).suffix], headers={"Cache-Control": kept})

    def enter(self, *, message: str, onward: str, status: int = 200) -> Response:
        """Where a person hands in the token."""
        return self._page("enter.html", status=status, caller=None, session=False, message=message, next=onward)

    def problem(self, *, status: int, title: str, detail: str) -> Response:
        """A refusal in words."""
        return self._page("problem.html", status=status, caller=None, session=False, title=title, detail=detail)

    def home(self, cards: Sequence[Card], *, caller: Caller, as_of: str) -> Response:
        """The organisation's agreements."""
        return self._page("portal.html", caller=caller, session=True, cards=cards, as_of=as_of)

    def agreement(
        self,
        card: Card,
        *,
        caller: Caller,
        trends: Sequence[TrendView],
        reports: Sequence[ReportRow],
        improvements: Sequence[ImprovementView],
        parties: Sequence[Party],
    ) -> Response:
        """One agreement over its periods."""
        return self._page(
            "agreement.html",
            caller=caller,
            session=True,
            card=card,
            trends=trends,
            reports=reports,
            improvements=improvements,
            parties=parties,
        )

    def report(self, report: Report, since: SinceThen | None, *, caller: Caller, session: bool) -> Response:
        """One report."""
        return self._page("report.html", caller=caller, session=session, view=report_view(report, since))

    def history(self, history: History, *, caller: Caller) -> Response:
        """An agreement's past. Its script asks this origin for the events and their receipts."""
        return self._page("history.html", policy=_ASKING_POLICY, caller=caller, session=True, history=history, look=history.look)

    def history_event(self, look: Look) -> Response:
        """The part of that page on one event."""
        return self._page("event.html", look=look)

    def _page(self, template: str, *, status: int = 200, policy: str = _POLICY, **values: object) -> Response:
        html = self._templates.get_template(template).render(values)
        return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})
