"""Verdicts on a busy machine are those of an idle one: the engine's own steps, beside two busy loops a core."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.errors import VerificationFailedError
from pg_deploy.deployment.job import Job
from pg_deploy.deployment.verify import verify
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
from tests.building import write_migration

pytestmark = pytest.mark.acceptance

LOG = logging.getLogger("tests")
RUNS = int(os.environ.get("BUSY_RUNS") or "10")


@contextmanager
def busy_loops(per_core: int = 2) -> Iterator[None]:
    """The machine with that many busy loops a core beside us, which end with the block."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(per_core * (os.cpu_count() or 1))
    ]
    try:
        yield
    finally:
        for each in loops:
            each.kill()
            each.wait(10)


@contextmanager
def deploying(url: str, migrations: tuple[Migration, ...]) -> Iterator[Job]:
    """A claimed target with `migrations` pinned, under the deploy lock; benchmarks are measured."""
    target = Target("target_db", url)
    with target.session("test") as connection:
        schema.ensure(connection)
        history.ensure(connection)
        held = claiming.claim_target(
            connection, Claim("test", "test", "tester", {}, "", ()), good_for=3600, give_up_after=5, log=LOG
        )
        pins.pin(connection, held.id, migrations)
        with working(target, Ownership(held.id, held.fence), "test", give_up_after=60, log=LOG) as guard:
            yield Job(target, guard, Limits(), LOG)
        deployment.close(connection, held.id, held.fence, deployment.State.DEPLOYED)


def refused(job: Job, migration: Migration) -> str:
    """What verify has against the migration once it is applied; nothing where it passes."""
    resume(job, migration)
    apply(job, migration)
    try:
        verify(job, migration)
    except VerificationFailedError as error:
        return str(error)
    return ""


def test_a_busy_machine_rolls_back_none_of_the_four(demo_cluster: cluster.Cluster) -> None:
    """Else a good migration would be undone because somebody compiled something on the worker."""
    migrations = load_all(read_folder(PROJECT / "sql" / "migrations"))
    against = []
    with busy_loops():
        for run in range(RUNS):
            url = cluster.reset(demo_cluster).url()
            with deploying(url, migrations) as job:
                against += [(run, each.stem, said) for each in migrations if (said := refused(job, each))]
    assert against == []


def test_an_index_that_is_lost_is_rolled_back_every_time(demo_cluster: cluster.Cluster, tmp_path: Path) -> None:
    """Else a limit that never decides under load would let the slower query stay in production."""
    url = cluster.reset(demo_cluster).url()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "create table public.parts as select g as id, md5(g::text) as code, repeat('x', 100) as text "
            "from generate_series(1, 200000) g"
        )
        connection.execute("create index parts_code on public.parts (code)")
        connection.execute("revoke all on public.parts from anon, authenticated")
        connection.execute("analyze public.parts")
    verdicts = []
    with busy_loops():
        for run in range(RUNS):
            write_migration(
                tmp_path / str(run),
                f"202501{run + 1:02}000000_drop_the_index",
                "drop index public.parts_code;",
                rollback="create index concurrently parts_code on public.parts (code);",
                benchmarks={"look_up": "select id from public.parts where code = md5('777');"},
            )
            (migration,) = load_all(read_folder(tmp_path / str(run)))
            with deploying(url, (migration,)) as job:
                verdicts.append(refused(job, migration))
                roll_back(job, migration.version)
    assert len(verdicts) == RUNS
    assert [each for each in verdicts if "slower than its limit of 1.5 times" not in each] == []
