"""Verify: look at the database, not at the exit code, and say whether the migration did what it promised."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pg_deploy.catalog.finding import Finding
from pg_deploy.catalog.reader import Facts
from pg_deploy.deployment import benchmarks as bench
from pg_deploy.deployment.access_judgement import judge_target
from pg_deploy.deployment.access_on_target import ask_target
from pg_deploy.deployment.checks import SHOWN_ROWS, built_in_checks, log_result, run_check, run_checks
from pg_deploy.deployment.errors import VerificationFailedError
from pg_deploy.deployment.job import BENCHMARK_S, Job
from pg_deploy.deployment.lints import FAILING, with_what_rests_on_it
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import Attempt, State
from pg_deploy.ledger.evidence import Evidence, Kind
from pg_deploy.ledger.kinds.access import AccessFound
from pg_deploy.ledger.kinds.benchmark import BenchmarkBefore, Measurement
from pg_deploy.ledger.kinds.check import CheckOutcome, CheckResult
from pg_deploy.ledger.kinds.lint import LintsBefore
from pg_deploy.ledger.kinds.workload import Workload, WorkloadProof
from pg_deploy.migrations.manifest import SAY_WHY
from pg_deploy.migrations.migration import Benchmark, Migration
from pg_deploy.postgres.session import Connection
from pg_deploy.postgres.sql_files import engine_text
from pg_deploy.presentation.lines import log_lines
from pg_deploy.workload.declared import sentence_of
from pg_deploy.workload.on_target import ask_workload
from pg_deploy.workload.workload_text import workload_lines

AGAIN_AFTER_S = (0.5, 3.0)
"""Pauses after which a benchmark that breached its limit is measured again, in seconds: all must agree."""


def verify(job: Job, migration: Migration) -> Attempt:
    """Run the built-in checks, the migration's own checks and its benchmarks; on success the migration counts as deployed.

    Every check runs, also after the first failure. Raises VerificationFailedError naming all that failed.
    """
    current = attempts.latest(job.ledger, migration.version)
    if current is not None and current.state == State.VERIFIED and migration.file.is_text_of(current.sql_hash):
        # A try that was killed between this commit and its report; failing here would undo a good migration.
        job.log.info("verified already by an earlier try")
        return current
    if current is None or current.state != State.APPLIED:
        raise VerificationFailedError(migration.stem, ["it is not in state applied"])
    failures: list[str] = []
    before = evidence.of_attempt(job.ledger, current.id, Kind.CHECK_BEFORE, Kind.BENCHMARK_BEFORE, Kind.LINTS_BEFORE)
    with job.guard.session(f"verify {migration.version}", role_search_path=True) as connection:
        failures += _verify_checks(job, connection, current, migration, before)
        if job.benchmark:
            failures += _verify_benchmarks(job, connection, current, migration, before)
        after = job.guard.read_facts("all" if job.on_copy or migration.rollback is None else "held")
        found = job.lints(connection, after)
    was = job.snapshot_of(current, "before")
    failures += _verify_lints(job, current, migration, found, before, (was, after))
    job.keep_snapshot(current, "after", after)
    if not job.on_copy:
        # In a rehearsal the whole proof is made instead, of two databases.
        failures += _verify_access(job, current, migration, (was, after))
        failures += _verify_workload(job, current, migration)
    if failures:
        error = VerificationFailedError(migration.stem, failures, on_copy=job.on_copy)
        job.ledger.execute(
            engine_text("update deploy_ledger.attempt set error = %s where id = %s"), [str(error), current.id]
        )
        raise error
    return attempts.move(job.ledger, current, State.VERIFIED)


def _verify_checks(
    job: Job, connection: Connection, current: Attempt, migration: Migration, before: Sequence[Evidence]
) -> list[str]:
    job.log.info("checks")
    were = [CheckResult.from_row(found) for found in before if found.kind == Kind.CHECK_BEFORE]
    known = {result.name: {row[0] for row in result.rows} for result in were}
    failures = []
    for check in built_in_checks():
        result = run_check(connection, check, on_copy=job.on_copy, timeout_s=job.check_timeout_s, built_in=True)
        result = _without_known(result, known.get(check.name, set()))
        log_result(result, job.log)
        job.record(current, Kind.CHECK, result)
        failures += _failure(result, "built in")
    for result in run_checks(
        connection, migration.checks, on_copy=job.on_copy, timeout_s=job.check_timeout_s, log=job.log
    ):
        job.record(current, Kind.CHECK, result)
        failures += _failure(result, f"verify/{result.name}.sql")
    return failures


def _verify_lints(
    job: Job,
    current: Attempt,
    migration: Migration,
    now: Sequence[Finding],
    before: Sequence[Evidence],
    facts: tuple[Facts | None, Facts],
) -> list[str]:
    """Findings that came with the migration: all are shown; those of level error or warn fail a migration that has a companion."""
    known = {key for row in before if row.kind == Kind.LINTS_BEFORE for key in LintsBefore.from_row(row).keys}
    known |= _renamed(known, *facts)
    known |= {(allowed.lint, allowed.object) for allowed in migration.manifest.allow}
    found = [with_what_rests_on_it(finding, facts[1]) for finding in now if finding.key not in known]
    failures: list[str] = []
    entries: list[str] = []
    for finding in found:
        counts = finding.level in FAILING and migration.has_companion
        (job.log.error if counts else job.log.info)("  %s lint %s", "✗" if counts else "–", finding.sentence)
        job.record(current, Kind.LINT, finding)
        if counts:
            entries.append(
                f"{{lint: {finding.name}, object: {json.dumps(finding.object)}, why: {SAY_WHY} why this is meant>}}"
            )
            failures.append(f"lint {finding.sentence}")
    if entries:
        failures.append(
            f"lints count because there is a companion folder; if they are meant write into migration.yaml allow: [{', '.join(entries)}]"
        )
    if not found:
        job.log.info("  ✓ no new finding of the security lints")
    return failures


def _renamed(known: Iterable[tuple[str, str]], before: Facts | None, after: Facts) -> set[tuple[str, str]]:
    """The findings by what their objects, or what these are in, are called now: a new name is no new fault."""
    was, now = before.objects if before else None, after.objects
    if was is None or now is None or not was.is_of(now):
        return set()
    names = {
        key[1]: now.keys[address][1]
        for key, address in was.addresses.items()
        if address in now.keys and now.keys[address][1] != key[1]
    }
    found = set()
    for lint, name in known:
        within = [each for each in names if name == each or name.startswith(f"{each}.")]
        if within:
            old = max(within, key=len)
            found.add((lint, names[old] + name[len(old) :]))
    return found


def _verify_access(job: Job, current: Attempt, migration: Migration, facts: tuple[Facts | None, Facts]) -> list[str]:
    before, after = facts
    if before is None:
        return ["access cannot be judged, because the snapshot before is missing"]
    row = evidence.latest_of_copy(job.ledger, job.deployment_id, Kind.ACCESS, migration.version)
    proven = AccessFound.from_row(row) if row is not None else None
    # Also a proof that left something open compared the rows: what it left open was judged on the copy.
    asked = ask_target(job, current, migration, (before, after), proven=proven is not None)
    outcome = judge_target(migration, (before, after), proven, asked, log=job.log)
    job.record(current, Kind.ACCESS, outcome.evidence(migration.stem))
    return [f"access: {sentence}" for sentence in outcome.decision.against]


def _verify_workload(job: Job, current: Attempt, migration: Migration) -> list[str]:
    """Ask the recorded statements on the target as they were asked on the copy: what the copy took, the target must take."""
    row = evidence.latest_of_copy(job.ledger, job.deployment_id, Kind.WORKLOAD_PROOF, migration.version)
    rows = evidence.of_deployment(job.ledger, job.deployment_id, Kind.WORKLOAD) if row is not None else ()
    if row is None or not rows or job.workload == "none":
        return []
    found = ask_workload(job.target, Workload.from_row(rows[-1]), WorkloadProof.from_row(row))
    job.record(current, Kind.WORKLOAD_PROOF, found)
    log_lines(workload_lines(found), job.log)
    counts = job.workload == "gate" and migration.has_companion
    return [f"workload: {sentence_of(each)}" for each in found.findings if each.counts and counts]


def _without_known(result: CheckResult, known: set[str]) -> CheckResult:
    """Only what the migration added counts: findings that were there before are somebody else's."""
    rows = tuple(row for row in result.rows if row[0] not in known)
    is_known = result.outcome == CheckOutcome.FAILED and not rows
    outcome = CheckOutcome.PASSED if is_known else result.outcome
    return replace(result, rows=rows[:SHOWN_ROWS], found=len(rows), outcome=outcome)


def _failure(result: CheckResult, where: str) -> list[str]:
    if result.is_good:
        return []
    name = result.name.replace("_", " ")
    if result.error:
        return [f'check "{name}" ({where}) fails itself, so correct the check: {result.error}']
    rows = "1 row" if result.found == 1 else f"{result.number} rows"
    first = ""
    if result.rows:
        named = zip(result.columns, result.rows[0], strict=False) if result.columns else ()
        first = f", the first: {', '.join(f'{column} {value}' for column, value in named) or ', '.join(result.rows[0])}"
    return [f'check "{name}" ({where}): {rows} found, and a check returns what is wrong{first}']


def _verify_benchmarks(
    job: Job, connection: Connection, current: Attempt, migration: Migration, before: Sequence[Evidence]
) -> list[str]:
    if not migration.benchmarks:
        return []
    job.log.info("benchmarks after")
    were = [BenchmarkBefore.from_row(found) for found in before if found.kind == Kind.BENCHMARK_BEFORE]
    measured = {each.name: each.measurement for each in were}
    after = bench.measure_all(
        connection, migration.benchmarks, side="after", timeout_s=BENCHMARK_S, log=job.log, runs=job.benchmark_runs
    )
    failures = []
    for benchmark in migration.benchmarks:
        first = measured.get(benchmark.name)
        agrees = bench.breaches(benchmark, first, after[benchmark.name]) and all(
            _breaches_again(connection, benchmark, first, pause) for pause in AGAIN_AFTER_S
        )
        result = bench.compare(benchmark, first, after, agrees=agrees)
        _log_comparison(result, job.log)
        job.record(current, Kind.BENCHMARK, result.evidence)
        if result.breached:
            failures.append(f'benchmark "{benchmark.name}": {result.why}, {result.sentence}')
    return failures


def _breaches_again(connection: Connection, benchmark: Benchmark, before: Measurement | None, pause: float) -> bool:
    """Whether it still breaches its limit when measured again after `pause` seconds."""
    time.sleep(pause)
    return bench.breaches(benchmark, before, bench.measure(connection, benchmark.after, timeout_s=BENCHMARK_S))


def _log_comparison(result: bench.Comparison, log: logging.Logger) -> None:
    if result.breached:
        log.error("  ✗ %s: %s: %s", result.name, result.why, result.sentence)
    else:
        log.info("  ✓ %s: %s", result.name, result.sentence)
