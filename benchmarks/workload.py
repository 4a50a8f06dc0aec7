"""How long the workload proof takes with 5,000 recorded statements, and whether its memory grows with their number.

    PYTHONPATH=plugins .venv/bin/python -m benchmarks.workload [STATEMENTS …]

It runs on a demo cluster of its own at full scale, which is thrown away afterwards. The statements are really sent, on a copy without rows,
and recorded by the server: selects, joins, reports, inserts, upserts, updates and deletes over the demo's ten tables. They are asked before
and after a migration, as the rehearsal does. Goals, with two quiet cores: recording and both sides under 60 s for 5,000; 98 % of all calls
can be asked; the backend's memory for 5,000 is at most 1.5 times that for 1,000.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks._workload_shapes import shapes
from demo import cluster
from pg_deploy.catalog.reader import read_facts
from pg_deploy.ledger.kinds.workload import Workload
from pg_deploy.postgres.session import Target
from pg_deploy.workload.proof import ask_again, ask_before, compare_answers, sum_up_proof
from pg_deploy.workload.record import record_workload
from tests.throwaway import demo_of_its_own

ALLOWED_S = 60.0
ASKABLE = 0.98
GROWTH = 1.5
RECORDING, COPY = "workload_bench_empty", "workload_bench_copy"
MIGRATION = """
    alter table public.messages drop column metadata;
    alter table public.scrape_jobs rename column error to failure;
    alter table public.domains add column locale text;
    create index on public.conversations (domain_id, last_message_at);
    alter table public.website_content alter column metadata drop default
"""


@dataclass
class Peak:
    """The largest resident memory of the proof's backends, in MB."""

    mb: float = 0.0


def peak_mb(pid: int) -> float:
    """The largest resident memory of a process in MB, with the shared buffers that it touched; 0 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM")), 0.0)


@contextmanager
def watching(admin_url: str) -> Iterator[Peak]:
    """The peak of all sessions that ask, until the block ends."""
    peak, stop = Peak(), threading.Event()

    def watch() -> None:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            while not stop.wait(0.2):
                for (pid,) in admin.execute(
                    "select pid from pg_stat_activity where application_name like 'pg_deploy%'"
                ):
                    peak.mb = max(peak.mb, peak_mb(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def recorded(target: cluster.Cluster, number: int) -> tuple[Workload, float]:
    """That many statements, sent and recorded; and how long recording them took."""
    cluster.drop(target, RECORDING)
    cluster.clone(target, RECORDING)
    with psycopg.connect(target.admin_url(RECORDING), autocommit=True) as admin:
        tables = [
            row[0]
            for row in admin.execute(
                "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            )
        ]
        admin.execute(f"truncate {', '.join(f'public.{table}' for table in tables)}".encode())
        admin.execute("select extensions.pg_stat_statements_reset()")
        with psycopg.connect(target.admin_url(RECORDING)) as sender:
            sender.execute("set role service_role")
            # The first are sent most, as in life.
            for place, text in enumerate(shapes(admin, number)):
                for _ in range(1 + 20 // (1 + place // 50)):
                    with sender.transaction(force_rollback=True):
                        sender.execute(text.encode(), prepare=False)
        started = time.monotonic()
        found = record_workload(admin, ledger="deploy_ledger")
        return found, time.monotonic() - started


def measure(target: cluster.Cluster, number: int) -> tuple[float, float, float]:
    """Print a line; the seconds, the share of the calls that can be asked, the backend's memory in MB."""
    workload, recording = recorded(target, number)
    cluster.drop(target, COPY)
    cluster.clone(target, COPY)
    copy = Target("copy", target.admin_url(COPY))
    with psycopg.connect(target.admin_url(COPY), autocommit=True) as admin, watching(target.admin_url()) as peak:
        facts = read_facts(admin)
        started = time.monotonic()
        before = ask_before(copy, workload, logging.getLogger(__name__))
        first = time.monotonic() - started
        admin.execute(MIGRATION)
        now = read_facts(admin)
        started = time.monotonic()
        after = ask_again(copy, before)
        second = time.monotonic() - started
        started = time.monotonic()
        proof = sum_up_proof("bench", before, after, compare_answers(before, after, (facts, now)))
        comparing = time.monotonic() - started
    seconds = recording + first + second + comparing
    said = ", ".join(f"{tally.statements} {tally.effect}" for tally in proof.tallies)
    print(
        f"{len(workload.statements):10} {recording:9.1f} {first:8.1f} {second:7.1f} {comparing:10.1f} {seconds:7.1f}"
        f" {proof.calls_askable:9.1%} {peak.mb:10.0f} {peak_mb(os.getpid()):8.0f}  {said}",
        flush=True,
    )
    return seconds, proof.calls_askable, peak.mb


def main() -> int:
    """Measure and print; returns 1 if a goal is missed."""
    numbers = [int(number) for number in sys.argv[1:]] or [1000, 5000]
    print("statements record s before s after s comparing s total s  askable backend MB our MB  effects")
    with demo_of_its_own() as made:
        with psycopg.connect(made.admin_url(), autocommit=True) as admin:
            admin.execute("alter system set pg_stat_statements.max = 20000")
        cluster.stop(made)
        target = cluster.ensure(made.directory, port=made.port)
        found = [measure(target, number) for number in numbers]
    missed = []
    for seconds, askable, _ in found:
        missed += [f"{seconds:.0f} s instead of {ALLOWED_S:.0f}"] if seconds > ALLOWED_S else []
        missed += [f"{askable:.1%} askable instead of {ASKABLE:.0%}"] if askable < ASKABLE else []
    growth = found[-1][2] / max(found[0][2], 1.0)
    missed += [f"the backend's memory grew {growth:.1f} times"] if growth > GROWTH else []
    print(f"the backend's memory grew {growth:.2f} times (at most {GROWTH})")
    for each in missed:
        print(f"missed: {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
