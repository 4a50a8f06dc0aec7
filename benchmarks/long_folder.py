"""A long folder on an empty database: a whole deployment, with backup and rehearsal, of a hundred small migrations as a project has them.

Goals: under four minutes from the trigger to the end of the run, with under one minute for the rehearsal, in an Airflow as `make up`
starts it. psql runs the same files to compare, and so does the Supabase CLI if it is installed.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import psycopg

from demo import cluster
from launch import airflow, deploy, ports
from launch.api import Api
from launch.settings import place
from tests.throwaway import demo_of_its_own

DAG = "deploy_migrations"
MIGRATIONS = 100
ALLOWED_S = 240.0
ALLOWED_REHEARSAL_S = 60.0

# The contents of ten files in a row of a project; {n} is the number of these ten.
_KINDS = (
    """create table public.list_{n} (
    id bigint generated always as identity primary key, owner uuid not null references auth.users (id) on delete cascade,
    title text not null check (length(title) > 2), created_at timestamptz not null default now());
alter table public.list_{n} enable row level security;""",
    """create policy "own rows are read" on public.list_{n} for select to authenticated using (owner = (select auth.uid()));
create policy "own rows are made" on public.list_{n} for insert to authenticated with check (owner = (select auth.uid()));""",
    "create index list_{n}_owner on public.list_{n} (owner);",
    "alter table public.list_{n} add column done boolean not null default false, add column note text;",
    """create function public.lists_{n}() returns bigint language sql stable security invoker set search_path = ''
as $$ select count(*) from public.list_{n} $$;""",
    """create function public.touch_{n}() returns trigger language plpgsql set search_path = ''
as $$ begin new.note := coalesce(new.note, ''); return new; end $$;
create trigger touch before insert on public.list_{n} for each row execute function public.touch_{n}();""",
    "create view public.open_list_{n} with (security_invoker = true) as select id, title from public.list_{n} where not done;",
    """create type public.kind_{n} as enum ('small', 'large');
create table public.kind_of_{n} (list bigint primary key references public.list_{n} (id), kind public.kind_{n} not null);
alter table public.kind_of_{n} enable row level security;""",
    """drop policy "own rows are read" on public.list_{n};
create policy "own rows are read" on public.list_{n} for select to authenticated using (owner = (select auth.uid()) or not done);""",
    """comment on table public.list_{n} is 'what is to be done';
grant select on public.kind_of_{n} to service_role;""",
)


def write_all(folder: Path, count: int) -> None:
    """Write `count` files without companions, as a Supabase project has them."""
    folder.mkdir()
    for number in range(count):
        text = _KINDS[number % len(_KINDS)].replace("{n}", str(number // len(_KINDS)))
        (folder / f"202501{1 + number // 100:02}{number % 100:04}00_step_{number}.sql").write_text(f"{text}\n")


def with_psql(url: str, folder: Path, bindir: Path) -> float:
    """Seconds that psql takes for the same files, each in a call and a transaction of its own."""
    began = time.perf_counter()
    for path in sorted(folder.glob("*.sql")):
        subprocess.run(
            [str(bindir / "psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(path), url], check=True
        )
    return time.perf_counter() - began


def with_cli(url: str, folder: Path) -> float | None:
    """Seconds of `supabase db push` with the same files; None if it is not installed."""
    if shutil.which("supabase") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(folder, Path(name) / "supabase" / "migrations")
        began = time.perf_counter()
        subprocess.run(
            ["supabase", "db", "push", "--yes", "--db-url", url], cwd=name, stdout=subprocess.DEVNULL, check=True
        )
        return time.perf_counter() - began


@dataclass(frozen=True)
class Deployed:
    """A run of `make deploy`: its id, the seconds from the call to the end, and the Airflow that it ran in."""

    run_id: str
    took: float
    api: Api

    def tasks(self) -> dict[str, float]:
        """The seconds of each task that had a process, by its id."""
        return {each.task_id: each.duration for each in self.api.tasks(DAG, self.run_id) if each.duration}


@contextmanager
def deployed(url: str, folder: Path, home: Path) -> Iterator[Deployed]:
    """Deploy the folder by an Airflow of its own, which runs until the block ends. Raises RuntimeError if the run fails."""
    variables = {
        "LAUNCH_HOME": str(home),
        "AIRFLOW_PORT": str(ports.choose(None, "AIRFLOW_PORT", first=8900)),
        "PATH": os.environ["PATH"],
        "TARGET_URL": url,
        "MIGRATIONS_DIR": str(folder),
        "BACKUP_URI": f"file://{home}/backups",
    }
    where = place(variables)
    try:
        running = airflow.start(where, variables)
        began = time.perf_counter()
        with redirect_stdout(io.StringIO()) as said:
            went_well = deploy.run(DAG, where, variables)
        took = time.perf_counter() - began
        if not went_well:
            raise RuntimeError(f"the run failed:\n{said.getvalue()[-4000:]}")
        with psycopg.connect(url) as connection:
            row = connection.execute("select max(airflow_run) from deploy_ledger.deployment").fetchone()
        yield Deployed(str(row[0]) if row else "", took, Api(running.url))
    finally:
        airflow.stop(where)


def main() -> int:
    """Measure and print; returns 1 if a goal is missed. With a number below the hundred as argument nothing is promised."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MIGRATIONS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "migrations"
        write_all(folder, count)
        with demo_of_its_own(0.001) as server:
            psql = with_psql(cluster.empty(server, "with_psql"), folder, server.bindir)
            cli = with_cli(cluster.empty(server, "with_cli"), folder)
            with deployed(cluster.empty(server, "with_us"), folder, Path(name) / "airflow") as run:
                tasks = run.tasks()
    print(f"{count} small migrations on an empty database, s:")
    print(f"  make deploy, backup and rehearsal in it {run.took:7.1f} (goal for {MIGRATIONS}: under {ALLOWED_S:.0f})")
    for task in ("preflight", "backup", "rehearse", "earlier", "report"):
        goal = f" (goal for {MIGRATIONS}: under {ALLOWED_REHEARSAL_S:.0f})" if task == "rehearse" else ""
        print(f"    of it {task:<32}  {tasks.get(task, 0):7.1f}{goal}")
    print(f"    tasks that had a process of their own    {len(tasks):5}")
    print(f"  psql -1, a call each                    {psql:7.1f}")
    print(f"  supabase db push                        {f'{cli:7.1f}' if cli is not None else ' not installed'}")
    return int(count >= MIGRATIONS and (run.took >= ALLOWED_S or tasks["rehearse"] >= ALLOWED_REHEARSAL_S))


if __name__ == "__main__":
    sys.exit(main())
