"""The public holidays of a country or one of its parts, as the library knows them today. What was signed is never asked of it again."""

from __future__ import annotations

import warnings
from datetime import date
from functools import lru_cache
from threading import Lock

from services.agreements.terms.fields import hint
from services.agreements.terms.model import Holiday
from services.vocabulary.errors import invalid

_LONGEST_YEARS = 20
_LANGUAGE = "en_US"
_WARNINGS = Lock()
"""What catches warnings does so for the whole process."""


def holidays_in(region: str, years: range, *, place: str) -> tuple[Holiday, ...]:
    """By day; empty for a region that nobody knows. Refuses with `Invalid` more years than anybody can tell."""
    if len(years) > _LONGEST_YEARS:
        raise invalid(place, f"fills at most {_LONGEST_YEARS} years, the term has {len(years)}; list the holidays instead")
    found = _holidays_in(region, years)
    if found is None:
        raise invalid(place, f"the holidays of {region} are not all known for {years[0]} to {years[-1]}; list them instead")
    return found


@lru_cache(maxsize=256)
def _holidays_in(region: str, years: range) -> tuple[Holiday, ...] | None:
    """None where the library knows only a part of them: it says so by its range of years or by a warning."""
    import holidays

    country, _, part = region.partition("-")
    with _WARNINGS, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = holidays.country_holidays(country, subdiv=part or None, years=years, language=_LANGUAGE)
        except NotImplementedError:
            return ()
    if told or years[0] < found.start_year or years[-1] > found.end_year:
        return None
    return tuple(Holiday(day=_plain(day), name=name[:200]) for day, name in sorted(found.items()))


def unknown_region(region: str) -> str:
    """What is wrong with a region and what to write instead; empty where its holidays are known."""
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    country, _, part = region.partition("-")
    if country not in known:
        return f"no holidays of {country!r} are known; {hint(country, known)}; or list the holidays"
    if part and part not in known[country]:
        parts = [f"{country}-{each}" for each in known[country]]
        near = [each for each in parts if each.startswith(region[:-1])] or parts or [country]
        return f"no holidays of {region!r} are known; {hint('', near)}"
    return ""


def _plain(day: date) -> date:
    return date(day.year, day.month, day.day)
