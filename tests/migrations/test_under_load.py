"""Verdicts on a busy machine are those of an idle one: the engine's own steps, beside two busy loops a core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo import cluster
from pg_deploy.deployment.errors import VerificationFailedError
from pg_deploy.deployment.verify import verify
from pg_deploy.migrations.migration import Migration
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import Working, working_on
from tests.looking import Database

pytestmark = pytest.mark.acceptance

OURS = Path(__file__).resolve().parents[2] / "sql" / "migrations"
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


def verdict_of(work: Working, migration: Migration) -> str:
    """Apply and verify the migration; returns the error of verify, or nothing if it passes."""
    work.apply(migration)
    try:
        verify(work.job, migration)
    except VerificationFailedError as error:
        return str(error)
    return ""


def test_a_busy_machine_rolls_back_none_of_the_four(demo_cluster: cluster.Cluster) -> None:
    """Else a good migration would be undone because somebody compiled something on the worker."""
    against = []
    with busy_loops():
        for run in range(RUNS):
            url = cluster.reset(demo_cluster).url()
            with working_on(url, OURS, ends="deployed", give_up_after=60) as work:
                against += [(run, each.stem, error) for each in work.migrations if (error := verdict_of(work, each))]
    assert against == []


def test_an_index_that_is_lost_is_rolled_back_every_time(demo_cluster: cluster.Cluster, tmp_path: Path) -> None:
    """Else a limit that never decides under load would let the slower query stay in production."""
    url = cluster.reset(demo_cluster).url()
    Database(url).run(
        """create table public.parts as select g as id, md5(g::text) as code, repeat('x', 100) as text
            from generate_series(1, 200000) g;
        create index parts_code on public.parts (code);
        revoke all on public.parts from anon, authenticated;
        analyze public.parts"""
    )
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
            with working_on(url, tmp_path / str(run), ends="deployed", give_up_after=60) as work:
                (migration,) = work.migrations
                verdicts.append(verdict_of(work, migration))
                roll_back(work.job, migration.version)
    assert len(verdicts) == RUNS
    assert [each for each in verdicts if "slower than its limit of 1.5 times" not in each] == []
