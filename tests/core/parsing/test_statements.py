"""Splitting and classifying a migration's SQL."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing import brief_text, splitting
from pg_deploy.parsing.characters import first_suspect
from pg_deploy.parsing.errors import (
    CopyDataError,
    EmptyMigrationError,
    PsqlCommandError,
    SqlSyntaxError,
    TransactionControlError,
)
from pg_deploy.parsing.statements import ConcurrentIndex, Lock, ObjectName, Statement, segments, split, split_check


def one(sql: str) -> Statement:
    (statement,) = split(sql, file="one.sql")
    return statement


def texts(sql: str) -> list[str]:
    return [statement.sql for statement in split(sql, file="many.sql")]


def test_a_statement_is_the_files_own_text_with_its_leading_comments() -> None:
    """Else what runs, and what the ledger keeps, is not what was reviewed."""
    found = split("-- why\ncreate table a (id int);\n\n/* b; */ insert into a\nvalues (';');\n-- end\n", file="f")
    assert [s.sql for s in found] == ["-- why\ncreate table a (id int)", "/* b; */ insert into a\nvalues (';')"]
    assert [(s.ordinal, s.line) for s in found] == [(1, 2), (2, 4)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", ["select 1"]),
        (
            "select 'é€😀'; select \"ü\" from t; -- é\n select 3;",
            ["select 'é€😀'", 'select "ü" from t', "-- é\n select 3"],
        ),
        ("-- é\r\nselect 1;\r\nselect\r\n2;\r\n", ["-- é\r\nselect 1", "select\r\n2"]),
        ("\ufeffselect 1;", ["select 1"]),
        (";;select 1;; -- lost\n; select 2;;", ["select 1", "select 2"]),
        ("do $a$ begin null; end $a$; select $$;$$;", ["do $a$ begin null; end $a$", "select $$;$$"]),
        ("/* a /* b; */ c; */ select 1; select 2", ["/* a /* b; */ c; */ select 1", "select 2"]),
        (r"select E'it\'s; x'; select '\'; select 3", [r"select E'it\'s; x'", r"select '\'", "select 3"]),
        (
            "create rule r as on insert to a do (delete from b; select (1)); select 2",
            ["create rule r as on insert to a do (delete from b; select (1))", "select 2"],
        ),
        (
            "create function f() returns int begin atomic select 1; select case when true then 2 end; end; select 3",
            [
                "create function f() returns int begin atomic select 1; select case when true then 2 end; end",
                "select 3",
            ],
        ),
        ("select '{{ name }}', '{% x %}'; ", ["select '{{ name }}', '{% x %}'"]),
        ("select 1 -- last", ["select 1 -- last"]),
        ("\n\t select\t1\n\n ;", ["select\t1"]),
    ],
)
def test_a_file_is_split_where_postgresql_splits_it(sql: str, expected: list[str]) -> None:
    """Else half a statement is sent, or two as one."""
    assert texts(sql) == expected


def test_lines_are_counted_to_the_first_token() -> None:
    """Else a log points a tired person at the wrong line."""
    found = split("\ufeff-- é\r\n\r\nselect 1;\r\n\r\n/* x\n y */\n  select\n 2; select 3", file="f")
    assert [s.line for s in found] == [3, 7, 8]


def test_a_chain_of_thousands_of_operators_is_read() -> None:
    """Else a generated migration dies of Python's recursion limit."""
    assert one("select " + " || ".join(["'a'"] * 4000)).kind == "select"


def test_a_thousand_ordinary_files_are_split_in_a_few_seconds() -> None:
    """Else preflight of a long history takes minutes."""
    text = (
        "create table public.t (id int primary key, a text not null default 'x', b timestamptz default now());\n"
        "alter table public.t enable row level security;\n"
        "create policy p on public.t for select to app using (id in (select x from u where z = auth.uid()));\n"
        "create index i on public.t (a);\n"
    ) * 3
    begin = time.monotonic()
    for _ in range(1000):
        split(text, file="f")
    assert time.monotonic() - begin < 10


def test_a_bulk_insert_of_megabytes_is_split_in_seconds() -> None:
    """Else a data migration blocks preflight."""
    begin = time.monotonic()
    statement = one("insert into public.t (a, b) values " + ",\n".join(f"({i}, 'text {i}')" for i in range(100_000)))
    assert time.monotonic() - begin < 30
    assert statement.summary == f"insert into public.t (a, b) … ({len(statement.sql)} characters)"


@pytest.mark.parametrize(
    ("sql", "error", "words"),
    [
        ("select 1;\n  select é from from x;", SqlSyntaxError, 'line 2, column 17: syntax error at or near "from"'),
        ("select (", SqlSyntaxError, "column 9: syntax error at end of input"),
        ("select 1;\0drop table t", SqlSyntaxError, "NUL"),
        ("select {{ x }}", SqlSyntaxError, "{{ x }} is for a template"),
        ("select 1;\n\\connect other\n", PsqlCommandError, r'line 2: "\connect other" is a command of psql'),
        ("select 1;\ncopy t from stdin;\n1\t2\n\\.\n", CopyDataError, 'line 2: "copy t from stdin"'),
        ("\\echo a\nselect 1;\n\\i b.sql\n \\if :x\n", PsqlCommandError, "line 4: \\if :x: write"),
        ("copy t from stdin;\n1\t2\n\\.\ncopy u from stdin;\n\\.\n", CopyDataError, "look at line 4 too"),
        ("copy t from stdin with (format csv);", CopyDataError, "write the rows as an insert"),
        ("copy t to stdout;", CopyDataError, "psql"),
        ("", EmptyMigrationError, "holds no SQL statement"),
        ("-- only\n;/* comments */;", EmptyMigrationError, "holds no SQL statement"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_its_place(
    sql: str, error: type[PgDeployError], words: str
) -> None:
    """Else the failure comes while half of the migration has run."""
    with pytest.raises(error) as caught:
        split(sql, file="bad.sql")
    assert words in str(caught.value)
    assert '"bad.sql"' in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("repack (concurrently) public.orders", "REPACK"),
        ("select 1;\n-- smaller\nREPACK public.orders using index i;", "REPACK"),
        ("select a, count(*) from t group by all", "GROUP BY ALL"),
        ("wait for lsn '0/1'", "WAIT FOR LSN"),
        ("alter table t split partition a into (partition b for values in (1))", "SPLIT PARTITION"),
        ("alter table t merge partitions (a, b) into c", "MERGE PARTITIONS"),
        ("create property graph g vertex tables (a)", "PROPERTY GRAPH"),
        ("select * from graph_table (g match (a) columns (a.x))", "GRAPH_TABLE"),
        ("select lag(a) ignore nulls over () from t", "IGNORE NULLS"),
        ("update t for portion of valid from '2026-01-01' to '2027-01-01' set a = 1", "FOR PORTION OF"),
        ("insert into t values (1) on conflict (a) do select returning *", "ON CONFLICT DO SELECT"),
        ("create publication p for all tables except table t", "EXCEPT TABLE"),
        ("checkpoint (mode fast)", "options of CHECKPOINT"),
    ],
)
def test_syntax_of_a_newer_postgresql_is_named(sql: str, name: str) -> None:
    """Else somebody searches for a typing error in what the documentation says."""
    with pytest.raises(SqlSyntaxError) as caught:
        split(sql, file="f")
    assert f"{name} is not known to this parser, PostgreSQL 19 brought it" in str(caught.value)
    assert "syntax error" not in str(caught.value)


def test_a_typing_error_is_still_a_syntax_error() -> None:
    """Else every mistake is excused with a version that nobody uses."""
    for sql in (
        "repakc t",
        "select repack from",
        "select 1 from (",
        "create table all (a int",
        "checkpoint checkpoint",
    ):
        with pytest.raises(SqlSyntaxError, match="syntax error"):
            split(sql, file="f")


def test_a_syntax_error_shows_a_caret_under_the_place() -> None:
    """Else a person searches a long line by eye."""
    with pytest.raises(SqlSyntaxError) as caught:
        split("select 1;\n\tselect é from from x;\nselect 2", file="f")
    assert caught.value.caret_text == "\tselect é from from x;\n\t              ^"
    assert (caught.value.line, caught.value.column) == (2, 16)


@pytest.mark.parametrize(
    "sql",
    [
        "alter role app passwrd 'hunter2'",
        "alter role app\n with password 'hunter2' nonsense",
        "alter role app password\n'hunter2' nonsense",
        "alter role app password 'hunter2",
        "create user mapping for app server x options (password 'hunter2') ,",
        "alter role app 'hunter2'",
    ],
)
def test_a_syntax_error_shows_no_password(sql: str) -> None:
    """Else a typing error publishes a password in Airflow's log."""
    with pytest.raises(SqlSyntaxError) as caught:
        split(sql, file="f")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("begin", ["begin", "BEGIN TRANSACTION", "start transaction", "begin work"])
@pytest.mark.parametrize("end", ["commit", "end", "COMMIT WORK"])
def test_one_transaction_around_the_whole_file_is_left_out(begin: str, end: str) -> None:
    """It says what the engine does anyway: projects that write it deploy unchanged."""
    found = split(f"-- head\n{begin};\nselect 1;\nselect 2;\n{end};\n-- end", file="f")
    assert [(s.ordinal, s.sql, s.line) for s in found] == [(1, "select 1", 3), (2, "select 2", 4)]


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        ("begin; select 1;", "begin"),
        ("select 1; commit;", "commit"),
        ("begin; select 1; rollback", "begin"),
        ("select 0; begin; select 1; commit", "begin"),
        ("begin; select 1; commit; select 2", "begin"),
        ("begin; select 1; commit; begin; commit", "commit"),
        ("begin; savepoint a; select 1; commit", "savepoint a"),
        ("begin isolation level serializable; select 1; commit", "begin isolation level serializable"),
        ("begin; select 1; commit and chain", "begin"),
        ("begin; create index concurrently i on t (a); commit", "begin"),
        ("begin; commit", "begin"),
        ("begin", "begin"),
        ("prepare transaction 'x'", "prepare transaction 'x'"),
        ("select 1; release a", "release a"),
    ],
)
def test_other_transaction_control_is_refused(sql: str, statement: str) -> None:
    """Else a file commits half of itself behind the ledger's back."""
    with pytest.raises(TransactionControlError) as caught:
        split(sql, file="f")
    assert caught.value.statement == statement


def test_a_check_may_not_control_transactions_at_all() -> None:
    """Else a check could commit what it wrote."""
    assert [s.kind for s in split_check("set local role app; select 1", file="c")] == ["set", "select"]
    with pytest.raises(TransactionControlError):
        split_check("begin; select 1; commit", file="c")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("create index concurrently i on t (a)", "create index concurrently"),
        ("drop index concurrently i", "drop index concurrently"),
        ("reindex index concurrently i", "reindex concurrently"),
        ("reindex (concurrently, verbose) table t", "reindex concurrently"),
        ("reindex (concurrently) schema s", "reindex concurrently"),
        ("reindex schema s", "reindex"),
        ("reindex database", "reindex"),
        ("vacuum t", "vacuum"),
        ("vacuum (full, analyze) t", "vacuum"),
        ("create database d", "create database"),
        ("drop database d", "drop database"),
        ("alter database d set tablespace x", "alter database"),
        ("create tablespace x location '/x'", "create tablespace"),
        ("drop tablespace x", "drop tablespace"),
        ("alter system set work_mem = '1MB'", "alter system"),
        ("cluster", "cluster"),
        ("discard all", "discard"),
        ("alter table t detach partition p concurrently", "alter table detach partition concurrently"),
        ("create subscription s connection 'x' publication p", "create subscription"),
        ("drop subscription s", "drop subscription"),
        ("alter subscription s refresh publication", "alter subscription"),
        ("alter subscription s set publication p", "alter subscription"),
    ],
)
def test_what_cannot_run_in_a_transaction_is_known(sql: str, kind: str) -> None:
    """Else the migration fails on the target, in the middle."""
    statement = one(sql)
    assert (statement.kind, statement.transactional) == (kind, False)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("create unique index i on t (a)", "create index"),
        ("reindex table t", "reindex"),
        ("reindex (concurrently false) table t", "reindex"),
        ("analyze t", "analyze"),
        ("alter database d set work_mem = '1MB'", "alter database"),
        ("cluster t", "cluster"),
        ("discard plans", "discard"),
        ("alter table t detach partition p", "alter table"),
        ("alter table t detach partition p finalize", "alter table"),
        ("create subscription s connection 'x' publication p with (connect = false)", "create subscription"),
        ("create subscription s connection 'x' publication p with (create_slot = false)", "create subscription"),
        ("alter subscription s set publication p with (refresh = false)", "alter subscription"),
        ("alter subscription s disable", "alter subscription"),
        ("alter type t add value 'x'", "alter type"),
        ("create policy p on t", "create policy"),
        ("alter table t rename column a to b", "alter table"),
        ("alter policy p on t rename to q", "alter policy"),
        ("drop materialized view m", "drop materialized view"),
        ("create materialized view m as select 1", "create materialized view"),
        ("create table t as select 1", "create table"),
        ("update t set a = 1", "update"),
        ("do $$begin end$$", "do"),
        ("grant select on t to app", "grant"),
        ("revoke app from other", "revoke"),
        ("comment on table t is 'x'", "comment"),
        ("import foreign schema a from server b into c", "import foreign schema"),
        ("alter default privileges grant select on tables to app", "alter default privileges"),
    ],
)
def test_what_may_run_in_a_transaction_is_known(sql: str, kind: str) -> None:
    """Else a change loses its transaction, and a failure leaves half of it."""
    statement = one(sql)
    assert (statement.kind, statement.transactional) == (kind, True)


def test_a_statement_outside_a_transaction_stands_alone_in_its_segment() -> None:
    """Else CREATE INDEX CONCURRENTLY is sent inside a transaction, or a change is committed in two parts."""
    sql = "select 1; select 2; vacuum t; create index concurrently i on t (a); select 3"
    found = segments(split(sql, file="f"))
    assert [(s.ordinal, s.transactional, [x.ordinal for x in s.statements]) for s in found] == [
        (1, True, [1, 2]),
        (2, False, [3]),
        (3, False, [4]),
        (4, True, [5]),
    ]
    assert segments([]) == ()


def test_locks_on_what_the_same_transaction_created_are_not_claimed() -> None:
    """Else every new table with a policy is put under the lock budget, and fails for nothing."""
    sql = (
        "create table public.t (id int); create index on public.t (id); alter table public.t enable row level security"
    )
    assert not segments(split(sql, file="f"))[0].strong


@pytest.mark.parametrize(
    "before",
    [
        "create table if not exists t (id int)",
        "create table public.t (id int)",
        "create table t (id int); vacuum",
        "create table t (id int); set search_path = other",
        "create table t (id int); do $$begin end$$",
        "create or replace view t as select 1",
    ],
)
def test_a_table_that_may_be_an_older_one_keeps_its_claims(before: str) -> None:
    """Else a live table is altered outside the lock budget."""
    last = split(f"{before}; alter table t add column a int", file="f")[-1]
    assert [(c.mode, c.relation) for c in last.locks] == [(Lock.ACCESS_EXCLUSIVE, "t")]


@pytest.mark.parametrize(
    ("sql", "opaque"),
    [
        ("do $$begin end$$", True),
        ("call p()", True),
        ("select cron.schedule('a', 'b', 'c')", True),
        ("select other.count(1)", True),
        ("create extension x", True),
        ("select count(*), max(a), jsonb_build_object('a', 1) from t where b > now()", False),
        ("select pg_catalog.set_config('a', 'b', true)", False),
        ("update t set a = f(b)", False),
        ("create table t (a int)", False),
    ],
)
def test_what_cannot_be_read_from_the_text_is_opaque(sql: str, opaque: bool) -> None:
    """Else a block that drops a column is shown as taking no lock."""
    assert one(sql).opaque is opaque


@pytest.mark.parametrize(
    ("sql", "unseen"),
    [
        ("select cron.schedule('j', '* * * * *', $$select public.work()$$)", False),
        ("select cron.unschedule(jobid) from cron.job where jobname = 'j'", False),
        ("select cron.schedule('j', '* * * * *', 'select 1'), public.work()", True),
        ("do $$ begin end $$", True),
        ("call public.work()", True),
        ("create extension citext", True),
        ("select max(id) from public.t", False),
        ("alter table public.t add column c int", False),
    ],
)
def test_a_statement_that_may_change_objects_that_it_does_not_name_is_known(sql: str, unseen: bool) -> None:
    """Else the work of a function would count as somebody else's, or every cron job would cast doubt on the rest."""
    assert one(sql).unseen is unseen


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("insert into t values (1)", True),
        ("with gone as (delete from t returning id) select * from gone", True),
        ("merge into t using u on true when matched then delete", True),
        ("truncate t", True),
        ("copy t from '/x'", True),
        ("explain analyze delete from t", True),
        ("explain delete from t", False),
        ("explain (analyze off) delete from t", False),
        ("copy t to '/x'", False),
        ("select * from t for update", False),
        ("create function f() returns void begin atomic delete from t; end", False),
        ("create rule r as on insert to t do also delete from u", False),
        ("create table t as select 1", False),
    ],
)
def test_a_statement_that_writes_rows_is_known(sql: str, writes: bool) -> None:
    """Else a migration of rows counts as one of the schema only, and its access proof as valid for the target."""
    assert one(sql).writes_rows is writes


@pytest.mark.parametrize(
    ("sql", "left_behind"),
    [
        ("set lock_timeout = '1s'", True),
        ("set session role app", True),
        ("set role app", True),
        ("reset role", True),
        ("reset all", True),
        ("set session authorization app", True),
        ("discard plans", True),
        ("select set_config('search_path', '', false)", True),
        ("select pg_catalog.pg_advisory_lock(1)", True),
        ("set local lock_timeout = '1s'", False),
        ("set local role app", False),
        ("set constraints all deferred", False),
        ("set transaction isolation level serializable", False),
        ("select set_config('search_path', '', true)", False),
        ("select pg_advisory_xact_lock(1)", False),
        ("alter role app set search_path = ''", False),
    ],
)
def test_what_a_statement_leaves_in_the_session_is_known(sql: str, left_behind: bool) -> None:
    """Else the next migration runs as another role or without its timeouts."""
    assert one(sql).session_state is left_behind


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create index concurrently i on t (a)", ConcurrentIndex("create", None, "i", "t")),
        (
            'create unique index concurrently if not exists "My I" on "S".t (a)',
            ConcurrentIndex("create", "S", "My I", "t", unique=True, if_not_exists=True),
        ),
        ("create index concurrently on s.t (a)", ConcurrentIndex("create", "s", None, "t")),
        ("drop index concurrently if exists s.i", ConcurrentIndex("drop", "s", "i", None)),
        ("reindex index concurrently s.i", ConcurrentIndex("reindex", "s", "i", None)),
        ("reindex table concurrently t", ConcurrentIndex("reindex", None, None, "t")),
        ("reindex schema concurrently s", ConcurrentIndex("reindex", "s", None, None)),
        ("create index i on t (a)", None),
        ("vacuum t", None),
    ],
)
def test_the_index_of_a_concurrent_statement_is_known(sql: str, expected: ConcurrentIndex | None) -> None:
    """Else the engine cannot look in the catalog whether a build that was cut off is valid."""
    assert one(sql).concurrent == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create table s.t (a int)", [ObjectName("table", "s.t")]),
        ('create table "S"."my t" (a int)', [ObjectName("table", '"S"."my t"')]),
        ("create policy p on s.t", [ObjectName("policy", "p", "s.t")]),
        ("create trigger g before insert on t execute function f()", [ObjectName("trigger", "g", "t")]),
        ("create index i on s.t (a)", [ObjectName("index", "s.i", "s.t")]),
        ("create materialized view m as select 1", [ObjectName("materialized view", "m")]),
        (
            "create function s.f(a int, inout b text[], out c int) language sql as ''",
            [ObjectName("function", "s.f(pg_catalog.int4,text[])")],
        ),
        (
            "alter table t add column a int, add constraint c check (a > 0)",
            [ObjectName("column", "a", "t"), ObjectName("constraint", "c", "t")],
        ),
        ("create type s.e as enum ('a')", [ObjectName("type", "s.e")]),
        ("create schema s create table t (a int)", [ObjectName("schema", "s"), ObjectName("table", "t")]),
        ("insert into t values (1)", []),
    ],
)
def test_created_objects_are_named(sql: str, expected: list[ObjectName]) -> None:
    """Else a rollback could not be held against what the migration made."""
    assert list(one(sql).creates) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("drop table if exists s.t, u", [ObjectName("table", "s.t"), ObjectName("table", "u")]),
        ("drop policy p on s.t", [ObjectName("policy", "p", "s.t")]),
        ("drop index concurrently s.i", [ObjectName("index", "s.i")]),
        ("drop function s.f(int), g", [ObjectName("function", "s.f(pg_catalog.int4)"), ObjectName("function", "g")]),
        ("drop schema s", [ObjectName("schema", "s")]),
        ("drop type s.e", [ObjectName("type", "s.e")]),
        ("drop role a, b", [ObjectName("role", "a"), ObjectName("role", "b")]),
        ("drop extension x", [ObjectName("extension", "x")]),
        (
            "alter table t drop column a, drop constraint c",
            [ObjectName("column", "a", "t"), ObjectName("constraint", "c", "t")],
        ),
        ("drop materialized view m", [ObjectName("materialized view", "m")]),
    ],
)
def test_dropped_objects_are_named(sql: str, expected: list[ObjectName]) -> None:
    """Else a rollback drops a table that was there before the migration."""
    assert list(one(sql).drops) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "create role app login password 'hunter2'",
        "alter role app with encrypted password $x$hunter2$x$",
        "alter user app password U&'hunter2'",
        "create user mapping for app server s options (user 'u', \"password\" 'hunter2')",
        "alter user mapping for app server s options (set password 'hunter2')",
        "create server s foreign data wrapper w options (key 'hunter2')",
        "create subscription s connection 'host=a pass=hunter2' publication p",
        "alter subscription s connection 'hunter2'",
        "alter system set primary_conninfo = 'hunter2'",
        "select dblink_connect('hunter2')",
        "select vault.create_secret('hunter2')",
        "insert into auth.users (encrypted_password) values ('hunter2')",
        "select 'postgresql://app:hunter2@host/db'",
        "do $$ begin execute 'alter role app password ''hunter2'''; end $$",
        "select 1 -- hunter2",
    ],
)
def test_a_summary_holds_no_secret(sql: str) -> None:
    """Else a password stands in the log, the ledger and the UI."""
    assert "hunter2" not in one(sql).summary


def test_a_summary_is_one_short_line_without_comments() -> None:
    """Else the log of a long migration cannot be read."""
    assert one("-- é\nselect /* x */ 1,\n\t'a -- b'  ;").summary == "select 1, 'a -- b'"
    assert len(one("select " + "abcdefgh, " * 50 + "1").summary) == 100


def test_a_large_text_is_cut_as_a_small_one(monkeypatch: pytest.MonkeyPatch, foreign_folder: Path) -> None:
    """Its trees are made one at a time, because those of fifty megabytes would take gigabytes. The result must be the same."""
    texts = [path.read_text() for path in sorted(foreign_folder.glob("*.sql"))]
    whole = [tuple(replace(each, brief="") for each in split(text, file="f")) for text in texts]
    _nothing_is_short(monkeypatch)
    apart: list[bool] = []
    one_by_one = splitting._one_by_one

    def watched(text: str) -> list[splitting.RawStatement] | None:
        found = one_by_one(text)
        apart.append(found is not None)
        return found

    monkeypatch.setattr(splitting, "_one_by_one", watched)

    again = [tuple(replace(each, brief="") for each in split(text, file="f")) for text in texts]
    assert again == whole
    # A body in standard SQL is cut by the parser alone.
    assert apart.count(False) == 1
    assert apart.count(True) == len(texts) - 1


def test_many_rows_of_constants_leave_one_in_the_tree_but_rows_that_call_a_function_all_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tree is thirty times as large as the text, and each row says the same as the first, unless it calls something."""
    _nothing_is_short(monkeypatch)
    first = "insert into t values (1, 'first;'), (2, null),\n(3, 'third')"
    last = "insert into t values (1, 'a'), (2, clock())"
    text = f"{first} ;\n-- values (1), (2)\n{first}\n;\n{last}"

    many, again, calls = splitting.parse(text, file="f")

    assert "first;" in str(many.tree)
    assert "third" not in str(many.tree)
    assert "clock" in str(calls.tree)
    assert many.brief == "insert into t values (1, 'first;')"
    assert [each.sql for each in (many, again, calls)] == [first, f"-- values (1), (2)\n{first}", last]
    assert [each.line for each in (many, again, calls)] == [1, 4, 7]


def _nothing_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    brief_text.brief.cache_clear()
    monkeypatch.setattr(brief_text, "SHORT", 0)
    monkeypatch.setattr(splitting, "SHORT", 0)


def test_a_look_alike_names_those_that_follow_it() -> None:
    """Else the person who mends the opening quote hears of the closing one in the next run."""
    found = first_suspect("select \u2018a\u2019;\nselect \u201cb\u201d, '\u2019';")
    assert found is not None
    assert found.place == 7
    assert (
        "3 more like it (line:column): 1:10 \u2019 (U+2019): type ' around a text, \" around a name; 2:8 \u201c"
        in found.reason
    )
    assert "more" not in str(first_suspect("select \u2018a'"))


def test_rows_that_no_insert_writes_stay_in_the_brief_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop may go through names of tables: without them the backup would leave out schemas that the migration needs."""
    _nothing_is_short(monkeypatch)
    loop = (
        "do $$ begin for t in select * from (values ('auth.users'), ('storage.objects')) v loop null; end loop; end $$;"
    )
    assert brief_text.brief(loop).text == loop
    assert "storage" not in brief_text.brief("insert into t (a) values ('auth.users'), ('storage.objects');").text
