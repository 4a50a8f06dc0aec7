"""Asking the target itself about access, before and after a migration: a sample, and what the migration's own writes show."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from pg_deploy.access.explain import explain_difference
from pg_deploy.access.facts.access_change import AccessChange
from pg_deploy.access.facts.api import Api, api_of
from pg_deploy.access.facts.differences import access_changes
from pg_deploy.access.facts.functions import policy_words
from pg_deploy.access.predicates.predicates import PHASE_WORDS, read_policies
from pg_deploy.access.predicates.reach import read_relations
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.sampling.counterfactual import still_valid
from pg_deploy.access.sampling.rows_written import judge_written_rows, keep_older_tables
from pg_deploy.access.sampling.sample import Because, LiveComparison, LiveSample, ask_again, take_sample
from pg_deploy.access.sampling.sample_context import looked_up_by
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.duration import format_duration
from pg_deploy.deployment.access_judgement import EXPLAINED, Asked, may_change_access
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import evidence
from pg_deploy.ledger.attempt import Attempt
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.access import AskedAgain
from pg_deploy.ledger.kinds.rows_written import Written, written_of
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection, one_line


def sample_target(job: Job, attempt: Attempt, connection: Connection, facts: Facts) -> None:
    """Ask some subjects about some rows, and keep the answers as evidence; at most half a minute. Changes nothing else.

    A sample that cannot be taken is said to be missing and fails nothing.
    """
    try:
        api = api_of(facts)
        sample = take_sample(connection, api, facts=facts) if api.roles else None
    except psycopg.Error as error:
        job.log.warning("  access could not be sampled: %s", one_line(str(error)))
        return
    if sample is None or not sample.keys:
        return
    job.log.info(
        "  access: asked as %d users and roles about %d rows of %d tables in %s",
        len(sample.subjects),
        sum(map(len, sample.keys.values())),
        len(sample.keys),
        format_duration(sample.seconds),
    )
    job.record(attempt, Kind.ACCESS_SAMPLE, sample)


def ask_target(
    job: Job, attempt: Attempt, migration: Migration, facts: tuple[Facts, Facts], *, proven: bool
) -> Asked | None:
    """Ask the sample again; if no copy has proven the migration, look at what it wrote as well. Reads only the target.

    None if there is nothing to ask: no API, or a migration that touches neither rows nor rights.
    """
    if not may_change_access(migration):
        return None
    kept = evidence.of_attempt(job.ledger, attempt.id, Kind.ACCESS_SAMPLE)
    try:
        with job.guard.session(f"access {migration.version}") as connection:
            api = api_of(*facts)
            if not api.roles:
                return None
            differences: list[RowDifference] = []
            notes: list[str] = []
            pairs = 0
            written = _written(job, attempt)
            if kept:
                changes = access_changes(*facts, api)
                sample = LiveSample.from_row(kept[-1])
                tables = {each.table for each in written}
                compared = ask_again(
                    connection,
                    sample,
                    api,
                    facts=facts[0],
                    because=_because(changes, sample),
                    still_valid=lambda table, predicate: still_valid(table, predicate, *facts, tables),
                )
                _record(job, attempt, compared)
                differences += compared.differences
                notes.append(compared.sentence)
                notes += _explained(connection, api, compared)
                pairs = compared.pairs
            if not proven:
                differences += _by_writing(written, migration, connection, api, facts)
            return Asked(tuple(differences), pairs, tuple(notes))
    except psycopg.Error as error:
        job.log.warning("  access could not be sampled again: %s", one_line(str(error)))
        return Asked(notes=(f"the sample could not be asked again: {one_line(str(error))}",))


def _because(changes: Sequence[AccessChange], sample: LiveSample) -> Because:
    """What of the catalog may explain a difference: the table's policies for these commands, else functions and the rest."""
    old = [change for change in changes if not change.object_is_new]
    general = [change.short for change in old if change.object not in sample.keys]

    def told(table: str, commands: tuple[str, ...]) -> list[str]:
        wanted = {"update" if command == PHASE_WORDS["update_check"] else command for command in commands}
        own = [change for change in old if change.object == table]
        fitting = [change for change in own if not change.commands or wanted & set(change.commands)]
        return [*(change.short for change in fitting or own), *general][:2]

    return told


def _record(job: Job, attempt: Attempt, compared: LiveComparison) -> None:
    again = AskedAgain(
        compared.pairs,
        compared.subjects,
        compared.moved_by_traffic,
        compared.unanswered,
        compared.seconds,
        tuple(difference.sentence for difference in compared.differences),
    )
    job.record(attempt, Kind.ACCESS_SAMPLE_AGAIN, again)


def _explained(connection: Connection, api: Api, compared: LiveComparison) -> list[str]:
    """Step by step for the first differences: which policies, grants and memberships say so now."""
    lines: list[str] = []
    for difference in compared.differences[:EXPLAINED]:
        lines += explain_difference(connection, api, difference)
    return lines


def _written(job: Job, attempt: Attempt) -> tuple[Written, ...]:
    return written_of(evidence.of_attempt(job.ledger, attempt.id, Kind.ROWS_WRITTEN))


def _by_writing(
    written: Sequence[Written], migration: Migration, connection: Connection, api: Api, facts: tuple[Facts, Facts]
) -> tuple[RowDifference, ...]:
    if not keep_older_tables(written, facts[0]):
        return ()
    relations = {relation.full_name: relation for relation in read_relations(connection, api) if relation.is_table}
    return judge_written_rows(
        written,
        migration.file.sql,
        relations,
        read_policies(connection, api),
        looked_up_by(*facts),
        policy_words(facts[0]) | policy_words(facts[1]),
        facts,
    )
