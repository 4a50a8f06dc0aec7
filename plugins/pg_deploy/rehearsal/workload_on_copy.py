"""The workload proof as a part of the rehearsal: asked before and after each migration, on the copy."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from pg_deploy.catalog.reader import Facts
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.workload import Workload, WorkloadProof
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Target
from pg_deploy.workload.declared import apply_declarations, entries_for, sentence_of
from pg_deploy.workload.measuring import Measured
from pg_deploy.workload.naming import statements_naming
from pg_deploy.workload.observation import Observation, compare_observations, notes_beside, observe, run_on_both
from pg_deploy.workload.proof import SideAnswers, ask_again, ask_before, sum_up_proof
from pg_deploy.workload.quiet import prove_quiet


class WorkloadOnCopy:
    """Asks the recorded workload on the copy, migration by migration: what was seen after one is what is before the next."""

    def __init__(self, job: Job, copy: Target, *, is_private: bool) -> None:
        self._job = job
        self._copy = copy
        self._is_private = is_private
        """Whether the session is a superuser's, who may look at every body, job and statistic."""
        self._workload = recorded_workload(job)
        self._before: Observation | None = None

    @property
    def is_measured(self) -> bool:
        """Whether statements are to be run on both sides, which needs the side before beside the copy."""
        return self._job.benchmark and self._workload is not None and bool(self._workload.statements)

    def ask_before(self, *, keep: bool) -> None:
        """Ask on the copy as it is before a migration, unless the answers are known from the one before it.

        Without `keep`, for a file of a long set, nothing is asked: each file would cost as much as the deployment of many.
        """
        if not keep:
            self._before = None
        elif self._before is None and self._workload is not None:
            self._before = self._observe(ask_before(self._copy, self._workload, self._job.log))

    def prove(self, migration: Migration, facts: tuple[Facts, Facts], twin: Target | None) -> WorkloadProof | None:
        """What the migration between these facts does to the workload; `against` holds what fails it. None if nothing was asked."""
        before = self._before
        if before is None:
            return None
        self._before = after = self._observe(ask_again(self._copy, before.side))
        measured = self._run((before, after), facts, twin)
        found = compare_observations(before, after, facts, measured)
        # Many statements may name one object, and the answer rests on the texts of all.
        findings, refused = apply_declarations(found, migration.manifest.breaks, cache(self._not_quiet))
        notes = tuple(notes_beside(before, after, measured))
        proof = sum_up_proof(migration.stem, before.side, after.side, findings, notes)
        if self._job.workload != "gate" or not migration.has_companion:
            return proof
        counting = [each for each in findings if each.counts]
        return replace(proof, against=(*map(sentence_of, counting), *(refused if counting else ())))

    def _observe(self, side: SideAnswers) -> Observation:
        return observe(self._copy, side) if self._is_private else Observation(side)

    def _run(
        self, seen: tuple[Observation, Observation], facts: tuple[Facts, Facts], twin: Target | None
    ) -> tuple[Measured, ...]:
        if twin is None or not self.is_measured:
            return ()
        return run_on_both((twin, self._copy), seen, facts, self._job.log)

    def _not_quiet(self, named: str, seconds: float) -> str | None:
        """Why the target's record does not show that statements naming it were not called for so long; None if it does."""
        recorded = self._workload.statements if self._workload else ()
        quiet = prove_quiet(self._job.ledger, named, statements_naming(named, recorded), seconds)
        return None if quiet.is_enough else quiet.sentence


def entries_of(proof: WorkloadProof) -> tuple[str, ...]:
    """The lines that would declare what counts against the migration."""
    return entries_for(each for each in proof.findings if each.counts)


def recorded_workload(job: Job) -> Workload | None:
    """What was recorded for this deployment last; None if nothing is to be asked or was recorded."""
    if job.workload == "none":
        return None
    rows = evidence.of_deployment(job.ledger, job.deployment_id, Kind.WORKLOAD)
    return Workload.from_row(rows[-1]) if rows else None
