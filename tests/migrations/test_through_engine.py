"""The four migrations through the engine itself, one after the other, on a fresh demo target with a real pg_cron."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo import cluster
from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment import checks
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import deployment, pins, schema
from pg_deploy.ledger.deployment import Claim
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import Migration, load_all, read_folder
from pg_deploy.postgres.session import Target
from pg_deploy.postgres.sql_files import PROJECT
from pg_deploy.preflight import claiming
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from tests.migrations.runner import state

LOG = logging.getLogger("tests")


@contextmanager
def deploying(url: str, migrations: tuple[Migration, ...]) -> Iterator[Job]:
    """A claimed target with `migrations` pinned, under the deploy lock."""
    target = Target("demo", url)
    with target.session("test") as connection:
        schema.ensure(connection)
        history.ensure(connection)
        held = claiming.claim_target(
            connection, Claim("test", "test", "tester", {}, "", ()), good_for=600, give_up_after=5, log=LOG
        )
        pins.pin(connection, held.id, migrations)
        with working(target, Ownership(held.id, held.fence), "test", give_up_after=5, log=LOG) as guard:
            yield Job(target, guard, Limits(), LOG, benchmark=False)
        deployment.close(connection, held.id, held.fence, deployment.State.DEPLOYED)


@pytest.mark.acceptance
def test_each_is_proven_undone_without_a_trace_fails_its_checks_and_is_applied_again(
    demo_url: str, demo_cluster: cluster.Cluster
) -> None:
    """Else a rollback at night would leave the database neither as it was nor as it should be."""
    migrations = load_all(read_folder(PROJECT / "sql" / "migrations"))
    with deploying(demo_url, migrations) as job:
        for migration in migrations:
            before = state(demo_url, demo_cluster.bindir)
            for _ in range(2):
                resume(job, migration)
                apply(job, migration)
                verify(job, migration)
                assert migration.version in history.read(job.ledger)
                roll_back(job, migration.version)
                assert state(demo_url, demo_cluster.bindir) == before, migration.stem
                assert migration.version not in history.read(job.ledger)
                _must_fail(job, migration)
            resume(job, migration)
            apply(job, migration)
            verify(job, migration)
        reached = [attempts.latest(job.ledger, each.version) for each in migrations]
        assert [each and each.state for each in reached] == ["verified"] * 4


def _must_fail(job: Job, migration: Migration) -> None:
    """Without the migration its own checks say so."""
    with job.target.session("test") as connection:
        results = checks.run_checks(connection, migration.checks, on_copy=False, timeout_s=60, log=LOG)
    assert any(result.outcome in ("failed", "error") for result in results), migration.stem
