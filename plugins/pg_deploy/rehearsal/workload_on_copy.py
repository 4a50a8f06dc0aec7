"""The workload proof as a part of the rehearsal: asked before and after each migration, on the copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pg_deploy.access.facts.api import api_of
from pg_deploy.catalog.reader import Facts
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.workload import Effect, Workload, WorkloadFinding, WorkloadProof
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Target
from pg_deploy.workload.bodies import Body, compare_bodies, new_and_broken, read_bodies
from pg_deploy.workload.declared import declare, entries_for, sentence_of
from pg_deploy.workload.jobs import Job as CronJob
from pg_deploy.workload.jobs import compare_jobs, read_jobs
from pg_deploy.workload.measuring import Measured, ToMeasure, measure, slower_findings, to_measure
from pg_deploy.workload.missing_statistics import Statistics, compare_missing, read_missing
from pg_deploy.workload.naming import statements_naming
from pg_deploy.workload.proof import Side, ask_again, ask_before, compare_sides, summed_up
from pg_deploy.workload.quiet import quiet_since
from pg_deploy.workload.reading import tables_read
from pg_deploy.workload.session_paths import read_session_paths

MEASURED_FOR_S = 30.0
"""How long the statements of one migration are measured, in seconds, all of them on both sides together."""


@dataclass(frozen=True)
class _Seen:
    """The copy at one moment: what the statements are answered, and what else runs there."""

    side: Side
    bodies: Mapping[str, Body] = field(default_factory=dict)
    jobs: Mapping[str, CronJob] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=dict)


class WorkloadOnCopy:
    """Asks the recorded workload on the copy, migration by migration: what was seen after one is what is before the next."""

    def __init__(self, job: Job, copy: Target, *, is_private: bool) -> None:
        self._job = job
        self._copy = copy
        self._is_private = is_private
        """Whether the session is a superuser's, who may look at every body, job and statistic."""
        self._workload = recorded_workload(job)
        self._before: _Seen | None = None

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
            self._before = self._look(ask_before(self._copy, self._workload, self._job.log))

    def prove(self, migration: Migration, facts: tuple[Facts, Facts], twin: Target | None) -> WorkloadProof | None:
        """What the migration between these facts does to the workload; `against` holds what fails it. None if nothing was asked."""
        before = self._before
        if before is None:
            return None
        self._before = after = self._look(ask_again(self._copy, before.side))
        measured = self._measured(before.side, after.side, facts, twin)
        found = compare_sides(
            before.side, after.side, facts, (*_beside(before, after, facts[0]), *_of_measured(measured))
        )
        findings, refused = declare(found, migration.manifest.breaks, self._not_quiet)
        notes = (*new_and_broken(before.bodies, after.bodies), *_notes(measured))
        proof = summed_up(migration.stem, before.side, after.side, findings, notes)
        if self._job.workload != "gate" or not migration.has_companion:
            return proof
        counting = [each for each in findings if each.counts]
        return replace(proof, against=(*map(sentence_of, counting), *(refused if counting else ())))

    def _look(self, side: Side) -> _Seen:
        if not self._is_private:
            return _Seen(side)
        with self._copy.session("workload") as connection:
            paths = read_session_paths(connection)
            everybodys = tuple(dict.fromkeys((*paths.of(""), *paths.by_role.values())))
            roles = {**{role: paths.of(role) for role in paths.by_role}, "": paths.of("")}
            return _Seen(
                side, read_bodies(connection, everybodys), read_jobs(connection, roles), read_missing(connection)
            )

    def _measured(
        self, before: Side, after: Side, facts: tuple[Facts, Facts], twin: Target | None
    ) -> tuple[Measured, ...]:
        if twin is None or not self.is_measured:
            return ()
        asked = [
            ToMeasure(each.statement, each.answer, after.asked[name].answer) for name, each in before.asked.items()
        ]
        chosen = to_measure(asked)
        self._job.log.info("  workload: measuring %d statements on both sides", len(chosen))
        return measure(twin, self._copy, chosen, api=api_of(*facts), limit_s=MEASURED_FOR_S)

    def _not_quiet(self, named: str, seconds: float) -> str | None:
        """Why the target's record does not show that statements naming it were not called for so long; None if it does."""
        recorded = self._workload.statements if self._workload else ()
        quiet = quiet_since(self._job.ledger, named, statements_naming(named, recorded), seconds)
        return None if quiet.is_enough else quiet.sentence


def _beside(before: _Seen, after: _Seen, facts: Facts) -> Iterator[WorkloadFinding]:
    """What the migration breaks that no recorded statement shows."""
    yield from compare_bodies(before.bodies, after.bodies)
    yield from compare_jobs(before.jobs, after.jobs)
    yield from compare_missing(before.statistics, after.statistics, tables_read(before.side, facts))


def _of_measured(measured: tuple[Measured, ...]) -> Iterator[WorkloadFinding]:
    yield from slower_findings(measured)
    for each in measured:
        if each.after.error and not each.before.error:
            # With values of rows that are there: the application's own need not be such.
            yield WorkloadFinding(
                Effect.MAY_BE_REFUSED,
                each.statement.text,
                f"run with values of rows that are there: {each.after.error}",
                id=each.statement.id,
                roles=(each.statement.role,),
                calls_a_day=each.statement.calls_a_day,
            )


def _notes(measured: tuple[Measured, ...]) -> Iterator[str]:
    without = [each for each in measured if not each.is_measured]
    if measured:
        yield f"{len(measured) - len(without)} of {len(measured)} statements chosen for it were measured on both sides"
    for each in without[:5]:
        yield f"{each.statement.id}: {each.sentence}"


def entries_of(proof: WorkloadProof) -> tuple[str, ...]:
    """The lines that would declare what counts against the migration."""
    return entries_for(each for each in proof.findings if each.counts)


def recorded_workload(job: Job) -> Workload | None:
    """What was recorded for this deployment last; None if nothing is to be asked or was recorded."""
    if job.workload == "none":
        return None
    rows = evidence.of_deployment(job.ledger, job.deployment_id, Kind.WORKLOAD)
    return Workload.from_row(rows[-1]) if rows else None
