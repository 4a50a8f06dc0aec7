"""`rehearse: clone`: a copy that a service or a person made - a branch, a thin clone - compared with the target before it is used."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from pg_deploy.backup.closure import find_closure
from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import IGNORED_SCHEMAS, read_facts
from pg_deploy.deployment.job import Job
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import Migration
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.rehearsal.errors import CopyDiffersError, UnfitCloneError
from pg_deploy.rehearsal.rehearse import Stage, rehearse

_RESET = "make a new clone, or choose rehearse: full"


def rehearse_on_clone(job: Job, clone: Target, migrations: Sequence[Migration], *, is_ours: bool = False) -> str:
    """Compare the clone with the target, rehearse on it, leave it changed; returns a sentence. `is_ours`: made for this run.

    Raises UnfitCloneError if it is on the target's own server, CopyDiffersError if its catalog is another,
    RehearsalFailedError.
    """
    with job.target.session("compare") as here, clone.session("compare") as there:
        _refuse_same_server(here, there, clone)
        ignored = (*IGNORED_SCHEMAS, *find_closure(here, migrations).left_out)
        differences = list(
            describe(compare(read_facts(here, ignored_schemas=ignored), read_facts(there, ignored_schemas=ignored)))
        )
        differences += _history_differences(here, there)
        notes = _notes(there)
    if differences:
        for line in differences:
            job.log.error("  ✗ %s", line)
        raise CopyDiffersError(clone.name, differences)
    job.log.info("  ✓ the catalog of %s equals the target's; its rows were not compared", clone.name)
    place = clone.name if is_ours else f"clone {clone.name}"
    rehearse(job, Stage(clone, place, None, notes), migrations)
    if is_ours:
        return f"rehearsed {len(migrations)} on {clone.name}, which was made for it"
    return f"rehearsed {len(migrations)} on the clone {clone.name}, which is changed now: {_RESET} next time"


def _refuse_same_server(here: Connection, there: Connection, clone: Target) -> None:
    """A lock that is taken on the target shows in every database of its server, and in no clone's, whatever its address."""
    key = secrets.randbelow(2**31)
    here.execute("select pg_catalog.pg_advisory_lock(%s)", [key])
    try:
        seen = there.execute(
            "select exists (select from pg_catalog.pg_locks where locktype = 'advisory' and objid::bigint = %s)", [key]
        ).fetchone()
    finally:
        here.execute("select pg_catalog.pg_advisory_unlock(%s)", [key])
    if seen and seen[0]:
        raise UnfitCloneError(
            clone.name,
            "it is on the target's own server, whose roles it shares",
            "point it at another, or use rehearse: full",
        )
    state = there.execute("select pg_catalog.pg_is_in_recovery()").fetchone()
    if state and state[0]:
        raise UnfitCloneError(
            clone.name, "it is a standby, where nothing can be written", "promote it or make a branch"
        )


def _history_differences(here: Connection, there: Connection) -> list[str]:
    mine, theirs = set(history.read(here)), set(history.read(there))
    return [
        *(f"{version} is in the target's history only" for version in sorted(mine - theirs)),
        *(f"{version} is in the clone's history only" for version in sorted(theirs - mine)),
    ]


def _notes(there: Connection) -> tuple[str, ...]:
    notes = ["rows of the clone were not compared with the target's", "credentials in the clone are not masked by us"]
    cron = there.execute(
        "select exists (select from pg_catalog.pg_extension where extname = 'pg_cron')"
        " and coalesce(pg_catalog.current_setting('cron.launch_active_jobs', true), 'on') <> 'off'"
    ).fetchone()
    if cron and cron[0]:
        notes.append("pg_cron may run jobs in the clone: nothing here can forbid it")
    return tuple(notes)
