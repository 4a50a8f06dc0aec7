"""The mark of a verdict: a tick, a cross, or a dash. Report, pages and downloads all take it from here, so none promises more.

A tick promises that the thing holds. A verdict gets no tick if something was not proved, differs, was only sampled, opened
something undeclared or gives users an error, even if the run may go on.
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


def tone_of_criterion(verdict: str) -> Tone:
    """A criterion: good if met, bad if not met, plain for anything else (not reached, not proven, not applicable, not visible)."""
    return "good" if verdict == "met" else "bad" if verdict == "not met" else "plain"


def tone_of_access(detail: Mapping[str, Any], outcome: str = "") -> Tone:
    """The access proof of one migration: bad if something counts against it, good if all is proved and nothing differs."""
    if detail.get("against"):
        return "bad"
    if outcome == "as declared":
        return "good"
    return (
        "good"
        if is_settled(str(detail.get("verdict") or outcome)) and not undeclared_differences(detail, outcome)
        else "plain"
    )


def is_settled(verdict: str) -> bool:
    """Whether a verdict in words leaves nothing open."""
    return _UNSETTLED.search(verdict) is None


def undeclared_differences(detail: Mapping[str, Any], outcome: str = "") -> tuple[str, ...]:
    """The differences that no declaration covers: they are shown, but nobody said that they are meant."""
    return tuple(map(str, detail.get("shown") or ())) if outcome == "undeclared" else ()


def tone_of_check(outcome: str) -> Tone:
    """A check: good if it passed, bad if it failed or gave an error, plain if it was not run here."""
    return "good" if outcome == "passed" else "bad" if outcome in ("failed", "error") else "plain"


def tone_of_benchmark(outcome: str) -> Tone:
    """A benchmark: good if its limit was kept, bad if it was breached, plain if nothing was decided."""
    return "bad" if outcome == "breached" else "good" if outcome == "kept" else "plain"


def tone_of_rehearsal(outcome: str) -> Tone:
    """A rehearsal: good if it passed, bad if it failed, plain if there was none."""
    return "good" if outcome == "passed" else "bad" if outcome == "failed" else "plain"
