"""Plays the story against a running platform, over HTTP only, and checks that the reports say what the plan implies.

The platform's clock is moved through three months; everything else is what any client would do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path

from rich.console import Console

from services.chassis.clock import MovableClock
from services.chassis.identity import Identity
from services.command import story
from services.command.client import Answer, Client, Json, RequestFailed
from services.command.signing import make_key_file, note_of, offer_of, owned, post_note, registration
from services.vocabulary.period import Month
from services.vocabulary.ratio import exact

TOKEN_LIFETIME = timedelta(days=30)
PATIENCE_S = 20.0
AMENDED_AFTER = date(2026, 4, 19)
STORY_BEGINS = datetime(2026, 2, 16, 8, 0, tzinfo=UTC)
STORY_ENDS = datetime(2026, 6, 4, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing a report must say, from the plan, and what it said."""

    what: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        return self.expected == self.found


@dataclass(kw_only=True)
class Play:
    """The story as it is told: who acts, when, and what the platform answered."""

    anybody: Client
    identity: Identity
    clock: MovableClock
    console: Console
    keys: Path
    agreement_id: str = ""
    improvement_id: str = ""
    checks: list[Check] = field(default_factory=list)

    def as_(self, person: story.Person) -> Client:
        return self.anybody.speaking_for(
            self.identity.issue(subject=person.subject, organisation=person.organisation, roles=person.roles, lifetime=TOKEN_LIFETIME)
        )

    def on(self, day: date, hour: int, minute: int = 0) -> None:
        """Moves the platform's clock to a civil time of the agreement's zone, unless it is already later."""
        moment = datetime.combine(day, time(hour, minute), tzinfo=story.ZONE).astimezone(UTC)
        if moment > self.clock.now():
            self.clock.move_to(moment)

    def tell(self, what: str, where: str = "") -> None:
        when = self.clock.now().astimezone(story.ZONE).strftime("%d %b %Y %H:%M")
        look = f"  [dim]→ {where}[/dim]" if where else ""
        self.console.print(f"  [cyan]{when}[/cyan]  {what}{look}", highlight=False, soft_wrap=True)

    async def run(self) -> None:
        """The whole cycle: agree, monitor, analyse, improve, report."""
        for title, act in (
            ("1  Define and agree", self._agree),
            ("2  Monitor", self._march),
            ("3  Identify areas for improvement", self._analyse),
            ("4  Implement changes", self._improve),
            ("5  Report", self._report),
        ):
            self.console.print(f"\n[bold]{title}[/bold]")
            await act()

    async def _agree(self) -> None:
        self.on(date(2026, 2, 16), 10)
        drafted = await self.as_(story.IDA).post(
            "/v1/agreements", content=story.terms_document().encode(), content_type="application/yaml", reason="Offer to Hansebank"
        )
        self.agreement_id = drafted.body["id"]
        path = f"/v1/agreements/{self.agreement_id}"
        self.tell("Ida Brandt drafts the terms for Nordwind Hosting: four objectives, 12,000.00 EUR a month", path)
        self.on(date(2026, 2, 17), 9)
        proposed = await self.as_(story.IDA).post(f"{path}/proposal", version=drafted.version, reason="Final after two meetings")
        self.tell("proposed to Hansebank AG; each side signs the same terms with a key of its own")
        digest = proposed.body["pending"]["digest"]
        for person in (story.MARTA, story.OLE):
            await self._register(person)
        self.tell("Marta Lindqvist and Ole Petersen register their keys; the private halves stay with them", "/v1/keys")
        self.on(date(2026, 2, 20), 11)
        await self._sign(story.MARTA, reason="Approved by the board")
        self.tell(f"Marta Lindqvist signs for Hansebank  [dim]sha-256 {digest[:16]}…[/dim]")
        self.on(date(2026, 2, 23), 15)
        active = await self._sign(story.OLE, reason="Countersigned")
        self.tell(f"Ole Petersen signs for Nordwind: the agreement is [bold]{active.body['status']}[/bold] from 1 March", f"{path}/history")

    async def _register(self, person: story.Person) -> None:
        file = self._key_of(person)
        make_key_file(file, f"{person.organisation}/{person.subject}")
        await self.as_(person).post("/v1/keys", {"note": registration(owned(file))})

    async def _sign(self, person: story.Person, *, reason: str) -> Answer:
        """As `upheld sign --offered` does it."""
        own, client = owned(self._key_of(person)), self.as_(person)
        offer = await offer_of(client, own, self.agreement_id)
        return await post_note(client, self.agreement_id, note_of(offer.text, own), reason=reason)

    def _key_of(self, person: story.Person) -> Path:
        return self.keys / f"{person.subject}.pem"

    async def _march(self) -> None:
        month = story.MONTHS[0]
        for day in story.days(month):
            await self._measure(day)
            if day == story.AT_RISK_AFTER:
                spent = await self._until(lambda: self._progress(month), lambda progress: bool(progress["at_risk"]))
                percent = spent["budget_spent_percent"]
                self.tell(f"[yellow]early warning[/yellow]: {percent} % of March's error budget is spent", self._assessment(month))
            if day == story.BREACHED_AFTER:
                await self._until(lambda: self._progress(month), lambda progress: bool(progress["lost"]))
                await self._until(self._improvements, lambda found: bool(found) and found[0]["status"] == "analysed")
                self.tell("[red]breached[/red]: nothing can bring March back to 99.9 %; told once", self._assessment(month))
        result = await self._availability(month)
        self.tell(f"31 days measured: {story.down_minutes(month)} minutes down, availability to date {result['attainment_percent']} %")

    async def _analyse(self) -> None:
        await self._close(story.MONTHS[0], date(2026, 4, 2))
        whole = await self.as_(story.IDA).get(self._assessment(story.MONTHS[0]))

        def covers_the_month(found: Json) -> bool:
            return bool(found) and bool(found[0]["measured"]) and found[0]["measured"]["measured_until"] == whole.body["end"]

        items = await self._until(self._improvements, covers_the_month)
        improvement = items[0]
        self.improvement_id = improvement["id"]
        self.checks.append(Check(what="improvements opened by the breach", expected="1", found=str(len(items))))
        self.tell("the breach opened one improvement; its findings:", f"/v1/improvements/{self.improvement_id}")
        for finding in improvement["findings"][:3]:
            self.console.print(f"      • {finding['summary']}", highlight=False)
        best = improvement["recommendations"][0]
        self.console.print(
            f"      ⇒ {best['action']}  [dim](March would have been {best['expected_attainment_percent']} %)[/dim]", highlight=False
        )

    async def _improve(self) -> None:
        path = f"/v1/improvements/{self.improvement_id}"
        ida, jon = self.as_(story.IDA), self.as_(story.JON)
        self.on(date(2026, 4, 2), 14)
        found = await ida.get(path)
        best = found.body["recommendations"][0]
        plan = {
            "recommendation_id": best["id"],
            "description": "Run the settlement batch against a replica; the primary serves customers alone",
            "owner": "Ida Brandt",
            "due_on": story.IMPLEMENTED_ON.isoformat(),
        }
        planned = await ida.post(f"{path}/plan", plan, version=found.version, reason="Largest saving")
        self.tell(f"planned: {plan['description'].lower()}")
        self.on(date(2026, 4, 3), 11)
        approved = await jon.post(f"{path}/approval", version=planned.version, reason="Settlement schedule may change")
        self.tell("Jon Adeyemi approves it for Hansebank")
        for day in story.days(story.MONTHS[1]):
            await self._measure(day)
            if day == story.IMPLEMENTED_ON:
                self.on(day, 23, 30)
                await self.as_(story.IDA).post(
                    f"{path}/implementation",
                    {"implemented_on": day.isoformat()},
                    version=approved.version,
                    reason="Change 4711 carried out",
                )
                self.tell("implemented: the batch runs on the replica", f"{path}/history")
            if day == AMENDED_AFTER:
                await self._amend()
        await self._close(story.MONTHS[1], date(2026, 5, 2))
        for day in story.days(story.MONTHS[2]):
            await self._measure(day)
        await self._verify(path, self.as_(story.IDA))

    async def _amend(self) -> None:
        path = f"/v1/agreements/{self.agreement_id}"
        self.on(date(2026, 4, 20), 10)
        current = await self.as_(story.JON).get(path)
        await self.as_(story.JON).post(
            f"{path}/amendments",
            content=story.amended_terms_document().encode(),
            content_type="application/yaml",
            version=current.version,
            reason="The bank asks for faster answers",
            query={"effective_on": "2026-05-01"},
        )
        for person in (story.MARTA, story.OLE):
            await self._sign(person, reason="Agreed")
        self.tell("amended, signed by both: from 1 May 97 % of requests within 800 ms instead of 95 %", f"{path}/diff?from=1&to=2")

    async def _verify(self, path: str, ida: Client) -> None:
        self.on(date(2026, 6, 1), 9)
        state = await ida.get(path)
        verified = await ida.post(f"{path}/verification", version=state.version, reason="First whole month after the change")
        proof = verified.body["verifications"][-1]
        self.tell(
            f"verified: {proof['before_percent']} % before, {proof['after_percent']} % after: [green]{proof['verdict']}[/green]", path
        )
        self.checks.append(Check(what="improvement after its verification", expected="effective", found=verified.body["status"]))
        await self._close(story.MONTHS[2], date(2026, 6, 2))

    async def _report(self) -> None:
        jon = self.as_(story.JON)
        for month in story.MONTHS:
            report = await self._issued(jon, month)
            self._check_report(month, report)
            credit = report["credit"]
            verdicts = ", ".join(f"{one['name']} {one['attainment_percent']} % {one['verdict']}" for one in report["objectives"])
            self.tell(f"{month}: {verdicts}; credit {credit['amount']} {credit['currency']}", self._page(month))
        self.clock.move_to(STORY_ENDS)

    async def _issued(self, reader: Client, month: Month) -> Json:
        async def ask() -> Json:
            try:
                return (await reader.get(f"/v1/reports/{self.agreement_id}/{month}")).body
            except RequestFailed as failure:
                if failure.status == 404:
                    return {}
                raise

        return await self._until(ask, lambda report: bool(report) and not report["period"]["provisional"])

    def _check_report(self, month: Month, report: Mapping[str, Json]) -> None:
        objectives = {one["id"]: one for one in report["objectives"]}
        expected: dict[str, tuple[Fraction, str]] = {
            "availability": (story.expected_availability(month), "breached" if month == story.MONTHS[0] else "met"),
            "requests": (story.expected_request_ratio(month), "met"),
            "response-time": (story.expected_response_share(month), "met"),
            "resolution": (story.expected_resolution(month), "met"),
        }
        for name, (ratio, verdict) in expected.items():
            found = objectives.get(name, {})
            self.checks.append(Check(what=f"{month} {name}", expected=exact(ratio), found=str(found.get("attainment"))))
            self.checks.append(Check(what=f"{month} {name} verdict", expected=verdict, found=str(found.get("verdict"))))
        credit = "1200.00" if month == story.MONTHS[0] else "0.00"
        self.checks.append(Check(what=f"{month} credit", expected=credit, found=str(report["credit"]["amount"])))
        if month == story.MONTHS[2]:
            verdicts = [one["verdict"] for one in report["improvements"]]
            self.checks.append(Check(what="improvement in the May report", expected="['effective']", found=str(verdicts)))

    async def _measure(self, day: date) -> None:
        self.on(day + timedelta(days=1), 0, 30)
        await self.as_(story.PROBE).post(
            "/v1/observations",
            content=story.observations(day).encode(),
            content_type="application/x-ndjson",
            query={"source": "nordwind-monitoring", "batch": day.isoformat()},
        )

    async def _close(self, month: Month, day: date) -> None:
        self.on(day, 9)
        closed = await self.as_(story.IDA).post(f"/v1/assessments/{self.agreement_id}/{month}/close", reason="All observations are in")
        credit = closed.body["credit"]
        await self._issued(self.as_(story.JON), month)
        self.tell(f"{month} closed and reported: credit {credit['amount']} {credit['currency']}", self._assessment(month))

    async def _availability(self, month: Month) -> Json:
        answer = await self.as_(story.IDA).get(self._assessment(month))
        return next(one for one in answer.body["objectives"] if one["objective_id"] == "availability")

    async def _progress(self, month: Month) -> Json:
        return (await self._availability(month))["progress"]

    async def _improvements(self) -> Json:
        return (await self.as_(story.IDA).get("/v1/improvements", agreement_id=self.agreement_id)).body["items"]

    async def _until(self, ask: Callable[[], Awaitable[Json]], enough: Callable[[Json], bool]) -> Json:
        """Asks again until the answer is enough; events travel between services, so the next answer may be a moment away."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while not enough(answer := await ask()):
            if loop.time() > deadline:
                raise RequestFailed(f"not reached within {PATIENCE_S:.0f} s; the last answer was {answer!r}"[:2000])
            await asyncio.sleep(0.05)
        return answer

    def _assessment(self, month: Month) -> str:
        return f"/v1/assessments/{self.agreement_id}/{month}"

    def _page(self, month: Month) -> str:
        return f"/portal/agreements/{self.agreement_id}/reports/{month}"
