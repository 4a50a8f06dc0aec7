"""What a rehearsal showed, in words: for the log, the report and the approval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pg_deploy.configuration.duration import format_duration
from pg_deploy.deployment.access_judgement import shortened
from pg_deploy.ledger.evidence import Evidence
from pg_deploy.presentation.markdown import as_plain_markdown
from pg_deploy.presentation.marks import sign, tone_of_access, tone_of_rehearsal

REHEARSAL = "rehearsal"


def rehearsal_lines(outcome: str, detail: dict[str, Any]) -> tuple[list[str], list[str]]:
    """How a rehearsal ended, with the whole error where it failed, and what it showed: from the detail of its evidence, by lines."""
    told = str(detail.get("error") or "")
    first, *more = told.splitlines() or [""]
    said = [f"{sign(tone_of_rehearsal(outcome))} rehearsal {outcome} {first}".rstrip(), *(f"  {line}" for line in more)]
    lines = []
    if detail.get("apply_s") is not None:
        lines.append(f"  applied in {format_duration(detail['apply_s'])}")
    if detail.get("generated_rollback"):
        lines.append("  it brings no rollback.sql; one was generated from the catalog and proven")
    if detail.get("rollback_s") is not None:
        took = format_duration(detail["rollback_s"])
        then = "in a transaction that was not kept" if detail.get("only_tried") else "and applied again"
        lines.append(f"  rolled back in {took}, catalog facts as before, {then}")
    if detail.get("cannot_be_undone"):
        lines.append(f"  ✗ cannot be undone: {detail['cannot_be_undone']}")
    for statement in detail.get("statements", ()):
        locks = ", ".join(
            f"{lock['mode']} on {lock['relation']} for {format_duration(lock['held_s'])}" for lock in statement["locks"]
        )
        if locks:
            lines.append(f"  line {statement['line']}, {format_duration(statement['seconds'])}: {locks}")
    checks = [name_and_outcome[1] for name_and_outcome in detail.get("checks", ())]
    if checks:
        lines.append(f"  {checks.count('passed')} of {len(checks)} checks passed on the copy")
    access = detail.get("access")
    if access:
        asked = f", asked as {access['asked']} of {access['subjects']} users and roles" if access["asked"] else ""
        lines.append(f"  {sign(tone_of_access(access, access['outcome']))} access: {access['verdict']}{asked}")
        lines += [f"    {shortened(note)}" for note in access.get("notes", ())]
        # What the rehearsal failed for stands above, one line each.
        lines += [f"    ✗ {sentence}" for sentence in access["against"] if sentence not in told]
        lines += [f"    {shortened(sentence)}" for sentence in access["shown"]]
    for benchmark in detail.get("benchmarks", ()):
        lines.append(
            f"  {sign('bad' if benchmark['breached'] else 'good')} benchmark {benchmark['name']}: {benchmark['sentence']}"
        )
    lines += [f"  a rollback would lose: {each}" for each in detail.get("lost", ())]
    lines += [f"  a rollback would leave: {each}" for each in detail.get("left", ())]
    lines += [f"  not rehearsed: {each}" for each in detail.get("not_rehearsed", ())]
    return said, lines


def rehearsal_text(rows: Iterable[Evidence], version: str) -> str:
    """The newest rehearsal of that version as Markdown for an approval; says so where there was none."""
    found = [row for row in rows if row.kind == REHEARSAL and row.version == version]
    if not found:
        return "Not rehearsed: durations, locks and the rollback are not proven for this run."
    last = found[-1]
    said, more = rehearsal_lines(last.outcome, last.detail)
    place = as_plain_markdown(str(last.detail.get("place", "copy")))
    return "\n".join([f"On a {place}:", "", *(f"- {as_plain_markdown(line)}" for line in (*said, *more))])


def rehearsal_verdict(rows: Iterable[Evidence], version: str) -> str:
    """How the newest rehearsal of that version ended, in two words."""
    found = [row.outcome for row in rows if row.kind == REHEARSAL and row.version == version]
    return {"passed": "✓ passed", "failed": "✗ failed"}.get(found[-1], found[-1]) if found else "not rehearsed"
