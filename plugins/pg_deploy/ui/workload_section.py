"""The workload proof on the page of a run: what a migration does to what the application sends, the worst first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pg_deploy.ledger.evidence import Evidence
from pg_deploy.ledger.kinds.workload import WorkloadFinding, WorkloadProof
from pg_deploy.parsing.summary import shown_line
from pg_deploy.presentation.lines import Tone
from pg_deploy.workload.workload_text import tallies_text, tone_of_workload, workload_summary

_MOST_FINDINGS = 100
_FOLDED_LENGTH = 110
_LONGEST_TEXT = 20_000


@dataclass(frozen=True)
class FindingView:
    """One statement, body or job. `pointed` is its line with a caret below the word at fault; `plans` are side and plan."""

    id: str
    effect: str
    tone: Tone
    often: str
    sentence: str
    folded: str
    text: str
    pointed: str
    plans: tuple[tuple[str, str], ...]
    declared: str | None
    remedy: str


@dataclass(frozen=True)
class WorkloadSection:
    """The proof at one place; `more` is how many findings are not listed."""

    place: str
    tone: Tone
    summary: str
    tallies: str
    findings: tuple[FindingView, ...]
    more: int
    notes: tuple[str, ...]


def make_workload_section(row: Evidence) -> WorkloadSection:
    """The section of one piece of evidence. Pure."""
    proof = WorkloadProof.from_row(row)
    return WorkloadSection(
        row.place,
        tone_of_workload(proof),
        workload_summary(proof),
        tallies_text(proof),
        tuple(_finding(each) for each in proof.findings[:_MOST_FINDINGS]),
        max(0, len(proof.findings) - _MOST_FINDINGS),
        proof.notes,
    )


def _finding(found: WorkloadFinding) -> FindingView:
    folded = " ".join(found.subject.split())
    often = [", ".join(found.roles)] if found.roles else []
    often += [] if found.calls_a_day is None else [f"{found.calls_a_day:,.0f} calls a day"]
    plans = (("before", found.before_plan), ("after", found.after_plan))
    return FindingView(
        found.id,
        found.effect,
        "bad" if found.counts else "plain",
        ", ".join(often),
        found.sentence,
        folded if len(folded) <= _FOLDED_LENGTH else f"{folded[:_FOLDED_LENGTH]} …",
        "\n".join(shown_line(line) for line in found.subject[:_LONGEST_TEXT].splitlines()),
        "" if found.caret is None else f"{found.line}\n{' ' * found.caret}^",
        tuple((side, plan_text(plan)) for side, plan in plans if plan),
        found.declared,
        found.remedy,
    )


def plan_text(plan: str) -> str:
    """EXPLAIN's JSON as EXPLAIN prints it, without what a reviewer does not need; as it is kept, if what was masked in it is no JSON."""
    try:
        top = json.loads(plan)[0]["Plan"]
    except json.JSONDecodeError:
        return plan
    return "\n".join(_node(top, 0))


def _node(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    index = f" using {node['Index Name']}" if "Index Name" in node else ""
    relation = f" on {node['Relation Name']}" if "Relation Name" in node else ""
    cost = f"  (cost={node['Startup Cost']:.2f}..{node['Total Cost']:.2f} rows={node['Plan Rows']:.0f})"
    indent = "  " * depth
    yield f"{indent}{'-> ' if depth else ''}{node['Node Type']}{index}{relation}{cost}"
    for key in ("Index Cond", "Recheck Cond", "Filter", "Hash Cond", "Merge Cond", "Join Filter", "Sort Key"):
        if key in node:
            value = node[key]
            yield f"{indent}     {key}: {', '.join(value) if isinstance(value, list) else value}"
    for child in node.get("Plans", ()):
        yield from _node(child, depth + 1)
