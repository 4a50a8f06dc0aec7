"""The workload proof in words: for the log, the report and the approval."""

from __future__ import annotations

from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.workload import GATING, Effect, WorkloadFinding, WorkloadOutcome, WorkloadProof
from pg_deploy.presentation.lines import Line, Tone, marked, plain_lines
from pg_deploy.workload.declared import sentence_of
from pg_deploy.workload.proof import SideAnswers

_MOST_SHOWN = 25
_SHOWN = (*GATING, Effect.NO_STATISTICS)
"""What is shown one by one; of the rest the numbers, and all of it on the page."""


def tone_of_workload(proof: WorkloadProof) -> Tone:
    """Bad if something breaks that is not declared, good if all that could be asked is as before or as declared."""
    if proof.outcome == WorkloadOutcome.BREAKS:
        return "bad"
    return "plain" if proof.outcome == WorkloadOutcome.NOT_ASKED or not proof.asked else "good"


def workload_summary(proof: WorkloadProof) -> str:
    """How the proof ended, in a line."""
    if proof.outcome == WorkloadOutcome.NOT_ASKED or not proof.recorded:
        return "workload: not asked"
    share = f", {proof.calls_askable * 100:.0f} % of all recorded calls"
    asked = f"{proof.asked:,} of {proof.recorded:,} recorded statements asked{share}"
    return f"workload: {proof.headline or proof.outcome}; {asked}, in {format_duration(proof.seconds)}"


def tallies_text(proof: WorkloadProof) -> str:
    """How many statements had which effect, without those that are as before."""
    return ", ".join(
        f"{each.statements:,} {each.effect}" for each in proof.tallies if each.effect is not Effect.AS_BEFORE
    )


def workload_lines(proof: WorkloadProof, already_shown: str = "") -> list[Line]:
    """The summary, then what breaks, the worst first; without the sentences that are `already_shown`."""
    lines = [marked(tone_of_workload(proof), workload_summary(proof), indent=2)]
    tallies = tallies_text(proof)
    if tallies:
        lines.append(Line(f"    {tallies}"))
    shown = [each for each in proof.findings if each.effect in _SHOWN]
    for each in shown[:_MOST_SHOWN]:
        sentence = sentence_of(each)
        if sentence not in already_shown:
            lines += finding_lines(each, sentence)
    if len(shown) > _MOST_SHOWN:
        lines.append(Line(f"    and {len(shown) - _MOST_SHOWN:,} more: the run's page lists them"))
    lines += plain_lines(f"    {note}" for note in proof.notes)
    return lines


def refusal_lines(side: SideAnswers) -> list[Line]:
    """Each statement that the server does not take on this side, with its line and a caret."""
    lines: list[Line] = []
    for each in side.asked.values():
        refusal = each.answer.refusal
        if refusal is not None:
            lines.append(marked("bad", f"{refusal.message} ({refusal.sqlstate}), as {each.statement.role}:", indent=2))
            line, caret = refusal.line_in(each.answer.form.text)
            lines += plain_lines([f"      {line or each.statement.text}"])
            lines += plain_lines([f"      {' ' * caret}^"] if caret is not None else [])
    return lines


def finding_lines(finding: WorkloadFinding, sentence: str) -> list[Line]:
    """A finding, with the author's reason if it is declared, and what would mend it."""
    if finding.declared is not None:
        return [Line(f"    declared ({finding.declared}): {sentence}")]
    lines = [marked("bad" if finding.counts else "plain", sentence, indent=4)]
    if finding.remedy:
        lines.append(Line(f"      add to the migration: {finding.remedy}"))
    return lines
