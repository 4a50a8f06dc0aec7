"""The mark of a verdict: a tick, a cross, or a dash. Report, pages and downloads take it from here, so that none says more.

A tick promises that the thing holds. What was not proved, differs, was sampled, opened something undeclared or gives users an
error has none, also where the run may go on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

Tone = Literal["good", "bad", "plain"]
_SIGNS: Mapping[Tone, str] = {"good": "✓", "bad": "✗", "plain": "–"}
_UNSETTLED = re.compile(r"\bnot prove|\bunprove|\bdiffer|\bsampled\b|\bdid not\b|\bnothing was\b", re.IGNORECASE)


def sign(tone: Tone) -> str:
    """The mark itself."""
    return _SIGNS[tone]


def of_criterion(verdict: str) -> Tone:
    """met, not met, and all that is neither: not reached, not proven, not declared, not applicable, not visible."""
    return "good" if verdict == "met" else "bad" if verdict == "not met" else "plain"


def of_access(detail: Mapping[str, Any], outcome: str = "") -> Tone:
    """The access proof of one migration: bad where something counts against it, good where all is proved and nothing differs."""
    if detail.get("against"):
        return "bad"
    if outcome == "as declared":
        return "good"
    return "good" if is_settled(str(detail.get("verdict") or outcome)) and not undeclared(detail, outcome) else "plain"


def is_settled(verdict: str) -> bool:
    """Whether a verdict in words leaves nothing open."""
    return _UNSETTLED.search(verdict) is None


def undeclared(detail: Mapping[str, Any], outcome: str = "") -> tuple[str, ...]:
    """What differs and no declaration covers: shown, and nobody said that it is meant."""
    return tuple(map(str, detail.get("shown") or ())) if outcome == "undeclared" else ()


def of_check(outcome: str) -> Tone:
    """A check: passed, failed or error, or not run here."""
    return "good" if outcome == "passed" else "bad" if outcome in ("failed", "error") else "plain"


def of_benchmark(outcome: str) -> Tone:
    """A benchmark: bad where its limit was breached; good where it was kept."""
    return "bad" if outcome == "breached" else "good" if outcome == "kept" else "plain"


def of_rehearsal(outcome: str) -> Tone:
    """A rehearsal: passed, failed, or not rehearsed."""
    return "good" if outcome == "passed" else "bad" if outcome == "failed" else "plain"
