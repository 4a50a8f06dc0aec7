"""The locks that are claimed for each statement, compared with pg_locks of a real PostgreSQL.

Starts a private cluster with the installed server, on a port that the system chooses.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.parsing.statements import Lock, split
from tests.installed import installed
from tests.throwaway import throwaway

SCHEMA = """
create role app;
create schema s;
create table s.parent (id int primary key, name text);
create table s.child (id int primary key, parent_id int references s.parent (id), name text, n int check (n > 0));
create table s.free (id int primary key, parent_id int, name text not null, n int, at timestamptz default now());
create table s.other (id int primary key, name text);
create table s."Mixed Case" (id int);
create table s.base (id int, name text);
create table s.heir (extra int) inherits (s.base);
create table s.lone (id int, name text, extra int);
create index free_name on s.free (name);
create unique index free_n on s.free (n);
create index other_name on s.other (name);
create table s.parted (id int not null, at date) partition by range (id);
create table s.part1 partition of s.parted for values from (0) to (10);
create table s.part2 (id int not null, at date);
create view s.seen as select id, name from s.free;
create materialized view s.kept as select id, name from s.free;
create unique index kept_id on s.kept (id);
create sequence s.seq;
create function s.trg() returns trigger language plpgsql as 'begin return new; end';
create trigger free_trg before insert on s.free for each row execute function s.trg();
create rule free_rule as on delete to s.other do instead nothing;
create policy free_read on s.free using (true);
create statistics s.st on id, n from s.free;
create type s.pair as (a int, b int);
create type s.mood as enum ('ok');
create domain s.positive as int;
create table s.uses_domain (p s.positive);
create publication pub for table s.other;
alter table s.free add constraint n_small check (n < 1000000) not valid;
alter table s.free add constraint fk_later foreign key (parent_id) references s.parent (id) not valid;
insert into s.other select i, 'x' from generate_series(1, 5) i;
"""

# Each runs alone in a transaction that is then aborted.
STATEMENTS = [
    "select * from s.free",
    "select * from s.free f join s.parent p on p.id = f.parent_id for update of f",
    "select id from s.free for key share",
    "with free as (select 1 as id) select * from free, s.other",
    "with gone as (delete from s.child returning id) select * from gone",
    "insert into s.free (id, name) select id, name from s.parent",
    "update s.free set name = p.name from s.parent p where p.id = s.free.parent_id",
    "delete from s.free where id in (select id from s.parent)",
    "merge into s.free f using s.parent p on p.id = f.id when matched then update set name = p.name",
    "truncate s.free",
    "truncate s.parent cascade",
    "lock table s.free in share row exclusive mode",
    "lock table s.free, s.other",
    "create table s.new (id int primary key, parent_id int references s.parent (id))",
    "create table s.new (like s.free including all)",
    "create table s.new () inherits (s.base)",
    "create table s.part3 partition of s.parted for values from (10) to (20)",
    "create table s.new as select * from s.free",
    "select * into s.new from s.free",
    "create view s.new as select f.id from s.free f join s.parent p using (id)",
    "create or replace view s.seen as select id, name from s.free",
    "create materialized view s.new as select * from s.free",
    "refresh materialized view s.kept",
    "refresh materialized view concurrently s.kept",
    "create index on s.free (at)",
    "create unique index new_i on only s.free (id, name)",
    "drop index s.free_name",
    "alter index s.free_name rename to renamed",
    "alter index s.free_name set (fillfactor = 50)",
    "reindex index s.free_name",
    "reindex table s.free",
    "alter table s.free add column extra int",
    "alter table s.free add column extra int references s.parent (id)",
    "alter table s.free drop column at",
    "alter table s.child drop column parent_id",
    "alter table s.free alter column n type bigint",
    "alter table s.free alter column n set not null",
    "alter table s.free alter column n set default 5",
    "alter table s.free alter column n set statistics 50",
    "alter table s.free alter column n set (n_distinct = 5)",
    "alter table s.free alter column name set storage external",
    "alter table s.free set (fillfactor = 50)",
    "alter table s.free set (autovacuum_enabled = false)",
    "alter table s.free reset (fillfactor)",
    "alter table s.free set (user_catalog_table = true)",
    "alter table s.free add constraint fk foreign key (parent_id) references s.parent (id)",
    "alter table s.free add constraint fk foreign key (parent_id) references s.parent (id) not valid",
    "alter table s.free add constraint positive check (n > 0) not valid",
    "alter table s.free add constraint n_key unique using index free_n",
    "alter table s.free validate constraint n_small",
    "alter table s.free validate constraint fk_later",
    "alter table s.child drop constraint child_parent_id_fkey",
    "alter table s.child alter constraint child_parent_id_fkey deferrable",
    "alter table s.free enable row level security",
    "alter table s.free force row level security",
    "alter table s.free disable trigger free_trg",
    "alter table s.free enable always trigger free_trg",
    "alter table s.free replica identity full",
    "alter table s.free owner to app",
    "alter table s.free cluster on free_name",
    "alter table s.free set logged",
    "alter table s.free rename to renamed",
    "alter table s.free rename column n to m",
    "alter table s.free rename constraint n_small to small",
    "alter table s.free set schema public",
    "alter table s.lone inherit s.base",
    "alter table s.heir no inherit s.base",
    "alter table s.parted attach partition s.part2 for values from (10) to (20)",
    "alter table s.parted detach partition s.part1",
    'alter table s."Mixed Case" add column n int, add constraint c check (n > 0)',
    "alter view s.seen set (security_barrier = true)",
    "alter view s.seen rename to renamed",
    "alter materialized view s.kept owner to app",
    "drop table s.lone",
    "drop table s.child",
    "drop table s.parent cascade",
    "drop view s.seen",
    "drop materialized view s.kept",
    "drop sequence s.seq",
    "drop schema s cascade",
    "create trigger new_trg before update on s.free for each row execute function s.trg()",
    "create constraint trigger new_trg after update on s.free from s.parent for each row execute function s.trg()",
    "drop trigger free_trg on s.free",
    "alter trigger free_trg on s.free rename to renamed",
    "alter trigger free_trg on s.free depends on extension plpgsql",
    "create policy p on s.free using (id in (select id from s.parent))",
    "alter policy free_read on s.free using (exists (select from s.other))",
    "alter policy free_read on s.free rename to renamed",
    "drop policy free_read on s.free",
    "create rule r as on insert to s.other do also (delete from s.free; select 1 from s.parent)",
    "drop rule free_rule on s.other",
    "alter rule free_rule on s.other rename to renamed",
    "comment on table s.free is 'x'",
    "comment on column s.free.n is 'x'",
    "comment on constraint n_small on s.free is 'x'",
    "comment on policy free_read on s.free is 'x'",
    "comment on trigger free_trg on s.free is 'x'",
    "comment on view s.seen is 'x'",
    "comment on index s.free_name is 'x'",
    "comment on function s.trg() is 'x'",
    "grant select on s.free to app",
    "grant select (id) on s.free to app",
    "grant select on all tables in schema s to app",
    "revoke all on s.free from app",
    "grant usage on sequence s.seq to app",
    "analyze s.free",
    "analyze s.free (id)",
    "cluster s.free using free_name",
    "create statistics s.st2 on id, n from s.free",
    "drop statistics s.st",
    "alter statistics s.st set statistics 5",
    "create publication p for table s.free",
    "alter publication pub add table s.free",
    "drop publication pub",
    "create sequence s.seq2 owned by s.free.n",
    "alter sequence s.seq restart",
    "alter sequence s.seq owned by s.free.n",
    "alter sequence s.seq rename to renamed",
    "alter domain s.positive add constraint up check (value > 0)",
    "alter domain s.positive set not null",
    "alter domain s.positive set default 1",
    "alter type s.pair add attribute c int",
    "alter type s.mood add value 'better'",
    "create function s.f() returns bigint language sql begin atomic select count(*) from s.free; end",
    "create function s.g() returns void begin atomic delete from s.free where id in (select id from s.parent); end",
    "create or replace function s.trg() returns trigger language plpgsql as 'begin return old; end'",
    "alter function s.trg() owner to app",
    "alter default privileges in schema s grant select on tables to app",
    "reassign owned by app to postgres",
    "drop owned by app",
    "create schema n create table t (id int references s.parent (id))",
    "alter table all in tablespace pg_default owned by app set tablespace pg_default",
    "explain analyze update s.free set n = 1",
    "explain select * from s.free",
    "copy (select * from s.free) to '/dev/null'",
    "copy s.free from '/dev/null'",
    "copy s.free to '/dev/null'",
    "create temporary table t on commit drop as select * from s.free",
    "set local lock_timeout = '1s'",
]
# Planning alone is claimed like running.
CLAIMED_STRONGER = "explain select"
EXISTING = """
select c.oid, format('%%I.%%I', n.nspname, c.relname)
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 's' and (c.relkind in ('r', 'p', 'v', 'm', 'S', 'c') or c.relname = any (%s))
"""
HELD = "select relation, mode from pg_catalog.pg_locks where pid = %s and locktype = 'relation' and granted"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with throwaway(installed().bindir, "postgres", {}) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in split(SCHEMA, file="schema"):
                connection.execute(statement.sql)
        yield url


def existing(connection: psycopg.Connection, sql: str) -> dict[int, str]:
    """Relations of the schema without indexes, except an index that the statement names."""
    named = re.findall(r"\w+", sql) if re.search(r"^(drop|alter|reindex|comment on) index", sql) else []
    return dict(connection.execute(EXISTING, [named]).fetchall())


def strongest(rows: list[tuple[int, str]], names: dict[int, str]) -> dict[str, Lock]:
    held: dict[str, Lock] = {}
    for oid, mode in rows:
        if oid in names:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", mode.removesuffix("Lock")).upper()
            lock = Lock[words]
            held[names[oid]] = max(lock, held.get(names[oid], lock))
    return held


def claimed(sql: str) -> tuple[dict[str, Lock], Lock | None]:
    (statement,) = split(sql, file="statement")
    named = {claim.relation: claim.mode for claim in statement.locks if claim.relation is not None}
    unnamed = [claim.mode for claim in statement.locks if claim.relation is None]
    return named, max(unnamed, default=None)


def assert_claims_match(sql: str, held: dict[str, Lock]) -> None:
    named, unnamed = claimed(sql)
    # PostgreSQL 18 locks the relation of a GRANT, in a mode that blocks nobody.
    least = Lock.ACCESS_SHARE if sql.startswith(("grant ", "revoke ")) else 0
    elsewhere = {name: lock for name, lock in held.items() if name not in named and lock > least}
    assert all(unnamed is not None and lock <= unnamed for lock in elsewhere.values()), f"not claimed: {elsewhere}"
    if not sql.startswith(CLAIMED_STRONGER):
        assert named == {name: lock for name, lock in held.items() if name in named}


@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_statement_locks_what_is_claimed_and_nothing_else(server: str, sql: str) -> None:
    """A claim that is too weak lets a migration stall the application; one too strong alarms for nothing."""
    with psycopg.connect(server) as connection:
        names = existing(connection, sql)
        connection.rollback()
        connection.execute(sql)
        rows = connection.execute(HELD, [connection.info.backend_pid]).fetchall()
        connection.rollback()
    assert_claims_match(sql, strongest(rows, names))


CONCURRENT = [
    "create index concurrently later on s.free (name, id)",
    "drop index concurrently s.free_name",
    "reindex index concurrently s.other_name",
    "reindex table concurrently s.parent",
]


@pytest.mark.parametrize("sql", CONCURRENT)
def test_a_concurrent_statement_locks_no_more_than_is_claimed(server: str, sql: str) -> None:
    """A claim that is too weak hides that such a statement stops writers; it is watched from aside, while it waits."""
    seen: dict[str, Lock] = {}
    with (
        psycopg.connect(server) as writer,
        psycopg.connect(server, autocommit=True) as watcher,
        psycopg.connect(server, autocommit=True) as worker,
    ):
        names = existing(watcher, sql)
        worker.execute("set statement_timeout = '20s'")
        for name in ("s.free", "s.other", "s.parent", "s.parted"):
            writer.execute(f"lock table {name} in row exclusive mode")
        running = threading.Thread(target=worker.execute, args=[sql], daemon=True)
        running.start()
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and running.is_alive():
            held = strongest(watcher.execute(HELD, [worker.info.backend_pid]).fetchall(), names)
            seen = {name: max(lock, seen.get(name, lock)) for name, lock in (seen | held).items()}
            time.sleep(0.02)
        writer.rollback()
        running.join(timeout=30)
    assert seen, "the statement did not wait for the writer, nothing was seen"
    named, unnamed = claimed(sql)
    assert all(lock <= named.get(name, unnamed or Lock.ACCESS_SHARE) for name, lock in seen.items())
    assert all(not lock.strong for lock in seen.values())
