"""Estimates of index sizes, compared with the indexes that the same statements really build."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.preflight.server.index_estimate import disk_needed, index_estimates
from tests.core.preflight.conftest import Server
from tests.core.preflight.test_rights import file_statement

TABLE = """
drop schema if exists sizes cascade;
create schema sizes authorization deployer;
create table sizes.t as
select
    i::bigint as id,
    md5(i::text)::uuid as key,
    (i % 200) as tenant,
    'model-' || (i % 7) as model,
    case when i % 10 = 0 then 'text of some length, row ' || i end as sparse,
    'https://example.com/pages/' || i || '/' || md5(i::text) as url,
    (i * 0.0001)::numeric(12, 6) as cost,
    now() - i * interval '1 minute' as created_at,
    array['tag' || (i % 50), 'tag' || (i % 17), 'tag' || (i % 31)] as tags,
    jsonb_build_object('source', 'web', 'n', i, 'lang', (array['en', 'de', 'nl'])[1 + i % 3]) as metadata
from generate_series(1, 120000) i;
create table sizes.p (id bigint, at timestamptz) partition by hash (id);
create table sizes.p0 partition of sizes.p for values with (modulus 2, remainder 0);
create table sizes.p1 partition of sizes.p for values with (modulus 2, remainder 1);
insert into sizes.p select i, now() from generate_series(1, 50000) i;
create table sizes.never (id bigint, note text);
alter table sizes.t owner to deployer;
alter table sizes.p owner to deployer;
alter table sizes.never owner to deployer;
insert into sizes.never select i, 'a note of usual length here' from generate_series(1, 50000) i;
analyze sizes.t;
analyze sizes.p;
"""

INDEXES = [
    "create index i on sizes.t (id)",
    "create unique index i on sizes.t (key)",
    "create index i on sizes.t (url)",
    "create index i on sizes.t (tenant)",
    "create index i on sizes.t (model)",
    "create index i on sizes.t (tenant, created_at desc)",
    "create index i on sizes.t (tenant, model)",
    "create index i on sizes.t (tenant, created_at) include (cost, model)",
    "create index i on sizes.t (model, cost)",
    "create index i on sizes.t (sparse)",
    "create index i on sizes.t (sparse) where sparse is not null",
    "create index i on sizes.t (created_at) where tenant < 20",
    "create index i on sizes.t (lower(url))",
    "create index i on sizes.t ((metadata ->> 'source'), id)",
    "create index i on sizes.t (id) with (fillfactor = 50)",
    "create index i on sizes.t (id) with (fillfactor = '50')",
    "create index i on sizes.t using hash (key)",
    "create index i on sizes.t using brin (created_at)",
    "create index i on sizes.t using gin (tags)",
    "create index i on sizes.t using gin (metadata)",
    "create index i on sizes.t using gin (metadata jsonb_path_ops)",
    "create index i on sizes.t using gist (int8range(id, id + 10))",
    "create index i on sizes.p (id)",
    "create index i on sizes.never (id)",
]


@pytest.fixture(scope="module")
def deployer(server: Server) -> Iterator[psycopg.Connection]:
    with server.connect() as connection:
        connection.execute(TABLE)
    with server.connect("deployer") as connection:
        yield connection


@pytest.mark.parametrize("statement", INDEXES)
def test_the_estimate_is_within_a_factor_of_two(deployer: psycopg.Connection, statement: str) -> None:
    """An engineer decides from it whether the disk will do; off by ten, it would be worse than none."""
    (estimate,) = index_estimates(deployer, [file_statement(statement)])
    with deployer.transaction(force_rollback=True):
        deployer.execute(statement)
        row = deployer.execute(
            "select sum(pg_relation_size(t.relid)) from pg_partition_tree('sizes.i') t where t.isleaf"
        ).fetchone()
        plain = deployer.execute("select pg_relation_size('sizes.i')").fetchone()
    built = int((row or [0])[0] or (plain or [0])[0])
    print(f"{estimate.bytes / built:5.2f} {built / 1e6:7.2f} MB {statement}")
    assert built / 2 <= estimate.bytes <= built * 2, f"{estimate.bytes} for {built}"


def test_the_sum_and_the_peak_stand_in_one_sentence(deployer: psycopg.Connection) -> None:
    """The disk must hold all of them, and the sorting of the largest one too."""
    statements = (INDEXES[0], INDEXES[2], "create index on absent (x)")
    estimates = index_estimates(deployer, [file_statement(each) for each in statements])
    assert [each.table for each in estimates] == ["sizes.t", "sizes.t"]
    assert re.match(
        r"disk: 2 indexes need about 13\.\d MB, and sorting the largest about 10\.\d MB more", disk_needed(estimates)
    )
    assert "(estimate from statistics)" in estimates[0].sentence
    (unanalyzed,) = index_estimates(deployer, [file_statement("create index i on sizes.never (note)")])
    assert "run analyze" in unanalyzed.sentence


def test_what_cannot_be_judged_gets_an_estimate_and_never_an_error(deployer: psycopg.Connection) -> None:
    """An unknown function or column is another check's to report; preflight must go on."""
    for statement in (
        "create index i on sizes.t (no_such_function(id))",
        "create index i on sizes.t (absent) where x > 1",
        "create index i on sizes.t (id) with (fillfactor = 70.5)",
    ):
        (estimate,) = index_estimates(deployer, [file_statement(statement)])
        assert estimate.bytes > 0
    assert index_estimates(deployer, [file_statement("create index on"), file_statement("select 1")]) == ()
