"""What a rehearsal showed, in words: for the log, the report and the approval."""

from __future__ import annotations

from collections.abc import Iterable

from pg_deploy.access.facts.access_change import shorten_sentence
from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.check import CheckOutcome
from pg_deploy.ledger.kinds.rehearsal import Rehearsal, RehearsalOutcome
from pg_deploy.ledger.kinds.verdict_tones import tone_of_access, tone_of_benchmark, tone_of_rehearsal
from pg_deploy.presentation.lines import Line, marked, plain_lines, sign
from pg_deploy.presentation.markdown import as_plain_markdown
from pg_deploy.workload.workload_text import workload_lines


def rehearsal_lines(found: Rehearsal) -> tuple[list[Line], list[Line]]:
    """How a rehearsal ended, with the whole error if it failed, and what it showed, by lines."""
    error = found.error or ""
    first, *more = error.splitlines() or [""]
    tone = tone_of_rehearsal(found.outcome)
    head = Line(f"{sign(tone)} rehearsal {found.outcome} {first}".rstrip(), is_bad=tone == "bad")
    ending = [head, *plain_lines(f"  {line}" for line in more)]
    lines: list[Line] = []
    if found.apply_s is not None:
        lines.append(Line(f"  applied in {format_duration(found.apply_s)}"))
    if found.generated_rollback:
        lines.append(Line("  it brings no rollback.sql; one was generated from the catalog and proven"))
    if found.rollback_s is not None:
        took = format_duration(found.rollback_s)
        then = "in a transaction that was not kept" if found.only_tried else "and applied again"
        lines.append(Line(f"  rolled back in {took}, catalog facts as before, {then}"))
    if found.cannot_be_undone:
        lines.append(marked("bad", f"cannot be undone: {found.cannot_be_undone}", indent=2))
    for statement in found.statements:
        locks = ", ".join(
            f"{lock.mode.sql} on {lock.relation} for {format_duration(lock.held_s)}" for lock in statement.locks
        )
        if locks:
            lines.append(Line(f"  line {statement.line}, {format_duration(statement.seconds)}: {locks}"))
    if found.checks:
        passed = sum(outcome == CheckOutcome.PASSED for _, outcome in found.checks)
        lines.append(Line(f"  {passed} of {len(found.checks)} checks passed on the copy"))
    access = found.access
    if access:
        asked = f", asked as {access.asked} of {access.subjects} users and roles" if access.asked else ""
        lines.append(marked(tone_of_access(access), f"access: {access.words}{asked}", indent=2))
        lines += plain_lines(f"    {shorten_sentence(note)}" for note in access.notes)
        # What the rehearsal failed for stands above, one line each.
        lines += [marked("bad", sentence, indent=4) for sentence in access.against if sentence not in error]
        lines += plain_lines(f"    {shorten_sentence(sentence)}" for sentence in access.shown)
    lines += workload_lines(found.workload, error) if found.workload else []
    for benchmark in found.benchmarks:
        sentence = f"benchmark {benchmark.name}: {benchmark.sentence}"
        lines.append(marked(tone_of_benchmark(benchmark.outcome), sentence, indent=2))
    lines += plain_lines(f"  a rollback would lose: {each}" for each in found.lost)
    lines += plain_lines(f"  a rollback would leave: {each}" for each in found.left)
    lines += plain_lines(f"  not rehearsed: {each}" for each in found.not_rehearsed)
    return ending, lines


def rehearsal_text(rows: Iterable[Evidence], version: str) -> str:
    """The newest rehearsal of that version as Markdown for an approval; says so if there was none."""
    last = _last(rows, version)
    if last is None:
        return "Not rehearsed: durations, locks and the rollback are not proven for this run."
    ending, details = rehearsal_lines(last)
    return "\n".join(
        [
            f"On a {as_plain_markdown(last.place)}:",
            "",
            *(f"- {as_plain_markdown(line.text)}" for line in (*ending, *details)),
        ]
    )


def rehearsal_verdict(rows: Iterable[Evidence], version: str) -> str:
    """How the newest rehearsal of that version ended, in two words."""
    last = _last(rows, version)
    if last is None or last.outcome == RehearsalOutcome.NOT_REHEARSED:
        return RehearsalOutcome.NOT_REHEARSED
    return f"{sign(tone_of_rehearsal(last.outcome))} {last.outcome}"


def rehearsed_workload(rows: Iterable[Evidence], version: str) -> str:
    """What the newest rehearsal of that version says it breaks of what the application sends, in a line; "" if nothing."""
    last = _last(rows, version)
    return last.workload.headline if last is not None and last.workload is not None else ""


def _last(rows: Iterable[Evidence], version: str) -> Rehearsal | None:
    found = [row for row in rows if row.kind == Kind.REHEARSAL and row.version == version]
    return Rehearsal.from_row(found[-1]) if found else None
