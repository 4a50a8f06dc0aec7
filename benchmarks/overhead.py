"""The engine's own cost per migration, beyond its SQL: fifty trivial ones, each with a check and a rollback, on an empty Supabase.

Apart: apply, verify and the ledger (goal: under 10 ms each); what reads the whole catalog (two snapshots, the lints, the access
sample), which grows with the database and not with the migration. Beside: plain psql, a file a call, and `sqitch deploy --verify`.
Each round is on a new database; of each migration the quickest round counts, which other work of the machine disturbed least.
The processors' time, ours and the server's together, stands beside: other work makes everything wait, and that hardly longer.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
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

from demo import cluster
from demo.server import next_free_port
from pg_deploy.deployment.apply import apply
from pg_deploy.deployment.verify import verify
from pg_deploy.rollback.resume import resume
from tests.building import write_migration
from tests.core.working import working_on

MIGRATIONS = 50
ROUNDS = 5
ALLOWED_MS = 10.0
# What reads or writes all of the catalog's facts, by the module that calls it.
_CATALOG = {
    "pg_deploy.ledger.guard": ("read_facts",),
    "pg_deploy.deployment.job": ("run_lints",),
    "pg_deploy.deployment.snapshot": ("sample_target",),
    "pg_deploy.deployment.verify": ("ask_target", "judge_target"),
    "pg_deploy.ledger.snapshot": ("save", "load"),
}


@dataclass
class Spent:
    """Milliseconds of one migration: each verb's own, and the catalog's among them all."""

    own: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    catalog: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def engine(self) -> float:
        """What the goal is about."""
        return self.own["apply"] + self.own["verify"] - self.own["sql"]

    @property
    def processor(self) -> float:
        """The processors' time for the same; its SQL cannot be told from the rest of a statement's, and is in it."""
        return self.cpu["apply"] + self.cpu["verify"]


class Processors:
    """The processors' time of this process and of the server's sessions in one database. Linux only.

    To read it costs some tenths of a millisecond, which are nobody's but this benchmark's: `reading` is what they were so far.
    """

    def __init__(self, postmaster: int, database: str) -> None:
        self.children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        self.title = f" {database} ".encode()
        self.seen: dict[str, float] = {}
        self.reading = 0.0
        self._reading_cpu = 0.0

    def ms(self) -> float:
        """So far, without this reading; of a session that has ended what was seen of it last."""
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
    """Takes what the catalog's readers cost out of the verb that called them."""

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
    """Fifty migrations, each a table, its check and what undoes it."""
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
    """An empty Supabase with a schema that its API does not expose: a new table there needs no declaration."""
    url = cluster.empty(server, name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema app")
    return url


def one_round(url: str, folder: Path, processors: Processors) -> list[Spent]:
    """Deploy all of them with the engine; what each cost."""
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


def with_psql(url: str, folder: Path, bindir: Path) -> float:
    """Seconds that psql takes for the same files, a call each, in one transaction each."""
    began = time.perf_counter()
    for path in sorted(folder.glob("*.sql")):
        subprocess.run(
            [str(bindir / "psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(path), url], check=True
        )
    return time.perf_counter() - began


def with_sqitch(url: str) -> float | None:
    """Seconds of `sqitch deploy --verify` for the same changes; None where it is not installed."""
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
    """The exit code: 1 where one of them misses the goal. The first few are the slowest: their sessions have planned and cached nothing."""
    directory = Path(tempfile.gettempdir()) / f"pg-deploy-bench-{os.getpid()}"
    rounds, psql, sqitch = [], [], []
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "migrations"
        write_all(folder)
        try:
            server = cluster.ensure(directory, scale=0.001, port=next_free_port(20000 + secrets.randbelow(10000)))
            postmaster = int((directory / "data" / "postmaster.pid").read_text().split()[0])
            for number in range(ROUNDS):
                name = f"engine_{number}"
                rounds.append(one_round(new_database(server, name), folder, Processors(postmaster, name)))
                psql.append(with_psql(new_database(server, f"psql_{number}"), folder, server.bindir))
                sqitch.append(with_sqitch(new_database(server, f"sqitch_{number}")))
        finally:
            cluster.destroy(directory)
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
