"""Where the access proof stands in a deployment: exhaustively in the rehearsal, by catalog facts on the target.

What was proved on the copy holds for the target when the same access facts changed in the same way on both. Without a copy
the catalog decides what it can, and the rest is said to be not proven.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import psycopg

from pg_deploy.access.decide import Decision, Sentence, decide, is_declared, unsettled_with_disagreements
from pg_deploy.access.explain import explain_difference
from pg_deploy.access.facts.access_change import AccessChange, cut, shorten_sentence
from pg_deploy.access.facts.api import Api, api_of
from pg_deploy.access.facts.differences import access_changes
from pg_deploy.access.facts.storage_buckets import BUCKETS
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.proof.proof import Proof, prove
from pg_deploy.catalog.dependencies import words_of
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.duration import format_duration
from pg_deploy.ledger.kinds.access import AccessFound, KeptCell, KeptDifference, Outcome, Verdict
from pg_deploy.ledger.kinds.verdict_tones import tone_of_access
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection, Target, one_line
from pg_deploy.presentation.lines import sign

# What touches neither rows nor who may reach them.
_HARMLESS = (
    "create index",
    "drop index",
    "alter index",
    "reindex",
    "comment",
    "analyze",
    "vacuum",
    "create statistics",
    "drop statistics",
    "cluster",
)
# What changes who may reach rows, never the rows themselves.
_NO_ROWS = (
    *_HARMLESS,
    "create policy",
    "alter policy",
    "drop policy",
    "create function",
    "alter function",
    "drop function",
    "grant",
    "revoke",
    "create view",
    "create schema",
    "alter default privileges",
    "set",
)

ALONE = (
    *_NO_ROWS,
    "create table",
    "alter table",
    "drop table",
    "create trigger",
    "drop trigger",
    "alter trigger",
    "create type",
    "alter type",
    "drop type",
    "create domain",
    "drop domain",
    "create sequence",
    "alter view",
    "drop view",
    "alter schema",
)
"""What is done in one database and nowhere else, the same each time: no role, no server, no job, no program of an extension."""

LINES = 4
"""Statements that are named as those that did it, at most."""
EXPLAINED = 2
"""Differences that are explained step by step, at most."""
_SIDE = {"lost": "before the migration"}


@dataclass(frozen=True)
class AccessOutcome:
    """What is known about access after one migration, and what its declaration makes of that."""

    decision: Decision
    verdict: Verdict
    proof: Proof | None = None
    notes: tuple[str, ...] = ()
    """What was asked, and how much of it, in sentences."""

    def evidence(self, stem: str) -> AccessFound:
        """For the ledger."""
        decision = self.decision
        found = AccessFound(stem, decision.outcome, self.verdict, decision.against, decision.shown, self.notes)
        proof = self.proof
        if proof is None:
            return found
        return replace(
            found,
            changes=tuple(sorted(change.sentence for change in proof.changes if change.object != BUCKETS)),
            unproven=tuple((each.object, each.sentence) for each in unsettled_with_disagreements(proof)),
            subjects=proof.subjects,
            asked=proof.asked,
            seconds=round(proof.seconds, 2),
            cells=tuple(
                KeptCell(each.cell.role, each.cell.table, each.cell.phase, each.verdict, each.kinds)
                for each in proof.cells
            ),
            kinds=proof.kinds,
            differences=tuple(map(_difference, proof.found)),
        )


@dataclass(frozen=True)
class Asked:
    """What asking the target itself showed: differences, how many pairs were asked, and that in sentences."""

    differences: tuple[RowDifference, ...] = ()
    pairs: int = 0
    notes: tuple[str, ...] = ()


def _difference(found: AccessChange | RowDifference) -> KeptDifference:
    what = found.object if isinstance(found, AccessChange) else found.table
    return KeptDifference(found.role, what, tuple(found.commands), found.direction, found.sentence)


def may_change_access(migration: Migration) -> bool:
    """Whether any statement could change rows or who reaches them; read from the text, and careful."""
    return not all(statement.kind.startswith(_HARMLESS) for statement in migration.statements)


def prove_on_copy(old: Target, new: Target, migration: Migration, facts: tuple[Facts, Facts]) -> AccessOutcome:
    """The whole proof: `old` is the copy as it was before the migration, `new` as it is after; both a superuser's."""
    data_may_differ = not all(
        statement.kind.startswith(_NO_ROWS) and not statement.opaque for statement in migration.statements
    )
    api = api_of(*facts)
    explained: list[str] = []
    with old.session("access before") as before, new.session("access after") as after:
        try:
            proof = prove(before, after, api=api, data_may_differ=data_may_differ, facts=facts)
            explained = _explained(before, after, api, proof)
        except psycopg.Error as error:
            reason = f"the two copies could not be compared: {one_line(str(error))}"
            proof = Proof(Verdict.NOT_PROVED, access_changes(*facts, api), unsettled=(Unsettled("*", reason),))
    decision = decide(migration.manifest.access, migration.access, proof)
    decision = replace(decision, reasons=_causes_once(decision.reasons), remarks=_causes_once(decision.remarks))
    if decision.reasons:
        decision = replace(decision, reasons=_with_lines(decision.reasons, migration, proof))
    return AccessOutcome(decision, proof.verdict, proof, (*_cross_checked(proof), *explained))


def _with_lines(reasons: tuple[Sentence, ...], migration: Migration, proof: Proof) -> tuple[Sentence, ...]:
    """What counts against a migration, and before what to do about it the lines that name what differs."""
    objects = [
        *(found.object if isinstance(found, AccessChange) else found.table for found in (*proof.found, *proof.opened)),
        *(each.object for each in unsettled_with_disagreements(proof)),
        *(change.object for change in proof.changes),
    ]
    names = {parsed("function", name).plain_name.lower() for name in objects}
    names |= {parsed("column", name).plain_name.lower() for name in objects if not parsed("function", name).arguments}
    doing = [each for each in migration.statements if each.kind not in ("set", "select")]
    naming = [each for each in doing if words_of(each.sql) & names] or doing
    if not naming:
        return reasons
    lines = "; ".join(f"line {each.line}, {cut(each.summary, 160)}" for each in naming[:LINES])
    more = f"; and {len(naming) - LINES} more" if len(naming) > LINES else ""
    place = next((number for number, said in enumerate(reasons) if said.is_advice), len(reasons))
    return (*reasons[:place], Sentence(f"where the migration does it: {lines}{more}"), *reasons[place:])


def _causes_once(said: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """The same sentences, in which a cause of a table stands once: for each further role and command it is the same reason."""
    told: set[tuple[str, tuple[str, ...]]] = set()
    found = []
    for each in said:
        about = each.about
        if isinstance(about, RowDifference) and about.because:
            cause = (about.table, about.because)
            found.append(each.repeated if cause in told else each)
            told.add(cause)
        else:
            found.append(each)
    return tuple(found)


def _explained(before: Connection, after: Connection, api: Api, proof: Proof) -> list[str]:
    """The first differences of rows, step by step."""
    try:
        return [
            line
            for difference in proof.differences[:EXPLAINED]
            for line in explain_difference(
                before if difference.direction == "lost" else after,
                api,
                difference,
                when=_SIDE.get(difference.direction, "after the migration"),
            )
        ]
    except psycopg.Error:
        # A difference that cannot be explained is still a difference.
        return []


def equal_by_catalog(migration: Migration) -> AccessOutcome:
    """For a migration that touches neither rows nor rights."""
    proof = Proof(Verdict.EQUAL)
    return AccessOutcome(decide(migration.manifest.access, migration.access, proof), proof.verdict, proof)


def judge_target(
    migration: Migration,
    facts: tuple[Facts, Facts],
    rehearsed: AccessFound | None,
    asked: Asked | None,
    *,
    log: logging.Logger,
) -> AccessOutcome:
    """What the target's own facts say, with the rehearsal's proof if there is one, and the pairs asked again there. Reads nothing.

    After a proof on the copy exactly the changes that were seen there may be found here; anything else was done by somebody
    else meanwhile, and counts. Without one, what only rows can tell is sampled, not proven.
    """
    changes = access_changes(*facts, api_of(*facts))
    if rehearsed is not None:
        # The ledger keeps the sentences: each says all that its change is.
        seen = set(rehearsed.changes)
        unseen = [change for change in changes if change.sentence not in seen]
        missing = sorted(seen - {change.sentence for change in changes})
        outcome = _transferred(migration, rehearsed, unseen, missing, asked)
    else:
        outcome = _by_catalog(migration, changes, asked)
    _log_access(outcome, log)
    return outcome


def _log_access(outcome: AccessOutcome, log: logging.Logger) -> None:
    """The verdict, what counts against the migration, and what is only shown."""
    proof = outcome.proof
    asked = (
        f", asked as {proof.asked} of {proof.subjects} users and roles in {format_duration(proof.seconds)}"
        if proof and proof.asked
        else ""
    )
    mark = sign(tone_of_access(outcome.evidence("")))
    (log.info if outcome.decision.passes else log.error)("  %s access: %s%s", mark, outcome.verdict, asked)
    for note in outcome.notes:
        log.info("    %s", note)
    for sentence in outcome.decision.against:
        log.error("    ✗ %s", sentence)
    for sentence in outcome.decision.shown:
        log.info("    %s", shorten_sentence(sentence))


def _transferred(
    migration: Migration,
    rehearsed: AccessFound,
    unseen: Sequence[AccessChange],
    missing: Iterable[str],
    asked: Asked | None,
) -> AccessOutcome:
    notes = asked.notes if asked else ()
    verdict = (rehearsed.verdict or Verdict.NOT_PROVED).as_on_copy
    against = [f"not seen in the rehearsal: {change.sentence}" for change in unseen]
    against += [f"seen in the rehearsal, but not here: {sentence}" for sentence in missing]
    if against:
        verdict = Verdict.OTHER_THAN_ON_COPY
    found = tuple(difference for difference in asked.differences if difference.sentence) if asked else ()
    if found and migration.manifest.access != "changed":
        against += [difference.sentence for difference in found]
    elif found:
        # What was declared was proven on the copy; here only what was not declared counts.
        against += [difference.sentence for difference in found if not is_declared(difference, migration.access)]
    said = tuple(map(Sentence, against))
    if not said:
        return AccessOutcome(Decision(True, Outcome.UNCHANGED), verdict, notes=notes)
    if migration.manifest.access == "undeclared":
        return AccessOutcome(Decision(True, Outcome.UNDECLARED, remarks=said), verdict, notes=notes)
    return AccessOutcome(Decision(False, Outcome.DIFFERENT, said), verdict, notes=notes)


def _by_catalog(migration: Migration, changes: tuple[AccessChange, ...], asked: Asked | None) -> AccessOutcome:
    found = asked.differences if asked else ()
    verdict = Verdict.SAMPLED
    if asked is None or not asked.pairs:
        verdict = Verdict.BY_CATALOG
    if not may_change_access(migration) and not changes:
        verdict = Verdict.EQUAL
    proof = Proof(verdict, changes=changes, differences=found)
    notes = asked.notes if asked else ()
    decision = decide(migration.manifest.access, migration.access, proof, rows_were_asked=False)
    return AccessOutcome(decision, verdict, proof, notes)


def _cross_checked(proof: Proof) -> tuple[str, ...]:
    """What PostgreSQL's own machinery said on samples."""
    if not proof.compared:
        return ()
    said = f"{proof.compared} answers of the real machinery compared with the predicates'"
    return (f"{said}: {len(proof.disagreements) or 'none'} disagree",)
