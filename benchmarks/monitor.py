"""What one run of the monitor costs the target: server time as pg_stat_statements counts it, and wall time.

It runs on the demo target at DEMO_SCALE (default 1), with nearly 5,000 statements in pg_stat_statements and a day of samples. Goals: under
300 ms of execution and planning in total, under 15 s of wall time. The figures mean something only on two quiet cores.
"""

from __future__ import annotations

import logging
import os
import sys
import time

import psycopg

from pg_deploy.monitor.conclude import conclude
from pg_deploy.monitor.take_sample import take_sample
from pg_deploy.monitor.thresholds import read_thresholds
from pg_deploy.postgres.session import Target
from tests.throwaway import demo_of_its_own

STATEMENTS = 4800
RUNS = 5
ALLOWED_MS = 300.0
ALLOWED_S = 15.0
_COST = """select sum(total_exec_time + total_plan_time) from extensions.pg_stat_statements
    where userid = 'postgres'::regrole and query !~ 'join pg_class'"""
_EACH = """select queryid, min(left(regexp_replace(query, '\\s+', ' ', 'g'), 90)), sum(total_exec_time + total_plan_time)
    from extensions.pg_stat_statements
    where userid = 'postgres'::regrole and query !~ 'join pg_class'
    group by queryid"""
_HISTORY = """
    with made as (
        insert into deploy_ledger.sample (airflow_run, server_start, taken_at)
        select 'history ' || g, now(), now() - make_interval(mins => 15 * g) from generate_series(96, 1, -1) g
        returning id
    )
    insert into deploy_ledger.measurement (sample_id, measure, rows)
    select made.id, 'statement_windows', (
        select jsonb_object_agg(g * 1234567 || '/10', jsonb_build_array(g, g * 1.234, g * 3)) from generate_series(1, 150) g
    )
    from made"""


def fill(url: str) -> None:
    """Run STATEMENTS statements, each of another shape: other constants alone would count as the same statement."""
    with psycopg.connect(url, autocommit=True) as connection, connection.pipeline():
        for number in range(STATEMENTS):
            columns, conditions = 1 + number % 70, number // 70
            connection.execute(f"select {', '.join('1' * columns)} where true {'and 1 = 1 ' * conditions}".encode())


def main() -> int:
    """Measure and print; returns 1 if a goal is missed."""
    log = logging.getLogger("quiet")
    thresholds = read_thresholds()
    scale = float(os.environ.get("DEMO_SCALE") or "1")
    with demo_of_its_own(scale) as server:
        target = Target("demo", server.url())
        fill(server.url())
        take_sample(target, thresholds, "first", log)
        costs, times = [], []
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            admin.execute(_HISTORY)
            known = {queryid: total for queryid, _, total in admin.execute(_EACH).fetchall()}
            for number in range(RUNS):
                before = admin.execute(_COST).fetchone()
                began = time.monotonic()
                sample = take_sample(target, thresholds, f"run {number}", log)
                conclude(target, thresholds, sample, tell=lambda *_: True, contacts="", log=log)
                times.append(time.monotonic() - began)
                after = admin.execute(_COST).fetchone()
                costs.append(float(after[0] - before[0]) if before and after else 0.0)
            spent = {
                text: (total - known.get(queryid, 0)) / RUNS for queryid, text, total in admin.execute(_EACH).fetchall()
            }
            counted = admin.execute("select count(*) from extensions.pg_stat_statements").fetchone()
    print(f"monitor, scale {scale:g}, {counted[0] if counted else 0} statements, a day of samples, {RUNS} runs:")
    print(f"  server time  {min(costs):.0f} to {max(costs):.0f} ms a run (goal: under {ALLOWED_MS:.0f} ms)")
    print(f"  wall time    {min(times):.2f} to {max(times):.2f} s a run (goal: under {ALLOWED_S:.0f} s)")
    print("  the dearest statements, ms a run:")
    for text, ms in sorted(spent.items(), key=lambda item: item[1], reverse=True)[:8]:
        print(f"  {ms:7.1f}  {text}")
    return 0 if max(costs) < ALLOWED_MS and max(times) < ALLOWED_S else 1


if __name__ == "__main__":
    sys.exit(main())
