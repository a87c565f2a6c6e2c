"""OpenSLO v1 documents as terms, and everything that was lost or had to be assumed. Pure: reads no file format, asks no clock.

By the specification, github.com/OpenSLO/OpenSLO, README.md (openslo/v1). A field that is not understood is told, never dropped silently;
what breaks a rule of the specification is refused with its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from services.agreements.openslo_export import SOURCE, VERSION
from services.agreements.remark import Remark, assumed, lost, shown
from services.agreements.terms import GRAMMAR, Node, Terms, duration_text, parse_terms
from services.vocabulary.errors import Invalid, Violation, invalid
from services.vocabulary.period import LATEST_FROM_DAY, LONGEST_ROLLING
from services.vocabulary.ratio import trimmed_percent

KINDS = ("Service", "SLO", "SLI", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,15})?([eE][+-]?\d{1,2})?", re.ASCII)
_SHORTHAND = re.compile(r"([1-9]\d{0,5})([mhdwMQY])", re.ASCII)
_START = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})")
_DAY_S = 86_400
_SECONDS = {"m": 60, "h": 3600, "d": _DAY_S}
_DAYS = {"d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_PERCENT_UNITS = 10**11
_LONGEST_NAME = 200
_LONGEST_ID = 63
_NO_PLACE = "terms have no place for it"
_TOLD_HERE = "Upheld asks no data source: it is told of observations"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What OpenSLO does not say and the caller may; empty or None is assumed and told. `today` is the first day where nothing tells it."""

    today: date
    title: str = ""
    provider: str = ""
    customer: str = ""
    zone: str = ""
    effective_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Imported:
    terms: Terms
    remarks: tuple[Remark, ...]


def from_openslo(documents: Sequence[Node], given: Given) -> Imported:
    """The terms that these documents together come to. Refuses with `Invalid` what OpenSLO v1 or terms do not allow, all at once."""
    notes = _Notes()
    found = _Found(documents, notes)
    if not found.slos:
        notes.broken("documents", "must hold at least one SLO of openslo/v1")
    objectives = [objective for slo in found.slos for objective in _objectives(slo, found, notes)]
    document = _terms(found, objectives, given, notes)
    if notes.faults:
        raise Invalid(*notes.faults)
    if not objectives:
        why = "; ".join(each.why for each in notes.remarks if each.kind == "lost")
        raise invalid("documents", f"hold no SLO that terms can say: {why}")
    return Imported(terms=parse_terms(document), remarks=tuple(notes.remarks))


# ------------------------------------------------------------------------------------------------------ reading, forgetting nothing


@dataclass(kw_only=True)
class _Notes:
    remarks: list[Remark] = field(default_factory=list)
    faults: list[Violation] = field(default_factory=list)

    def lost(self, place: str, what: str, why: str) -> None:
        self._tell(lost(place, what, why))

    def assumed(self, place: str, what: str, why: str) -> None:
        self._tell(assumed(place, what, why))

    def broken(self, place: str, rule: str) -> None:
        self.faults.append(Violation(place=place, rule=rule))

    def _tell(self, remark: Remark) -> None:
        """Once, however often what it is about is referred to."""
        if remark not in self.remarks:
            self.remarks.append(remark)


class _At:
    """The mapping at a place. What nobody asked for is told as lost by `rest`."""

    def __init__(self, node: Node, place: str, notes: _Notes) -> None:
        self.place = place
        self.notes = notes
        self._node = node if isinstance(node, dict) else {}
        self._asked: set[str] = set()
        if node is not None and not isinstance(node, dict):
            notes.broken(place, f"must be a mapping, not {shown(node)}")

    def at(self, key: str) -> str:
        return f"{self.place}.{key}"

    def has(self, key: str) -> bool:
        return self._node.get(key) is not None

    def text(self, key: str, *, required: bool = False) -> str:
        node = self._take(key)
        if node is None or node == "":
            if required:
                self.notes.broken(self.at(key), "is required: a plain value")
            return ""
        if isinstance(node, dict | list):
            self.notes.broken(self.at(key), f"must be a plain value, not {shown(node)}")
            return ""
        return str(node)

    def choice(self, key: str, words: Sequence[str]) -> str:
        word = self.text(key, required=True)
        if word and word not in words:
            self.notes.broken(self.at(key), f"must be one of {', '.join(words)}, not {shown(word)!r}")
        return word if word in words else ""

    def number(self, key: str, *, at_most: int, below: bool = False) -> Fraction | None:
        """None where there is none, or no good one, which is told."""
        text = self.text(key)
        if not text:
            return None
        number = Fraction(Decimal(text)) if _NUMBER.fullmatch(text) else None
        if number is None or number > at_most or (below and number == at_most):
            self.notes.broken(self.at(key), f"must be a number from 0 to {'below ' if below else ''}{at_most}, not {shown(text)!r}")
            return None
        return number

    def inner(self, key: str) -> _At:
        return _At(self._take(key), self.at(key), self.notes)

    def each(self, key: str) -> list[_At]:
        node = self._take(key)
        if node is not None and not isinstance(node, list):
            self.notes.broken(self.at(key), f"must be a list, not {shown(node)}")
        return [_At(each, f"{self.at(key)}[{index}]", self.notes) for index, each in enumerate(node if isinstance(node, list) else [])]

    def node(self, key: str) -> Node:
        return self._take(key)

    def drop(self, *keys: str, why: str = _NO_PLACE) -> None:
        """Tells as lost those of the keys that are there."""
        for key in keys:
            node = self._take(key)
            if node not in (None, "", [], {}):
                self.notes.lost(self.at(key), shown(node), why)

    def rest(self) -> None:
        self.drop(*(key for key in self._node if key not in self._asked), why=f"{_NO_PLACE}, or it is no field of {VERSION}")

    def _take(self, key: str) -> Node:
        self._asked.add(key)
        return self._node.get(key)


class _Found:
    """The documents by kind and name; names become ids here."""

    def __init__(self, documents: Sequence[Node], notes: _Notes) -> None:
        self.slos: list[tuple[str, str, _At]] = []
        self.services: dict[str, str] = {}
        self._slis: dict[str, _At] = {}
        self._used: set[str] = set()
        self._notes = notes
        seen: set[tuple[str, str]] = set()
        for index, node in enumerate(documents):
            if node is not None:
                self._sort(_At(node, f"documents[{index}]", notes), seen)

    def sli(self, reference: str, place: str) -> _At | None:
        """Refuses a reference to nothing."""
        if reference not in self._slis:
            self._notes.broken(place, f"there is no SLI {shown(reference)!r} among the documents")
            return None
        self._used.add(reference)
        return self._slis[reference]

    def unused(self) -> Iterator[_At]:
        yield from (sli for name, sli in self._slis.items() if name not in self._used)

    def _sort(self, document: _At, seen: set[tuple[str, str]]) -> None:
        version, kind = document.text("apiVersion", required=True), document.choice("kind", KINDS)
        if version and version != VERSION:
            self._notes.broken(document.at("apiVersion"), f"must be {VERSION}, not {shown(version)!r}")
        metadata = document.inner("metadata")
        name = metadata.text("name", required=True)
        if not kind or not name:
            return
        if (kind, name) in seen:
            self._notes.broken(document.at("metadata.name"), f"there is another {kind} {shown(name)!r}")
        seen.add((kind, name))
        display = _line(metadata.text("displayName"), f"{kind}[{name}].metadata.displayName", self._notes) or _line(name, "", self._notes)
        spec = _At(document.node("spec"), f"{kind}[{name}].spec", self._notes)
        about = _At({key: metadata.node(key) for key in ("labels", "annotations")}, f"{kind}[{name}].metadata", self._notes)
        about.drop("labels", "annotations")
        self._take(kind, name, display, spec)

    def _take(self, kind: str, name: str, display: str, spec: _At) -> None:
        match kind:
            case "SLO":
                self.slos.append((name, display, spec))
            case "SLI":
                self._slis[name] = spec
            case "Service":
                service = self.id_of(name, f"Service[{name}].metadata.name")
                if service in self.services:
                    self._notes.broken(f"Service[{name}]", f"is another service with the id {service}")
                self.services[service] = display
                spec.drop("description")
                spec.rest()
            case "DataSource":
                if spec.text("type") != SOURCE:
                    self._notes.lost(f"DataSource[{name}]", display, _TOLD_HERE)
            case _:
                self._notes.lost(f"{kind}[{name}]", display, "a warning of Upheld is raised by the share of the error budget that is spent")

    def id_of(self, name: str, place: str) -> str:
        """A name as an id of terms: lower-case letters, digits, hyphens."""
        slug = re.sub(r"[^a-z0-9-]+", "-", name.lower()).lstrip("-")[:_LONGEST_ID] or "unnamed"
        if slug != name:
            self._notes.lost(place, name, f"ids of terms have lower-case letters, digits and hyphens: it is {slug}")
        return slug


def _line(text: str, place: str, notes: _Notes) -> str:
    """One line of at most 200 characters, as names of terms are."""
    line = "".join(" " if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") else each for each in text)
    line = line.strip()[:_LONGEST_NAME].strip()
    if line != text.strip() and place:
        notes.lost(place, shown(text), f"names of terms are one line of at most {_LONGEST_NAME} characters")
    return line


# ------------------------------------------------------------------------------------------------------------------- objectives


def _objectives(slo: tuple[str, str, _At], found: _Found, notes: _Notes) -> Iterator[Node]:
    """One for each of the SLO's thresholds; none where terms have no indicator for it."""
    name, display, spec = slo
    objective_id = found.id_of(name, f"SLO[{name}].metadata.name")
    service = _service(spec, found, notes)
    metric = _metric(spec, found, notes)
    method = spec.choice("budgetingMethod", METHODS)
    thresholds = spec.each("objectives")
    if not thresholds:
        notes.broken(spec.at("objectives"), "must have at least one entry")
    for number, threshold in enumerate(thresholds, start=1):
        several = len(thresholds) > 1
        own = f"{objective_id[: _LONGEST_ID - 4]}-{number}" if several else objective_id
        title = _line(threshold.text("displayName"), threshold.at("displayName"), notes)
        called = _line(f"{display}: {title}", "", notes) if several and title else display
        if title and not several and title != display:
            notes.lost(threshold.at("displayName"), title, "the objective is called by the SLO's name")
        target = _target(threshold, notes)
        indicator = _indicator(metric, method, threshold, own, notes)
        threshold.rest()
        if indicator is not None and target:
            yield {"id": own, "name": called, "service": service, "indicator": indicator, "target": target}
    spec.drop("description")
    spec.drop("alertPolicies", why="a warning of Upheld is raised by the share of the error budget that is spent")
    spec.node("timeWindow")
    spec.rest()


def _service(spec: _At, found: _Found, notes: _Notes) -> str:
    name = spec.text("service", required=True)
    service = found.id_of(name, spec.at("service")) if name else ""
    if service and service not in found.services:
        found.services[service] = _line(name, "", notes)
        notes.assumed(f"services[{service}].name", name, "no document of kind Service tells it")
    return service


def _target(threshold: _At, notes: _Notes) -> str:
    """A percentage; empty where it is told why not."""
    ratio = threshold.number("target", at_most=1, below=True)
    percent = threshold.number("targetPercent", at_most=100, below=True)
    given = [key for key in ("target", "targetPercent") if threshold.has(key)]
    if len(given) != 1:
        notes.broken(threshold.at("target"), "give one of target and targetPercent")
    value = ratio if percent is None else percent / 100
    if value is None or len(given) != 1:
        return ""
    if not value:
        notes.lost(threshold.place, "target 0", "a promise of nothing is none")
        return ""
    if _PERCENT_UNITS % value.denominator:
        notes.broken(threshold.at(given[0]), "must have at most nine decimals as a percentage")
    return trimmed_percent(value)


@dataclass(frozen=True, kw_only=True)
class _Metric:
    """`told` is the indicator word by word, where Upheld wrote it."""

    kind: str
    place: str
    told: Node = None


def _metric(spec: _At, found: _Found, notes: _Notes) -> _Metric | None:
    if spec.has("indicator") == spec.has("indicatorRef"):
        notes.broken(spec.at("indicator"), "give one of indicator and indicatorRef")
        return None
    if spec.has("indicator"):
        inline = spec.inner("indicator")
        inline.inner("metadata").drop("labels", "annotations")
        sli: _At | None = inline.inner("spec")
    else:
        sli = found.sli(spec.text("indicatorRef"), spec.at("indicatorRef"))
    if sli is None:
        return None
    if sli.has("thresholdMetric") == sli.has("ratioMetric"):
        notes.broken(sli.place, "give one of thresholdMetric and ratioMetric")
        return None
    sli.drop("description")
    if sli.has("thresholdMetric"):
        return _Metric(kind="threshold", place=sli.at("thresholdMetric"), told=_source(sli.inner("thresholdMetric")))
    return _ratio(sli.inner("ratioMetric"), notes)


def _ratio(ratio: _At, notes: _Notes) -> _Metric | None:
    parts = [key for key in ("good", "bad", "total", "raw") if ratio.has(key)]
    if set(parts) not in ({"good", "total"}, {"bad", "total"}, {"raw"}):
        notes.broken(ratio.place, "give good and total, or bad and total, or raw alone")
        return None
    told = [_source(ratio.inner(key)) for key in parts]
    if told[0] is None:
        ratio.drop("counter", why=_TOLD_HERE)
    ratio.node("counter")
    if "raw" in parts:
        ratio.choice("rawType", ("success", "failure"))
    ratio.rest()
    return _Metric(kind="raw" if parts == ["raw"] else "ratio", place=ratio.place, told=told[0])


def _source(holder: _At) -> Node:
    """The indicator of a source that Upheld wrote; of any other None, and what it was is told as lost."""
    source = holder.inner("metricSource")
    if source.text("type") == SOURCE:
        source.node("metricSourceRef")
        return source.inner("spec").node("indicator")
    source.drop("metricSourceRef", "spec", why=_TOLD_HERE)
    source.rest()
    return None


def _indicator(metric: _Metric | None, method: str, threshold: _At, objective_id: str, notes: _Notes) -> Node:
    if metric is None or not method:
        return None
    if metric.told is not None:
        for key in ("op", "value", "timeSliceTarget", "timeSliceWindow"):
            threshold.node(key)
        return _told(metric.told, objective_id, notes)
    place = f"objectives[{objective_id}].indicator"
    if metric.kind == "threshold":
        return _of_threshold(method, threshold, place, notes)
    if metric.kind == "raw" and method == "Occurrences":
        notes.assumed(place, "request-ratio", f"the ratio of {metric.place} was made beforehand; here good and total are counted anew")
    threshold.drop("op", "value", why="a ratio is compared with its target alone")
    if method == "Occurrences":
        return {"kind": "request-ratio"}
    every = _window(threshold, place, notes)
    notes.assumed(f"{place}.empty", "good", "OpenSLO does not say what a slice without data is")
    if method == "RatioTimeslices":
        return {"kind": "interval-mean", "every": every}
    share = _share(threshold, notes)
    return {"kind": "time-slices", "every": every, "error_above": trimmed_percent(1 - share)} if share else None


def _told(told: Node, objective_id: str, notes: _Notes) -> Node:
    """Its calendar is in no OpenSLO document, so that its hours go."""
    if not isinstance(told, dict) or "hours" not in told:
        return told
    place = f"objectives[{objective_id}].indicator.hours"
    notes.assumed(place, "around the clock", f"the calendar {shown(told['hours'])!r} is in none of the documents")
    return {key: value for key, value in told.items() if key != "hours"}


def _of_threshold(method: str, threshold: _At, place: str, notes: _Notes) -> Node:
    """A value is a response time, and good when it is at most so long."""
    operator = threshold.choice("op", ("lte", "gte", "lt", "gt"))
    value = threshold.number("value", at_most=10**9 - 1)
    if not threshold.has("value"):
        notes.broken(threshold.at("value"), "is required beside a thresholdMetric")
    if not operator or value is None:
        return None
    if operator in ("gte", "gt") or method == "RatioTimeslices" or not value:
        why = "of measured values terms know response times only: each, or a percentile in slices, at most so many milliseconds"
        notes.lost(threshold.place, f"{method}, {operator} {_plain(value)}", why)
        for key in ("timeSliceTarget", "timeSliceWindow"):
            threshold.node(key)
        return None
    if 1000 % value.denominator:
        notes.broken(threshold.at("value"), "must have at most three decimals")
        return None
    notes.assumed(place, f"{_plain(value)} ms", "OpenSLO has no units: the values are taken for response times in milliseconds")
    if operator == "lt":
        notes.lost(threshold.at("op"), "lt", "a request of exactly that time is in time")
    if method == "Occurrences":
        return {"kind": "response-time", "threshold_ms": _plain(value)}
    every, share = _window(threshold, place, notes), _share(threshold, notes)
    notes.assumed(f"{place}.empty", "good", "OpenSLO does not say what a slice without data is")
    slices: dict[str, Node] = {"kind": "time-slices", "every": every, "latency_above_ms": _plain(value)}
    return {**slices, "percentile": trimmed_percent(share)} if share else None


def _share(threshold: _At, notes: _Notes) -> Fraction | None:
    """How much of a slice must be good for all of it to be."""
    share = threshold.number("timeSliceTarget", at_most=1)
    if not threshold.has("timeSliceTarget"):
        notes.broken(threshold.at("timeSliceTarget"), "is required beside budgetingMethod Timeslices")
    elif share is not None and (not share or _PERCENT_UNITS % share.denominator):
        notes.broken(threshold.at("timeSliceTarget"), "must be above 0, with at most nine decimals as a percentage")
        return None
    return share


def _window(threshold: _At, place: str, notes: _Notes) -> str:
    """A length that divides the day: the longest that is not longer."""
    text = threshold.text("timeSliceWindow", required=True)
    match = _SHORTHAND.fullmatch(text)
    length = Fraction(0)
    if match and match[2] in _SECONDS:
        length = Fraction(int(match[1]) * _SECONDS[match[2]])
    elif _NUMBER.fullmatch(text):
        length = Fraction(Decimal(text)) * 60
    if text and length < 1:
        notes.broken(threshold.at("timeSliceWindow"), f'must be minutes, or a length such as "5m", "1h" or "1d", not {shown(text)!r}')
    if length < 1:
        return "1m"
    whole = next(each for each in range(min(int(length), _DAY_S), 0, -1) if _DAY_S % each == 0)
    if whole != length:
        notes.assumed(f"{place}.every", duration_text(whole), f"slices of terms divide the day, which {text} does not")
    return duration_text(whole)


def _plain(number: Fraction) -> str:
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"


# ----------------------------------------------------------------------------------------------------- the window and the rest


@dataclass(frozen=True, kw_only=True)
class _Period:
    """`starts` is None for a rolling one."""

    node: dict[str, Node]
    starts: date | None = None
    zone: str = ""


def _terms(found: _Found, objectives: Sequence[Node], given: Given, notes: _Notes) -> Node:
    for sli in found.unused():
        notes.lost(sli.place.removesuffix(".spec"), "an SLI", "no SLO refers to it")
    period = _agreed_period(found, notes)
    first_day = _first_day(period, given, notes)
    if period.node["every"] == "contract-year" and period.starts and _in_year(period.starts) != _in_year(first_day):
        notes.assumed("period", f"years from {first_day}", f"contract years begin with the agreement, not on {period.starts}")
    zone = given.zone or period.zone
    if not zone:
        notes.assumed("zone", "UTC", "no calendar window tells a time zone")
    elif period.zone and zone != period.zone:
        notes.lost("timeWindow.calendar.timeZone", period.zone, f"the caller chose {zone}")
    return {
        "upheld": GRAMMAR,
        "title": _said("title", given.title, "Service level objectives", notes),
        "zone": zone or "UTC",
        "effective_on": first_day.isoformat(),
        "period": dict(period.node),
        "parties": [_party("provider", given.provider, notes), _party("customer", given.customer, notes)],
        "services": [_with_components(service, name, objectives, notes) for service, name in found.services.items()],
        "objectives": list(objectives),
    }


def _said(place: str, text: str, otherwise: str, notes: _Notes) -> str:
    if not text:
        notes.assumed(place, otherwise, "OpenSLO does not say it")
    return text or otherwise


def _party(role: str, organisation: str, notes: _Notes) -> Node:
    chosen = _said(f"parties[{role}]", organisation, role, notes)
    return {"role": role, "organisation": chosen, "name": chosen}


def _first_day(period: _Period, given: Given, notes: _Notes) -> date:
    if given.effective_on is not None:
        return given.effective_on
    day = given.today if period.starts is None else period.starts
    why = "no calendar window tells a day: it is today" if period.starts is None else "the first calendar window begins then"
    notes.assumed("effective_on", day.isoformat(), why)
    return day


def _in_year(day: date) -> tuple[int, int]:
    return day.month, day.day


def _with_components(service: str, name: str, objectives: Sequence[Node], notes: _Notes) -> Node:
    """Those that its indicators name; one that is the service itself where something has to be observed."""
    about = [each["indicator"] for each in objectives if isinstance(each, dict) and each["service"] == service]
    observed = [each for each in about if isinstance(each, dict) and each.get("kind") != "resolution-time"]
    told = [each["components"] for each in observed if "components" in each]
    named = list(dict.fromkeys(str(each) for node in told if isinstance(node, list) for each in node))
    components = named or ([service] if observed else [])
    if components:
        notes.assumed(f"services[{service}].components", ", ".join(components), "OpenSLO does not say what a service consists of")
    return {"id": service, "name": name, "components": [{"id": each, "name": each} for each in components]}


def _agreed_period(found: _Found, notes: _Notes) -> _Period:
    """That of the first SLO: an agreement has one."""
    windows = [(spec.place, _period(spec, notes)) for _, _, spec in found.slos]
    _, first = next(((place, each) for place, each in windows if each), ("", None))
    for place, each in windows:
        if each and first and each != first:
            what = " ".join(f"{key} {value}" for key, value in each.node.items())
            notes.lost(f"{place}.timeWindow", f"{what} {each.starts or ''}".strip(), "an agreement has one period, that of the first SLO")
    if first is None:
        notes.assumed("period", "month", "no SLO has a time window")
    return first or _Period(node={"every": "month"})


def _period(spec: _At, notes: _Notes) -> _Period | None:
    windows = spec.each("timeWindow")
    if len(windows) > 1:
        notes.broken(spec.at("timeWindow"), f"must have exactly one entry, not {len(windows)}")
    if len(windows) != 1:
        return None
    window = windows[0]
    text = window.text("duration", required=True)
    match = _SHORTHAND.fullmatch(text)
    if match is None:
        if text:
            notes.broken(window.at("duration"), f'must be a length such as "28d", "1M" or "1Q", not {shown(text)!r}')
        return None
    rolling = window.text("isRolling") == "true" if window.has("isRolling") else not window.has("calendar")
    if rolling == window.has("calendar"):
        notes.broken(window.place, "is either rolling, or has a calendar")
        return None
    period = _rolling(match, window, notes) if rolling else _by_calendar(match, window, notes)
    window.rest()
    return period


def _rolling(match: re.Match[str], window: _At, notes: _Notes) -> _Period:
    count, unit = int(match[1]), match[2]
    days = min(count * _DAYS[unit] if unit in _DAYS else 1, LONGEST_ROLLING)
    if unit not in ("d", "w") or days != count * _DAYS[unit]:
        notes.assumed("period.days", str(days), f"{window.at('duration')} is {match[0]}; rolling periods of terms are 1 to 366 whole days")
    return _Period(node={"every": "rolling", "days": days})


def _by_calendar(match: re.Match[str], window: _At, notes: _Notes) -> _Period | None:
    calendar = window.inner("calendar")
    zone, text = calendar.text("timeZone", required=True), calendar.text("startTime", required=True)
    starts = _start(text)
    if starts is None or not zone:
        if text and starts is None:
            notes.broken(calendar.at("startTime"), f'must be a date with a time such as "2026-01-01 00:00:00", not {shown(text)!r}')
        return None
    if not text.endswith("00:00:00"):
        notes.lost(calendar.at("startTime"), text, "periods of terms begin at midnight")
    calendar.rest()
    return _Period(node=_cycle(match, starts, window, notes), starts=starts, zone=zone)


def _start(text: str) -> date | None:
    match = _START.fullmatch(text)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _cycle(match: re.Match[str], starts: date, window: _At, notes: _Notes) -> dict[str, Node]:
    count, unit = int(match[1]), match[2]
    months = count * _MONTHS.get(unit, 0)
    days = count * {"d": 1, "w": 7}.get(unit, 0)
    if days == 1:
        notes.assumed("period", "rolling periods of 1 day", "a period that ends with every day is that day")
        return {"every": "rolling", "days": 1}
    if days == 7 and starts.weekday() == 0:
        return {"every": "week"}
    if months == 1 and starts.day <= LATEST_FROM_DAY:
        return {"every": "month"} if starts.day == 1 else {"every": "month", "from_day": starts.day}
    if months == 3 and starts.day == 1 and starts.month % 3 == 1:
        return {"every": "quarter"}
    if months == 12:
        return {"every": "year"} if (starts.month, starts.day) == (1, 1) else {"every": "contract-year"}
    nearest = "week" if 0 < days < 28 else "month"
    notes.assumed("period", nearest, f"{window.at('duration')} is {match[0]} from {starts}, which is no period of terms")
    return {"every": nearest}
