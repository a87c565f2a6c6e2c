"""What both doors ask of the past: replay, search and the log of reads. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from services.agreements.reads import Reads
from services.agreements.replay import Replay
from services.agreements.search import Search


@dataclass(frozen=True, kw_only=True)
class Past:
    replay: Replay
    search: Search
    reads: Reads
