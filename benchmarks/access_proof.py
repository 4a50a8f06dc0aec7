"""How long the access proof takes: migration 3 in its array form, and the guide's helpers called for each row.

    python -m benchmarks.access_proof [USERS …]

On a demo cluster of its own at full scale (10,000 users, 1.2 M rows), thrown away afterwards. Wall and processor seconds of both sides'
backends and of this process, the largest memory of a backend, and the temporary space written. Goal: under 20 s with two
quiet cores at full scale.
"""

from __future__ import annotations

import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from demo import cluster  # noqa: E402
from demo.server import next_free_port  # noqa: E402
from pg_deploy.access.api import SUPABASE  # noqa: E402
from pg_deploy.access.proof import prove  # noqa: E402

ARRAY = (ROOT / "sql" / "migrations" / "20251118000002_optimize_rls_joins.sql").read_text()
DOMAIN_TABLES = ("conversations", "scrape_jobs", "scraped_pages", "website_content", "structured_extractions")
COMMANDS = ("select", "insert", "update", "delete")


def per_row() -> str:
    """The guide's form: a boolean helper called with each row's own value."""
    made = """
    create schema access_checks;
    grant usage on schema access_checks to authenticated;
    create function access_checks.check_domain_access(wanted uuid) returns boolean language sql stable security definer
    set search_path = '' as $$
        select exists (
            select from public.domains d
            join public.organization_members om on om.organization_id = d.organization_id
            where d.id = wanted and om.user_id = auth.uid() and om.status = 'active'
        )
    $$;
    create function access_checks.check_message_access(wanted uuid) returns boolean language plpgsql stable
    security definer set search_path = '' as $$
    begin
        return exists (
            select from public.conversations c
            join public.domains d on d.id = c.domain_id
            join public.organization_members om on om.organization_id = d.organization_id
            where c.id = wanted and om.user_id = auth.uid() and om.status = 'active'
        );
    end
    $$;
    revoke all on all functions in schema access_checks from public, anon;
    grant execute on all functions in schema access_checks to authenticated;
    """
    for table in (*DOMAIN_TABLES, "messages"):
        call = "message_access(conversation_id)" if table == "messages" else "domain_access(domain_id)"
        helper = f"access_checks.check_{call}"
        for command in COMMANDS if table in ("conversations", "messages") else ("all",):
            clauses = "" if command == "insert" else f" using ({helper})"
            clauses += "" if command in ("select", "delete") else f" with check ({helper})"
            made += f"alter policy {table}_{command} on public.{table}{clauses};\n"
    return made


def cpu_seconds(pid: int) -> float:
    """Processor seconds of a process of this machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The largest resident memory of a process, shared buffers that it touched included, in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Make the cluster, measure on it, and remove it."""
    directory = Path(tempfile.gettempdir()) / f"pg-deploy-bench-{os.getpid()}"
    try:
        server = cluster.ensure(directory, port=next_free_port(20000 + secrets.randbelow(10000)))
        measure_all(server, [int(number) for number in sys.argv[1:]] or [1000, 3000, 10000])
    finally:
        cluster.destroy(directory)


def measure_all(target: cluster.Cluster, numbers: Sequence[int]) -> None:
    """Print one line for each form and number of users."""
    print("form     users  wall s  old cpu  new cpu  client cpu  old R  new R  old S  new S  peak MB  temp MB  verdict")
    for form, text in (("array", ARRAY), ("per row", per_row())):
        for number in numbers:
            names = ("access_bench_old", "access_bench_new")
            for name in names:
                cluster.drop(target, name)
                cluster.clone(target, name)
            with psycopg.connect(target.url(database=names[1]), autocommit=True) as deployer:
                deployer.execute(text.encode())
            sides = [psycopg.connect(target.admin_url(name), autocommit=True, prepare_threshold=None) for name in names]
            pids = [side.info.backend_pid for side in sides]
            api = replace(SUPABASE, users=f"select id::text from auth.users order by id limit {number}")
            own = resource.getrusage(resource.RUSAGE_SELF)
            started = time.monotonic()
            proof = prove(*sides, api=api, budget_s=900)
            wall = time.monotonic() - started
            used = resource.getrusage(resource.RUSAGE_SELF)
            client = used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime
            temp = sum(
                (
                    row[0]
                    if (
                        row := side.execute(
                            "select temp_bytes from pg_stat_database where datname = current_database()"
                        ).fetchone()
                    )
                    else 0
                )
                for side in sides
            )
            print(
                f"{form:8} {proof.subjects:6} {wall:7.1f} {cpu_seconds(pids[0]):8.1f} {cpu_seconds(pids[1]):8.1f} {client:11.1f}"
                f" {proof.timings['old real']:6.1f} {proof.timings['new real']:6.1f}"
                f" {proof.timings['old symbolic']:6.1f} {proof.timings['new symbolic']:6.1f}"
                f" {max(map(peak_mb, pids)):8.0f} {temp / 1e6:8.0f}  {proof.verdict}",
                flush=True,
            )
            for side in sides:
                side.close()
            for name in names:
                cluster.drop(target, name)


if __name__ == "__main__":
    main()
