"""What a migration declares that it breaks, and whether that is accepted: what is dropped must have been quiet. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pg_deploy.ledger.kinds.workload import WorkloadFinding
from pg_deploy.migrations.manifest import SAY_WHY, Break

NotQuiet = Callable[[str, float], str | None]
"""Why an object counts as in use, from its name and for how many seconds it must have been quiet; None if it was quiet so long."""


def apply_declarations(
    findings: Iterable[WorkloadFinding], breaks: Sequence[Break], not_quiet: NotQuiet
) -> tuple[tuple[WorkloadFinding, ...], tuple[str, ...]]:
    """The findings with the author's reason where one is declared and accepted, and why a declaration is not accepted."""
    found, refused = [], dict[str, None]()
    for each in findings:
        declared = next((one for one in breaks if _is_about(one, each)), None) if each.counts else None
        if declared is None:
            found.append(each)
            continue
        why_not = None
        if each.is_drop and declared.object is not None:
            why_not = not_quiet(declared.object, declared.quiet_s)
        elif each.is_drop and each.objects:
            why_not = not_quiet(each.objects[0], declared.quiet_s)
        if why_not is None:
            found.append(replace(each, declared=declared.why))
        else:
            refused[f"declared, but not quiet for {declared.quiet_for}: {why_not}"] = None
            found.append(each)
    return tuple(found), tuple(refused)


def _is_about(declared: Break, finding: WorkloadFinding) -> bool:
    if declared.statement is not None:
        return declared.statement == finding.id
    return declared.object in (*finding.objects, finding.subject)


def entries_for(findings: Iterable[WorkloadFinding]) -> tuple[str, ...]:
    """The lines to paste below `breaks:`, one for each object or, where none is known, for each statement."""
    entries: dict[str, None] = {}
    for each in findings:
        quiet = ", quiet_for: 24 h" if each.is_drop else ""
        why = f"why: {SAY_WHY} why this may break>"
        if each.objects or not each.id:
            name = each.objects[0] if each.objects else each.subject
            entries[f"- {{object: {json.dumps(name, ensure_ascii=False)}, {why}{quiet}}}"] = None
        else:
            entries[f"- {{statement: {json.dumps(each.id)}, {why}}}"] = None
    return tuple(entries)


def sentence_of(finding: WorkloadFinding) -> str:
    """A finding in a line: what, for whom, how often, and the statement folded to a line."""
    text = " ".join(finding.subject.split())
    shown = text if len(text) <= 120 else f"{text[:120]} …"
    if not finding.id:
        return f"{finding.effect}: {shown}: {finding.sentence}"
    often = "" if finding.calls_a_day is None else f", {finding.calls_a_day:,.0f} calls a day"
    return f"{finding.effect}: {finding.sentence}: statement {finding.id} of {', '.join(finding.roles)}{often}: {shown}"
