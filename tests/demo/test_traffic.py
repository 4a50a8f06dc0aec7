"""The demo target was in use: its server holds what an application sent, and its rows are those of the fill."""

from __future__ import annotations

import psycopg

from demo import build, cluster
from demo.cluster import Cluster
from demo.traffic import send_traffic
from tests.demo.asking import Rows, ask_at

_SENT = """
    select r.rolname::text, s.queryid, s.query, s.calls
    from extensions.pg_stat_statements s
    join pg_roles r on r.oid = s.userid
    join pg_database d on d.oid = s.dbid
    where d.datname = 'demo' and s.toplevel and r.rolname in ('anon', 'authenticated', 'service_role')
        and s.query !~* '^(begin|rollback|set|reset)'
    order by 1, 2
"""
_ROWS = """
    select c.relname::text, (xpath('/row/n/text()', query_to_xml(
        format('select md5(string_agg(t::text, '''' order by t::text)) as n from public.%I t', c.relname), false, false, ''
    )))[1]::text
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    order by 1
"""


def _send(target: Cluster) -> int:
    return send_traffic(
        lambda role, database: psycopg.connect(target.url(role, database), autocommit=True), build.DATABASE
    )


def test_a_fresh_target_holds_the_statements_of_every_role_of_the_api(fresh_cluster: Cluster) -> None:
    """Else the workload proof has nothing to ask on the demonstration, and its page shows nothing."""
    sent: Rows = ask_at(fresh_cluster.admin_url(), _SENT)

    assert 60 <= len(sent) <= 150
    assert {row[0] for row in sent} == {"anon", "authenticated", "service_role"}
    for shape in (
        "WITH pgrst_source AS (INSERT",
        "ON CONFLICT",
        "json_to_recordset",
        "pgrst_scalar",
        "date_trunc",
        "RETURNING",
        "IN ($",
    ):
        assert any(shape in row[2] for row in sent), shape


def test_the_same_statements_come_after_a_reset_and_of_sending_them_again(demo_cluster: Cluster) -> None:
    """Else what was recorded differs from run to run, and nobody can tell what a migration changed."""
    target = cluster.reset(demo_cluster)
    first = ask_at(target.admin_url(), _SENT)

    calls = _send(target)
    second = ask_at(target.admin_url(), _SENT)

    assert [(*row[:3], 2 * row[3]) for row in first] == second
    assert sum(row[3] for row in first if not row[2].startswith("select set_config")) == calls


def test_sending_it_changes_no_row(demo_cluster: Cluster) -> None:
    """Else the rows are others on every machine, and those of the tests too."""
    before = ask_at(demo_cluster.admin_url(), _ROWS)

    _send(demo_cluster)

    assert len(before) == 10
    assert ask_at(demo_cluster.admin_url(), _ROWS) == before
