"""The engine's own cost per migration, beyond its SQL: fifty trivial ones, each with a check and a rollback, on an empty Supabase.

Two costs are counted apart: that of apply, verify and the ledger (goal: under 10 ms for each migration), and that of reading the whole
catalog (two snapshots, the lints, the access sample), which grows with the database and not with the migration. psql, with a call for
each file, and `sqitch deploy --verify` run the same to compare. Each round has a new database. The quickest round of each migration
counts, because other work of the machine disturbed it least. The processors' time, ours and the server's together, is printed too:
other work of the machine makes everything wait, but hardly adds to this time.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.long_folder import with_psql
from demo import cluster
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.verify import verify
from pg_deploy.rollback.resume import resume
from tests.building import write_migration
from tests.core.working import working_on
from tests.throwaway import demo_of_its_own

MIGRATIONS = 50
ROUNDS = 5
ALLOWED_MS = 10.0
# The functions that read or write all of the catalog's facts, by the module that calls them.
_CATALOG = {
    "pg_deploy.ledger.guard": ("read_facts",),
    "pg_deploy.deployment.job": ("run_lints",),
    "pg_deploy.deployment.snapshot": ("sample_target",),
    "pg_deploy.deployment.verify": ("ask_target", "judge_target"),
    "pg_deploy.ledger.snapshot": ("save", "load"),
}


@dataclass
class Spent:
    """Milliseconds of one migration: those of each verb, and those of reading the catalog, which no verb's include."""

    own: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    catalog: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def engine(self) -> float:
        """The milliseconds that the goal is about."""
        return self.own["apply"] + self.own["verify"] - self.own["sql"]

    @property
    def processor(self) -> float:
        """The processors' time for the same. The time of the migration's own SQL cannot be told apart, and is in it."""
        return self.cpu["apply"] + self.cpu["verify"]


class Processors:
    """The processors' time of this process and of the server's sessions in one database. Linux only.

    Reading it costs some tenths of a millisecond, which only this benchmark causes: `reading` is their sum so far.
    """

    def __init__(self, postmaster: int, database: str) -> None:
        self.children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        self.title = f" {database} ".encode()
        self.seen: dict[str, float] = {}
        self.reading = 0.0
        self._reading_cpu = 0.0

    def ms(self) -> float:
        """Milliseconds so far, without those of this call. A session that has ended counts with what was last seen of it."""
        began, used = time.perf_counter(), time.process_time()
        for child in self.children.read_text().split():
            with contextlib.suppress(OSError):
                if child in self.seen or self.title in Path(f"/proc/{child}/cmdline").read_bytes():
                    self.seen[child] = int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e6
        found = (used - self._reading_cpu) * 1000 + sum(self.seen.values())
        self._reading_cpu += time.process_time() - used
        self.reading += (time.perf_counter() - began) * 1000
        return found


class _Clock:
    """Measures the catalog's readers, so that their cost can be taken out of that of the verb that called them."""

    def __init__(self, processors: Processors) -> None:
        self.processors = processors
        self.catalog: dict[str, float] = defaultdict(float)
        self.catalog_cpu = 0.0
        self.inside = False

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        saved = []
        for module_name, names in _CATALOG.items():
            module = importlib.import_module(module_name)
            for name in names:
                original = getattr(module, name)
                saved.append((module, name, original))
                setattr(module, name, self._timed(name, original))
        try:
            yield
        finally:
            for module, name, original in saved:
                setattr(module, name, original)

    def _timed(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            if self.inside:
                return original(*arguments, **named)
            used = self.processors.ms()
            self.inside = True
            began = time.perf_counter()
            try:
                return original(*arguments, **named)
            finally:
                self.inside = False
                self.catalog[name] += (time.perf_counter() - began) * 1000
                self.catalog_cpu += self.processors.ms() - used

        return timed


def write_all(folder: Path) -> None:
    """Write fifty migrations, each with a table, its check and its rollback."""
    for number in range(MIGRATIONS):
        table = f"app.t{number}"
        write_migration(
            folder,
            f"202501010000{number:02}_make_t{number}",
            f"create table {table} (id int);\n",
            rollback=f"drop table {table};\n",
            checks={"it_is_there": f"select 1 where to_regclass('{table}') is null;\n"},
        )


def new_database(server: cluster.Cluster, name: str) -> str:
    """Make an empty Supabase with a schema that its API does not expose, where a new table needs no declaration; returns its URL."""
    url = cluster.empty(server, name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema app")
    return url


def one_round(url: str, folder: Path, processors: Processors) -> list[Spent]:
    """Deploy all of them with the engine; returns what each cost."""
    found = []
    clock = _Clock(processors)
    with clock.watching(), working_on(url, folder, ends="deployed") as work:
        for migration in work.migrations:
            spent = Spent()
            for name, verb in (("snapshot", resume), ("apply", apply), ("verify", verify)):
                clock.catalog.clear()
                clock.catalog_cpu = 0.0
                used, reading = processors.ms(), processors.reading
                began = time.perf_counter()
                verb(work.job, migration)
                took = (time.perf_counter() - began) * 1000 - (processors.reading - reading)
                spent.own[name] = took - sum(clock.catalog.values())
                spent.cpu[name] = processors.ms() - used - clock.catalog_cpu
                spent.cpu["catalog"] += clock.catalog_cpu
                for reader, ms in clock.catalog.items():
                    spent.catalog[reader] += ms
            found.append(spent)
    with psycopg.connect(url) as connection:
        own_sql = connection.execute(
            """select a.version, sum(extract(epoch from s.ended_at - s.started_at) * 1000)::float
            from deploy_ledger.statement_run s join deploy_ledger.attempt a on a.id = s.attempt_id
            group by a.version order by a.version"""
        ).fetchall()
    for spent, (_, sql_ms) in zip(found, own_sql, strict=True):
        spent.own["sql"] = sql_ms
    return found


def with_sqitch(url: str) -> float | None:
    """Seconds of `sqitch deploy --verify` for the same changes; None if it is not installed."""
    if shutil.which("sqitch") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            **os.environ, "SQITCH_FULLNAME": "Bench", "SQITCH_EMAIL": "bench@localhost", "HOME": name,
            "SQITCH_CONFIG": str(folder / "none"), "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        plan = ["%syntax-version=1.0.0", "%project=bench", ""]
        for verb in ("deploy", "revert", "verify"):
            (folder / verb).mkdir()
        for number in range(MIGRATIONS):
            change = f"t{number}"
            plan.append(f"{change} 2025-01-01T00:00:{number:02}Z Bench <bench@localhost> # {change}")
            (folder / "deploy" / f"{change}.sql").write_text(f"begin;\ncreate table app.{change} (id int);\ncommit;\n")
            (folder / "revert" / f"{change}.sql").write_text(f"begin;\ndrop table app.{change};\ncommit;\n")
            (folder / "verify" / f"{change}.sql").write_text(f"select id from app.{change} where false;\n")
        (folder / "sqitch.plan").write_text("\n".join(plan) + "\n")
        (folder / "sqitch.conf").write_text("[core]\n    engine = pg\n")
        began = time.perf_counter()
        subprocess.run(
            ["sqitch", "deploy", "--verify", "--target", url.replace("postgresql://", "db:pg://", 1)],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - began


def main() -> int:
    """Measure and print; returns 1 if one migration misses the goal.

    The first few are the slowest: their sessions have planned and cached nothing yet.
    """
    rounds, psql, sqitch = [], [], []
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "migrations"
        write_all(folder)
        with demo_of_its_own(0.001) as server:
            postmaster = int((server.directory / "data" / "postmaster.pid").read_text().split()[0])
            for number in range(ROUNDS):
                name = f"engine_{number}"
                rounds.append(one_round(new_database(server, name), folder, Processors(postmaster, name)))
                psql.append(with_psql(new_database(server, f"psql_{number}"), folder, server.bindir))
                sqitch.append(with_sqitch(new_database(server, f"sqitch_{number}")))
    best = [min(tries, key=lambda spent: spent.engine) for tries in zip(*rounds, strict=True)]
    engine = [spent.engine for spent in best]
    print(f"{MIGRATIONS} trivial migrations, ms each, the quickest of {ROUNDS} rounds:")
    within = sum(ms < ALLOWED_MS for ms in engine)
    print(
        f"  apply, verify, ledger    {_figures(engine)}   (goal: under {ALLOWED_MS:.0f}; {within} of {MIGRATIONS} are)"
    )
    for verb in ("apply", "verify"):
        less = [spent.own[verb] - (spent.own["sql"] if verb == "apply" else 0) for spent in best]
        print(f"    of it {verb:<18} {_figures(less)}")
    print(f"    of the processors     {_figures([spent.processor for spent in best])}   (its own SQL in it)")
    print(f"  its own SQL              {_figures([spent.own['sql'] for spent in best])}")
    print(f"  attempt opened           {_figures([spent.own['snapshot'] for spent in best])}")
    for reader, what in (
        ("read_facts", "catalog facts, twice"),
        ("save", "facts kept, twice"),
        ("load", "facts read back"),
        ("run_lints", "lints, twice"),
        ("sample_target", "access sampled before"),
        ("ask_target", "access asked again"),
        ("judge_target", "access facts compared"),
    ):
        print(f"  {what:<24} {_figures([spent.catalog[reader] for spent in best])}")
    print(f"  the catalog, processors  {_figures([spent.cpu['catalog'] for spent in best])}")
    print(
        f"  all of them: psql -1, a call each {min(psql):.2f} s; ours {_total(rounds):.2f} s; sqitch --verify {_sqitch(sqitch)}"
    )
    return int(max(engine) >= ALLOWED_MS)


def _figures(values: list[float]) -> str:
    return f"median {statistics.median(values):6.1f}   most {max(values):6.1f}"


def _total(rounds: list[list[Spent]]) -> float:
    def of(one: Spent) -> float:
        return sum(took for name, took in one.own.items() if name != "sql") + sum(one.catalog.values())

    return min(sum(of(spent) for spent in each) for each in rounds) / 1000


def _sqitch(seconds: list[float | None]) -> str:
    known = [each for each in seconds if each is not None]
    return f"{min(known):.2f} s" if known else "not installed"


if __name__ == "__main__":
    sys.exit(main())
