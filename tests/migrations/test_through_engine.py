"""The four migrations through the engine itself, one after the other, on a fresh demo target with a real pg_cron."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from demo import cluster
from pg_deploy.deployment import checks
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify
from pg_deploy.ledger import attempt as attempts
from pg_deploy.migrations import history
from pg_deploy.migrations.migration import Migration
from pg_deploy.rollback.roll_back import roll_back
from tests.core.working import working_on
from tests.migrations.runner import state

LOG = logging.getLogger("tests")
OURS = Path(__file__).resolve().parents[2] / "sql" / "migrations"


@pytest.mark.acceptance
def test_each_is_proven_undone_without_a_trace_fails_its_checks_and_is_applied_again(
    demo_url: str, demo_cluster: cluster.Cluster
) -> None:
    """Else a rollback at night would leave the database neither as it was nor as it should be."""
    with working_on(demo_url, OURS, ends="deployed", benchmark=False) as work:
        job = work.job
        for migration in work.migrations:
            before = state(demo_url, demo_cluster.bindir)
            for _ in range(2):
                work.apply(migration)
                verify(job, migration)
                assert migration.version in history.read(job.ledger)
                roll_back(job, migration.version)
                assert state(demo_url, demo_cluster.bindir) == before, migration.stem
                assert migration.version not in history.read(job.ledger)
                _must_fail(job, migration)
            work.apply(migration)
            verify(job, migration)
        reached = [attempts.latest(job.ledger, each.version) for each in work.migrations]
        assert [each and each.state for each in reached] == ["verified"] * 4


def _must_fail(job: Job, migration: Migration) -> None:
    """Without the migration its own checks say so."""
    with job.target.session("test") as connection:
        results = checks.run_checks(connection, migration.checks, on_copy=False, timeout_s=60, log=LOG)
    assert any(result.outcome in ("failed", "error") for result in results), migration.stem
