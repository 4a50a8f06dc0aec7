"""Running segments: the lock budget, what is tried again, and how a later try goes on where an earlier one stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from pg_deploy.configuration.limits import Limits
from pg_deploy.execution.errors import (
    HeldUpError,
    InvalidIndexInTheWayError,
    LockBudgetExceededError,
    LockNotObtainedError,
    StatementFailedError,
    UncertainStatementError,
)
from pg_deploy.execution.segments import Observer
from pg_deploy.ledger.deployment import LOCK_KEY
from pg_deploy.parsing.statements import Segment
from pg_deploy.postgres.session import Connection
from tests.building import write_migration
from tests.core.working import working_on
from tests.looking import Database

STEM, VERSION = "20250101000000_change", "20250101000000"
SHORT = Limits(lock_budget=0.6, give_up_after=3, slowest_pause=0.5)


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with one small table that was there before."""
    found = Database(empty_database)
    found.run("create table public.t (id int, email text)")
    found.run("insert into public.t values (1, 'a'), (2, 'a')")
    return found


def _apply(database: Database, folder: Path, sql: str, limits: Limits = SHORT, manifest: str = "risk: low\n") -> str:
    """Apply `sql` as a migration; returns the log."""
    write_migration(folder, STEM, sql, manifest=manifest)
    with working_on(database.url, folder, limits) as work:
        work.apply()
        return work.text


def test_a_transaction_that_holds_a_strong_lock_too_long_is_aborted(database: Database, tmp_path: Path) -> None:
    """Else a slow statement behind an ALTER TABLE would stall every reader of the table. Nobody else blocks it here."""
    with pytest.raises(LockBudgetExceededError, match=r"lock budget of 0\.6 s"):
        _apply(
            database,
            tmp_path / "m",
            "alter table public.t add column more int;\nselect pg_catalog.pg_sleep(5);\n",
        )

    assert database.rows("select * from public.t where id = 1") == [(1, "a")]
    assert database.attempts == [(VERSION, "applying")]
    assert database.history == []
    # Not retried: it would hold the lock as long the next time.
    assert {row[0] for row in database.statements(VERSION)} == {1}


NEW = "create table if not exists public.fresh (id int);\nalter table public.fresh owner to current_user;\n"


@pytest.mark.parametrize("exists", [False, True])
def test_a_table_that_if_not_exists_made_makes_nobody_wait(database: Database, tmp_path: Path, exists: bool) -> None:
    """A thousand statements on their own new tables used up the budget of one lock, so they could not be deployed."""
    if exists:
        database.run("create table public.fresh (id int)")
        with pytest.raises(LockBudgetExceededError):
            _apply(database, tmp_path / "m", NEW + "select pg_catalog.pg_sleep(5);\n")
        return
    _apply(database, tmp_path / "m", NEW + "select pg_catalog.pg_sleep(1);\n")
    assert database.attempts == [(VERSION, "applied")]


def _failure(database: Database, folder: Path, sql: str) -> str:
    with pytest.raises(StatementFailedError) as failed:
        _apply(database, folder, sql)
    return str(failed.value)


def test_all_objects_that_exist_already_are_named_at_once(database: Database, tmp_path: Path) -> None:
    """If each run named one object, one would need as many runs as there are objects."""
    database.run("create table public.u (id int); create type public.kind as enum ('a')")
    sql = (
        "create table public.t (id int);\ncreate table if not exists public.u (id int);\ncreate type public.kind as enum ('b');\n"
        "alter table public.t add column email text;\ndrop table public.u;\ncreate table public.u (id int);\ncreate table new (id int);\n"
    )
    said = _failure(database, tmp_path / "m", sql)
    assert (
        "3 are there: table public.t (line 1), type public.kind (line 3), column email on public.t (line 4); and 1 are"
        in said
    )
    assert "not: table new (line 7)" in said
    assert "make baseline" not in said


def test_a_file_whose_objects_all_exist_is_to_be_adopted(database: Database, tmp_path: Path) -> None:
    """ "Already exists" alone sends a person to edit the file."""
    said = _failure(database, tmp_path / "m", "create table t (id int, email text);\n")
    conf = f'{{"migrations": ["{VERSION}"]}}'
    assert f"make baseline TARGET_URL=<as in this run> MIGRATIONS_DIR=<as in this run> CONF='{conf}'" in said


def test_the_lines_for_each_partition_name_them(database: Database, tmp_path: Path) -> None:
    """Nobody wants to write these lines by hand for forty partitions."""
    database.run("create table public.p (id int) partition by range (id)")
    for low in (1, 2):
        database.run(f"create table public.p_{low} partition of public.p for values from ({low}) to ({low + 1})")
    said = _failure(database, tmp_path / "m", "create index concurrently p_id on public.p (id);\n")
    lines = [line.strip() for line in said.splitlines()]
    for line in lines[1:6]:
        database.run(line)
    assert lines[1:6:2] == [
        "create index p_id on only public.p (id);",
        "alter index public.p_id attach partition public.p_id_p_1;",
        "alter index public.p_id attach partition public.p_id_p_2;",
    ]
    assert database.rows("select indisvalid from pg_index where indexrelid = 'public.p_id'::regclass") == [(True,)]


@pytest.mark.parametrize("validates", [False, True])
def test_rows_that_refer_to_nothing_are_found_by_the_printed_line(
    database: Database, tmp_path: Path, validates: bool
) -> None:
    """A foreign key is refused because of rows that nobody knows: the next thing one needs is the query that lists them."""
    database.run("create table public.r (key int primary key); insert into public.r values (1)")
    key = "alter table public.t add constraint t_fk foreign key (id) references public.r (key)"
    if validates:
        database.run(f"{key} not valid")
    change = "alter table public.t validate constraint t_fk" if validates else key
    looks, *more = (line.strip() for line in _failure(database, tmp_path / "m", f"{change};\n").splitlines()[1:])
    assert len(database.rows(looks.rstrip(";"))) == 1
    if not validates:
        database.run(more[0])


def test_a_new_column_whose_default_refers_to_nothing_is_told_so(database: Database, tmp_path: Path) -> None:
    """No query can find the rows, because the column is gone with the transaction."""
    database.run("create table public.r (key int primary key)")
    said = _failure(database, tmp_path / "m", "alter table public.t add column r int default 3 references public.r;\n")
    assert "every row gets its default, which public.r does not have" in said


def test_the_lines_for_duplicates_keep_one_of_each(database: Database, tmp_path: Path) -> None:
    """ "Keep one of each" alone is a query that everybody has to look up."""
    said = _failure(database, tmp_path / "m", "create unique index t_email on public.t (email);\n")
    shows, deletes = (line.strip() for line in said.splitlines()[1:3])
    assert database.rows(shows.rstrip(";")) == [("a", 2)]
    database.run(deletes)
    assert len(database.rows("select * from public.t")) == 1


def test_the_lines_around_views_make_them_again_as_they_are(database: Database, tmp_path: Path) -> None:
    """A view that is made again without security_invoker shows its owner's rows, and nobody remembers its grants."""
    state = """select c.oid::regclass::text, reloptions, relacl::text || obj_description(c.oid), pg_get_viewdef(c.oid) from pg_class c
        where c.relnamespace = 'public'::regnamespace and relkind in ('v', 'm') order by 1"""
    database.run(
        "create role viewer_of_lines; create view public.v with (security_invoker = true) as select email from public.t;"
        " grant select on public.v to viewer_of_lines; comment on view public.v is 'it''s one';"
        " create materialized view public.m as select distinct email, 1 as n from public.v;"
        " create unique index m_email on public.m (n, email)"
    )
    try:
        before = database.rows(state)
        said = _failure(database, tmp_path / "m", "alter table public.t alter column email type varchar(30);\n")
        lines = said.split("in this one file:\n")[1].split("\n  then")[0]
        database.run(lines)
        after = database.rows(state)
        assert [row[:3] for row in after] == [row[:3] for row in before]
        assert database.value("select count(*) from pg_indexes where indexname = 'm_email'") == 1
    finally:
        database.run("drop view public.v cascade; drop role viewer_of_lines")


def test_the_line_that_took_the_lock_and_the_line_that_held_it_are_both_named(
    database: Database, tmp_path: Path
) -> None:
    """Whoever reads that an UPDATE holds a strong lock splits the UPDATE."""
    with pytest.raises(
        LockBudgetExceededError, match=r"line 1 takes a strong lock.*line 2 .*put line 2 into a file of its own"
    ):
        _apply(database, tmp_path / "m", "alter table public.t add column more int;\nselect pg_catalog.pg_sleep(5);\n")


class _Slow(Observer):
    """An observer that is slow before the commit, this number of times, for each of `looks` seconds."""

    def __init__(self, times: int, looks: Sequence[float] = (5,)) -> None:
        self.times = times
        self.looks = looks

    def before_commit(self, connection: Connection, segment: Segment) -> None:
        self.times -= 1
        for seconds in self.looks if self.times >= 0 else ():
            connection.execute("select pg_catalog.pg_sleep(%s)", [seconds])


def _apply_observed(database: Database, folder: Path, times: int, looks: Sequence[float] = (5,)) -> str:
    write_migration(folder, STEM, "alter table public.t add column more int;\n", manifest="risk: low\n")
    with working_on(database.url, folder, SHORT) as work:
        work.apply(observer=_Slow(times, looks))
        return work.text


@pytest.mark.parametrize("looks", [[5], [0.4] * 3], ids=["one", "several"])
def test_our_own_slow_looks_before_the_commit_are_not_blamed_on_the_statements(
    database: Database, tmp_path: Path, looks: list[float]
) -> None:
    """Else a busy worker fails a good migration, or its rollback, and says that it should be split."""
    said = _apply_observed(database, tmp_path / "m", 1, looks)

    assert "what we look at before the commit took too long while a lock was held; aborted" in said
    assert database.attempts == [(VERSION, "applied")]


def test_what_the_commit_checks_has_only_the_time_that_is_left(database: Database, tmp_path: Path) -> None:
    """Else a strong lock is held for the budget, and for the budget again while the commit asks deferred constraints."""
    database.run(
        "create function public.slow() returns trigger language plpgsql as"
        " $$ begin perform pg_catalog.pg_sleep(0.7); return null; end $$;"
        " create constraint trigger slow after insert on public.t deferrable initially deferred"
        " for each row execute function public.slow()"
    )
    sql = "alter table public.t add column more int;\ninsert into public.t (id) values (9);\n"
    write_migration(tmp_path / "m", STEM, sql)
    with (
        working_on(database.url, tmp_path / "m", Limits(lock_budget=1.0, give_up_after=3)) as work,
        pytest.raises(LockBudgetExceededError),
    ):
        work.apply(observer=_Slow(1000, [0.5]))

    assert database.value("select count(*) from public.t where id = 9") == 0


def test_our_own_looks_that_are_too_slow_in_every_try_are_named_as_the_cause(
    database: Database, tmp_path: Path
) -> None:
    """Else the engineer on call looks for a blocker, or for a fault in the file, and there is none."""
    with pytest.raises(HeldUpError, match=r"its statements were quick.* a longer `lock_budget`"):
        _apply_observed(database, tmp_path / "m", 1000)

    assert database.rows("select * from public.t where id = 1") == [(1, "a")]


@pytest.mark.parametrize(
    "sql",
    [
        "select pg_catalog.pg_advisory_lock(KEY);\n",
        "do $$ begin perform pg_catalog.pg_advisory_xact_lock(KEY); end $$;\n",
        "alter table public.t add column more int;\nselect pg_catalog.pg_advisory_xact_lock(KEY);\n",
    ],
    ids=["alone", "in a DO block", "under a lock"],
)
def test_a_wait_for_our_own_lock_is_ended_and_named(database: Database, tmp_path: Path, sql: str) -> None:
    """Else the deployment waits for itself for ever, and names itself as the blocker to be ended."""
    key = database.value(f"select {LOCK_KEY}")

    with pytest.raises(StatementFailedError, match=r"under which this deployment works.* take another key"):
        _apply(database, tmp_path / "m", sql.replace("KEY", str(key)))


def test_the_runs_own_statement_timeout_is_not_blamed_on_the_lock_budget(database: Database, tmp_path: Path) -> None:
    """Else the engineer on call would declare a longer holds_lock, which changes nothing."""
    with pytest.raises(StatementFailedError, match="statement timeout"):
        _apply(
            database,
            tmp_path / "m",
            "alter table public.t add column more int;\nselect pg_catalog.pg_sleep(60);\n",
            Limits(lock_budget=30, statement_timeout=0.3),
        )

    assert {row[0] for row in database.statements(VERSION)} == {1}


def test_a_declared_holding_time_is_allowed(database: Database, tmp_path: Path) -> None:
    """Else a change that must hold a lock, and says so, could not be deployed at all."""
    _apply(
        database,
        tmp_path / "m",
        "alter table public.t add column more int;\nselect pg_catalog.pg_sleep(1);\n",
        manifest="risk: low\nholds_lock: 5 s\n",
    )

    assert database.attempts == [(VERSION, "applied")]


def test_a_do_block_that_takes_a_strong_lock_is_cancelled_by_the_watch(database: Database, tmp_path: Path) -> None:
    """Else a lock that no text shows would be held for as long as the block likes."""
    started = time.monotonic()

    with pytest.raises(LockBudgetExceededError):
        _apply(
            database,
            tmp_path / "m",
            "do $$ begin lock table public.t in access exclusive mode; perform pg_catalog.pg_sleep(60); end $$;\n",
        )

    assert time.monotonic() - started < 60
    assert database.attempts == [(VERSION, "applying")]


_LOCKS = "lock table public.t in access exclusive mode"
_SLEEPS_ON = "loop begin perform pg_catalog.pg_sleep(60); exception when query_canceled then null; end; end loop"


@pytest.mark.parametrize("then", ["perform pg_catalog.pg_sleep(60)", _SLEEPS_ON], ids=["is cancelled", "is terminated"])
def test_the_budget_is_named_if_only_the_server_saw_the_lock(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """On a starved machine the server ended a do block before our watch had looked: "cancelled, correct the file", or a lost session."""
    monkeypatch.setattr("pg_deploy.execution.statement_watch._FIRST_LOOK_S", 60)
    database.run("do $$ begin execute format('alter role %I set client_min_messages = error', current_user); end $$")
    try:
        with pytest.raises(LockBudgetExceededError):
            _apply(database, tmp_path / "m", f"do $$ begin {_LOCKS}; {then}; end $$;\n")
    finally:
        database.run("do $$ begin execute format('alter role %I reset client_min_messages', current_user); end $$")

    assert database.attempts == [(VERSION, "applying")]


def test_waiting_that_only_the_server_saw_is_tried_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a file would be told to hold its lock for too long, which it never got."""
    monkeypatch.setattr("pg_deploy.execution.statement_watch._FIRST_LOOK_S", 60)
    with psycopg.connect(database.url) as holder:
        holder.execute("select from public.t")
        with pytest.raises(LockNotObtainedError):
            _apply(database, tmp_path / "m", f"do $$ begin {_LOCKS}; end $$;\n")

    assert len({row[0] for row in database.statements(VERSION)}) > 1


def test_a_do_block_that_only_takes_its_time_is_left_alone(database: Database, tmp_path: Path) -> None:
    """Else a long calculation that blocks nobody, or fills a table of its own, would be cancelled."""
    _apply(
        database,
        tmp_path / "m",
        "do $$ begin create table public.own (id int); lock table public.own in access exclusive mode;\n"
        "perform pg_catalog.pg_sleep(1.5); end $$;\n",
    )

    assert database.attempts == [(VERSION, "applied")]


def test_a_lock_that_is_never_free_is_given_up_and_its_holder_named(database: Database, tmp_path: Path) -> None:
    """Else the run would wait for ever, or end without saying for whom."""
    with psycopg.connect(database.url, application_name="a long report") as holder:
        holder.execute("select from public.t")
        with pytest.raises(LockNotObtainedError, match="a long report"):
            _apply(database, tmp_path / "m", "alter table public.t add column more int;\n")

    assert len({row[0] for row in database.statements(VERSION)}) > 1
    assert database.attempts == [(VERSION, "applying")]


def test_a_deadlock_is_tried_again(database: Database, tmp_path: Path) -> None:
    """Else an accident of timing with the application would fail, and undo, a good migration."""
    database.run("create table public.u (id int)")
    database.run("insert into public.u values (1)")
    begun = threading.Event()

    def application() -> None:
        with psycopg.connect(database.url) as connection:
            connection.execute("update public.u set id = 2")
            begun.set()
            # It waits second, so the migration, which waited first, is the one that finds the deadlock.
            while not database.rows("select from pg_locks where not granted and locktype = 'transactionid'"):
                time.sleep(0.02)
            connection.execute("update public.t set email = 'application' where id = 2")

    other = threading.Thread(target=application)
    other.start()
    begun.wait(5)
    try:
        text = _apply(
            database,
            tmp_path / "m",
            "update public.t set email = email || '!' where id = 2;\nupdate public.u set id = id + 10;\n",
            Limits(give_up_after=20, slowest_pause=0.5),
        )
    finally:
        other.join(timeout=20)

    assert "chosen as the victim of a deadlock; aborted so that nobody waits behind it, again in" in text
    assert database.attempts == [(VERSION, "applied")]
    assert database.value("select id from public.u") == 12
    assert database.value("select email from public.t where id = 2") == "application!"


def test_what_committed_is_not_run_again_by_the_next_try(database: Database, tmp_path: Path) -> None:
    """Else an update that counts up would count twice, and a created table fail the second time."""
    folder = tmp_path / "m"
    database.run("create table public.counter (x int)")
    database.run("insert into public.counter values (0)")
    sql = (
        "update public.counter set x = x + 1;\n"
        "create unique index concurrently t_email on public.t (email);\n"
        "update public.counter set x = x + 10;\n"
    )

    with pytest.raises(StatementFailedError, match="line 2"):
        _apply(database, folder, sql)
    left = database.invalid_indexes
    database.run("delete from public.t where id = 2")
    text = _apply(database, folder, sql)

    # The failed build was cleared away at once: it would slow every write until somebody comes.
    assert left == []
    assert database.value("select x from public.counter") == 11
    assert database.invalid_indexes == []
    assert database.has("public.t_email")
    assert "1 of 3 segments committed before: going on with the rest" in text
    assert database.statements(VERSION) == [(1, 1, 1, True), (1, 2, 2, False), (2, 2, 2, True), (1, 3, 3, True)]
    assert database.attempts == [(VERSION, "applied")]


def test_a_later_try_goes_on_with_the_settings_of_the_first(database: Database, tmp_path: Path) -> None:
    """Else the rest would run with another search_path or role, and change another table of the same name."""
    folder = tmp_path / "m"
    database.run("create schema app")
    database.run("create table app.t (id int, email text)")
    database.run("insert into app.t values (1, 'a'), (2, 'a')")
    sql = (
        "set search_path = app;\nset local lock_timeout = '1h';\n"
        "create unique index concurrently t_email on t (email);\ninsert into t values (3, current_setting('search_path'));\n"
    )

    with pytest.raises(StatementFailedError, match="line 3"):
        _apply(database, folder, sql)
    database.run("delete from app.t where id = 2")
    _apply(database, folder, sql)

    assert database.has("app.t_email")
    assert not database.has("public.t_email")
    assert database.rows("select email from app.t where id = 3") == [("app",)]


def test_an_invalid_index_of_the_wanted_name_is_not_taken_for_done(database: Database, tmp_path: Path) -> None:
    """Else IF NOT EXISTS would pass over what an earlier failed build left, and the migration look well."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("create unique index concurrently t_email on public.t (email)")

    with pytest.raises(InvalidIndexInTheWayError, match="t_email"):
        _apply(database, tmp_path / "m", "create index concurrently if not exists t_email on public.t (email);\n")

    assert database.invalid_indexes == ["t_email"]


def test_a_statement_of_unknown_effect_is_never_repeated(database: Database, tmp_path: Path) -> None:
    """Else what cannot run in a transaction and shows in no catalog could happen twice."""
    sql = "create database template1;\n"
    with pytest.raises(StatementFailedError, match="already exists"):
        _apply(database, tmp_path / "m", sql)

    with pytest.raises(UncertainStatementError, match="look at the database"):
        _apply(database, tmp_path / "m", sql)


def test_an_error_of_a_deferred_constraint_at_the_commit_names_its_file(database: Database, tmp_path: Path) -> None:
    """Else a failure of the commit itself would look like a crash of the engine."""
    database.run("create table public.pair (id int unique deferrable initially deferred)")

    with pytest.raises(StatementFailedError, match=f"{STEM}.sql"):
        _apply(database, tmp_path / "m", "insert into public.pair values (1), (1);\n")

    assert database.rows("select * from public.pair") == []
    assert database.attempts == [(VERSION, "applying")]


def test_an_error_names_the_line_and_points_at_the_place(database: Database, tmp_path: Path) -> None:
    """Else the author would search a long file for what PostgreSQL meant."""
    with pytest.raises(StatementFailedError) as failed:
        _apply(database, tmp_path / "m", "select 1;\n\nselect id,\n    nonsense\nfrom public.t;\n")

    assert failed.value.line == 4
    assert failed.value.sqlstate == "42703"
    assert str(failed.value).endswith("\n        nonsense\n        ^\n  correct the file and trigger a new run")
