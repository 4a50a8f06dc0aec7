"""How long does the application wait while a migration needs ACCESS EXCLUSIVE and slow readers stand in the way?

Eight clients read and write the tables concerned. psql, sqitch if it is installed, and the engine deploy the same SQL on the
same server, one after the other. The figure is the longest time that any statement of any client took.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.building import write_migration
from tests.faults.server import Server, new_server

LOCK_BUDGET_S = 2.0
ALLOWED_S = LOCK_BUDGET_S + 0.5
CLIENTS = 8
STEM = "20250101000000_add_columns"
TABLES = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Situation:
    """The tables that get a column, and for how many seconds a slow report reads each of them."""

    name: str
    reports: dict[str, float]

    @property
    def sql(self) -> str:
        """The migration."""
        return "".join(f"alter table public.{table} add column more integer;\n" for table in self.reports)


SITUATIONS = (
    Situation("one table, a 15 s reader", {"a": 15.0}),
    Situation("four tables, four staggered readers", {"a": 6.0, "b": 9.0, "c": 12.0, "d": 15.0}),
)


@dataclass(frozen=True)
class Figure:
    """What one way of deploying cost the application, in seconds."""

    longest_wait: float
    took: float
    statements: int
    exit_code: int


def main() -> int:
    """Run all situations in each way; returns 1 if the engine made a client wait for longer than it promises."""
    broken = False
    ways = ("psql", *(("sqitch",) if shutil.which("sqitch") else ()), "pg_deploy")
    with new_server() as server:
        print(f"{'situation':38} {'deployed by':12} {'longest wait':>13} {'deployment':>11} {'statements':>11}")
        for number, situation in enumerate(SITUATIONS):
            for way in ways:
                figure = measure(server, f"stall_{number}_{way}", situation, way)
                print(
                    f"{situation.name:38} {way:12} {figure.longest_wait:11.2f} s {figure.took:9.1f} s"
                    f" {figure.statements:11}" + (f"  exit code {figure.exit_code}" if figure.exit_code else ""),
                    flush=True,
                )
                broken |= way == "pg_deploy" and (figure.longest_wait > ALLOWED_S or figure.exit_code != 0)
    print(f"promised: nobody waits longer than the lock budget and half a second, {ALLOWED_S:g} s", end="")
    print(": BROKEN" if broken else ": kept")
    if shutil.which("sqitch") is None:
        print("sqitch is not installed, so it was not compared")
    return int(broken)


def measure(server: Server, database: str, situation: Situation, way: str) -> Figure:
    """Measure one deployment under load, on a database of its own."""
    url = server.create(database)
    with psycopg.connect(url, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(f"create table public.{table} (id integer primary key, n integer not null)")
            connection.execute(f"insert into public.{table} select i, 0 from generate_series(1, 1000) as i")
    with tempfile.TemporaryDirectory() as folder:
        write_migration(Path(folder), STEM, situation.sql)
        command = _command(way, url, Path(folder))
        stop = threading.Event()
        waits: list[list[float]] = [[] for _ in range(CLIENTS)]
        clients = [
            threading.Thread(target=_client, args=(url, number, tuple(situation.reports), stop, waits[number]))
            for number in range(CLIENTS)
        ]
        reports = [threading.Thread(target=_report, args=(url, *each)) for each in situation.reports.items()]
        for thread in (*clients, *reports):
            thread.start()
        time.sleep(0.5)
        started = time.monotonic()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        took = time.monotonic() - started
        for thread in reports:
            thread.join()
        stop.set()
        for thread in clients:
            thread.join()
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:])
    every = [wait for of_one in waits for wait in of_one]
    return Figure(max(every), took, len(every), done.returncode)


def _command(way: str, url: str, folder: Path) -> Sequence[str]:
    if way == "sqitch":
        return _sqitch(url, folder)
    if way == "psql":
        return ("psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", str(folder / f"{STEM}.sql"))
    return (sys.executable, "-m", "tests.faults.deployer", url, str(folder))


def _sqitch(url: str, folder: Path) -> Sequence[str]:
    """A sqitch project of one change, whose deploy script holds the same SQL."""
    project = folder / "sqitch"
    (project / "deploy").mkdir(parents=True)
    (project / "deploy" / f"{STEM}.sql").write_text(f"begin;\n{(folder / f'{STEM}.sql').read_text()}commit;\n")
    (project / "sqitch.conf").write_text(
        "[core]\n    engine = pg\n[user]\n    name = bench\n    email = bench@localhost\n"
    )
    (project / "sqitch.plan").write_text(
        f"%syntax-version=1.0.0\n%project=stall\n\n{STEM} 2025-01-01T00:00:00Z bench <bench@localhost> # columns\n"
    )
    return ("sqitch", "--chdir", str(project), "deploy", url.replace("postgresql://", "db:pg://", 1))


def _client(url: str, number: int, tables: Sequence[str], stop: threading.Event, waits: list[float]) -> None:
    """A client of the application. Every second client writes, each its own row, so that no client waits for another."""
    with psycopg.connect(url, autocommit=True, application_name=f"client {number}") as connection:
        turn = 0
        while not stop.wait(0.02):
            turn += 1
            table = tables[turn % len(tables)]
            started = time.monotonic()
            if number % 2:
                connection.execute(f"update public.{table} set n = n + 1 where id = %s", [number])
            else:
                connection.execute(f"select sum(n) from public.{table} where id < 100")
            waits.append(time.monotonic() - started)


def _report(url: str, table: str, seconds: float) -> None:
    with psycopg.connect(url, application_name=f"report on {table}") as connection:
        connection.execute(f"select count(*) from public.{table}")
        time.sleep(seconds)


if __name__ == "__main__":
    sys.exit(main())
