"""A client that falls silent: stopped, cut off, or short of connections. The application waits no longer than the budget.

The server keeps the budget, because the client may not be there to keep it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.apply import apply
from pg_deploy.errors import PgDeployError
from pg_deploy.execution import segments, statement_watch
from pg_deploy.rollback.resume import resume
from tests.building import write_migration
from tests.core.working import working_on
from tests.faults.deployer import DEPLOYED, Order
from tests.faults.killing import Running, start
from tests.faults.network import Network, network
from tests.faults.scenarios import STEM, copied
from tests.faults.server import Server
from tests.looking import Database
from tests.waiting import until

BUDGET = 1.0
# The promise allows 0.5 s beyond the budget; a busy machine adds up to 0.7 s to the reader's way to the server and back.
ALLOWED = BUDGET + 0.5 + 0.7

LOCK = "alter table public.item add column more integer;\n"
# The migration, the line of the log at which its process is stopped, and whether the second try must deploy it.
SILENT_AT = {
    "a statement under the lock": (LOCK + "select pg_sleep(0.4);\nselect 1;\n", "INFO   line 2: select pg_sleep", True),
    "a do block that took the lock": (
        "do $$ begin execute 'alter table public.item add column more integer'; perform pg_sleep(60); end $$;\n",
        "line 1: do",
        False,
    ),
    "the silence after a function that took the lock": (
        "do $$ begin execute 'alter table public.item add column more integer'; perform pg_sleep(0.4); end $$;\n"
        "select 1;\n",
        "line 1: do",
        True,
    ),
    "rows that nobody reads": (
        LOCK + "select repeat('x', 1000), pg_sleep(0.0001) from generate_series(1, 100000);\nselect 1;\n",
        "line 2: select repeat",
        False,
    ),
}


class Reader(threading.Thread):
    """The application: reads the table again and again, and remembers how long the longest reading took."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.longest = 0.0
        self.since: float | None = None
        self.stop = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True, application_name="application") as connection:
            while not self.stop.wait(0.05):
                began = self.since = time.monotonic()
                connection.execute("select count(*) from public.item")
                self.since = None
                self.longest = max(self.longest, time.monotonic() - began)

    @property
    def is_blocked(self) -> bool:
        """Whether it has been waiting for a moment now."""
        return self.since is not None and time.monotonic() - self.since > 0.1

    def waited_until_free(self, seconds: float = 30.0) -> float:
        """How long its longest reading took, once it is free again."""
        until(lambda: not self.is_blocked, "the application reads again", seconds)
        return self.longest


@contextmanager
def reading(database: Database) -> Iterator[Reader]:
    reader = Reader(database.url)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop.set()
        reader.join(60)


def _start(database: Database, folder: Path, sql: str) -> Running:
    write_migration(folder / "m", STEM, sql)
    return start(Order(database.url, str(folder / "m"), "silent", str(folder / "log"), lock_budget=BUDGET))


@pytest.mark.parametrize("moment", SILENT_AT)
def test_a_process_that_is_stopped_holds_nobody_up(database: Database, tmp_path: Path, moment: str) -> None:
    """Else a paused machine, a frozen container or a swapping host would keep the table locked for as long as it is paused."""
    sql, line, is_deployed = SILENT_AT[moment]
    with reading(database) as reader:
        run = _start(database, tmp_path, sql)
        assert run.until_logged(line, 120), run.log
        until(lambda: reader.is_blocked, "the table is locked")
        os.kill(run.process.pid or 0, signal.SIGSTOP)
        try:
            waited = reader.waited_until_free()
            time.sleep(1)
            waited = max(waited, reader.waited_until_free())
        finally:
            os.kill(run.process.pid or 0, signal.SIGCONT)
        code = run.wait()

    assert waited < ALLOWED, run.log
    if is_deployed:
        # Nothing is wrong with the migration: the second try finds nothing done and does it.
        assert code == DEPLOYED, run.log
        assert "the connection was lost" in run.log
    assert "Traceback" not in run.log


@pytest.mark.faults
@pytest.mark.parametrize("lost", ["to_server", "to_client", "both"])
@pytest.mark.parametrize("phase", ["statement", "commit"])
def test_a_network_that_is_lost_holds_nobody_up(server: Server, tmp_path: Path, lost: str, phase: str) -> None:
    """Else a lock would be held for a quarter of an hour: the kernel's own patience with packets that nobody acknowledges."""
    _trust_everybody(server)
    with network() as between, _target(server) as database, reading(database) as reader:
        sql = LOCK + ("select pg_sleep(0.6);\nselect 1;\n" if phase == "statement" else "select pg_sleep(0.3);\n")
        process, log = _deploy_behind(between, server, database, tmp_path, sql)
        until(lambda: "INFO   line 2: select pg_sleep" in log.read_text(), "the lock is held", 180)
        time.sleep(0.25 if phase == "commit" else 0.1)
        between.lose(to_server=lost != "to_client", to_client=lost != "to_server")
        time.sleep(0.5)
        waited = reader.waited_until_free()
        noticed = time.monotonic()
        until(lambda: "the connection was lost" in log.read_text() or "ended with" in log.read_text(), "noticed", 75)
        noticed = time.monotonic() - noticed
        between.mend()
        process.wait(120)
        story = log.read_text()

    assert waited < ALLOWED, story
    assert noticed < 62, story
    assert "ended with 0" in story


@pytest.mark.faults
def test_a_dump_notices_a_lost_network_within_a_minute(server: Server, tmp_path: Path) -> None:
    """Else its snapshot would hold back vacuum for two hours, and the task would hang as long."""
    _trust_everybody(server)
    with network() as between, _target(server) as database:
        database.run(
            "create table public.large as select i, repeat('x', 2000) as t from generate_series(1, 30000) as i"
        )
        url = database.url.replace("127.0.0.1", between.here)
        program = (
            "import logging, sys\nfrom pathlib import Path\nfrom pg_deploy.backup.dump import dump\n"
            "from pg_deploy.postgres.programs import client_programs\nfrom pg_deploy.postgres.session import Target\n"
            "logging.basicConfig(level=logging.INFO)\n"
            "with Target('t', sys.argv[1]).session('dump') as c:\n"
            "    c.execute('begin isolation level repeatable read')\n"
            "    snapshot = c.execute('select pg_export_snapshot()').fetchone()[0]\n"
            "    print('dumping', flush=True)\n"
            "    dump(client_programs(c.info.server_version // 10000), sys.argv[1], Path(sys.argv[2]), snapshot=snapshot,\n"
            "         left_out=(), schema_only=False, jobs=1, tables=1, log=logging.getLogger('t'))\n"
        )
        _await_way(between, server)
        _tc(between, "add", "rate", "2mbit")
        process = subprocess.Popen(
            between.at_client(sys.executable, "-c", program, url, str(tmp_path)),
            env={**os.environ, "PYTHONPATH": "plugins"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        sessions = "select count(*) from pg_stat_activity where application_name in ('pg_dump', 'pg_deploy backup')"
        until(lambda: database.value(f"{sessions} and query like 'COPY%%'") > 0, "rows are on their way", 180)
        between.lose()
        began = time.monotonic()
        output, _ = process.communicate(timeout=100)
        client_noticed = time.monotonic() - began
        until(lambda: database.value(sessions) == 0, "the server has ended the session as well", 60)
        server_noticed = time.monotonic() - began

    assert process.returncode != 0, output
    assert client_noticed < 65, output
    assert server_noticed < 65


def test_what_cannot_be_watched_is_not_begun(server: Server, tmp_path: Path) -> None:
    """Else the budget of a do block would rest on a session that no connection was left for, just when load is highest."""
    with _target(server) as database:
        sql = "do $$ begin execute 'alter table public.item add column more integer'; perform pg_sleep(5); end $$;\n"
        write_migration(tmp_path / "m", STEM, sql)
        limits = Limits(lock_budget=BUDGET, give_up_after=1.5)
        with working_on(database.url, tmp_path / "m", limits) as work, reading(database) as reader:
            resume(work.job, work.migrations[0])
            # The engine has the session that it works in, and gets none to watch it with.
            used = database.value("select count(*) from pg_stat_activity where usename = 'deployer'") - 1
            server.admin(f"alter role deployer connection limit {used}")
            try:
                with pytest.raises(PgDeployError) as refused:
                    apply(work.job, work.migrations[0])
            finally:
                server.admin("alter role deployer connection limit -1")
            longest = reader.longest

        assert "no session could be opened to watch it" in str(refused.value)
        assert longest < ALLOWED
        assert database.value("select count(*) from pg_attribute where attname = 'more' and not attisdropped") == 0


def test_a_synchronous_standby_that_is_gone_is_looked_for_before_a_lock(server: Server, tmp_path: Path) -> None:
    """Else the commit would wait for it with the table locked, and nothing in the primary would end that."""
    with _target(server) as database:
        write_migration(tmp_path / "m", STEM, LOCK)
        with working_on(database.url, tmp_path / "m", Limits(give_up_after=2)) as work, reading(database) as reader:
            resume(work.job, work.migrations[0])
            # What the ledger writes by itself must not hang before the engine looks for the standby.
            work.job.ledger.execute("set synchronous_commit = local")
            with _synchronous(server), pytest.raises(PgDeployError, match="commits wait for a synchronous standby"):
                apply(work.job, work.migrations[0])
            longest = reader.longest

        assert longest < ALLOWED
        assert "paused before a strong lock" in work.text


def test_a_commit_that_waits_for_a_standby_is_named_while_it_lasts(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever is on call would see a hung task, and an application that waits for nobody knows whom."""
    monkeypatch.setattr(statement_watch, "_SAY_EVERY_S", 0.2)
    # It goes away between the look and the commit.
    monkeypatch.setattr(segments, "wait_for_standby", lambda *_, **__: None)
    with _target(server) as database:
        write_migration(tmp_path / "m", STEM, LOCK)
        with working_on(database.url, tmp_path / "m") as work:
            resume(work.job, work.migrations[0])
            work.job.ledger.execute("set synchronous_commit = local")
            with _synchronous(server):
                worker = threading.Thread(target=apply, args=(work.job, work.migrations[0]))
                worker.start()
                until(lambda: "the commit: running" in work.text, "the commit is spoken of")
            worker.join(30)

        assert "waiting for a synchronous standby; it holds its locks until that answers" in work.text
        assert database.attempts[-1][1] == "applied"


@contextmanager
def _synchronous(server: Server) -> Iterator[None]:
    server.admin("alter system set synchronous_standby_names = 'a_standby'")
    server.admin("select pg_reload_conf()")
    until(lambda: server.admin("show synchronous_standby_names") == [("a_standby",)], "the setting is in force")
    time.sleep(0.3)
    try:
        yield
    finally:
        with psycopg.connect(server.url("postgres", "admin"), autocommit=True) as connection:
            connection.execute("set synchronous_commit = local")
            connection.execute("alter system reset synchronous_standby_names")
            connection.execute("select pg_reload_conf()")
        time.sleep(0.3)


def _target(server: Server) -> AbstractContextManager[Database]:
    return copied(server, f"silence_{secrets.token_hex(4)}")


def _trust_everybody(server: Server) -> None:
    server.admin("alter system set listen_addresses = '*'")
    hba = server.data / "pg_hba.conf"
    if "10.0.0.0/8" not in hba.read_text():
        hba.write_text(hba.read_text() + "host all all 10.0.0.0/8 trust\n")
    if server.admin("show listen_addresses") != [("*",)]:
        server.options = {**server.options, "listen_addresses": "*"}
        server.stop("fast")
        server.start()


def _deploy_behind(
    between: Network, server: Server, database: Database, folder: Path, sql: str
) -> tuple[subprocess.Popen[bytes], Path]:
    _await_way(between, server)
    write_migration(folder / "m", STEM, sql)
    log = folder / "log"
    log.touch()
    order = (
        "from tests.faults.deployer import Order, main\n"
        f"main(Order({database.url.replace('127.0.0.1', between.here)!r}, {str(folder / 'm')!r}, 'behind', {str(log)!r}, "
        f"lock_budget={BUDGET}, tries=6))\n"
    )
    process = subprocess.Popen(
        between.at_client(sys.executable, "-c", order),
        env={**os.environ, "PYTHONPATH": "plugins"},
    )
    return process, log


def _await_way(between: Network, server: Server) -> None:
    """New interfaces take a moment until packets find their way."""
    reach = between.at_client("bash", "-c", f"exec 3<>/dev/tcp/{between.here}/{server.port}")
    until(lambda: subprocess.run(reach, check=False, capture_output=True).returncode == 0, "the server is reached")


def _tc(between: Network, verb: str, *rate: str) -> None:
    links = subprocess.run(
        ["ip", "-n", between.router, "-o", "link"], check=True, capture_output=True, text=True
    ).stdout
    link = next(word.split("@")[0].rstrip(":") for word in links.split() if word.startswith("b") and "@" in word)
    subprocess.run(
        ["ip", "netns", "exec", between.router, "tc", "qdisc", verb, "dev", link, "root", "tbf", *rate, "burst", "32kbit",
         "latency", "400ms"],
        check=True,
        capture_output=True,
    )  # fmt: skip
